import type { TenantId } from '../../events/fields.ts';
import type { ClaimRow, ClaimStore } from '../ports/claim-store.ts';
import type { Workflows } from '../ports/workflows.ts';
import { type RunOutcomeDeps, recordRunOutcome } from './outcome.ts';

export interface SweepDeps extends RunOutcomeDeps {
  readonly claims: ClaimStore;
  readonly workflows: Pick<Workflows, 'start' | 'describe'>;
}

export interface SweepCounts {
  /** Ends that no status event had told. */
  readonly recorded: number;
  /** Claims whose starter died before it started the run. */
  readonly started: number;
}

async function sweepRun(deps: SweepDeps, row: ClaimRow): Promise<keyof SweepCounts | undefined> {
  const run = await deps.workflows.describe(row.machine, row.runName);
  if (!run)
    return (await deps.workflows.start(row.machine, row.runName, row.input)) === 'started' ? 'started' : undefined;
  if (run.status === 'RUNNING') return undefined;
  return (await recordRunOutcome(deps, { ...run, redriveCount: 0 })) === 'recorded' ? 'recorded' : undefined;
}

/**
 * Makes good what was lost: status events are best effort, and a starter can die between claim and start. Looks at the
 * newest `limit` claims of each tenant that have no outcome. A fault of one is thrown once the others are done.
 */
export async function sweepRuns(deps: SweepDeps, tenants: readonly TenantId[], limit = 1000): Promise<SweepCounts> {
  const counts = { recorded: 0, started: 0 };
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
