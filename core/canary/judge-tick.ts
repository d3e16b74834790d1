import type { SignalConfig } from '../config.ts';
import { stageDecision } from './decision.ts';
import type { Sample, SampleClass } from './sample.ts';
import { breachesAt, type SignalState, type StageState, signalState } from './stage-state.ts';

/** Ticks that a stage is held once for what could not be known. */
const EXTENSION_TICKS = 5;

/** What was seen of one tick. A signal without a sample is MISSING. */
export interface Tick {
  readonly id: number;
  readonly samples: readonly Sample[];
}

function classOf({ samples }: Tick, name: string): SampleClass {
  const [only, ...more] = samples.filter(({ signal }) => signal === name);
  if (!only) return 'MISSING';
  // Two words on one thing: neither is believed.
  return more.length > 0 ? 'ERROR' : only.class;
}

function countSignal(signal: SignalConfig, before: SignalState, seen: SampleClass, tick: number): SignalState {
  const remembered = breachesAt(signal, before.breaches, tick);
  switch (seen) {
    case 'OK':
      return { ...before, breaches: [], ok: before.ok + 1, unknownInARow: 0, errorsInARow: 0, last: seen };
    case 'BREACH': {
      const breaches = [...remembered, tick];
      const latched = before.latched || breaches.length >= signal.consecutive;
      return { ...before, breaches, latched, unknownInARow: 0, errorsInARow: 0, last: seen };
    }
    case 'MISSING':
    case 'LOW':
    case 'ERROR':
      return {
        ...before,
        breaches: remembered,
        unknown: before.unknown + 1,
        unknownInARow: before.unknownInARow + 1,
        errorsInARow: seen === 'ERROR' ? before.errorsInARow + 1 : 0,
        last: seen,
      };
  }
}

const countTick = (signals: readonly SignalConfig[], state: StageState, tick: Tick): StageState => ({
  ...state,
  lastTick: tick.id,
  ticks: state.ticks + 1,
  signals: signals.map((signal) =>
    countSignal(signal, signalState(state, signal.name), classOf(tick, signal.name), tick.id),
  ),
});

/** What is unknown is counted anew, or the extension could end at its first tick; a back end that keeps failing ends it. */
const extend = (state: StageState): StageState => ({
  ...state,
  allowedTicks: state.allowedTicks + EXTENSION_TICKS,
  extended: true,
  signals: state.signals.map((signal) => ({ ...signal, unknown: 0, unknownInARow: 0 })),
});

const isDecided = (signals: readonly SignalConfig[], state: StageState): boolean =>
  stageDecision(signals, state).kind !== 'continue';

function judgeNext(signals: readonly SignalConfig[], state: StageState, tick: Tick): StageState {
  const counted = countTick(signals, state, tick);
  const held = !counted.extended && stageDecision(signals, counted).kind === 'inconclusive';
  return held ? extend(counted) : counted;
}

/**
 * The state after a tick. A late or repeated tick changes nothing, and neither does any tick once the stage is decided;
 * ticks that were left out are MISSING. Where a stage is inconclusive for the first time it is extended instead.
 */
export function judgeTick(signals: readonly SignalConfig[], state: StageState, tick: Tick): StageState {
  let next = state;
  // Bounded whatever the gap: a stage is decided within its ticks.
  while (next.lastTick < tick.id && !isDecided(signals, next)) {
    const id = next.lastTick + 1;
    next = judgeNext(signals, next, id === tick.id ? tick : { id, samples: [] });
  }
  return next;
}
