import * as z from 'zod';

/** How long write-once objects are locked, by what they are. */

const DAY_MS = 86_400_000;
/** A hundred years: a mistaken year 9999 would be kept until then. */
const MAX_RETENTION_DAYS = 36_500;
export const RetentionDays = z.coerce.number().int().min(1).max(MAX_RETENTION_DAYS);

/**
 * Objects that may be let go before the log: `evidence` is what entries name by digest, `signature` the bundles of images.
 * The log itself (segments, tiles, copies of checkpoints) is kept longest, since it proves what the others were.
 */
export const RETENTION_CLASSES = ['evidence', 'signature'] as const;

const days = z.int().min(1).max(MAX_RETENTION_DAYS).optional();

/** Days by class; as long as the log where a class is not named. */
export const RetentionConfig = z.strictObject({ evidence: days, signature: days });
export type RetentionConfig = z.infer<typeof RetentionConfig>;

export interface Retention {
  readonly mode: 'COMPLIANCE' | 'GOVERNANCE';
  /** Of the log, and of every class that has no days of its own. */
  readonly days: number;
  readonly classes?: RetentionConfig;
}

/** Until when an object is locked, in ms since 1970. What a name does not tell is kept as long as the log. */
export function retainUntil({ days: most, classes = {} }: Retention, name: string, nowMs: number): number {
  const kind = RETENTION_CLASSES.find((each) => name.split('/')[2] === each);
  return nowMs + ((kind && classes[kind]) ?? most) * DAY_MS;
}

/** Whether a lock that ends at `heldMs` is to be made longer: each entry that names an old object needs it as long again. */
export const isTooShort = (heldMs: number, untilMs: number): boolean => untilMs - heldMs > DAY_MS;
