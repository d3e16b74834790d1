import { keepJsonEvidence } from '../evidence.ts';
import { isFault } from '../faults.ts';
import { subjectFacts } from '../ledger/drafts.ts';
import { type EntryDraft, entryKeyOf } from '../ledger/entry.ts';
import type { ClaimRow, ClaimStore } from '../ports/claim-store.ts';
import type { Clock } from '../ports/clock.ts';
import type { Workflows } from '../ports/workflows.ts';
import type { WormStore } from '../ports/worm-store.ts';
import type { RunOutcomeDeps } from './outcome.ts';
import { RunInput, runNameOf } from './run-input.ts';

export interface TakeUpDeps extends RunOutcomeDeps {
  readonly workflows: Pick<Workflows, 'start' | 'describe' | 'redrive'>;
  readonly clock: Clock;
}

/** Who asks for a replay. The sweep, which only completes what was asked for, names nobody. */
export interface ReplayRequest {
  readonly actor: { readonly id: string; readonly authenticated: string };
  /** `failure`: from where it failed, if the engine still can. `start`: a new run, whatever the engine can. */
  readonly from: 'failure' | 'start';
  /** Why, in the words of a person: kept as evidence beside the ledger, never in it. */
  readonly reason?: string;
}

/** The claim as it goes on: without the end of the run before. */
export function goingOn({ error: _error, cause: _cause, ...row }: ClaimRow, changes: Partial<ClaimRow>): ClaimRow {
  return { ...row, status: 'running', ...changes };
}

/** Entry of what was asked for, under the number of the replay and of the redrive that it makes. */
export async function replayDraft(
  worm: WormStore,
  next: ClaimRow,
  replayed: string,
  request: ReplayRequest | undefined,
): Promise<EntryDraft> {
  const { tenant, businessKey, machine, runName, replay, redrives, traceparent } = next;
  const reason = request?.reason;
  const text = { schema: 'relseal.replay-request/1', run: replayed, reason };
  const evidence =
    reason === undefined ? {} : { evidence: [await keepJsonEvidence(worm, tenant, 'replay-request', text)] };
  return {
    key: entryKeyOf(tenant, { businessKey, machine, step: 'replay-run', replay, kind: 'replay', ordinal: redrives }),
    content: {
      kind: 'replay',
      outcome: 'info',
      run: { workflow: machine, name: runName },
      ...subjectFacts(RunInput.parse(next.input).subject),
      ...(request ? { actor: request.actor } : {}),
      reasons: [{ code: redrives > 0 ? 'run.redriven' : 'run.replayed', found: replayed }],
      reasonsTotal: 1,
      ...evidence,
      ...(traceparent === undefined ? {} : { trace: [traceparent] }),
    },
  };
}

/** Whether the claim was still as expected and is `next` now; of two who ask at once, one is told false. */
export async function replaced(
  claims: Pick<ClaimStore, 'replace'>,
  next: ClaimRow,
  expected: ClaimRow,
): Promise<boolean> {
  try {
    await claims.replace(next, expected);
    return true;
  } catch (error) {
    if (isFault(error, 'LedgerConflict')) return false;
    throw error;
  }
}

/**
 * Starts the next run of a claim from its recorded input. Killed between entry and claim it is asked for again and finds
 * its entry; killed before the start, the sweep starts what is claimed. Undefined when another was first.
 */
export async function restartRun(
  { claims, worm, append, workflows, clock }: TakeUpDeps,
  row: ClaimRow,
  request: ReplayRequest | undefined,
): Promise<string | undefined> {
  const replay = row.replay + 1;
  const runName = runNameOf(row.machine, row.businessKey, replay);
  const claimedAt = new Date(clock.now()).toISOString();
  const next = goingOn(row, { replay, redrives: 0, runName, claimedAt });
  // Who asked is on record before anything runs.
  await append(row.tenant, [await replayDraft(worm, next, row.runName, request)]);
  if (!(await replaced(claims, next, row))) return undefined;
  await workflows.start(next.machine, runName, next.input);
  return runName;
}

/** `going`: another took the run up, or cannot be ruled out to have done so. */
export type TakenUp =
  | { readonly kind: 'redriven' | 'restarted'; readonly runName: string }
  | { readonly kind: 'going' };

/**
 * Makes a run go on whose claim counts more redrives than the run does. One that cannot go on is started anew. Repeatable:
 * whoever died in the middle of it is made good by the sweep.
 */
export async function takeUpRun(deps: TakeUpDeps, row: ClaimRow, request?: ReplayRequest): Promise<TakenUp> {
  const { machine, runName } = row;
  if ((await deps.workflows.redrive(machine, runName)) === 'redriven') return { kind: 'redriven', runName };
  const run = await deps.workflows.describe(machine, runName);
  // Engines may describe a run as it was a moment ago: one that looks as if it could go on is left to the next sweep.
  const mayGoOn = run && (run.status === 'RUNNING' || run.redriveCount >= row.redrives || run.redrivable);
  if (mayGoOn) return { kind: 'going' };
  const restarted = await restartRun(deps, row, request);
  return restarted === undefined ? { kind: 'going' } : { kind: 'restarted', runName: restarted };
}
