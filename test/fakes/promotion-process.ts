import type { Sqlite } from '../../adapters/embedded/sqlite.ts';
import type { TaskHandler } from '../../adapters/embedded/workflow-engine/call-task.ts';
import { type WorkflowEngine, workflowEngine } from '../../adapters/embedded/workflow-engine/engine.ts';
import { readMachines } from '../../cli/machines.ts';
import { FAULT_NAMES } from '../../core/faults.ts';
import { decideGate } from '../../core/gate/decide-gate.ts';
import { appendLedger } from '../../core/ledger/task.ts';
import type { Workflows } from '../../core/ports/workflows.ts';
import { type ApprovalDecision, answerApproval, requestApproval } from '../../core/promotion/approval.ts';
import { checkRelease } from '../../core/promotion/check-release.ts';
import { claimPromotion } from '../../core/promotion/claim-promotion.ts';
import { closePromotion, freeTarget } from '../../core/promotion/close-promotion.ts';
import { judgeStages } from '../../core/promotion/judge-stages.ts';
import { openStageTask } from '../../core/promotion/open-stage.ts';
import { planPromotion } from '../../core/promotion/plan-promotion.ts';
import { requestPromotion } from '../../core/promotion/request-promotion.ts';
import { restoreRevision } from '../../core/promotion/restore-revision.ts';
import { startRollbackTask } from '../../core/promotion/roll-back.ts';
import { shiftTraffic } from '../../core/promotion/shift-traffic.ts';
import { COMPENSATING_MACHINES, compensateRun } from '../../core/promotion/start-rollback.ts';
import { recordRunEnd } from '../../core/runs/record-run-end.ts';
import { stopRun } from '../../core/runs/stop.ts';
import { sweepRuns } from '../../core/runs/sweep.ts';
import { runTask, type Task } from '../../core/task.ts';
import { functionIdOf } from '../../statemachines/catalog.ts';
import { countingIds } from './counting-ids.ts';
import type { ManualClock } from './manual-clock.ts';
import {
  ANA,
  type EnvironmentChanges,
  NEXT,
  type Person,
  type PromotionDeps,
  type PromotionStores,
  promotionDeps,
  TENANT,
} from './promotion-world.ts';
import { quietOf } from './quiet.ts';

const ROUNDS = 20_000;

interface PromotionProcessOptions {
  readonly stores: PromotionStores & { readonly clock: ManualClock };
  /** Of the engine; outlives the process like the stores. */
  readonly database: Sqlite;
  readonly environment?: EnvironmentChanges;
  /** A port, or the database, as this process has it. */
  wrap?<T extends object>(port: T): T;
  wrapDatabase?(database: Sqlite): Sqlite;
  /** Whether somebody judges; absent: always. */
  judging?(): boolean;
}

/** The steps of both machines, bound as the embedded server binds them. */
function handlersOf(deps: PromotionDeps): Record<string, TaskHandler> {
  const bind = <Input, Output>(task: Task<PromotionDeps, Input, Output>): readonly [string, TaskHandler] => [
    functionIdOf(task.step),
    (payload) => runTask(task, deps, payload),
  ];
  return Object.fromEntries([
    bind(claimPromotion),
    bind(appendLedger),
    bind(checkRelease),
    bind(planPromotion),
    bind(decideGate),
    bind(requestApproval),
    bind(shiftTraffic),
    bind(openStageTask),
    bind(closePromotion),
    bind(startRollbackTask),
    bind(freeTarget),
    bind(restoreRevision),
  ]);
}

/** One process with the real engine and the real machines, a judge and a sweep, on a clock that a test moves. */
export function promotionProcess(options: PromotionProcessOptions) {
  const { stores, database, environment, wrap = (port) => port, wrapDatabase = (own) => own } = options;
  const { clock } = stores;
  const faults: unknown[] = [];
  const onFault = (fault: unknown) => void faults.push(fault);
  const { ledger, worm, claims, waits, locks, target, metrics } = stores;
  const ports: PromotionStores = {
    clock,
    ledger: wrap(ledger),
    worm: wrap(worm),
    claims: wrap(claims),
    waits: wrap(waits),
    locks: wrap(locks),
    target: wrap(target),
    metrics: wrap(metrics),
  };
  const calls: Pick<Workflows, 'start' | 'describe' | 'redrive' | 'stop' | 'sendTaskSuccess' | 'sendTaskHeartbeat'> =
    wrap({
      start: (...asked) => engine.start(...asked),
      describe: (...asked) => engine.describe(...asked),
      redrive: (...asked) => engine.redrive(...asked),
      stop: (...asked) => engine.stop(...asked),
      sendTaskSuccess: (...asked) => engine.sendTaskSuccess(...asked),
      sendTaskHeartbeat: (...asked) => engine.sendTaskHeartbeat(...asked),
    });
  const deps = promotionDeps(ports, calls, environment);
  const runs = {
    ...deps,
    workflows: calls,
    compensate: (failed: Parameters<typeof compensateRun>[1]) => compensateRun({ ...deps, workflows: calls }, failed),
  };
  const { promotion, rollback } = readMachines();
  const engine: WorkflowEngine = workflowEngine({
    database: wrapDatabase(database),
    clock,
    machines: { promotion, rollback },
    faults: FAULT_NAMES,
    compensating: COMPENSATING_MACHINES,
    handlers: handlersOf(deps),
    codeVersion: 'test',
    random: () => 0.5,
    onStatus: async ({ name }) => {
      await recordRunEnd(runs, name);
    },
    onFault,
  });

  let closed = false;
  const tickMs = (deps.environments(TENANT, 'production')?.tickSeconds ?? 60) * 1000;
  const judgeForEver = async (): Promise<void> => {
    while (!closed) {
      if (options.judging?.() ?? true) await judgeStages(deps, [TENANT]).catch(onFault);
      await clock.sleep(tickMs - (clock.now() % tickMs));
    }
  };
  const sweep = () => sweepRuns(runs, [TENANT]);

  const quiet = quietOf(database);
  /** Moves the clock from sleeper to sleeper until `done`. */
  const until = async (done: () => Promise<boolean> | boolean): Promise<void> => {
    for (let round = 0; round < ROUNDS; round += 1) {
      await quiet();
      if (await done()) return;
      clock.toNextSleeper();
    }
    throw new Error('it did not come to that');
  };
  const request = {
    host: 'registry.example.com',
    repository: 'acme/payments',
    digest: NEXT,
    environment: 'production',
  };
  return {
    engine,
    deps,
    faults,
    sweep,
    quiet,
    until,
    /** Takes up what another process left. */
    resume: async () => {
      engine.resume();
      await sweep().catch(onFault);
      void judgeForEver();
    },
    request: (actor: Person = ANA) => requestPromotion({ ...deps, ids: countingIds() }, TENANT, request, actor),
    approve: (runName: string, decision: ApprovalDecision, actor: Person) =>
      answerApproval(deps, runName, decision, actor),
    stop: (runName: string, actor: Person = ANA) => stopRun({ ...deps, workflows: calls }, runName, actor),
    /** Until no run has the claim to go on. */
    settle: () => until(async () => (await claims.list(TENANT, { status: 'running', limit: 1 })).length === 0),
    close: async () => {
      closed = true;
      await engine.close();
    },
  };
}
export type PromotionProcess = ReturnType<typeof promotionProcess>;
