import type { Sha256Hex, TenantId } from '../../events/fields.ts';
import { Fault } from '../faults.ts';
import type { ObservedRollout, RolloutState, RolloutTarget } from '../ports/rollout-target.ts';
import { type LedgerDeps, rollbackBegun } from './ledger.ts';
import { sameRollout, showRollout } from './plan.ts';

/** States that a promotion may find at its target before it makes a change; any other was made by somebody else. */
export interface TargetChange {
  readonly from: readonly RolloutState[];
  readonly to: RolloutState;
}

/**
 * Changes the target of a promotion, and sees that it did. The target is read before the ledger is asked for a rollback,
 * and the change is bound to what was read: a step that was given up and still runs cannot undo a rollback. Throws
 * `PromotionEnded` once a rollback has begun, `TargetRefused` when somebody else changed the target.
 */
export async function changeTarget(
  deps: LedgerDeps,
  target: RolloutTarget,
  { tenant, businessKey }: { readonly tenant: TenantId; readonly businessKey: Sha256Hex },
  { from, to }: TargetChange,
): Promise<void> {
  const observed = await target.read();
  if (await rollbackBegun(deps, tenant, businessKey))
    throw new Fault('PromotionEnded', 'the rollback of this promotion has begun');
  if (![...from, to].some((state) => sameRollout(state, observed)))
    throw new Fault('TargetRefused', `the target runs what this promotion did not set: ${showRollout(observed)}`);
  await target.set(to, observed.version);
  requireState(await target.read(), to);
}

function requireState(observed: ObservedRollout, wanted: RolloutState): void {
  if (!sameRollout(observed, wanted))
    throw new Fault('TargetUnreachable', `the target shows ${showRollout(observed)}, not ${showRollout(wanted)}`);
}
