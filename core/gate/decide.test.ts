import { describe, expect, it } from 'vitest';
import { CheckReport } from '../check.ts';
import { decide } from './decide.ts';
import { Policy } from './policy.ts';

const rule = (requires: string, each: 'release' | 'platform' = 'release') => ({
  id: requires,
  requires,
  each,
  message: `${requires} passes.`,
  fix: 'Do it.',
  severity: 'high',
});
const policy = Policy.parse({
  schema: 'relseal.policy/1',
  name: 'p',
  gates: { source: { rules: [rule('a'), rule('b', 'platform')] }, sign: {} },
});
const report = (check: string, ...codes: string[]) =>
  CheckReport.parse({
    schema: 'relseal.check/1',
    check,
    subjects: [],
    outcome: codes.length === 0 ? 'pass' : 'refuse',
    reasons: codes.map((code) => ({ code })),
    evidence: [],
    details: {},
  });
const codesOf = (...parameters: Parameters<typeof decide>) => {
  const verdict = decide(...parameters);
  return verdict.kind === 'pass' ? [] : verdict.reasons.map(({ code }) => code);
};

describe('decide', () => {
  it('passes when every required check was made and none refuses', () => {
    expect(decide(policy, 'source', [report('a'), report('b'), report('b')])).toEqual({ kind: 'pass' });
  });

  it('refuses without a policy, without rules and without checks', () => {
    expect(codesOf(undefined, 'source', [report('a')])).toEqual(['policy.empty']);
    expect(codesOf(policy, 'sign', [report('a')])).toEqual(['policy.empty']);
    expect(codesOf(Policy.parse({ ...policy, gates: {} }), 'source', [report('a')])).toEqual(['policy.empty']);
    expect(codesOf(policy, 'source', [])).toEqual(['policy.empty']);
  });

  it('names each required check that was not made, with the fix of its rule', () => {
    expect(decide(policy, 'source', [report('a')])).toEqual({
      kind: 'refuse',
      reasons: [{ code: 'gate.not-checked', where: 'b', expected: 'b passes.', found: 'no report', fix: 'Do it.' }],
    });
  });

  it('lists the reasons of every refusing report before what was not checked', () => {
    expect(codesOf(policy, 'source', [report('a', 'gosum.mismatch', 'gosum.line-missing')])).toEqual([
      'gosum.mismatch',
      'gosum.line-missing',
      'gate.not-checked',
    ]);
    expect(codesOf(policy, 'source', [report('a'), report('b'), report('b', 'oci.digest-mismatch')])).toEqual([
      'oci.digest-mismatch',
    ]);
  });

  it('refuses on a refusing check that no rule names', () => {
    expect(codesOf(policy, 'source', [report('a'), report('b'), report('c', 'vuln.found')])).toEqual(['vuln.found']);
  });

  it('refuses a check of the release that was made twice', () => {
    expect(codesOf(policy, 'source', [report('a'), report('a'), report('b')])).toEqual(['gate.checked-twice']);
  });

  it('refuses a report that refuses without a reason or passes with one', () => {
    const mute = { ...report('a'), outcome: 'refuse' as const };
    const twoFaced = { ...report('a', 'gosum.mismatch'), outcome: 'pass' as const };
    expect(codesOf(policy, 'source', [mute, report('b')])).toEqual(['gate.report-contradictory']);
    expect(codesOf(policy, 'source', [twoFaced, report('b')])).toEqual(['gosum.mismatch']);
  });
});
