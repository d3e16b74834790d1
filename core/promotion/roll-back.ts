import * as z from 'zod';
import type { ClaimStore } from '../ports/claim-store.ts';
import { requireClaim } from '../runs/outcome.ts';
import { PromotionSubject } from '../runs/run-input.ts';
import { defineTask, RunContext } from '../task.ts';
import { type StartRollbackDeps, startRollback } from './start-rollback.ts';

/** The same, as a step of the promotion: a breach or a fault rolls back at once, not when somebody records the end. */
export const startRollbackTask = defineTask({
  step: 'start-rollback',
  input: z.strictObject({ step: z.literal('start-rollback'), run: RunContext, subject: PromotionSubject }),
  output: z.strictObject({ runName: z.string() }),
  run: async (deps: StartRollbackDeps & { readonly claims: Pick<ClaimStore, 'byRun'> }, { run }) =>
    startRollback(deps, await requireClaim(deps.claims, run.name)),
});
