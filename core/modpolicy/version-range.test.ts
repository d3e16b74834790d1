import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compareVersions } from '../gosum/go-version.ts';
import { coversGoRelease, isFinalGoRelease, isGoRelease } from './go-release.ts';
import { inVersionRanges, isVersionRange } from './version-range.ts';

describe('version ranges', () => {
  it.each([
    '',
    'v1',
    'v1.2',
    '1.2.3',
    '>=',
    '>= v1.2.3',
    '^v1.2.3',
    '>=v1.2.3,<v2.0.0',
    '>=v1.2.3 || v2.0.0',
    '==v1.2.3',
    'v1.2.3+x',
  ])('are not written %j, and what is so holds nothing', (text) => {
    expect(isVersionRange(text)).toBe(false);
    expect(inVersionRanges([text], 'v1.2.3')).toBe(false);
  });

  it('hold what lies between their ends', () => {
    const version = fc.tuple(fc.nat(3), fc.nat(3), fc.nat(3)).map((numbers) => `v${numbers.join('.')}`);
    fc.assert(
      fc.property(version, version, version, (low, high, found) => {
        const inside = compareVersions(low, found) <= 0 && compareVersions(found, high) < 0;
        expect(inVersionRanges([`>=${low} <${high}`], found)).toBe(inside);
        expect(inVersionRanges([`<${low}`, `>=${high}`], found)).toBe(
          compareVersions(found, low) < 0 || compareVersions(found, high) >= 0,
        );
      }),
    );
  });
});

describe('versions of Go', () => {
  it.each(['1.0', '1.22', '1.22.3', '1.23rc1', '1.9beta2'])('are written %j', (text) => {
    expect(isGoRelease(text)).toBe(true);
  });

  it.each(['', '1', '2.0', '01.2', '1.02', '1.2.03', 'go1.22', '1.22.3-acme', '1.22rc', '1.22.0rc1', '1.9999999999'])(
    'are not written %j',
    (text) => {
      expect(isGoRelease(text)).toBe(false);
      expect(isFinalGoRelease(text)).toBe(false);
    },
  );

  it.each([
    ['1.22', '1.22.3', true],
    ['1.22', '1.22', true],
    ['1.22', '1.220.0', false],
    ['1.22', '1.22rc1', false],
    ['1.22.3', '1.22.3', true],
    ['1.22.3', '1.22', false],
    ['1.22rc1', '1.22rc1', true],
  ])('%s covers %s: %j', (allowed, version, covered) => {
    expect(coversGoRelease(allowed, version)).toBe(covered);
  });
});
