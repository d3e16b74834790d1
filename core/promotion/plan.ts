import * as z from 'zod';
import { OciDigest, Sha256Hex, type TenantId } from '../../events/fields.ts';
import { EnvironmentConfig } from '../config.ts';
import { EvidenceRef } from '../evidence.ts';
import type { RolloutState } from '../ports/rollout-target.ts';
import { PromotionSubject } from '../runs/run-input.ts';

/** What decides and in which steps, as the environment said when the promotion was planned; later edits change nothing. */
const Rules = EnvironmentConfig.pick({
  signals: true,
  stages: true,
  approvals: true,
  tickSeconds: true,
  metrics: true,
});

/** Evidence of kind `promotion-plan`: the revision to return to is pinned here, never "the previous one". */
export const PromotionPlan = z.strictObject({
  schema: z.literal('relseal.promotion-plan/1'),
  subject: PromotionSubject,
  /** What took all traffic when the promotion was planned; absent at a target that ran nothing. */
  stable: OciDigest.optional(),
  rules: Rules,
});
export type PromotionPlan = z.infer<typeof PromotionPlan>;

export const PLAN_KIND = 'promotion-plan';

export const planOf = (
  subject: PromotionSubject,
  stable: OciDigest | undefined,
  { signals, stages, approvals, tickSeconds, metrics }: EnvironmentConfig,
): PromotionPlan => ({
  schema: 'relseal.promotion-plan/1',
  subject,
  ...(stable === undefined ? {} : { stable }),
  rules: { signals, stages, approvals, tickSeconds, metrics },
});

/** What the target is to run in a stage, and what it returns to. */
export const stateOfStage = ({ subject, stable }: PromotionPlan, weight: number): RolloutState => ({
  ...(stable === undefined ? {} : { stable }),
  canary: subject.digest,
  weight,
});
export const stateBefore = ({ stable }: PromotionPlan): RolloutState => ({
  ...(stable === undefined ? {} : { stable }),
  weight: 0,
});

export const sameRollout = (left: RolloutState, right: RolloutState): boolean =>
  left.stable === right.stable && left.canary === right.canary && left.weight === right.weight;

/** For reasons and logs: which revisions take how much. */
export const showRollout = ({ stable, canary, weight }: RolloutState): string =>
  `stable ${stable ?? 'nothing'}, ${canary === undefined ? 'no canary' : `canary ${canary} at ${weight} %`}`;

/** Answers an environment by its name; `undefined` when the tenant has none of it. */
export type Environments = (tenant: TenantId, name: string) => EnvironmentConfig | undefined;

/** Index and leaf of the entries that approve, as the approval's token was answered with. */
export const ApprovalRef = z.strictObject({ index: z.int().nonnegative(), leaf: Sha256Hex });

/** Evidence of kind `approval`: one person's decision, bound to everything it was made on. */
export const ApprovalRecord = z.strictObject({
  schema: z.literal('relseal.approval/1'),
  subject: PromotionSubject,
  plan: EvidenceRef,
  verdict: EvidenceRef,
  decision: z.enum(['approved', 'refused']),
  reason: z.string().min(1).max(2048).optional(),
});
export type ApprovalRecord = z.infer<typeof ApprovalRecord>;
