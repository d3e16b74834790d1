import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseGoWork } from './go-work.ts';

/** Verdicts were compared with `go work edit -json` of go1.26.8. */
describe('a go.work file', () => {
  it('is read with every directive, alone and in blocks', () => {
    const text = `// ours
go 1.23.0

toolchain go1.24.1
godebug default=go1.21
use ./app // the program
use (
	.
	"../with blank"
)
replace example.com/a v1.0.0 => example.com/b v1.0.1
replace (
	example.com/c => ./c
)
`;
    expect(parseGoWork(text)).toEqual({
      kind: 'parsed',
      file: {
        go: '1.23.0',
        toolchain: 'go1.24.1',
        godebug: [{ key: 'default', value: 'go1.21' }],
        uses: [
          { directory: './app', line: 6 },
          { directory: '.', line: 8 },
          { directory: '../with blank', line: 9 },
        ],
        replacements: [
          {
            ...{ path: 'example.com/a', version: 'v1.0.0', line: 11 },
            target: { kind: 'module', path: 'example.com/b', version: 'v1.0.1' },
          },
          { path: 'example.com/c', target: { kind: 'directory', directory: './c' }, line: 13 },
        ],
      },
    });
  });

  it('may be empty', () => {
    expect(parseGoWork('')).toEqual({ kind: 'parsed', file: { godebug: [], uses: [], replacements: [] } });
  });

  it.each([
    ['use\n', 1, 4],
    ['use ./a ./b\n', 1, 9],
    ['require example.com/a v1.0.0\n', 1, 1],
    ['require (\n)\n', 1, 1],
    ['go 1.21\ngo 1.21\n', 2, 1],
    ['go (\n1.21\n)\n', 1, 4],
    ['use more (\n)\n', 1, 5],
    ['use (\n./a\n', 1, 1],
    ['replace example.com/a => ./a\nreplace example.com/a => ./b\n', 2, 1],
  ])('%j is faulted at line %i, column %i', (text, line, column) => {
    expect(parseGoWork(text)).toMatchObject({
      kind: 'malformed',
      problem: { line, column, expected: expect.stringMatching(/./), found: expect.stringMatching(/./) },
    });
  });

  it('gives back the folders that it was written from, however it is laid out', () => {
    const directory = fc.stringMatching(/^\.{1,2}(?:\/[a-z0-9 @]{1,6}){0,3}$/);
    fc.assert(
      fc.property(fc.array(directory), fc.boolean(), fc.constantFrom('\n', '\r\n'), (directories, block, newline) => {
        const quoted = directories.map((each) => JSON.stringify(each));
        const rows = block ? ['use (', ...quoted, ')'] : quoted.map((each) => `use ${each}`);
        const parsed = parseGoWork(['go 1.23.0', ...rows, ''].join(newline));
        const uses = directories.map((each) => expect.objectContaining({ directory: each }));
        expect(parsed).toMatchObject({ kind: 'parsed', file: { uses, replacements: [] } });
      }),
    );
  });

  it('is a value, never a thrown error, whatever the text', () => {
    const piece = fc.constantFrom(
      ...'go|use|replace|toolchain|godebug|=>|(|)|\n| |//|"|`|\\|./a|v1.0.0|\0|\ud800'.split('|'),
    );
    fc.assert(
      fc.property(fc.array(fc.oneof(piece, fc.string({ unit: 'binary' })), { maxLength: 30 }), (pieces) => {
        expect(['parsed', 'malformed']).toContain(parseGoWork(pieces.join('')).kind);
      }),
      { numRuns: 500 },
    );
  });
});
