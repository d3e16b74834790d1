import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { goSumKey, parseGoSum } from './go-sum.ts';

/** Lines of real modules, as the go command wrote them. */
const QUOTE = 'rsc.io/quote v1.5.2 h1:w5fcysjrx7yqtD/aO+QwRjYZOKnaM9Uh2b40tElTs3Y=';
const QUOTE_MOD = 'rsc.io/quote v1.5.2/go.mod h1:LzX7hefJvL54yjefDEDHNONDjII0t9xZLPXsUe+TKr0=';
const TEXT = 'golang.org/x/text v0.0.0-20170915032832-14c0d48ead0c h1:qgOY6WgZOaTkIIMiVjBQcw93ERBE4m30iBm00nkL0i8=';
const TOML_MOD = 'github.com/BurntSushi/toml v0.3.1/go.mod h1:xHWCNGjB5oqiDr8zfno3MHue2Ht5sIBksp03qcyfWMU=';
const WHOLE = [QUOTE, QUOTE_MOD, TEXT, TOML_MOD, ''].join('\n');
const EMPTY_GO_MOD = 'example.com/old v1.0.0/go.mod h1:G7mAYYxgmS0lVkHyy2hEOLQCFB0DlQFTMLWggykrydY=';

const written = (text: string) =>
  parseGoSum(text).lines.map(({ module, version, kind, h1, line }) => [
    line,
    `${goSumKey(module, version, kind)} ${h1}`,
  ]);

describe('a go.sum file', () => {
  it('is read line by line, each with its place', () => {
    expect(parseGoSum(WHOLE).problems).toEqual([]);
    expect(written(WHOLE)).toEqual([
      [1, QUOTE],
      [2, QUOTE_MOD],
      [3, TEXT],
      [4, TOML_MOD],
    ]);
    expect(parseGoSum(WHOLE).lines.map(({ kind }) => kind)).toEqual(['zip', 'go.mod', 'zip', 'go.mod']);
  });

  it('is the same with carriage returns, tabs, blanks, empty lines and without a last newline', () => {
    const lines = [QUOTE, QUOTE_MOD, TEXT, TOML_MOD];
    expect(written(lines.join('\r\n'))).toEqual(written(WHOLE));
    expect(written(lines.map((line) => `  ${line.replaceAll(' ', '\t ')} `).join('\n'))).toEqual(written(WHOLE));
    expect(written(`\n\n${QUOTE}\n \t\n`)).toEqual([[3, QUOTE]]);
    expect(parseGoSum('')).toEqual({ lines: [], problems: [] });
  });

  it('keeps the first of a repeated line', () => {
    expect(parseGoSum(`${QUOTE}\n${QUOTE_MOD}\n${QUOTE}\n`)).toEqual(parseGoSum(`${QUOTE}\n${QUOTE_MOD}\n`));
  });

  it('names both lines of a conflict, and keeps the first as the go command would', () => {
    const other = QUOTE.replace('w5fc', 'x5fc');
    const { lines, problems } = parseGoSum(`${QUOTE}\n${QUOTE_MOD}\n${other}\n`);
    expect(lines).toHaveLength(2);
    expect(problems).toEqual([
      expect.objectContaining({
        code: 'gosum.conflict',
        where: 'go.sum:3',
        expected: `${QUOTE} (go.sum:1)`,
        found: other.split(' ')[2],
      }),
    ]);
  });

  it('does not take the zip line and the go.mod line of one version for a conflict', () => {
    expect(parseGoSum(`${QUOTE}\n${QUOTE_MOD}\n`).problems).toEqual([]);
  });

  it('drops the line of an empty go.mod, as the go command does', () => {
    expect(parseGoSum(`${EMPTY_GO_MOD}\n${QUOTE}\n`)).toMatchObject({ lines: [{ line: 2 }], problems: [] });
  });

  it('does not drop that hash where it is a zip’s', () => {
    expect(parseGoSum(EMPTY_GO_MOD.replace('/go.mod', '')).lines).toHaveLength(1);
  });

  it.each([
    ['h2:w5fcysjrx7yqtD/aO+QwRjYZOKnaM9Uh2b40tElTs3Y='],
    ['H1:w5fcysjrx7yqtD/aO+QwRjYZOKnaM9Uh2b40tElTs3Y='],
    ['go.sum'],
  ])('reports the hash %s of an algorithm that is not known', (hash) => {
    const { lines, problems } = parseGoSum(`${QUOTE_MOD}\nrsc.io/quote v1.5.2 ${hash}\n`);
    expect(lines).toHaveLength(1);
    expect(problems).toMatchObject([{ code: 'gosum.algorithm-unknown', where: 'go.sum:2' }]);
  });

  it.each([
    ['two fields', 'rsc.io/quote v1.5.2'],
    ['four fields', `${QUOTE} x`],
    ['a comment', '// rsc.io/quote v1.5.2'],
    ['a path without a dot', QUOTE.replace('rsc.io', 'rsc')],
    ['an upper-case host', QUOTE.replace('rsc.io', 'RSC.io')],
    ['a path that leaves its folder', QUOTE.replace('rsc.io/quote', 'rsc.io/../quote')],
    ['a short version', QUOTE.replace('v1.5.2', 'v1.5')],
    ['a version without v', QUOTE.replace('v1.5.2', '1.5.2')],
    ['a version with metadata', QUOTE.replace('v1.5.2', 'v1.5.2+meta')],
    ['another file of the module', QUOTE.replace('v1.5.2', 'v1.5.2/go.sum')],
    ['a short hash', QUOTE.replace('Ts3Y=', 'Ts3=')],
    ['a hash without padding', QUOTE.slice(0, -1)],
    ['a second spelling of a hash', QUOTE.replace('Ts3Y=', 'Ts3Z=')],
    ['base64 for file names', QUOTE.replace('yqtD/aO', 'yqtD_aO')],
    ['a no-break space', QUOTE.replace(' h1', '\u00a0h1')],
    ['a byte order mark', `\ufeff${QUOTE}`],
    ['a NUL', `${QUOTE}\u0000`],
  ])('refuses %s with its line', (_, bad) => {
    const { lines, problems } = parseGoSum(`${QUOTE_MOD}\n${bad}\n${TEXT}\n`);
    expect(lines.map(({ line }) => line)).toEqual([1, 3]);
    expect(problems).toMatchObject([{ code: 'gosum.malformed', where: 'go.sum:2' }]);
  });

  it('refuses more than 200,000 lines as a whole', () => {
    const { lines, problems } = parseGoSum('\n'.repeat(200_001));
    expect(lines).toEqual([]);
    expect(problems).toMatchObject([{ code: 'gosum.malformed' }]);
  });

  it('loses no line silently, whatever it holds', () => {
    const line = fc.oneof(fc.constantFrom(QUOTE, TEXT, ''), fc.string(), fc.string({ unit: 'binary' }));
    fc.assert(
      fc.property(line, (text) => {
        const { lines, problems } = parseGoSum(text);
        const rows = text.split('\n').filter((row) => row.replace(/[ \t\r\v\f]/g, '') !== '');
        expect(lines.length + problems.length).toBe(rows.length);
      }),
      { numRuns: 300 },
    );
  });
});
