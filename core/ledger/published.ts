import * as z from 'zod';
import type { PublishedCheckpoint, SignedCheckpoint } from '../ports/ledger-store.ts';

/** How one witness answered last. */
export const WitnessState = z.strictObject({
  /** Of the tree that it cosigned last, as far as it said; 0: of none. Where it is wrong the witness says so. */
  size: z.int().nonnegative(),
  /**
   * `silent`: it did not answer, or not in the protocol. `ahead`: it cosigned more entries than were published here, so
   * this log was cut, or its database is an older copy. The rest as in the protocol.
   */
  answer: z.enum(['cosigned', 'silent', 'ahead', 'conflict', 'malformed', 'not-signed', 'unknown-log', 'inconsistent']),
});
export type WitnessState = z.infer<typeof WitnessState>;

/** The checkpoint that readers are shown: where witnesses are asked, the newest that enough of them cosigned. */
export function shownOf(published: PublishedCheckpoint | undefined): SignedCheckpoint | undefined {
  const shown = published?.witnesses ? published.served : published;
  return shown && { size: shown.size, root: shown.root, note: shown.note };
}

/** How far readers have seen the log; it never becomes less. */
export const shownSize = (published: PublishedCheckpoint | undefined): number => shownOf(published)?.size ?? 0;

/** Whether a publication has done all that it does besides signing: this checkpoint is copied, and shown. */
export const isFollowedUp = (published: PublishedCheckpoint): boolean =>
  published.anchored?.size === published.size && shownSize(published) === published.size;
