import { Fault } from '../faults.ts';
import type { ClaimRow, ClaimStore } from '../ports/claim-store.ts';
import { COMPENSATING_MACHINES } from '../promotion/start-rollback.ts';
import { recordRunOutcome, requireClaim } from './outcome.ts';
import { businessKeyOf, RunInput, runNameOf } from './run-input.ts';
import {
  goingOn,
  type ReplayRequest,
  replaced,
  replayDraft,
  restartRun,
  type TakeUpDeps,
  takeUpRun,
} from './take-up.ts';

/** `redriven`: the run itself goes on where it failed. `started`: a new run does the work from the start. */
export type ReplayOutcome =
  | { readonly kind: 'redriven' | 'started'; readonly runName: string }
  | { readonly kind: 'refused'; readonly code: 'replay.not-failed' | 'replay.superseded'; readonly runName: string };

const superseded = (runName: string): ReplayOutcome => ({ kind: 'refused', code: 'replay.superseded', runName });

/**
 * Makes failed work run again with the input of the first run, without doubling an effect: from where it failed, else as
 * `<name>-r<n>`. A machine that compensates is never taken up again; it gets a new attempt. Of two who ask at once, one
 * is refused. A run that nobody claimed is `InputInvalid`.
 */
export async function replayRun(deps: TakeUpDeps, runName: string, request: ReplayRequest): Promise<ReplayOutcome> {
  const row = await requireClaim(deps.claims, runName);
  if (row.runName !== runName) return superseded(row.runName);
  if (row.status !== 'failed') return { kind: 'refused', code: 'replay.not-failed', runName };
  if (COMPENSATING_MACHINES.includes(row.machine)) return startAttempt(deps, row, request);
  const run = await deps.workflows.describe(row.machine, runName);
  // Somebody made it go on past us: its end is recorded like any other, and may be a good one.
  if (run?.status === 'RUNNING') return { kind: 'refused', code: 'replay.not-failed', runName };
  if (run && run.redriveCount > row.redrives && (await recordRunOutcome(deps, run)) === 'recorded')
    return replayRun(deps, runName, request);
  if (run?.redrivable && request.from === 'failure') return redriveRun(deps, row, request);
  const started = await restartRun(deps, row, request);
  return started === undefined ? superseded(await newestRun(deps.claims, row)) : { kind: 'started', runName: started };
}

const newestRun = async (claims: ClaimStore, row: ClaimRow): Promise<string> =>
  (await claims.get(row.tenant, row.businessKey, row.machine))?.runName ?? row.runName;

/**
 * The claim counts the redrive before it is made: killed in between, the sweep finds a run that has been redriven less
 * often than its claim says, and makes it go on.
 */
async function redriveRun(deps: TakeUpDeps, row: ClaimRow, request: ReplayRequest): Promise<ReplayOutcome> {
  const next = goingOn(row, { redrives: row.redrives + 1 });
  await deps.append(row.tenant, [await replayDraft(deps.worm, next, row.runName, request)]);
  if (!(await replaced(deps.claims, next, row))) return superseded(await newestRun(deps.claims, row));
  const taken = await takeUpRun(deps, next, request);
  if (taken.kind === 'restarted') return { kind: 'started', runName: taken.runName };
  // Whoever else took it up did what was asked for here.
  return { kind: 'redriven', runName: taken.kind === 'going' ? await newestRun(deps.claims, next) : taken.runName };
}

/** The claim of the attempt after this one: other work, with a business key, a run and a rollback of its own. */
function nextAttempt(row: ClaimRow, { actor }: ReplayRequest, now: number): ClaimRow {
  const input = RunInput.parse(row.input);
  if (input.subject.kind !== 'promotion')
    throw new Fault('InputInvalid', `run ${row.runName} is no promotion, so it has no attempts`);
  const subject = { ...input.subject, attempt: input.subject.attempt + 1 };
  const businessKey = businessKeyOf(row.tenant, subject);
  return goingOn(row, {
    businessKey,
    runName: runNameOf(row.machine, businessKey, 0),
    replay: 0,
    redrives: 0,
    claimedAt: new Date(now).toISOString(),
    // Whoever asks for an attempt cannot be among those who approve it.
    actor,
    input: RunInput.parse({ ...input, businessKey, subject }),
  });
}

async function newestAttempt(claims: ClaimStore, known: ClaimRow, request: ReplayRequest): Promise<string> {
  const next = nextAttempt(known, request, 0);
  const later = await claims.get(next.tenant, next.businessKey, next.machine);
  return later ? newestAttempt(claims, later, request) : known.runName;
}

/** The old claim stays failed: what it did was undone, and nobody goes on with it. */
async function startAttempt(deps: TakeUpDeps, failed: ClaimRow, request: ReplayRequest): Promise<ReplayOutcome> {
  const { claims, worm, append, workflows, clock } = deps;
  const next = nextAttempt(failed, request, clock.now());
  const { tenant, businessKey, machine, runName, input } = next;
  const known = await claims.get(tenant, businessKey, machine);
  if (known) return superseded(await newestAttempt(claims, known, request));
  await append(tenant, [await replayDraft(worm, next, failed.runName, request)]);
  const claimed = await claims.claim(next);
  if (!claimed.claimed) return superseded(claimed.row.runName);
  await workflows.start(machine, runName, input);
  return { kind: 'started', runName };
}
