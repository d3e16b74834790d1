import * as z from 'zod';
import { Fault } from '../faults.ts';
import type { TargetLocks } from '../ports/target-locks.ts';
import { PromotionSubject } from '../runs/run-input.ts';
import { defineTask, RunContext } from '../task.ts';
import { changeTarget } from './change-target.ts';
import { lockNameOf } from './claim-promotion.ts';
import { allowedPromotion, appendOn, isClosed } from './ledger.ts';
import { stateOfStage } from './plan.ts';
import type { ShiftTrafficDeps } from './shift-traffic.ts';

export interface ClosePromotionDeps extends ShiftTrafficDeps {
  readonly locks: TargetLocks;
}

const Input = (step: 'close-promotion' | 'free-target') =>
  z.strictObject({ step: z.literal(step), run: RunContext, subject: PromotionSubject });

async function close(deps: ClosePromotionDeps, { run, subject }: Asked): Promise<void> {
  const { tenant, businessKey } = run;
  const { plan, ref } = await allowedPromotion(deps, tenant, businessKey, subject);
  const last = plan.rules.stages.at(-1)?.weight ?? 0;
  const target = await deps.targets(tenant, subject.environment);
  const to = { stable: subject.digest, weight: 0 };
  await changeTarget(deps, target, run, { from: [stateOfStage(plan, last)], to });
  const said = { step: 'close-promotion', kind: 'promotion.closed', ordinal: 0, outcome: 'pass' } as const;
  await appendOn(deps, run, subject, { ...said, evidence: [ref] });
  if (!(await isClosed(deps, tenant, businessKey)))
    throw new Fault('PromotionEnded', 'the rollback of this promotion had begun when it was closed');
}
interface Asked {
  readonly run: RunContext;
  readonly subject: PromotionSubject;
}

/**
 * Makes the digest what the target runs, after its last stage has passed, and lets the next promotion begin. Once closed
 * it leaves the target alone: when the step runs again, the next promotion may have it.
 */
export const closePromotion = defineTask({
  step: 'close-promotion',
  input: Input('close-promotion'),
  output: z.strictObject({ closed: z.literal(true) }),
  async run(deps: ClosePromotionDeps, { run, subject }) {
    if (!(await isClosed(deps, run.tenant, run.businessKey))) await close(deps, { run, subject });
    await deps.locks.release(run.tenant, lockNameOf(subject), run.businessKey);
    return { closed: true };
  },
});

/** Ends a promotion that was refused before it changed anything: the next one may begin. */
export const freeTarget = defineTask({
  step: 'free-target',
  input: Input('free-target'),
  output: z.strictObject({ freed: z.literal(true) }),
  async run({ locks }: Pick<ClosePromotionDeps, 'locks'>, { run, subject }) {
    await locks.release(run.tenant, lockNameOf(subject), run.businessKey);
    return { freed: true };
  },
});
