import type { Clock } from '../../../core/ports/clock.ts';
import { orCancelled } from './cancellation.ts';

/** Instants to wait for, of all runs together: one sleep at a time, until the earliest. */
export interface Timers {
  /** Calls back at the instant (milliseconds since the epoch) or soon after; returns how to call it off. */
  at(instant: number, callback: () => void): () => void;
  close(): void;
}

interface Entry {
  readonly instant: number;
  readonly callback: () => void;
}

/** A machine that was suspended wakes with its clock ahead of its timers: looked at anew after this long at most. */
const LONGEST_SLEEP_MS = 3_600_000;

export function createTimers(clock: Clock): Timers {
  const queue: Entry[] = [];
  let sleep: { readonly until: number; readonly controller: AbortController } | undefined;

  const fire = (): void => {
    const now = clock.now();
    const due = queue.findIndex(({ instant }) => instant > now);
    for (const { callback } of queue.splice(0, due === -1 ? queue.length : due)) callback();
    arm();
  };

  function arm(): void {
    const [first] = queue;
    if (first && sleep && sleep.until <= first.instant) return;
    sleep?.controller.abort();
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
      const entry = { instant, callback };
      const after = queue.findIndex((other) => other.instant > instant);
      queue.splice(after === -1 ? queue.length : after, 0, entry);
      arm();
      return () => {
        const at = queue.indexOf(entry);
        if (at === -1) return;
        queue.splice(at, 1);
        if (queue.length === 0) arm();
      };
    },
    close: () => {
      queue.length = 0;
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
