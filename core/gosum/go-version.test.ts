import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  canonicalVersion,
  compareVersions,
  isCanonicalVersion,
  isIncompatible,
  isPseudoVersion,
  majorOf,
} from './go-version.ts';
import { escapeModulePath, escapeModuleVersion, matchesPathMajor, modulePathProblem } from './module-path.ts';

/** Expectations were compared with golang.org/x/mod v0.37.0 (semver and module), as were 20,000 random versions. */
describe('a Go module version', () => {
  it.each([
    ['v1.2.3', 'v1.2.3'],
    ['v1.2', 'v1.2.0'],
    ['v1', 'v1.0.0'],
    ['v0.0.0', 'v0.0.0'],
    ['v1.2.3-rc.1', 'v1.2.3-rc.1'],
    ['v1.2.3-0', 'v1.2.3-0'],
    ['v1.2.3-0a', 'v1.2.3-0a'],
    ['v1.2.3--', 'v1.2.3--'],
    ['v1.2.3+meta', 'v1.2.3'],
    ['v1.2.3-rc.1+meta.2', 'v1.2.3-rc.1'],
    ['v2.0.0+incompatible', 'v2.0.0+incompatible'],
    ['v123456789012345678901.0.0', 'v123456789012345678901.0.0'],
  ])('%s is %s in full', (version, canonical) => {
    expect(canonicalVersion(version)).toBe(canonical);
    expect(isCanonicalVersion(canonical)).toBe(true);
    expect(isCanonicalVersion(version)).toBe(version === canonical);
  });

  it.each([
    '',
    'v',
    '1.2.3',
    'V1.2.3',
    'v1.2.3.4',
    'v01.2.3',
    'v1.02.3',
    'v1.2.3-',
    'v1.2.3-01',
    'v1.2.3-a..b',
    'v1.2.3-a_b',
    'v1.2.3+',
    'v1.2.3+a..b',
    'v1-rc',
    'v1.2-rc',
    'v1.2+incompatible',
    'v1.2.3 ',
    'v1.2.3\n',
    'v1.2.3-é',
    'v١.2.3',
    `v1.2.3-${'a'.repeat(300)}`,
  ])('is not %j', (version) => {
    expect(canonicalVersion(version)).toBeUndefined();
    expect(isCanonicalVersion(version)).toBe(false);
    expect(majorOf(version)).toBeUndefined();
    expect(isPseudoVersion(version)).toBe(false);
  });

  it.each([
    ['v0.0.0-20200101000000-abcdefabcdef', true],
    ['v1.2.4-0.20200101000000-abcdefabcdef', true],
    ['v1.2.3-rc.1.0.20200101000000-abcdefabcdef', true],
    ['v2.0.1-0.20200101000000-abcdefabcdef+incompatible', true],
    ['v1.2.3', false],
    ['v1.2.3-rc.1', false],
    ['v1.2.3-20200101000000-abcdefabcdef', false],
    ['v0.0.0-2020010100000-abcdefabcdef', false],
    ['v0.0.0-20200101000000', false],
    ['v0.0.0-20200101000000-', false],
  ])('%s was made of a commit: %s', (version, pseudo) => {
    expect(isPseudoVersion(version)).toBe(pseudo);
  });

  it('knows its major and whether it is incompatible', () => {
    expect(['v0.1.0', 'v1', 'v12.0.0-rc.1'].map(majorOf)).toEqual(['v0', 'v1', 'v12']);
    expect(
      ['v2.0.0+incompatible', 'v2.0.0', 'v2.0.0-incompatible', 'v2.0.0+incompatible2'].map(isIncompatible),
    ).toEqual([true, false, false, false]);
  });

  it('is ordered by semantic precedence', () => {
    const ordered = [
      'no version',
      'v0.0.0-20200101000000-abcdefabcdef',
      'v0.9.0',
      'v1.0.0-1',
      'v1.0.0-2',
      'v1.0.0-10',
      'v1.0.0-alpha',
      'v1.0.0-alpha.1',
      'v1.0.0-alpha.beta',
      'v1.0.0-beta',
      'v1.0.0',
      'v1.2.0',
      'v1.10.0',
      'v99999999999999999999.0.0',
      'v100000000000000000000.0.0',
    ];
    for (const [at, low] of ordered.entries())
      for (const [behind, high] of ordered.entries())
        expect([low, high, compareVersions(low, high)]).toEqual([low, high, Math.sign(at - behind)]);
  });

  it('is as high as another that differs in metadata or length only', () => {
    expect(compareVersions('v1.0.0+a', 'v1.0.0+b')).toBe(0);
    expect(compareVersions('v1', 'v1.0.0')).toBe(0);
    expect(compareVersions('x', 'y')).toBe(0);
  });
});

const number = fc.nat({ max: 12 }).map(String);
const identifier = fc.oneof(number, fc.stringMatching(/^[a-c-]{1,3}$/), fc.constantFrom('rc', 'alpha', '0a'));
const dotted = (separator: string) =>
  fc.array(identifier, { maxLength: 3 }).map((parts) => (parts.length === 0 ? '' : `${separator}${parts.join('.')}`));
const version = fc
  .tuple(number, number, number, dotted('-'), fc.oneof(dotted('+'), fc.constant('+incompatible')))
  .map(([major, minor, patch, prerelease, build]) => `v${major}.${minor}.${patch}${prerelease}${build}`);
const anyVersion = fc.oneof(version, fc.constantFrom('v1', 'v1.2', '', 'master', 'v01.0.0'), fc.string());

describe('any Go module version', () => {
  it('has one full form, which is its own', () => {
    fc.assert(
      fc.property(anyVersion, (text) => {
        const full = canonicalVersion(text);
        if (full === undefined) return;
        expect(canonicalVersion(full)).toBe(full);
        expect(compareVersions(text, full)).toBe(0);
        expect(isIncompatible(full)).toBe(isIncompatible(text));
        expect(majorOf(full)).toBe(majorOf(text));
      }),
    );
  });

  it('stands in one order with all others', () => {
    fc.assert(
      fc.property(anyVersion, anyVersion, anyVersion, (a, b, c) => {
        expect(compareVersions(a, a)).toBe(0);
        expect(compareVersions(a, b) + compareVersions(b, a)).toBe(0);
        const [low = '', middle = '', high = ''] = [a, b, c].sort(compareVersions);
        expect(compareVersions(low, high)).toBeLessThanOrEqual(0);
        expect(compareVersions(low, middle) === 0 && compareVersions(middle, high) === 0).toBe(
          compareVersions(low, high) === 0,
        );
      }),
    );
  });

  it('made of a commit comes between the tag before it and the next', () => {
    const commit = '20240102030405-0123456789ab';
    fc.assert(
      fc.property(fc.nat({ max: 9 }), fc.nat({ max: 9 }), (minor, patch) => {
        const pseudo = `v1.${minor}.${patch + 1}-0.${commit}`;
        expect(isPseudoVersion(pseudo)).toBe(true);
        expect(isPseudoVersion(`v1.${minor}.${patch}`)).toBe(false);
        expect(compareVersions(`v1.${minor}.${patch}`, pseudo)).toBe(-1);
        expect(compareVersions(pseudo, `v1.${minor}.${patch + 1}`)).toBe(-1);
      }),
    );
  });

  it('belongs to paths of its major alone, unless it is incompatible', () => {
    fc.assert(
      fc.property(fc.nat({ max: 9 }), fc.nat({ max: 9 }), (major, other) => {
        const suffix = other < 2 ? '' : `/v${other}`;
        const fits = other < 2 ? major < 2 : major === other;
        expect(matchesPathMajor(`v${major}.0.0`, suffix)).toBe(fits);
        expect(matchesPathMajor(`v${major}.0.0+incompatible`, '')).toBe(true);
      }),
    );
  });
});

describe('any escaped path or version', () => {
  const unescaped = (text: string) => text.replace(/!([a-z])/g, (_, letter: string) => letter.toUpperCase());

  it('has no capitals and leads back to what it was made of', () => {
    const path = fc.stringMatching(/^example\.com\/[A-Za-z0-9._~-]{1,12}(?:\/[A-Za-z0-9._~-]{1,8}){0,2}$/);
    fc.assert(
      fc.property(path, (text) => {
        const escaped = escapeModulePath(text);
        expect(escaped === undefined).toBe(modulePathProblem(text) !== undefined);
        if (escaped === undefined) return;
        expect(escaped).not.toMatch(/[A-Z]/);
        expect(unescaped(escaped)).toBe(text);
      }),
    );
    fc.assert(
      fc.property(version, (text) => {
        const escaped = escapeModuleVersion(text);
        if (escaped !== undefined) expect([/[A-Z]/.test(escaped), unescaped(escaped)]).toEqual([false, text]);
      }),
    );
  });
});
