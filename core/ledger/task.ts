import * as z from 'zod';
import { Sha256Hex } from '../../events/fields.ts';
import { defineTask, RunContext } from '../task.ts';
import { type AppendDeps, appendEntries } from './append.ts';
import { type DraftDeps, draftsOf } from './drafts.ts';
import { LedgerRecord } from './record.ts';

const Input = z.strictObject({
  step: z.literal('append-ledger'),
  run: RunContext,
  /** Name of the state that records. */
  state: z.string().min(1).max(80),
  records: z.array(LedgerRecord).min(1).max(1024),
});

const Output = z.strictObject({
  entries: z.array(z.strictObject({ kind: z.string(), index: z.int().nonnegative(), leaf: Sha256Hex })),
});

export interface AppendLedgerDeps extends DraftDeps, AppendDeps {
  /** Instead of committing alone: `groupCommit` where one process has many runs. */
  readonly append?: (...args: Tail<Parameters<typeof appendEntries>>) => ReturnType<typeof appendEntries>;
}
type Tail<T> = T extends [unknown, ...infer Rest] ? Rest : never;

/** Puts what a run has decided on the ledger, exactly once however often the step runs. */
export const appendLedger = defineTask<AppendLedgerDeps, z.infer<typeof Input>, z.infer<typeof Output>>({
  step: 'append-ledger',
  input: Input,
  output: Output,
  run: async (deps, { run, state, records }) => {
    const drafts = await draftsOf(deps, run, state, records);
    const { entries } = await (deps.append?.(run.tenant, drafts) ?? appendEntries(deps, run.tenant, drafts));
    return { entries: entries.map(({ kind, index, leaf }) => ({ kind, index, leaf })) };
  },
});
