import * as z from 'zod';
import { OciDigest, TenantId } from '../../events/fields.ts';
import { MOST_LETTERS } from '../ports/dead-letters.ts';
import { RUN_STATUSES } from './list-runs.ts';

/** What persons may ask of a deployment. Who asks is no part of it: it is told by whoever has authenticated them. */

/** Free text of a person. */
export const MAX_REASON_CHARACTERS = 1000;

const run = z.string().min(1).max(80);

export const PromotionAsk = z.strictObject({
  /** Needed only where there are several. */
  tenant: TenantId.exactOptional(),
  host: z.string().min(1).max(255),
  repository: z.string().min(1).max(255),
  digest: OciDigest,
  environment: z.string().min(1).max(32),
});
export type PromotionAsk = z.infer<typeof PromotionAsk>;

export const ApprovalAsk = z.strictObject({
  run,
  decision: z.enum(['approved', 'refused']),
  reason: z.string().min(1).max(MAX_REASON_CHARACTERS).exactOptional(),
});
export type ApprovalAsk = z.infer<typeof ApprovalAsk>;

export const StopAsk = z.strictObject({ run });
export type StopAsk = z.infer<typeof StopAsk>;

export const ReplayAsk = z.strictObject({
  run,
  from: z.enum(['failure', 'start']),
  reason: z.string().min(1).max(MAX_REASON_CHARACTERS).exactOptional(),
});
export type ReplayAsk = z.infer<typeof ReplayAsk>;

/** Of each tenant; an answer of a gateway has an end. */
export const MOST_LISTED = 1000;

export const RunsAsk = z.strictObject({
  /** All of the deployment when absent. */
  tenant: TenantId.exactOptional(),
  status: z.enum(RUN_STATUSES).exactOptional(),
  machine: z.string().min(1).max(80).exactOptional(),
  limit: z.int().min(1).max(MOST_LISTED),
});
export type RunsAsk = z.infer<typeof RunsAsk>;

export const RunAsk = z.strictObject({ run });
export type RunAsk = z.infer<typeof RunAsk>;

export const ErasureAsk = z.strictObject({
  /** Needed only where there are several. */
  tenant: TenantId.exactOptional(),
  /** A login, an e-mail address or a name, as it came in. */
  name: z.string().min(1).max(1024),
  /** The one place that is meant, as a dry run names it; all when absent. */
  at: z.string().min(1).max(512).exactOptional(),
  /** Only says what would go. */
  dryRun: z.boolean(),
});
export type ErasureAsk = z.infer<typeof ErasureAsk>;

export const LettersAsk = z.strictObject({ limit: z.int().min(1).max(MOST_LETTERS) });
export type LettersAsk = z.infer<typeof LettersAsk>;

export const RedriveAsk = z.strictObject({
  /** All of them when absent. */
  id: z.string().min(1).max(64).exactOptional(),
});
export type RedriveAsk = z.infer<typeof RedriveAsk>;
