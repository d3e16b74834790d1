import * as z from 'zod';
import { CheckRecord } from '../check.ts';
import { EvidenceRef } from '../evidence.ts';
import { GateName } from '../gate/policy.ts';
import { RunSubject } from '../runs/run-input.ts';

const step = z.string().regex(/^[a-z][a-z0-9-]{0,63}$/);

/** What a workflow asks to be put on the ledger: references only; what is written is read from the evidence. */
export const LedgerRecord = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('release.claimed'), step, subject: RunSubject }),
  z.strictObject({ kind: z.enum(['promotion.requested', 'approval.expired']), step, subject: RunSubject }),
  z.strictObject({
    kind: z.literal('check'),
    step,
    check: CheckRecord,
    /** Position in a Map, where several iterations take the same step. */
    mapIndex: z.int().nonnegative().optional(),
  }),
  z.strictObject({
    kind: z.literal('verdict'),
    step,
    gate: GateName,
    subject: RunSubject,
    verdict: EvidenceRef,
  }),
  z.strictObject({ kind: z.literal('signature'), step, subject: RunSubject, signature: EvidenceRef }),
]);
export type LedgerRecord = z.infer<typeof LedgerRecord>;
