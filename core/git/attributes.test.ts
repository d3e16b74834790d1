import { describe, expect, it } from 'vitest';
import { readAttributes } from './attributes.ts';

const file = (path: string, text: string) => ({ path, bytes: Buffer.from(text) });
const shown = (text: string, path: string, more: Record<string, string> = {}) => {
  const nested = Object.entries(more).map(([folder, rules]) => file(`${folder}/.gitattributes`, rules));
  const found = readAttributes([...nested, file('.gitattributes', text)])(path);
  return Object.fromEntries([...found].filter(([, value]) => value !== undefined));
};

describe('attributes of a path', () => {
  it('are set, unset, given a value or made unspecified again', () => {
    expect(shown('* text -diff eol=crlf\n*.a !text', 'x.a')).toEqual({ diff: false, eol: 'crlf' });
    expect(shown('* text -diff eol=crlf', 'x.b')).toEqual({ text: true, diff: false, eol: 'crlf' });
  });

  it('come from the last rule that matches, and from the nearest file', () => {
    expect(shown('* eol=lf\n* eol=crlf', 'a')).toEqual({ eol: 'crlf' });
    expect(shown('*.x eol=lf', 'd/e/a.x', { d: '*.x eol=crlf', 'd/e': 'b.x eol=lf' })).toEqual({ eol: 'crlf' });
    expect(shown('', 'other/a.x', { d: '*.x eol=crlf' })).toEqual({});
  });

  it('of a macro are those it stands for, while nothing else says otherwise', () => {
    expect(shown('*.b binary', 'a.b')).toEqual({ binary: true, text: false, diff: false, merge: false });
    expect(shown('*.b binary text', 'a.b')).toMatchObject({ text: true });
    expect(shown('* binary\n*.b -binary', 'a.b')).toEqual({ binary: false });
    expect(shown('*.x dos\n[attr]dos text eol=crlf', 'a.x')).toMatchObject({ text: true, eol: 'crlf' });
    expect(shown('*.x dos', 'd/a.x', { d: '[attr]dos text' })).toEqual({ dos: true });
    expect(shown('[attr]a b\n[attr]b a\n* a', 'x')).toEqual({ a: true, b: true });
  });

  it.each([
    ['*.go', 'deep/a.go', true],
    ['*.go', 'deep/a.go.txt', false],
    ['/*.go', 'a.go', true],
    ['/*.go', 'deep/a.go', false],
    ['deep/*.go', 'deep/a.go', true],
    ['deep/*.go', 'deep/er/a.go', false],
    ['deep/**/a.go', 'deep/a.go', true],
    ['deep/**/a.go', 'deep/x/y/a.go', true],
    ['**/a.go', 'a.go', true],
    ['**/er/a.go', 'deep/er/a.go', true],
    ['deep/**', 'deep/er/a.go', true],
    ['deep', 'deep/a.go', false],
    ['deep/', 'deep/a.go', false],
    ['!a.go', 'a.go', false],
    ['a?.go', 'ab.go', true],
    ['a?b', 'a/b', false],
    ['[a-c]*.[!h]o', 'b1.go', true],
    ['[a-c]*.[!g]o', 'b1.go', false],
    ['[]a]', ']', true],
    ['[a', '[a', false],
    ['\\*.go', '*.go', true],
    ['\\*.go', 'a.go', false],
    ['"a b.txt"', 'a b.txt', true],
    ['# comment', '#', false],
  ])('by the pattern %s for %s: %s', (pattern, path, matches) => {
    expect(shown(`${pattern} text`, path)).toEqual(matches ? { text: true } : {});
  });

  it('are found in time that does not explode, whatever the pattern', () => {
    const pattern = `${'*a'.repeat(100)}b`;
    expect(shown(`${pattern} text`, 'a'.repeat(200))).toEqual({});
    const attributesOf = readAttributes([file('.gitattributes', `${pattern} text\n`.repeat(50))], 50_000);
    expect(() => attributesOf('a'.repeat(200))).toThrow(expect.objectContaining({ name: 'LimitExceeded' }));
  });

  it('are not read from lines that git finds too long', () => {
    expect(shown(`* text${' '.repeat(2050)}eol=crlf`, 'a')).toEqual({});
  });
});
