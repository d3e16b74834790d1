import * as z from 'zod';
import { Fault } from '../faults.ts';
import { PromotionSubject } from '../runs/run-input.ts';
import { defineTask, RunContext } from '../task.ts';
import { changeTarget } from './change-target.ts';
import { allowedPromotion, appendOn, type DraftingDeps, type LedgerDeps, requireApprovals } from './ledger.ts';
import { ApprovalRef, type PromotionPlan, stateBefore, stateOfStage } from './plan.ts';
import type { Targets } from './plan-promotion.ts';

export interface ShiftTrafficDeps extends LedgerDeps, DraftingDeps {
  readonly targets: Targets;
}

const stageOf = ({ rules }: PromotionPlan, stage: number) => {
  const found = rules.stages[stage];
  if (!found) throw new Fault('InputInvalid', `the plan has no stage ${stage}`);
  return found;
};

/** States that the target may be in before a stage: what the stage before left. */
const before = (plan: PromotionPlan, stage: number) => {
  const previous = plan.rules.stages[stage - 1];
  return previous ? stateOfStage(plan, previous.weight) : stateBefore(plan);
};

/**
 * Gives a stage its share of the traffic: the intent on the ledger, the change, the look whether it holds, the outcome on
 * the ledger. Verdict and approvals are proved anew each time; nothing is believed of the payload.
 */
export const shiftTraffic = defineTask({
  step: 'shift-traffic',
  input: z.strictObject({
    step: z.literal('shift-traffic'),
    run: RunContext,
    subject: PromotionSubject,
    stage: z.int().nonnegative(),
    approvals: z.array(ApprovalRef).max(16),
  }),
  output: z.strictObject({ shifted: z.literal(true) }),
  async run(deps: ShiftTrafficDeps, { run, subject, stage, approvals }) {
    const { tenant, businessKey } = run;
    const allowed = await allowedPromotion(deps, tenant, businessKey, subject);
    await requireApprovals(deps, tenant, businessKey, allowed, approvals);
    const { plan, ref } = allowed;
    const to = stateOfStage(plan, stageOf(plan, stage).weight);
    const say = (kind: string, ordinal: string) =>
      appendOn(deps, run, subject, { step: 'shift-traffic', kind, ordinal, outcome: 'info', evidence: [ref] });
    await say('stage.shifting', `${stage}:intent`);
    const target = await deps.targets(tenant, subject.environment);
    await changeTarget(deps, target, run, { from: [before(plan, stage)], to });
    await say('stage.shifted', `${stage}:outcome`);
    return { shifted: true };
  },
});
