import * as z from 'zod';
import { openStage } from '../canary/stage-state.ts';
import { Fault } from '../faults.ts';
import type { Clock } from '../ports/clock.ts';
import type { WaitStore } from '../ports/wait-store.ts';
import { PromotionSubject } from '../runs/run-input.ts';
import { defineTask, RunContext } from '../task.ts';
import { allowedPromotion, type LedgerDeps } from './ledger.ts';
import { type StageWait, stageWaitOf, successorOf } from './stage-wait.ts';

export interface OpenStageDeps extends LedgerDeps {
  readonly waits: WaitStore;
  readonly clock: Clock;
}

/** The first tick that is judged later than `now`, in seconds, by what was measured no earlier: nothing from before counts. */
const firstTickAfter = (now: number, tickSeconds: number, lagSeconds: number): number =>
  Math.max(Math.floor(now / tickSeconds) + 1, Math.ceil((now + lagSeconds) / tickSeconds));

/** Waits for the verdict on a stage. Whoever judges finds the wait in the store; streaks of the stage before go on. */
export const openStageTask = defineTask({
  step: 'open-stage',
  input: z.strictObject({
    step: z.literal('open-stage'),
    run: RunContext,
    subject: PromotionSubject,
    stage: z.int().nonnegative(),
    token: z.string().min(1).max(2048),
  }),
  output: z.strictObject({ waiting: z.literal(true) }),
  async run({ waits, clock, ...deps }: OpenStageDeps, { run, subject, stage, token }) {
    const { tenant, businessKey, machine, name: runName } = run;
    const { plan, ref } = await allowedPromotion(deps, tenant, businessKey, subject);
    const { signals, stages, tickSeconds, metrics } = plan.rules;
    const steps = stages[stage];
    if (!steps) throw new Fault('InputInvalid', `the plan has no stage ${stage}`);
    const key = { tenant, businessKey, kind: 'stage' } as const;
    const previous = stage === 0 ? undefined : await waits.get({ ...key, ordinal: stage - 1 });
    const firstTick = firstTickAfter(clock.now() / 1000, tickSeconds, metrics.lagSeconds);
    const carried = previous && stageWaitOf(previous).canary;
    const state: StageWait = {
      schema: 'relseal.stage-wait/1',
      subject,
      plan: ref,
      canary: openStage(signals, steps, firstTick, carried),
      unrecorded: [],
    };
    const row = { ...key, ordinal: stage, machine, runName, token, version: 0, open: true, state };
    const opened = await waits.open(row);
    // The step runs again with another token: what was judged meanwhile stands, and is answered to the new one.
    if (!opened.opened) await waits.replace(successorOf(opened.row, { token, open: true }));
    return { waiting: true };
  },
});
