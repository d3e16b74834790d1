import type { TenantId } from '../../events/fields.ts';
import type { ClaimRow } from '../ports/claim-store.ts';
import { recordRunOutcome } from './outcome.ts';
import { type TakeUpDeps, takeUpRun } from './take-up.ts';

export type SweepDeps = TakeUpDeps;

export interface SweepCounts {
  /** Ends that no status event had told. */
  readonly recorded: number;
  /** Claims whose starter died before it started the run. */
  readonly started: number;
  /** Runs whose replay was asked for by somebody who died before they went on. */
  readonly takenUp: number;
}

async function sweepRun(deps: SweepDeps, row: ClaimRow): Promise<keyof SweepCounts | undefined> {
  const run = await deps.workflows.describe(row.machine, row.runName);
  if (!run)
    return (await deps.workflows.start(row.machine, row.runName, row.input)) === 'started' ? 'started' : undefined;
  if (run.status === 'RUNNING') return undefined;
  if (run.redriveCount < row.redrives) return takeUpClaimed(deps, row);
  return (await recordRunOutcome(deps, run)) === 'recorded' ? 'recorded' : undefined;
}

/** Lists may lag: only what the claim itself still asks for is done. */
async function takeUpClaimed(deps: SweepDeps, listed: ClaimRow): Promise<'takenUp' | undefined> {
  const row = await deps.claims.get(listed.tenant, listed.businessKey, listed.machine);
  if (row?.runName !== listed.runName || row.status !== 'running' || row.redrives !== listed.redrives) return undefined;
  return (await takeUpRun(deps, row)).kind === 'going' ? undefined : 'takenUp';
}

/**
 * Makes good what was lost: status events are best effort, a starter can die between claim and start, and whoever asked
 * for a replay before it happened. Looks at the newest `limit` claims of each tenant that have no outcome, of whatever
 * machine. A fault of one is thrown once the others are done.
 */
export async function sweepRuns(deps: SweepDeps, tenants: readonly TenantId[], limit = 1000): Promise<SweepCounts> {
  const counts = { recorded: 0, started: 0, takenUp: 0 };
  const faults: unknown[] = [];
  for (const tenant of tenants)
    for (const row of await deps.claims.list(tenant, { status: 'running', limit }))
      try {
        const done = await sweepRun(deps, row);
        if (done) counts[done] += 1;
      } catch (error) {
        faults.push(error);
      }
  if (faults.length > 0) throw faults[0];
  return counts;
}
