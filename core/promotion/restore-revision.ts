import * as z from 'zod';
import { Fault, isFault } from '../faults.ts';
import type { Clock } from '../ports/clock.ts';
import type { RolloutState, RolloutTarget } from '../ports/rollout-target.ts';
import type { TargetLocks } from '../ports/target-locks.ts';
import { PromotionSubject } from '../runs/run-input.ts';
import { defineTask, RunContext } from '../task.ts';
import { lockNameOf } from './claim-promotion.ts';
import { appendOn, committedPlan, type DraftingDeps, entryOf, isClosed, type LedgerDeps } from './ledger.ts';
import { sameRollout, showRollout, stateBefore } from './plan.ts';
import type { Targets } from './plan-promotion.ts';

export interface RestoreRevisionDeps extends LedgerDeps, DraftingDeps {
  readonly targets: Targets;
  readonly locks: TargetLocks;
  readonly clock: Clock;
}

/** From the verdict on, the traffic must be back within this time where the target allows it. */
const RECOVERY_MS = 18_000;
const LOOK_MS = 1000;

/** Sets the state until the target shows it. `TargetUnreachable` when it does not within 18 s: the machine tries again. */
async function restore(target: RolloutTarget, wanted: RolloutState, clock: Clock): Promise<void> {
  const end = clock.now() + RECOVERY_MS;
  for (;;) {
    try {
      // Set even when it is in force: the new version is what stops a step that was given up and still runs.
      await target.set(wanted, (await target.read()).version);
      const observed = await target.read();
      if (sameRollout(observed, wanted)) return;
      throw new Fault('TargetUnreachable', `the target shows ${showRollout(observed)}, not ${showRollout(wanted)}`);
    } catch (fault) {
      const passing = isFault(fault, 'TargetConflict') || isFault(fault, 'TargetUnreachable');
      if (!passing || clock.now() + LOOK_MS > end) throw fault;
    }
    await clock.sleep(LOOK_MS);
  }
}

/**
 * Takes the target back to the revision that the plan pinned, whatever it shows, and never to "the one before". A
 * promotion that had not begun to shift traffic, or was closed before, leaves the target alone.
 */
export const restoreRevision = defineTask({
  step: 'restore-revision',
  input: z.strictObject({ step: z.literal('restore-revision'), run: RunContext, subject: PromotionSubject }),
  output: z.strictObject({ restored: z.boolean() }),
  async run(deps: RestoreRevisionDeps, { run, subject }) {
    const { tenant, businessKey } = run;
    const say = (kind: string, outcome: 'info' | 'pass', more = {}) =>
      appendOn(deps, run, subject, { step: 'restore-revision', kind, ordinal: 0, outcome, ...more });
    await say('rollback.started', 'info');
    const planned = await committedPlan(deps, tenant, businessKey);
    const begun = await entryOf(deps, tenant, {
      businessKey,
      machine: 'promotion',
      step: 'shift-traffic',
      kind: 'stage.shifting',
      ordinal: '0:intent',
    });
    const restored = planned !== undefined && begun !== undefined && !(await isClosed(deps, tenant, businessKey));
    if (restored) {
      const target = await deps.targets(tenant, planned.plan.subject.environment);
      await restore(target, stateBefore(planned.plan), deps.clock);
      await say('rollback.completed', 'pass', { evidence: [planned.ref] });
    } else await say('rollback.unneeded', 'info');
    await deps.locks.release(tenant, lockNameOf(subject), businessKey);
    return { restored };
  },
});
