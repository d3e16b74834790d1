import type { TenantId } from '../../events/fields.ts';
import { type StartAuditDeps, startAudit } from './start-audit.ts';
import { type StartCheckpointDeps, startCheckpoint } from './start-checkpoint.ts';
import { type SweepCounts, type SweepDeps, sweepRuns } from './sweep.ts';

/** Ends that were not told of, runs that were not started, logs whose newest commits were not published, and audits. */
export async function sweepAll(
  deps: SweepDeps & StartCheckpointDeps & StartAuditDeps & { readonly workflows: SweepDeps['workflows'] },
  tenants: readonly TenantId[],
): Promise<SweepCounts & { readonly checkpoints: number; readonly audits: number }> {
  const counts = await sweepRuns(deps, tenants);
  let checkpoints = 0;
  let audits = 0;
  for (const tenant of tenants) {
    if ((await startCheckpoint(deps, tenant, String(deps.clock.now()))) === 'started') checkpoints += 1;
    if ((await startAudit(deps, tenant)) === 'started') audits += 1;
  }
  return { ...counts, checkpoints, audits };
}
