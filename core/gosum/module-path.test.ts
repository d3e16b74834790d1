import { describe, expect, it } from 'vitest';
import {
  escapeModulePath,
  escapeModuleVersion,
  filePathProblem,
  matchesPathMajor,
  matchesPathPatterns,
  modulePathProblem,
  splitPathVersion,
} from './module-path.ts';

/** Expectations were compared with golang.org/x/mod v0.37.0 (module), as were 40,000 random paths and patterns. */
describe('a module path', () => {
  it.each([
    'example.com',
    'example.com/a',
    'github.com/BurntSushi/toml',
    'example.com/a/v2',
    'example.com/a/v10',
    'gopkg.in/yaml.v2',
    'gopkg.in/check.v1-unstable',
    'example.com/a.b_c-d~e',
    'example.com/-a',
    'a.b/v2',
  ])('%s is one', (path) => {
    expect(modulePathProblem(path)).toBeUndefined();
  });

  it.each([
    '',
    'example',
    'fmt',
    'Example.com/a',
    '-example.com/a',
    'example.com/',
    '/example.com',
    'example.com//a',
    'example.com/./a',
    'example.com/../a',
    'example.com/...',
    'example.com/.git',
    'example.com/a.',
    'example.com/con',
    'example.com/COM1.txt',
    'example.com/a~1',
    'example.com/a~1.go',
    'example.com/é',
    'example.com/a b',
    'example.com/a\n',
    'example.com/a@v1',
    'example.com/a!b',
    'example.com\\a',
    'example.com/a/v0',
    'example.com/a/v1',
    'example.com/a/v02',
    'example.com/a/v2.1',
    'gopkg.in/yaml',
    'gopkg.in/yaml.v02',
    `example.com/${'a'.repeat(1024)}`,
  ])('%j is none', (path) => {
    expect(modulePathProblem(path)).toMatch(/./);
    expect(escapeModulePath(path)).toBeUndefined();
  });

  it.each([
    ['example.com/a', 'example.com/a', ''],
    ['example.com/a/v2', 'example.com/a', '/v2'],
    ['gopkg.in/yaml.v2', 'gopkg.in/yaml', '.v2'],
    ['gopkg.in/yaml.v2-unstable', 'gopkg.in/yaml', '.v2-unstable'],
    ['example.com/v2/a', 'example.com/v2/a', ''],
  ])('%s ends in its major version', (path, prefix, major) => {
    expect(splitPathVersion(path)).toEqual({ prefix, major });
  });

  it.each([
    ['v1.0.0', '', true],
    ['v0.1.0', '', true],
    ['v2.0.0', '', false],
    ['v2.0.0+incompatible', '', true],
    ['v2.0.0', '/v2', true],
    ['v2.1.0-rc.1', '/v2', true],
    ['v3.0.0', '/v2', false],
    ['v1.0.0', '/v2', false],
    ['v2.4.0', '.v2', true],
    ['v2.4.0', '.v2-unstable', true],
    ['v0.0.0-20200101000000-abcdefabcdef', '.v1', true],
    ['v0.0.0-20200101000000-abcdefabcdef', '.v2', false],
  ])('%s may have the suffix %j: %s', (version, suffix, may) => {
    expect(matchesPathMajor(version, suffix)).toBe(may);
  });

  it('is escaped so that no file system folds two into one', () => {
    expect(escapeModulePath('github.com/BurntSushi/toml')).toBe('github.com/!burnt!sushi/toml');
    expect(escapeModuleVersion('v1.0.0-RC1')).toBe('v1.0.0-!r!c1');
    expect(escapeModuleVersion('v2.0.0+incompatible')).toBe('v2.0.0+incompatible');
    for (const bad of ['', '..', 'v1/2', 'v1!a', 'v1\n', 'vé', 'v1?x', 'v1%2e'])
      expect([bad, escapeModuleVersion(bad)]).toEqual([bad, bad === 'v1%2e' ? 'v1%2e' : undefined]);
  });
});

describe('a name within a module zip', () => {
  it.each(['go.mod', 'a/b.go', 'testdata/é 中.txt', '.github/x', 'a/..b', 'a/[x]@{y}!#$%&()+,-=^_~'])(
    'may be %j',
    (path) => {
      expect(filePathProblem(path)).toBeUndefined();
    },
  );

  it.each([
    '',
    '/a',
    'a/',
    'a//b',
    '../a',
    'a/../b',
    'a/.',
    'a/...',
    'a.',
    'a\\b',
    'C:\\a',
    'a:b',
    'a*',
    'a?',
    'a<b',
    'a|b',
    'a"b',
    "a'b",
    'a\nb',
    'a\u0000b',
    'a/AUX.go',
    'NUL',
    'a\u0301',
    'a\u202eb',
  ])('may not be %j', (path) => {
    expect(filePathProblem(path)).toMatch(/./);
  });
});

describe('patterns of private modules', () => {
  it.each<[string[], string, boolean]>([
    [['git.example.com'], 'git.example.com/acme/a', true],
    [['git.example.com/'], 'git.example.com/acme/a', true],
    [['git.example.com'], 'git.example.com.evil.test/a', false],
    [['git.example.com/acme'], 'git.example.com/acmecorp/a', false],
    [['*.example.com'], 'git.example.com/a', true],
    [['*.example.com'], 'example.com/a', false],
    [['*.example.com'], 'a/git.example.com', false],
    [['git.example.com/*/a'], 'git.example.com/acme/a/v2', true],
    [['git.example.com/*/a'], 'git.example.com/acme/b', false],
    [['git.example.com/acme/a'], 'git.example.com/acme', false],
    [['other.test', 'git.example.com/ac?e'], 'git.example.com/acme/a', true],
    [['git.example.com/[a-c]*'], 'git.example.com/acme', true],
    [['git.example.com/[^a-c]*'], 'git.example.com/acme', false],
    [['git.example.com/[a'], 'git.example.com/a', false],
    [['GIT.example.com'], 'git.example.com/a', false],
    [['git.example.com/a.b'], 'git.example.com/axb', false],
    [['', '/'], 'git.example.com/a', false],
    [[], 'git.example.com/a', false],
  ])('%j match %s: %s', (patterns, path, matches) => {
    expect(matchesPathPatterns(patterns, path)).toBe(matches);
  });

  it('match in linear time', () => {
    expect(matchesPathPatterns([`${'*'.repeat(5000)}b`], 'a'.repeat(1000))).toBe(false);
  });
});
