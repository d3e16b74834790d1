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

export function createTimers(clock: Clock): Timers {
  const heap = timerHeap();
  let made = 0;
  let sleep: { readonly until: number; readonly controller: AbortController } | undefined;

  const fire = (): void => {
    const now = clock.now();
    // What a callback adds waits for the next round, or one that is always late would hold up everything else.
    const round = made;
    for (let next = heap.first(); next && next.instant <= now && next.order < round; next = heap.first()) {
      heap.removeFirst();
      next.callback();
    }
    arm();
  };

  function arm(): void {
    const first = heap.first();
    if (first && sleep && sleep.until <= first.instant) return;
    sleep?.controller.abort(CANCELLED);
    sleep = undefined;
    if (!first) return;
    const now = clock.now();
    const until = Math.min(first.instant, now + LONGEST_SLEEP_MS);
    const controller = new AbortController();
    const current = { until, controller };
    sleep = current;
    const wake = () => {
      if (sleep !== current) return;
      sleep = undefined;
      fire();
    };
    // Rejects when aborted only, and then another sleep has taken its place or none is needed.
    clock.sleep(Math.max(0, until - now), controller.signal).then(wake, () => {});
  }

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
