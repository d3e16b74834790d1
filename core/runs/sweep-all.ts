import type { TenantId } from '../../events/fields.ts';
import { type StartCheckpointDeps, startCheckpoint } from './start-checkpoint.ts';
import { type SweepCounts, type SweepDeps, sweepRuns } from './sweep.ts';

/** Ends that were not told of, runs that were not started, and logs whose newest commits were not published. */
export async function sweepAll(
  deps: SweepDeps & StartCheckpointDeps & { readonly workflows: SweepDeps['workflows'] },
  tenants: readonly TenantId[],
): Promise<SweepCounts & { readonly checkpoints: number }> {
  const counts = await sweepRuns(deps, tenants);
  let checkpoints = 0;
  for (const tenant of tenants)
    if ((await startCheckpoint(deps, tenant, String(deps.clock.now()))) === 'started') checkpoints += 1;
  return { ...counts, checkpoints };
}
