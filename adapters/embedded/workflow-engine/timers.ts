import type { Clock } from '../../../core/ports/clock.ts';
import { CANCELLED, orCancelled } from './cancellation.ts';
import { timerHeap } from './timer-heap.ts';

/** Instants to wait for, of all runs together: one sleep at a time, until the earliest. */
export interface Timers {
  /** Calls back at the instant (milliseconds since the epoch) or soon after; returns how to call it off. */
  at(instant: number, callback: () => void): () => void;
  close(): void;
}

/** A machine that was suspended wakes with its clock ahead of its timers: looked at anew after this long at most. */
const LONGEST_SLEEP_MS = 3_600_000;

/** One sleep at a time, until the instant it was last asked for. */
function createSleeper(clock: Clock, wake: () => void) {
  let sleep: { readonly until: number; readonly controller: AbortController } | undefined;
  return {
    /** Sleeps until then, or no more. A sleep that ends before it is left alone: whoever wakes looks again. */
    sleepUntil: (instant: number | undefined): void => {
      if (instant !== undefined && sleep && sleep.until <= instant) return;
      sleep?.controller.abort(CANCELLED);
      sleep = undefined;
      if (instant === undefined) return;
      const now = clock.now();
      const until = Math.min(instant, now + LONGEST_SLEEP_MS);
      const current = { until, controller: new AbortController() };
      sleep = current;
      const woken = () => {
        if (sleep !== current) return;
        sleep = undefined;
        wake();
      };
      // Rejects when aborted only, and then another sleep has taken its place or none is needed.
      clock.sleep(Math.max(0, until - now), current.controller.signal).then(woken, () => {});
    },
  };
}

export function createTimers(clock: Clock): Timers {
  const heap = timerHeap();
  let made = 0;
  const arm = (): void => sleeper.sleepUntil(heap.first()?.instant);
  const sleeper = createSleeper(clock, () => {
    const now = clock.now();
    // What a callback adds waits for the next round, or one that is always late would hold up everything else.
    const round = made;
    for (let next = heap.first(); next && next.instant <= now && next.order < round; next = heap.first()) {
      heap.removeFirst();
      next.callback();
    }
    arm();
  });
  return {
    at: (instant, callback) => {
      const takeOut = heap.add({ instant, order: made++, callback });
      arm();
      return () => {
        takeOut();
        if (!heap.first()) arm();
      };
    },
    close: () => {
      heap.clear();
      arm();
    },
  };
}

/** Resolves at the instant, or rejects with `Cancelled` as soon as the signal aborts. */
export async function waitUntil(timers: Timers, instant: number, signal: AbortSignal): Promise<void> {
  let callOff = () => {};
  try {
    await orCancelled(
      new Promise<void>((resolve) => {
        callOff = timers.at(instant, resolve);
      }),
      signal,
    );
  } finally {
    callOff();
  }
}
