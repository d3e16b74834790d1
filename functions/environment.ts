import * as z from 'zod';
import { Fault } from '../core/faults.ts';
import { RetentionDays } from '../core/retention.ts';
import { TenantId } from '../events/fields.ts';

/** Variables that several functions have, and how all are read: once, at cold start, every problem at once. */

export const name = z.string().min(1);
export const arn = z.string().startsWith('arn:');

/** The locked bucket and the retention that is sent with every object. */
export const WORM = {
  WORM_BUCKET_NAME: name,
  WORM_RETENTION_MODE: z.enum(['COMPLIANCE', 'GOVERNANCE']),
  /** Of the log; of evidence and of signatures below. */
  WORM_RETENTION_DAYS: RetentionDays,
  WORM_EVIDENCE_DAYS: RetentionDays,
  WORM_SIGNATURE_DAYS: RetentionDays,
};

/** The log: its table, and the bucket that holds its segments. */
export const LEDGER = { LEDGER_TABLE_NAME: name, ...WORM };

/** What may hold names of people: bodies with their keys, and how people are told apart. */
export const ERASABLE = { ERASABLE_BUCKET_NAME: name, ERASABLE_KEYS_TABLE_NAME: name, PERSONS_TABLE_NAME: name };

/** What was fetched and may be fetched again. */
export const CACHE = { CACHE_BUCKET_NAME: name };

/** Machines that releases run on, by ARN. */
export const RELEASE_MACHINES = {
  SOURCE_RELEASE_MACHINE_ARN: arn,
  CHANGE_CHECK_MACHINE_ARN: arn,
  IMAGE_RELEASE_MACHINE_ARN: arn,
};

/** Machines that promotions run on, by ARN. */
export const PROMOTION_MACHINES = { PROMOTION_MACHINE_ARN: arn, ROLLBACK_MACHINE_ARN: arn };

/** Functions that change what a target runs: the ledger that allows it, and the claim of who asked. */
export const TARGET_CHANGES = { ...LEDGER, CLAIMS_TABLE_NAME: name };

function jsonOf(text: string, context: z.RefinementCtx): unknown {
  try {
    return JSON.parse(text);
  } catch {
    context.addIssue({ code: 'custom', message: 'is not JSON' });
    return z.NEVER;
  }
}

/** Artifact key of each tenant: a JSON object of ARNs. */
export const keyArnsByTenant = z.string().transform(jsonOf).pipe(z.record(TenantId, arn));

export function readEnvironment<T>(schema: z.ZodType<T>, variables: NodeJS.ProcessEnv = process.env): T {
  const read = schema.safeParse(variables);
  if (!read.success) throw new Fault('ConfigurationInvalid', `environment: ${z.prettifyError(read.error)}`);
  return read.data;
}
