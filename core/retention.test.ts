import { describe, expect, it } from 'vitest';
import { isTooShort, RetentionConfig, RetentionDays, retainUntil } from './retention.ts';

const DAY_MS = 86_400_000;
const retention = { mode: 'COMPLIANCE', days: 3653, classes: { evidence: 400 } } as const;
const daysOf = (name: string) => (retainUntil(retention, name, 1000) - 1000) / DAY_MS;

describe('retention', () => {
  it.each([
    ['t/acme/evidence/aa', 400],
    ['t/acme/signature/aa', 3653],
    ['t/acme/seg/0-aa', 3653],
    ['t/acme/log/tile/0/000', 3653],
    ['t/acme/anchors/1', 3653],
    ['t/evidence/seg/0-aa', 3653],
    ['t/acme/log/evidence', 3653],
    ['t/acme/anything/new', 3653],
  ])('of %s is %i days', (name, days) => {
    expect(daysOf(name)).toBe(days);
  });

  it('is made longer only by more than a day, and never shorter', () => {
    expect([isTooShort(0, DAY_MS), isTooShort(0, DAY_MS + 1), isTooShort(5 * DAY_MS, DAY_MS)]).toEqual([
      false,
      true,
      false,
    ]);
  });

  it.each<[string, unknown]>([
    ['no days', { evidence: 0 }],
    ['more than a hundred years', { evidence: 36_501 }],
    ['half a day', { signature: 0.5 }],
    ['a text', { evidence: '400' }],
    ['another class', { ledger: 400 }],
  ])('is not configured with %s', (_what, config) => {
    expect(RetentionConfig.safeParse(config).success).toBe(false);
  });

  it('is read from variables within the same bounds', () => {
    expect(RetentionDays.parse('400')).toBe(400);
    for (const text of ['0', '36501', '1.5', 'long', '']) expect(RetentionDays.safeParse(text).success).toBe(false);
  });
});
