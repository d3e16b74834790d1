import { Fault } from '../faults.ts';
import type { ClaimRow, ClaimStore } from '../ports/claim-store.ts';
import type { Clock } from '../ports/clock.ts';
import type { Workflows } from '../ports/workflows.ts';
import { RunInput, runNameOf } from '../runs/run-input.ts';

export interface StartRollbackDeps {
  readonly claims: Pick<ClaimStore, 'claim'>;
  readonly workflows: Pick<Workflows, 'start'>;
  readonly clock: Clock;
}

/** Machines that compensate what they did: they are never redriven, and a replay of one is a new attempt. */
export const COMPENSATING_MACHINES: readonly string[] = ['promotion'];

/**
 * Starts the one rollback that a promotion may have, named by its business key, whoever asks and however often. A starter
 * that died between claim and start is made good by the next, or by the sweep.
 */
export async function startRollback(deps: StartRollbackDeps, promotion: ClaimRow): Promise<{ runName: string }> {
  if (promotion.machine !== 'promotion')
    throw new Fault('InputInvalid', `run ${promotion.runName} is no promotion, so nothing is rolled back`);
  const runName = runNameOf('rollback', promotion.businessKey, 0);
  const { error: _error, cause: _cause, ...rest } = promotion;
  const row: ClaimRow = {
    ...rest,
    machine: 'rollback',
    runName,
    replay: 0,
    redrives: 0,
    status: 'running',
    claimedAt: new Date(deps.clock.now()).toISOString(),
    input: RunInput.parse(promotion.input),
  };
  const claimed = await deps.claims.claim(row);
  if (claimed.claimed || claimed.row.status === 'running') await deps.workflows.start('rollback', runName, row.input);
  return { runName };
}

/** What a run that failed leaves undone: the rollback of a promotion; nothing for any other machine. */
export async function compensateRun(deps: StartRollbackDeps, failed: ClaimRow): Promise<void> {
  if (COMPENSATING_MACHINES.includes(failed.machine)) await startRollback(deps, failed);
}
