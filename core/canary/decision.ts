import * as z from 'zod';
import type { SignalConfig } from '../config.ts';
import { Refusal } from '../verdict.ts';
import { type SignalState, type StageState, signalState } from './stage-state.ts';

const MAX_UNKNOWN = 2;
const MAX_ERRORS_IN_A_ROW = 4;

/** What is known of a stage. The first that applies, in this order: `breach`, `inconclusive`, `continue`, `pass`. */
export const StageDecision = z.strictObject({
  kind: z.enum(['breach', 'inconclusive', 'continue', 'pass']),
  /** Why it does not pass; non-empty exactly for `breach` and `inconclusive`. */
  reasons: z.array(Refusal).max(64),
  /** 100 less the weight of every signal that blocks. */
  score: z.number(),
  /** Up to 100: each signal's weight by how much of its streak is there. */
  risk: z.number().min(0),
});
export type StageDecision = z.infer<typeof StageDecision>;

interface Seen {
  readonly signal: SignalConfig;
  readonly state: SignalState;
}

const breachOf = ({ signal: { name, limit, unit, consecutive }, state }: Seen): Refusal => ({
  code: 'stage.breach',
  where: name,
  expected: `at most ${limit} (${unit})`,
  found: `above it ${Math.max(consecutive, state.breaches.length)} times running`,
});

/** Reasons that need not wait for the end of the stage. */
function unheard({ signal: { name }, state: { unknownInARow, errorsInARow } }: Seen): Refusal[] {
  const fix = 'See why the query gives no number, and that the revision gets traffic.';
  return [
    ...(unknownInARow > MAX_UNKNOWN
      ? [{ code: 'stage.no-data', where: name, found: `unknown for ${unknownInARow} ticks running`, fix }]
      : []),
    ...(errorsInARow > MAX_ERRORS_IN_A_ROW
      ? [{ code: 'stage.metrics-failing', where: name, found: `failed for ${errorsInARow} ticks running`, fix }]
      : []),
  ];
}

/** What keeps a stage that has had its ticks from passing. */
function notProved({ signal: { name }, state: { ok, unknown, last } }: Seen, ticks: number): Refusal[] {
  // 80 %, in whole numbers.
  const enough = ok * 5 >= ticks * 4;
  return [
    ...(enough
      ? []
      : [{ code: 'stage.low-coverage', where: name, expected: 'OK on 80 % of the ticks', found: `${ok} of ${ticks}` }]),
    ...(unknown > MAX_UNKNOWN
      ? [{ code: 'stage.no-data', where: name, expected: `at most ${MAX_UNKNOWN} unknown`, found: `${unknown}` }]
      : []),
    ...(last === 'OK'
      ? []
      : [{ code: 'stage.inconclusive', where: name, expected: 'OK on the last tick', found: last ?? 'none' }]),
  ];
}

function doubts(seen: readonly Seen[], { ticks, allowedTicks }: StageState): Refusal[] {
  // Nothing watched is not a pass.
  if (seen.length === 0) return [{ code: 'stage.no-data', found: 'no signals' }];
  const atEnd = ticks >= allowedTicks;
  return seen.flatMap((one) => {
    const early = unheard(one);
    return early.length > 0 || !atEnd ? early : notProved(one, ticks);
  });
}

const scoreOf = (seen: readonly Seen[]): number =>
  seen.reduce((score, { signal, state }) => score - (state.latched ? signal.weight : 0), 100);

/** To one decimal, so that the record reads as people write it. */
function riskOf(seen: readonly Seen[]): number {
  const risk = seen.reduce(
    (sum, { signal, state }) => sum + signal.weight * Math.min(1, state.breaches.length / signal.consecutive),
    0,
  );
  return Math.round(risk * 10) / 10;
}

/**
 * What the ticks so far decide. Each signal blocks alone, whatever its weight. A stage passes only at its end, with no
 * latch and every signal OK on four ticks of five and on the last: no data never passes.
 */
export function stageDecision(signals: readonly SignalConfig[], state: StageState): StageDecision {
  const seen = signals.map((signal) => ({ signal, state: signalState(state, signal.name) }));
  const [score, risk] = [scoreOf(seen), riskOf(seen)];
  const breaches = seen.filter((one) => one.state.latched).map(breachOf);
  if (breaches.length > 0) return { kind: 'breach', reasons: breaches, score, risk };
  const reasons = doubts(seen, state);
  if (reasons.length > 0) return { kind: 'inconclusive', reasons, score, risk };
  return { kind: state.ticks < state.allowedTicks ? 'continue' : 'pass', reasons: [], score, risk };
}
