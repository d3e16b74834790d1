import type { TenantId } from '../../events/fields.ts';
import type { ClaimStore } from '../ports/claim-store.ts';
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

/**
 * Makes good what was lost: status events are best effort, and a starter can die between claim and start. Looks at the
 * newest `limit` claims of each tenant that have no outcome.
 */
export async function sweepRuns(deps: SweepDeps, tenants: readonly TenantId[], limit = 1000): Promise<SweepCounts> {
  const counts = { recorded: 0, started: 0 };
  for (const tenant of tenants)
    for (const row of await deps.claims.list(tenant, { status: 'running', limit })) {
      const run = await deps.workflows.describe(row.machine, row.runName);
      if (!run) {
        if ((await deps.workflows.start(row.machine, row.runName, row.input)) === 'started') counts.started += 1;
      } else if (run.status !== 'RUNNING') {
        const outcome = await recordRunOutcome(deps, { ...run, redriveCount: 0 });
        if (outcome === 'recorded') counts.recorded += 1;
      }
    }
  return counts;
}
