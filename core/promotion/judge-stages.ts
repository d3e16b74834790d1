import type { TenantId } from '../../events/fields.ts';
import { type StageDecision, stageDecision } from '../canary/decision.ts';
import { judgeTick } from '../canary/judge-tick.ts';
import { missedTick, type Observation, observeTick } from '../canary/observe-tick.ts';
import { TickRecord, tickRecord } from '../canary/tick-record.ts';
import { keepJsonEvidence, loadJsonEvidence } from '../evidence.ts';
import { isFault } from '../faults.ts';
import type { Clock } from '../ports/clock.ts';
import type { MetricSource } from '../ports/metric-source.ts';
import type { WaitRow, WaitStore } from '../ports/wait-store.ts';
import type { Workflows } from '../ports/workflows.ts';
import type { WormStore } from '../ports/worm-store.ts';
import { deliverApprovals } from './approval.ts';
import { appendOn, type DraftingDeps } from './ledger.ts';
import { PromotionPlan } from './plan.ts';
import { type StageWait, stageWaitOf, successorOf } from './stage-wait.ts';

export interface JudgeStagesDeps extends DraftingDeps {
  readonly waits: WaitStore;
  readonly worm: WormStore;
  readonly clock: Clock;
  readonly workflows: Pick<Workflows, 'sendTaskSuccess' | 'sendTaskHeartbeat'>;
  metricsOf(tenant: TenantId, environment: string): MetricSource;
}

/** Ticks further back are not asked about any more: they count as missing. */
const OLDEST_ASKED = 5;
const MOST_WAITS = 1000;

/** Outcome of the entry of a tick: `refuse` is a decision against the stage, `info` one that is not made yet. */
const outcomeOf = ({ decision }: TickRecord) => {
  if (decision === 'pass') return 'pass';
  return decision === 'continue' ? 'info' : 'refuse';
};

/** Puts decided ticks on the ledger. Repeated it finds its entries: the record is what was decided, asked only once. */
async function recordTicks(deps: JudgeStagesDeps, row: WaitRow, wait: StageWait): Promise<void> {
  const { tenant, businessKey, machine, runName: name, ordinal } = row;
  for (const { tick, record: ref } of wait.unrecorded) {
    const record = await loadJsonEvidence(deps.worm, tenant, ref, TickRecord);
    const { reasons } = record;
    await appendOn(deps, { tenant, businessKey, machine, name }, wait.subject, {
      step: 'judge-stage',
      kind: 'tick',
      ordinal: `${ordinal}:${tick}`,
      outcome: outcomeOf(record),
      evidence: [ref],
      ...(reasons.length === 0 ? {} : { reasons, reasonsTotal: reasons.length }),
    });
  }
}

/**
 * One tick: judged, kept, decided by the swap of the row, then told to the ledger and to the machine. A judge that dies
 * after the swap leaves the rest to the next; one that loses the swap has decided nothing.
 */
async function decideTick(
  deps: JudgeStagesDeps,
  row: WaitRow,
  plan: PromotionPlan,
  observation: Observation,
): Promise<WaitRow> {
  const wait = stageWaitOf(row);
  const canary = judgeTick(plan.rules.signals, wait.canary, observation);
  const record = tickRecord(plan.rules.signals, canary, observation);
  const ref = await keepJsonEvidence(deps.worm, row.tenant, 'tick', record);
  const decided: StageWait = {
    ...wait,
    canary,
    unrecorded: [...wait.unrecorded, { tick: observation.id, record: ref }],
  };
  const next = successorOf(row, { state: decided });
  await deps.waits.replace(next);
  return next;
}

/** Tells what is decided; gives the row as it is then. A wait whose token nobody waits for any more is closed. */
async function tell(deps: JudgeStagesDeps, row: WaitRow, plan: PromotionPlan, decision: StageDecision) {
  const wait = stageWaitOf(row);
  await recordTicks(deps, row, wait);
  const told: StageWait = { ...wait, unrecorded: [] };
  const answer = await answerToken(deps, row, plan, decision);
  const closed = answer === 'gone' || decision.kind !== 'continue';
  if (!closed && wait.unrecorded.length === 0) return row;
  const next = successorOf(row, { state: told, open: !closed });
  await deps.waits.replace(next);
  return next;
}

function answerToken({ workflows }: JudgeStagesDeps, row: WaitRow, plan: PromotionPlan, { kind }: StageDecision) {
  if (kind === 'continue') return workflows.sendTaskHeartbeat(row.token);
  const next = row.ordinal + 1;
  const more = next < plan.rules.stages.length;
  return workflows.sendTaskSuccess(row.token, { passed: kind === 'pass', more, next });
}

async function judgeStage(deps: JudgeStagesDeps, row: WaitRow): Promise<void> {
  const { tenant } = row;
  const { plan: ref, subject, canary } = stageWaitOf(row);
  const plan = await loadJsonEvidence(deps.worm, tenant, ref, PromotionPlan);
  const { rules } = plan;
  const observing = { ...deps, metrics: deps.metricsOf(tenant, subject.environment) };
  const now = Math.floor(deps.clock.now() / (rules.tickSeconds * 1000));
  let current = row;
  let decision = stageDecision(rules.signals, canary);
  for (let tick = canary.lastTick + 1; tick <= now && current.open && decision.kind === 'continue'; tick += 1) {
    const observation =
      tick < now - OLDEST_ASKED ? missedTick(rules, tick) : await observeTick(observing, tenant, rules, tick);
    current = await decideTick(deps, current, plan, observation);
    decision = stageDecision(rules.signals, stageWaitOf(current).canary);
    current = await tell(deps, current, plan, decision);
  }
  // With no tick to judge, what a judge that died had decided is told, or else that somebody is there.
  if (current === row) await tell(deps, row, plan, decision);
}

/**
 * Judges every stage that waits, each tick since the last at its own instant. Called at least once a tick, by as many
 * judges as one likes. Approvals that were given and not handed over are handed over too. The first fault is thrown once
 * all have been looked at; a swap that was lost is none.
 */
export async function judgeStages(
  deps: JudgeStagesDeps,
  tenants: readonly TenantId[],
): Promise<{ readonly waiting: number }> {
  const faults: unknown[] = [];
  const attempt = async (work: Promise<unknown>) => {
    await work.catch((fault: unknown) => {
      if (!isFault(fault, 'LedgerConflict')) faults.push(fault);
    });
  };
  let waiting = 0;
  for (const tenant of tenants) {
    await attempt(deliverApprovals(deps, tenant));
    const rows = await deps.waits.listOpen(tenant, 'stage', MOST_WAITS);
    waiting += rows.length;
    await Promise.all(rows.map((row) => attempt(judgeStage(deps, row))));
  }
  if (faults.length > 0) throw faults[0];
  return { waiting };
}
