import { describe, expect, it } from 'vitest';
import { moduleTree } from './module-tree.ts';

const tree = (...paths: string[]) => paths.map((path) => ({ path, bytes: new TextEncoder().encode(path) }));
const namesOf = (paths: string[], directory = '', goVersion?: string) =>
  moduleTree(tree(...paths), directory, goVersion).files.map(({ path }) => path);
const codesOf = (...paths: string[]) => moduleTree(tree(...paths), '', undefined).refusals.map(({ code }) => code);

describe('the tree of a module', () => {
  it('is every file of its folder', () => {
    expect(namesOf(['LICENSE', 'go.mod', 'a/b.go', '.github/x.yml'])).toEqual([
      'LICENSE',
      'go.mod',
      'a/b.go',
      '.github/x.yml',
    ]);
  });

  it('leaves out nested modules, whatever case their go.mod has', () => {
    expect(namesOf(['go.mod', 'a/go.mod', 'a/x.go', 'a/b/x.go', 'c/GO.MOD', 'c/x.go', 'd/x.go'])).toEqual([
      'go.mod',
      'd/x.go',
    ]);
  });

  it('leaves out vendored packages but not files of the vendor folder itself', () => {
    expect(namesOf(['vendor/a/x.go', 'vendor/modules.txt', 'vendor/x.go', 'p/vendor/a/x.go'])).toEqual([
      'vendor/modules.txt',
      'vendor/x.go',
    ]);
  });

  it('judges vendor folders below the root as the go line of the module asks', () => {
    const paths = ['pkg/vendor/x.go', 'vendor/modules.txt', 'pkg/vendor/a/x.go'];
    expect(namesOf(paths, '', '1.23')).toEqual(['vendor/modules.txt']);
    for (const goVersion of ['1.24', '1.24rc1', '1.24.3', '1.30', '2.0'])
      expect(namesOf(paths, '', goVersion)).toEqual(['pkg/vendor/x.go']);
  });

  it('is one folder of a repository, with the license of the root where it has none of its own', () => {
    const paths = ['LICENSE', 'go.mod', 'sub/go.mod', 'sub/x.go', 'subway/x.go'];
    expect(namesOf(paths, 'sub')).toEqual(['go.mod', 'x.go', 'LICENSE']);
    expect(namesOf([...paths, 'sub/LICENSE'], 'sub')).toEqual(['go.mod', 'x.go', 'LICENSE']);
  });

  it('is refused with file names the go command does not allow', () => {
    for (const path of ['a:b.go', 'a\\b', 'x/con', 'x/NUL.txt', 'x.', 'a"b', 'a\tb', 'a*b', '\ufffd', "it's", 'a;b'])
      expect(codesOf('go.mod', path), path).toEqual(['source.file-name']);
    expect(codesOf('go.mod', 'größe.go', '日本.go', 'a b', '.dot', 'console', '~x', '-y')).toEqual([]);
  });

  it('is refused with a root go.mod in upper case', () => {
    expect(codesOf('Go.mod')).toEqual(['source.file-name']);
  });

  it('is refused when two paths differ only in case, also in a folder', () => {
    expect(codesOf('a/x.go', 'A/y.go')).toEqual(['source.file-collision']);
    expect(codesOf('a/x.go', 'a/X.go')).toEqual(['source.file-collision']);
    expect(codesOf('a', 'A/x')).toEqual(['source.file-collision']);
    expect(codesOf('\u212a.go', 'k.go')).toEqual(['source.file-collision']);
    expect(codesOf('a/x.go', 'a/y.go', 'b/x.go', 'ı.go', 'i.go')).toEqual([]);
  });

  it('is refused over the size limits of the go command', () => {
    const bytes = new Uint8Array(16 * 1024 * 1024 + 1);
    const refusals = (path: string) => moduleTree([{ path, bytes }], '', undefined).refusals.map(({ code }) => code);
    expect(refusals('go.mod')).toEqual(['source.too-large']);
    expect(refusals('LICENSE')).toEqual(['source.too-large']);
    expect(refusals('data.bin')).toEqual([]);
    const many = Array.from({ length: 32 }, (_, i) => ({ path: `f${i}`, bytes }));
    expect(moduleTree(many, '', undefined).refusals.map(({ code }) => code)).toEqual(['source.too-large']);
  });
});
