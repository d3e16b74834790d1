import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { SourceFacts, sourceFactsOf } from './source-facts.ts';

const tree = (files: Record<string, string | Uint8Array>) =>
  Object.entries(files).map(([path, text]) => ({ path, bytes: typeof text === 'string' ? Buffer.from(text) : text }));
const factsOf = (files: Record<string, string>, directory = '') => {
  const made = sourceFactsOf(tree(files), directory);
  if (made.kind === 'refused') throw new Error(JSON.stringify(made.reasons));
  return made.facts;
};
const refusalsOf = (files: Record<string, string | Uint8Array>) => {
  const made = sourceFactsOf(tree(files), '');
  return made.kind === 'refused' ? made.reasons : [];
};

describe('the facts of a source tree', () => {
  it('are every file with its hash, in byte order', () => {
    const { files, directory } = factsOf({ é: 'x', b: '', 'a/b': 'y', '\u{10000}': '', '\uffee': '' }, 'a');
    expect(directory).toBe('a');
    expect(files.map(({ path }) => path)).toEqual(['a/b', 'b', 'é', '\uffee', '\u{10000}']);
    expect(files[0]).toEqual({ path: 'a/b', size: 1, sha256: createHash('sha256').update('y').digest('hex') });
  });

  it('are the same whatever order the files come in', () => {
    const files = { 'b.go': 'package b\n', 'go.mod': 'module m\n', 'a.go': 'package a\n' };
    const reversed = Object.fromEntries(Object.entries(files).reverse());
    expect(factsOf(reversed)).toEqual(factsOf(files));
    expect(SourceFacts.parse(factsOf(files))).toEqual(factsOf(files));
  });

  it('tell of Go files, but not of those that patterns of the go command pass over', () => {
    const hidden = [
      'vendor/a/x.go',
      'a/vendor/x.go',
      'testdata/x.go',
      'a/testdata/b/x.go',
      '_a/x.go',
      'a/.b/x.go',
      '_x.go',
      'a/.x.go',
    ];
    const seen = ['x.go', 'vendored/x.go', 'a/testdata.go', 'a/x_test.go', 'testdata2/x.go'];
    const files = Object.fromEntries([...hidden, ...seen].map((path) => [path, 'package p\n']));
    expect(factsOf(files).go.map(({ path }) => path)).toEqual([...seen].sort());
    expect(factsOf({ 'x.go': 'package x\nimport "a"\n' }).go).toEqual([
      { path: 'x.go', package: 'x', imports: ['a'], embeds: [], cgo: [], linknames: 0 },
    ]);
  });

  it('hold the texts that say which modules there are', () => {
    const kept = [
      'go.mod',
      'go.sum',
      'go.work',
      'go.work.sum',
      'vendor/modules.txt',
      'a/go.mod',
      'testdata/m/go.mod',
      'a/vendor/modules.txt',
    ];
    const others = ['xgo.mod', 'go.mod.bak', 'modules.txt', 'vendor/a/vendor/modules.txt', 'vendor/b/modules.txt'];
    const files = Object.fromEntries([...kept, ...others].map((path) => [path, `of ${path}`]));
    expect(factsOf(files).texts).toEqual([...kept].sort().map((path) => ({ path, text: `of ${path}` })));
    expect(factsOf({ 'go.mod': '\ufeffmodule m\n' }).texts[0]?.text).toBe('\ufeffmodule m\n');
  });

  it('are refused where such a text is no UTF-8', () => {
    expect(
      refusalsOf({ 'go.mod': Buffer.of(0xff), 'a/go.sum': Buffer.of(0xc3), 'x.txt': Buffer.of(0xff) }),
    ).toMatchObject([
      { code: 'source.encoding', where: 'a/go.sum' },
      { code: 'source.encoding', where: 'go.mod' },
    ]);
  });

  it('are refused where such a text is too large, or all together', () => {
    const large = Buffer.alloc(16 * 1024 * 1024, 'x');
    expect(refusalsOf({ 'go.mod': Buffer.concat([large, Buffer.of(0x0a)]) })).toMatchObject([
      { code: 'source.too-large', where: 'go.mod', found: '16777217 bytes' },
    ]);
    const four = Object.fromEntries(['a', 'b', 'c', 'd'].map((folder) => [`${folder}/go.mod`, large]));
    expect(refusalsOf(four)).toEqual([]);
    expect(refusalsOf({ ...four, 'e/go.mod': 'x' })).toMatchObject([{ code: 'source.too-large', where: 'e/go.mod' }]);
  });

  it('are refused where Go files have too much to say', { timeout: 120_000 }, () => {
    const paths = Array.from({ length: 64 }, (_, at) => `"${at}/${'x'.repeat(60_000)}"`);
    const file = `package p\nimport (\n${paths.join('\n')}\n)\n`;
    const files = Object.fromEntries(
      Array.from({ length: 18 }, (_, at) => [`${String(at).padStart(2, '0')}.go`, file]),
    );
    expect(refusalsOf(files)).toMatchObject([{ code: 'source.too-large', where: '17.go' }]);
  });
});
