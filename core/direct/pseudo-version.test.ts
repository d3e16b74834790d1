import { describe, expect, it } from 'vitest';
import { parsePseudoVersion, pseudoTime } from './pseudo-version.ts';

describe('a pseudo-version', () => {
  it.each([
    ['v0.0.0-20231115121320-0123456789ab', ''],
    ['v2.0.0-20231115121320-0123456789ab', ''],
    ['v1.2.4-0.20231115121320-0123456789ab', 'v1.2.3'],
    ['v1.3.10-0.20231115121320-0123456789ab', 'v1.3.9'],
    ['v1.2.3-rc.1.0.20231115121320-0123456789ab', 'v1.2.3-rc.1'],
    ['v2.0.1-0.20231115121320-0123456789ab+incompatible', 'v2.0.0'],
  ])('%s comes after %s', (version, base) => {
    expect(parsePseudoVersion(version)).toEqual({ base, time: '20231115121320', revision: '0123456789ab' });
  });

  it.each([
    'v1.2.3',
    'v1.2.3-rc.1',
    'v0.0.0-20231115121320-0123456789abc',
    'v0.0.0-20231115121320-0123456789AB',
    'v1.2.0-0.20231115121320-0123456789ab',
    'v2.0.0-20231115121320-0123456789ab+incompatible',
  ])('is not %s, or no commit can have it', (version) => {
    expect(parsePseudoVersion(version)).toBeUndefined();
  });

  it('has the time of its commit in UTC', () => {
    expect(pseudoTime(1_700_050_400)).toBe('20231115121320');
  });
});
