import { describe, expect, it } from 'vitest';
import { ModulePath, ModuleVersion } from '../brands.ts';
import { allowsVersion, findModule, modulePathOf, modulePlaceOf, tagOf, versionOf } from './module-place.ts';

const place = (path: string, root: string, subdirectory = '') =>
  modulePlaceOf(ModulePath.parse(path), { root, subdirectory, vcs: 'git', url: 'https://h/r' });
const known = (path: string, root: string, subdirectory = '') => {
  const found = place(path, root, subdirectory);
  if (!found) throw new Error(`${path} has a place`);
  return found;
};
const reader = (files: Readonly<Record<string, string>>) => (path: string) => {
  const text = files[path];
  return text === undefined ? undefined : Buffer.from(text);
};

describe('the place of a module in its repository', () => {
  it.each([
    ['e.com/r', 'e.com/r', '', '', ''],
    ['e.com/r/v2', 'e.com/r', '', '', '/v2'],
    ['e.com/r/a/b/v3', 'e.com/r', '', 'a/b', '/v3'],
    ['e.com/r/v2', 'e.com/r/v2', '', '', '/v2'],
    ['gopkg.in/yaml.v2', 'gopkg.in/yaml.v2', '', '', '.v2'],
    ['e.com/r/a', 'e.com/r', 'go/src', 'a/go/src', ''],
  ])('%s in %s, folder "%s": "%s", major "%s"', (path, root, subdirectory, directory, major) => {
    expect(place(path, root, subdirectory)).toMatchObject({ directory, major, isRoot: path === root });
  });

  it('is none outside of the repository', () => {
    expect(place('e.com/other', 'e.com/r')).toBeUndefined();
    expect(place('e.com/r/v1', 'e.com/r')).toBeUndefined();
    for (const folder of ['../x', '/x', '-x', 'a/../../b']) expect(place('e.com/r', 'e.com/r', folder)).toBeUndefined();
  });

  it('gives tags their folder and takes it from them', () => {
    const nested = known('e.com/r/a/v2', 'e.com/r');
    expect(tagOf(nested, 'v2.0.0')).toBe('a/v2.0.0');
    expect(tagOf(known('e.com/r', 'e.com/r'), 'v2.0.0+incompatible')).toBe('v2.0.0');
    expect([versionOf(nested, 'a/v2.0.0'), versionOf(nested, 'v2.0.0')]).toEqual(['v2.0.0', undefined]);
  });
});

describe('the module line of a go.mod', () => {
  it.each([
    ['module e.com/m', 'e.com/m'],
    ['// module no\n\n  module\t"e.com/m" // yes\nmodule e.com/other', 'e.com/m'],
    ['module `e.com/m`', 'e.com/m'],
    ['module "e.com/m', ''],
    ['modules e.com/m\nmodule', ''],
    ['', ''],
  ])('of %j is %j', (text, path) => {
    expect(modulePathOf(Buffer.from(text))).toBe(path);
  });
});

describe('a module in a tree', () => {
  const two = known('e.com/r/v2', 'e.com/r');
  const one = known('e.com/r', 'e.com/r');
  const found = (at: typeof one, files: Readonly<Record<string, string>>) => findModule(at, reader(files))?.directory;

  it('is in the folder of its path or in that of its major version, and not in both', () => {
    expect(found(two, { 'go.mod': 'module e.com/r/v2' })).toBe('');
    expect(found(two, { 'go.mod': 'module e.com/r', 'v2/go.mod': 'module e.com/r/v2' })).toBe('v2');
    expect(found(two, { 'go.mod': 'module e.com/r/v2', 'v2/go.mod': 'module e.com/r/v2' })).toBeUndefined();
    expect(found(two, { 'go.mod': 'module e.com/r/v2', 'v2/go.mod': 'module e.com/x' })).toBeUndefined();
  });

  it('needs a go.mod of its major version, but not of its path: it may be a fork', () => {
    expect(found(one, { 'go.mod': 'module e.com/fork' })).toBe('');
    for (const path of ['e.com/r/v2', 'e.com/r/v1', ''])
      expect(found(one, { 'go.mod': `module ${path}` })).toBeUndefined();
    expect(found(two, { 'go.mod': 'module e.com/r' })).toBeUndefined();
    expect(found(one, { 'go.mod': 'module gopkg.in/yaml.v2' })).toBe('');
  });

  it('may lack a go.mod at the root of its repository only, and at v0, v1 and gopkg.in', () => {
    expect(found(one, {})).toBe('');
    expect(found(known('gopkg.in/yaml.v2', 'gopkg.in/yaml.v2'), {})).toBe('');
    expect(found(two, {})).toBeUndefined();
    expect(found(known('e.com/r/a', 'e.com/r'), {})).toBeUndefined();
    expect(found(known('e.com/r/v2', 'e.com/r/v2'), {})).toBeUndefined();
  });

  it.each([
    [one, 'v1.0.0', {}, true],
    [one, 'v2.0.0', {}, false],
    [one, 'v2.0.0+incompatible', {}, true],
    [one, 'v2.0.0+incompatible', { 'go.mod': '' }, false],
    [one, 'v1.0.0+incompatible', {}, false],
    [two, 'v2.0.0+incompatible', {}, false],
    [two, 'v3.0.0', {}, false],
    [one, 'v1.0.0-20231115121320-0123456789ab', {}, false],
    [one, 'v0.0.0-20231115121320-0123456789ab', {}, true],
    [two, 'v2.0.0-20231115121320-0123456789ab', {}, true],
  ])('%o may have version %s with the files %o: %s', (at, version, files, may) => {
    expect(allowsVersion(at, ModuleVersion.parse(version), reader(files))).toBe(may);
  });
});
