import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { h1Hex, h1OfFiles, h1OfGoMod } from './dirhash.ts';

const file = (name: string, content: string) => ({ name, sha256: createHash('sha256').update(content).digest('hex') });

/** From golang.org/x/mod/sumdb/dirhash/hash_test.go, and what the go command wrote to go.sum for real modules. */
describe('the h1 of files', () => {
  it.each([
    [[file('xyz', 'data for xyz'), file('abc', 'data for abc')], 'h1:EP6WfDoQTSk9klnxcjriWJOGztueJUywHNmWeq+efB8='],
    [
      [file('prefix/xyz', 'data for xyz'), file('prefix/abc', 'data for abc')],
      'h1:rLyfpGMAgqOnGE2aKOY5Xb6cOc0/YQhPjHBHBwkblhs=',
    ],
    [[], 'h1:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU='],
  ])('is the published one', (files, h1) => {
    expect(h1OfFiles(files)).toBe(h1);
    expect(h1OfFiles(files.toReversed())).toBe(h1);
  });

  it('sorts names by their bytes, not by UTF-16 units', () => {
    const files = [file('m/\u{1f600}', 'a'), file('m/\uffee', 'b')];
    const list = [file('m/\uffee', 'b'), file('m/\u{1f600}', 'a')]
      .map(({ name, sha256 }) => `${sha256}  ${name}\n`)
      .join('');
    expect(h1OfFiles(files)).toBe(`h1:${createHash('sha256').update(list).digest('base64')}`);
  });

  it('does not exist where a name has a newline', () => {
    expect(() => h1OfFiles([file('a\nbc', '')])).toThrow(RangeError);
  });

  it.each([
    ['module "rsc.io/quote"\n\nrequire "rsc.io/sampler" v1.3.0\n', 'h1:LzX7hefJvL54yjefDEDHNONDjII0t9xZLPXsUe+TKr0='],
    ['module golang.org/x/text\n', 'h1:NqM8EUOU14njkJ3fqMW+pc6Ldnwhi/IjpwHt7yyuwOQ='],
    ['module github.com/BurntSushi/toml\n', 'h1:xHWCNGjB5oqiDr8zfno3MHue2Ht5sIBksp03qcyfWMU='],
    ['', 'h1:G7mAYYxgmS0lVkHyy2hEOLQCFB0DlQFTMLWggykrydY='],
  ])('of the go.mod file %j is that of go.sum', (content, h1) => {
    expect(h1OfGoMod(Buffer.from(content))).toBe(h1);
  });

  it('is the same 32 bytes as hex', () => {
    const h1 = h1OfFiles([]);
    expect(h1Hex(h1)).toBe(createHash('sha256').digest('hex'));
  });
});
