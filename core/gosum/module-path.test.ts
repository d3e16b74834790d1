import fc from 'fast-check';
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

  it('is its prefix and its major version, and nothing else, whatever the text', () => {
    const element = fc.constantFrom('example.com', 'gopkg.in', 'a', 'B', 'v2', 'v1', 'v02', 'yaml.v3', '..', '', '~1');
    const path = fc.oneof(
      fc.array(element, { maxLength: 4 }).map((elements) => elements.join('/')),
      fc.string(),
    );
    fc.assert(
      fc.property(path, (text) => {
        const split = splitPathVersion(text);
        if (split) expect(split.prefix + split.major).toBe(text);
        if (modulePathProblem(text) !== undefined) return;
        expect(split).toBeDefined();
        expect(filePathProblem(text)).toBeUndefined();
        expect(text).toMatch(/^[a-z0-9.][a-z0-9.-]*\.[a-z0-9.-]*(?:\/[A-Za-z0-9._~-]+)*$/);
      }),
      { numRuns: 500 },
    );
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

  it('match what lies below them and nothing beside them', () => {
    const element = fc.stringMatching(/^[a-z0-9.*?_-]{1,8}$/);
    const literal = fc.stringMatching(/^[a-z0-9_-]{1,8}$/);
    fc.assert(
      fc.property(fc.array(literal, { minLength: 1, maxLength: 4 }), literal, (elements, more) => {
        const path = elements.join('/');
        expect(matchesPathPatterns([path], path)).toBe(true);
        expect(matchesPathPatterns([path], `${path}/${more}`)).toBe(true);
        expect(matchesPathPatterns([path], `${path}${more}`)).toBe(false);
        expect(matchesPathPatterns([`${path}/${more}`], path)).toBe(false);
      }),
    );
    fc.assert(
      fc.property(fc.array(element, { minLength: 1, maxLength: 3 }), fc.string(), (globs, path) => {
        const matches = matchesPathPatterns([globs.join('/')], path);
        expect(matchesPathPatterns([globs.join('/'), 'other.example'], path)).toBe(
          matches || path.split('/')[0] === 'other.example',
        );
      }),
    );
  });

  it('match in linear time', () => {
    expect(matchesPathPatterns([`${'*'.repeat(5000)}b`], 'a'.repeat(1000))).toBe(false);
  });
});
