import * as z from 'zod';
import type { TenantId } from '../../events/fields.ts';
import { CheckRecord, keepReport } from '../check.ts';
import { type EvidenceRef, keepJsonEvidence } from '../evidence.ts';
import { Fault } from '../faults.ts';
import { subjectOf } from '../ledger/drafts.ts';
import type { RolloutState, RolloutTarget } from '../ports/rollout-target.ts';
import type { WormStore } from '../ports/worm-store.ts';
import { PromotionSubject } from '../runs/run-input.ts';
import { defineTask, RunContext } from '../task.ts';
import type { Refusal } from '../verdict.ts';
import { type Environments, PLAN_KIND, planOf, showRollout } from './plan.ts';

/** The target of an environment. `ConfigurationInvalid` when there is none. */
export type Targets = (tenant: TenantId, environment: string) => Promise<RolloutTarget>;

export interface PlanPromotionDeps {
  readonly worm: WormStore;
  readonly environments: Environments;
  readonly targets: Targets;
}

function reasonsOf(state: RolloutState, { digest, environment }: PromotionSubject): Refusal[] {
  const found = showRollout(state);
  if (state.canary !== undefined)
    return [
      {
        code: 'promotion.target-busy',
        where: environment,
        expected: 'no canary',
        found,
        fix: 'Take the canary that nobody promoted here away from the target.',
      },
    ];
  return state.stable === digest ? [{ code: 'promotion.already-running', where: environment, found }] : [];
}

/** Pins what the target runs now, and keeps by which rules and in which stages the digest may replace it. */
export const planPromotion = defineTask({
  step: 'plan-promotion',
  input: z.strictObject({ step: z.literal('plan-promotion'), run: RunContext, subject: PromotionSubject }),
  output: z.strictObject({ check: CheckRecord }),
  async run({ worm, environments, targets }: PlanPromotionDeps, { run: { tenant }, subject }) {
    const environment = environments(tenant, subject.environment);
    if (!environment) throw new Fault('ConfigurationInvalid', `there is no environment ${subject.environment}`);
    const state = await (await targets(tenant, subject.environment)).read();
    const reasons = reasonsOf(state, subject);
    const evidence: EvidenceRef[] =
      reasons.length > 0
        ? []
        : [await keepJsonEvidence(worm, tenant, PLAN_KIND, planOf(subject, state.stable, environment))];
    return {
      check: await keepReport(worm, tenant, {
        check: 'plan-promotion',
        subjects: [subjectOf(subject)],
        reasons,
        evidence,
        details: { found: showRollout(state) },
      }),
    };
  },
});
