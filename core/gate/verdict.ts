import * as z from 'zod';
import { Sha256Hex, type TenantId } from '../../events/fields.ts';
import { CheckRecord, type CheckReport, loadReport } from '../check.ts';
import { EvidenceRef, loadJsonEvidence } from '../evidence.ts';
import { Fault } from '../faults.ts';
import type { WormStore } from '../ports/worm-store.ts';
import { RunSubject } from '../runs/run-input.ts';
import { Refusal, type Verdict } from '../verdict.ts';
import { decide } from './decide.ts';
import { GateName, Policy } from './policy.ts';

/**
 * Evidence of kind `verdict`: everything the decision was made of, by digest. It holds no time, so deciding again after a
 * crash gives the same bytes; the ledger entry that names it says when.
 */
export const VerdictRecord = z.strictObject({
  schema: z.literal('relseal.verdict/1'),
  gate: GateName,
  subject: RunSubject,
  outcome: z.enum(['pass', 'refuse']),
  /** All reasons; empty exactly when passed. */
  reasons: z.array(Refusal).max(100_000),
  checks: z.array(CheckRecord).max(1024),
  /** SHA-256 of the policy's canonical JSON; absent when the tenant has none. */
  policy: z.strictObject({ name: z.string().min(1).max(255), sha256: Sha256Hex }).optional(),
  /** That policy, as it was. */
  policyDocument: EvidenceRef.optional(),
  /** How strong the link to a commit is: `claimed` when it rests on a hook or on build info alone. */
  strength: z.literal('claimed').optional(),
});
export type VerdictRecord = z.infer<typeof VerdictRecord>;

/** Build info is a claim whoever signs off on it; a source commit is one unless its source showed it. */
export const strengthOf = (subject: RunSubject): { strength?: 'claimed' } =>
  subject.kind === 'change' || (subject.kind === 'source' && subject.resolution === 'resolved')
    ? {}
    : { strength: 'claimed' };

/** The reports that records name. A record that stands for another check than its report is `InputInvalid`. */
export const loadReports = (
  worm: WormStore,
  tenant: TenantId,
  checks: readonly CheckRecord[],
): Promise<CheckReport[]> =>
  Promise.all(
    checks.map(async (record) => {
      const report = await loadReport(worm, tenant, record);
      if (report.check !== record.check)
        throw new Fault('InputInvalid', `the record of ${record.check} names a report of ${report.check}`);
      return report;
    }),
  );

/** Decides again, from the evidence a verdict names and nothing it says about the outcome. */
export async function recomputeVerdict(
  worm: WormStore,
  tenant: TenantId,
  record: VerdictRecord,
): Promise<{ verdict: Verdict; reports: CheckReport[] }> {
  const reports = await loadReports(worm, tenant, record.checks);
  const policy = record.policyDocument && (await loadJsonEvidence(worm, tenant, record.policyDocument, Policy));
  return { verdict: decide(policy, record.gate, reports), reports };
}
