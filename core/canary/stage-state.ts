import * as z from 'zod';
import { SignalConfig, type StageConfig } from '../config.ts';
import { SampleClass } from './sample.ts';

/** Ticks that a breach is remembered, beyond those that a signal needs to block. */
const EXTRA_TICKS = 2;

const count = z.int().nonnegative();

/** What the ticks so far say about one signal. */
export const SignalState = z.strictObject({
  name: SignalConfig.shape.name,
  /** Ticks of the breaches that count, oldest first: no OK after them, none older than the window. Their number is the streak. */
  breaches: z.array(z.int()).max(16),
  /** The streak was once long enough to block. Stays so for the whole promotion. */
  latched: z.boolean(),
  /** Ticks of this stage that were OK. */
  ok: count,
  /** Ticks neither OK nor BREACH since the stage was opened or extended. */
  unknown: count,
  /** The last of these, with no OK or BREACH between. */
  unknownInARow: count,
  errorsInARow: count,
  /** Absent before the first tick. */
  last: SampleClass.optional(),
});
export type SignalState = z.infer<typeof SignalState>;

/** All that a stage remembers from tick to tick; JSON. */
export const StageState = z.strictObject({
  /** Newest tick that was judged; before the first, the one before it. */
  lastTick: z.int(),
  ticks: count,
  /** Ticks after which the stage is decided. */
  allowedTicks: z.int().positive(),
  /** Whether it was given its one extension. */
  extended: z.boolean(),
  signals: z.array(SignalState).max(16),
});
export type StageState = z.infer<typeof StageState>;

/** A signal's state; one that is not known yet has seen nothing. */
export function signalState(state: StageState | undefined, name: string): SignalState {
  const none = { name, breaches: [], latched: false, ok: 0, unknown: 0, unknownInARow: 0, errorsInARow: 0 };
  return state?.signals.find((signal) => signal.name === name) ?? none;
}

/** The breaches that still count when `tick` is judged. */
export const breachesAt = ({ consecutive }: SignalConfig, breaches: readonly number[], tick: number): number[] =>
  breaches.filter((breach) => breach > tick - (consecutive + EXTRA_TICKS));

/**
 * A stage before its first tick. Streaks and latches are carried from the stage before, so that a fault which starts at
 * the end of one is not forgotten; what a pass is counted by starts anew.
 */
export function openStage(
  signals: readonly SignalConfig[],
  { ticks }: StageConfig,
  firstTick: number,
  carried?: StageState,
): StageState {
  return {
    lastTick: firstTick - 1,
    ticks: 0,
    allowedTicks: ticks,
    extended: false,
    signals: signals.map((signal) => {
      const { breaches, latched } = signalState(carried, signal.name);
      return { ...signalState(undefined, signal.name), breaches: breachesAt(signal, breaches, firstTick), latched };
    }),
  };
}
