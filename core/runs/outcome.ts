import * as z from 'zod';
import type { TenantId } from '../../events/fields.ts';
import { Fault, isFault } from '../faults.ts';
import type { appendEntries } from '../ledger/append.ts';
import { subjectOf } from '../ledger/drafts.ts';
import { type EntryDraft, entryKeyOf } from '../ledger/entry.ts';
import type { ClaimRow, ClaimStatus, ClaimStore } from '../ports/claim-store.ts';
import type { RunDescription } from '../ports/workflows.ts';
import { RunInput, releaseIdOf } from './run-input.ts';

export interface RunOutcomeDeps {
  readonly claims: ClaimStore;
  /** `appendEntries` or `groupCommit`, bound to its stores. */
  append(tenant: TenantId, drafts: readonly EntryDraft[]): ReturnType<typeof appendEntries>;
}

/** How a run ended, as a status event or a description of it says. Several may say the same. */
export type RunEnd = Pick<RunDescription, 'name' | 'machine' | 'status' | 'output' | 'error' | 'state'> & {
  /** How often the run was redriven before it ended so. */
  readonly redriveCount: number;
};

const Output = z.object({ outcome: z.enum(['passed', 'refused']) });

/** Status of the claim, and the error of one that failed. A run that ended without a readable outcome has failed. */
function endOf({ status, output, error }: RunEnd): { status: ClaimStatus; error?: string } {
  if (status === 'RUNNING') return { status: 'running' };
  if (status !== 'SUCCEEDED') return { status: 'failed', error: (error || `Run.${status}`).slice(0, 256) };
  const read = Output.safeParse(output);
  return read.success ? { status: read.data.outcome } : { status: 'failed', error: 'Run.OutcomeUnreadable' };
}

/** Entry of a run that failed, once for each redrive of it. */
function faultDraft(row: ClaimRow, end: RunEnd, error: string): EntryDraft {
  const { subject } = RunInput.parse(row.input);
  return {
    key: entryKeyOf(row.tenant, {
      businessKey: row.businessKey,
      machine: row.machine,
      step: 'record-run-outcome',
      replay: row.replay,
      kind: 'fault',
      ordinal: end.redriveCount,
    }),
    content: {
      kind: 'fault',
      outcome: 'fault',
      run: { workflow: row.machine, name: row.runName, ...(end.state ? { state: end.state.slice(0, 80) } : {}) },
      release: { kind: subject.kind, id: releaseIdOf(subject) },
      ...(subject.kind === 'source' ? { change: { commit: subject.commit } } : {}),
      subjects: [subjectOf(subject)],
      ...(row.actor ? { actor: row.actor } : {}),
      reasons: [{ code: 'run.failed', found: error, fix: `relseal replay ${row.runName}` }],
      reasonsTotal: 1,
      ...(row.traceparent ? { trace: [row.traceparent] } : {}),
    },
  };
}

/**
 * Records from outside how a run ended: nothing inside a run sees its own failure. The entry comes before the claim, so
 * that a kill between them is made good by the next status event or sweep. Ends of superseded runs change nothing.
 */
export async function recordRunOutcome(deps: RunOutcomeDeps, end: RunEnd): Promise<'recorded' | 'nothing'> {
  const row = await deps.claims.byRun(end.name);
  if (!row || row.runName !== end.name || end.status === 'RUNNING') return 'nothing';
  const { status, error } = endOf(end);
  if (row.status === status || row.status === 'passed' || row.status === 'refused') return 'nothing';
  if (status === 'failed') await deps.append(row.tenant, [faultDraft(row, end, error ?? end.status)]);
  const { error: _error, cause: _cause, ...rest } = row;
  try {
    await deps.claims.replace({ ...rest, status, ...(error === undefined ? {} : { error }) }, row);
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
