import * as z from 'zod';
import { canonicalJson } from '../canonical-json.ts';
import { CheckRecord, keepReport } from '../check.ts';
import { Fault } from '../faults.ts';
import { subjectOf } from '../ledger/drafts.ts';
import type { ClaimStore } from '../ports/claim-store.ts';
import type { TargetLocks } from '../ports/target-locks.ts';
import type { WormStore } from '../ports/worm-store.ts';
import { PromotionSubject, RunInput } from '../runs/run-input.ts';
import { defineTask, RunContext } from '../task.ts';
import type { Refusal } from '../verdict.ts';
import type { Environments } from './plan.ts';

export interface ClaimPromotionDeps {
  readonly claims: Pick<ClaimStore, 'get'>;
  readonly locks: TargetLocks;
  readonly worm: WormStore;
  readonly environments: Environments;
}

const HEARTBEAT_TICKS = 3;

/** Name of what one promotion at a time may change: the target of an environment, whichever repository it is given. */
export const lockNameOf = ({ environment }: PromotionSubject): string => environment;

/** Checks that this run has its claim, that its environment takes the image, and that no other promotion is under way there. */
export const claimPromotion = defineTask({
  step: 'claim-promotion',
  input: z.strictObject({ step: z.literal('claim-promotion'), run: RunContext, subject: PromotionSubject }),
  output: z.strictObject({
    claimed: z.boolean(),
    check: CheckRecord,
    /** Whether persons must approve. */
    approvals: z.boolean(),
    heartbeatSeconds: z.int().positive(),
  }),
  async run({ claims, locks, worm, environments }: ClaimPromotionDeps, { run, subject }) {
    const row = await claims.get(run.tenant, run.businessKey, run.machine);
    if (row?.runName !== run.name || row.status !== 'running')
      throw new Fault('InputInvalid', `run ${run.name} is not the one that has the claim`);
    if (canonicalJson(RunInput.parse(row.input).subject) !== canonicalJson(subject))
      throw new Fault('InputInvalid', `run ${run.name} is about another promotion than its claim`);
    const environment = environments(run.tenant, subject.environment);
    const reasons: Refusal[] = [];
    if (!environment) reasons.push({ code: 'promotion.environment-unknown', where: subject.environment });
    else if (!environment.repositories.some(({ host, name }) => host === subject.host && name === subject.repository))
      reasons.push({ code: 'promotion.repository-not-allowed', where: subject.environment, found: subject.repository });
    else {
      const holder = await locks.acquire(run.tenant, lockNameOf(subject), run.businessKey);
      if (holder !== run.businessKey)
        reasons.push({
          code: 'promotion.environment-busy',
          where: subject.environment,
          found: `promotion-${holder.slice(0, 40)}`,
          fix: 'Wait for the promotion that is under way, or stop it.',
        });
    }
    const check = await keepReport(worm, run.tenant, {
      check: 'claim-promotion',
      subjects: [subjectOf(subject)],
      reasons,
      evidence: [],
      details: { environment: subject.environment, attempt: subject.attempt },
    });
    return {
      claimed: reasons.length === 0,
      check,
      approvals: (environment?.approvals ?? 1) > 0,
      heartbeatSeconds: environment?.heartbeatSeconds ?? HEARTBEAT_TICKS * (environment?.tickSeconds ?? 60),
    };
  },
});
