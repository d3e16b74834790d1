import * as z from 'zod';
import type { TenantId } from '../events/fields.ts';
import { EvidenceRef, keepJsonEvidence, loadJsonEvidence } from './evidence.ts';
import type { WormStore } from './ports/worm-store.ts';
import { Refusal } from './verdict.ts';

/** What evidence is about: in-toto's resource descriptor, names and digests only. */
export const Subject = z.strictObject({
  name: z.string().min(1).max(1024),
  digest: z.record(z.string().regex(/^[A-Za-z0-9]{1,32}$/), z.string().min(1).max(256)),
});
export type Subject = z.infer<typeof Subject>;

/** Git facts of the release that a check learned; they make its entry findable. */
export const ChangeFacts = z.strictObject({
  commit: z.string().optional(),
  tag: z.string().optional(),
  module: z.string().optional(),
});
export type ChangeFacts = z.infer<typeof ChangeFacts>;

/** One judgement made of evidence, kept whole. Details are the capability's own, strict where it reads them back. */
export const CheckReport = z.strictObject({
  schema: z.literal('relseal.check/1'),
  /** The step that judged. */
  check: z.string().regex(/^[a-z][a-z0-9-]{0,63}$/),
  subjects: z.array(Subject).max(1024),
  outcome: z.enum(['pass', 'refuse']),
  /** All reasons, ordered; non-empty exactly when refused. */
  reasons: z.array(Refusal).max(100_000),
  /** What was seen and refuses nothing, in the form of a reason; absent when there is none. */
  warnings: z.array(Refusal).min(1).max(100_000).optional(),
  /** What it was made of or made: SBOMs, notes, snapshots. */
  evidence: z.array(EvidenceRef).max(1024),
  change: ChangeFacts.optional(),
  details: z.json(),
});
export type CheckReport = z.infer<typeof CheckReport>;

/** What travels in a workflow's payload for one check. */
export const CheckRecord = z.strictObject({
  check: z.string().regex(/^[a-z][a-z0-9-]{0,63}$/),
  outcome: z.enum(['pass', 'refuse']),
  report: EvidenceRef,
});
export type CheckRecord = z.infer<typeof CheckRecord>;

/** Keeps a report as evidence of kind `check-report`; the outcome follows from the reasons. */
export async function keepReport(
  worm: WormStore,
  tenant: TenantId,
  report: Omit<CheckReport, 'schema' | 'outcome'>,
): Promise<CheckRecord> {
  const outcome = report.reasons.length === 0 ? 'pass' : 'refuse';
  const whole = CheckReport.parse({ schema: 'relseal.check/1', outcome, ...report });
  return { check: report.check, outcome, report: await keepJsonEvidence(worm, tenant, 'check-report', whole) };
}

/** The report a record names. The record's own outcome is a hint for Choice states; judges read the report. */
export const loadReport = (worm: WormStore, tenant: TenantId, record: CheckRecord): Promise<CheckReport> =>
  loadJsonEvidence(worm, tenant, record.report, CheckReport);
