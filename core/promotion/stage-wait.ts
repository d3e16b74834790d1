import * as z from 'zod';
import { StageState } from '../canary/stage-state.ts';
import { EvidenceRef } from '../evidence.ts';
import type { WaitRow } from '../ports/wait-store.ts';
import { PromotionSubject } from '../runs/run-input.ts';

/** What the wait for a stage's verdict holds: the sole place where a tick is decided, by compare-and-swap of the row. */
export const StageWait = z.strictObject({
  schema: z.literal('relseal.stage-wait/1'),
  subject: PromotionSubject,
  plan: EvidenceRef,
  canary: StageState,
  /** Records of ticks that were decided and are not known to be on the ledger yet. */
  unrecorded: z.array(z.strictObject({ tick: z.int(), record: EvidenceRef })),
});
export type StageWait = z.infer<typeof StageWait>;

export const stageWaitOf = (row: WaitRow): StageWait => StageWait.parse(row.state);

/** The row that may take the place of this one. */
export const successorOf = (row: WaitRow, change: Partial<Pick<WaitRow, 'token' | 'open' | 'state'>>): WaitRow => ({
  ...row,
  ...change,
  version: row.version + 1,
});
