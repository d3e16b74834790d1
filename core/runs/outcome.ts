import * as z from 'zod';
import type { TenantId } from '../../events/fields.ts';
import { Fault, isFault } from '../faults.ts';
import type { appendEntries } from '../ledger/append.ts';
import type { EntryDraft } from '../ledger/entry.ts';
import type { ClaimRow, ClaimStatus, ClaimStore } from '../ports/claim-store.ts';
import type { RunDescription } from '../ports/workflows.ts';
import type { WormStore } from '../ports/worm-store.ts';
import { faultDraft, keptCause } from './run-fault.ts';

export interface RunOutcomeDeps {
  readonly claims: ClaimStore;
  readonly worm: WormStore;
  /** `appendEntries` or `groupCommit`, bound to its stores. */
  append(tenant: TenantId, drafts: readonly EntryDraft[]): ReturnType<typeof appendEntries>;
  /** `compensateRun`: makes good what a failed run leaves undone. MUST be repeatable. */
  compensate(failed: ClaimRow): Promise<void>;
}

/** How a run ended, as the engine describes it. Several may say the same. */
export type RunEnd = Pick<
  RunDescription,
  'name' | 'machine' | 'status' | 'output' | 'error' | 'cause' | 'state' | 'redriveCount'
>;

const Output = z.object({ outcome: z.enum(['passed', 'refused']) });

/** Status of the claim, and why one failed. A run that ended without a readable outcome has failed. */
function endOf({ status, output, error, cause }: RunEnd): Pick<ClaimRow, 'status' | 'error' | 'cause'> {
  if (status === 'RUNNING') return { status: 'running' };
  if (status !== 'SUCCEEDED') {
    const name = (error || `Run.${status}`).slice(0, 256).toWellFormed();
    const kept = keptCause(name, cause);
    return { status: 'failed', error: name, ...(kept === undefined ? {} : { cause: kept }) };
  }
  const read = Output.safeParse(output);
  return read.success ? { status: read.data.outcome } : { status: 'failed', error: 'Run.OutcomeUnreadable' };
}

const FINAL: readonly ClaimStatus[] = ['passed', 'refused'];

/** Whether an end says nothing new: of a superseded run, from before a redrive that was asked for, or recorded. */
const isStale = (row: ClaimRow, end: RunEnd, status: ClaimStatus): boolean =>
  row.runName !== end.name ||
  FINAL.includes(row.status) ||
  end.redriveCount < row.redrives ||
  (end.redriveCount === row.redrives && row.status === status);

/**
 * Records from outside how a run ended: nothing inside a run sees its own failure. The entry comes first, then what makes
 * good, then the claim, so that a kill between them is made good by the next status event or sweep.
 */
export async function recordRunOutcome(deps: RunOutcomeDeps, end: RunEnd): Promise<'recorded' | 'nothing'> {
  const ended = endOf(end);
  const row = await deps.claims.byRun(end.name);
  if (!row || end.status === 'RUNNING' || isStale(row, end, ended.status)) return 'nothing';
  if (ended.status === 'failed') {
    const { error = end.status, cause } = ended;
    const { state, redriveCount } = end;
    const failure = { error, redriveCount, ...(state ? { state } : {}), ...(cause === undefined ? {} : { cause }) };
    await deps.append(row.tenant, [await faultDraft(deps.worm, row, failure)]);
    await deps.compensate(row);
  }
  const { error: _error, cause: _cause, ...rest } = row;
  try {
    await deps.claims.replace({ ...rest, ...ended, redrives: end.redriveCount }, row);
  } catch (conflict) {
    // Another recorder was first with the same end.
    if (isFault(conflict, 'LedgerConflict')) return 'nothing';
    throw conflict;
  }
  return 'recorded';
}

/** A run that has no claim cannot be one of ours. */
export const requireClaim = async (claims: Pick<ClaimStore, 'byRun'>, runName: string): Promise<ClaimRow> => {
  const row = await claims.byRun(runName);
  if (!row) throw new Fault('InputInvalid', `no run is called ${runName}`);
  return row;
};
