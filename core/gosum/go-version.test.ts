import { describe, expect, it } from 'vitest';
import {
  canonicalVersion,
  compareVersions,
  isCanonicalVersion,
  isIncompatible,
  isPseudoVersion,
  majorOf,
} from './go-version.ts';

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
