import type { Clock } from '../../core/ports/clock.ts';

export interface ManualClock extends Clock {
  advance(ms: number): void;
  /** Moves to the earliest instant that somebody sleeps until; false when nobody sleeps. */
  toNextSleeper(): boolean;
}

interface Sleeper {
  readonly until: number;
  readonly wake: () => void;
}

/** A clock that stands still until it is moved; who sleeps wakes when it passes their instant. */
export function manualClock(start: number = Date.parse('2026-01-02T03:04:05.000Z')): ManualClock {
  let now = start;
  const sleepers = new Set<Sleeper>();
  const moveTo = (instant: number): void => {
    now = Math.max(now, instant);
    for (const sleeper of [...sleepers].sort((a, b) => a.until - b.until)) if (sleeper.until <= now) sleeper.wake();
  };
  return {
    now: () => now,
    sleep: (ms, signal) =>
      new Promise((resolve, reject) => {
        const give = () => {
          sleepers.delete(sleeper);
          reject(signal?.reason);
        };
        const sleeper: Sleeper = {
          until: now + ms,
          wake: () => {
            sleepers.delete(sleeper);
            signal?.removeEventListener('abort', give);
            resolve();
          },
        };
        if (signal?.aborted) return give();
        if (ms <= 0) return resolve();
        signal?.addEventListener('abort', give, { once: true });
        sleepers.add(sleeper);
      }),
    advance: (ms) => moveTo(now + ms),
    toNextSleeper: () => {
      if (sleepers.size === 0) return false;
      moveTo(Math.min(...[...sleepers].map(({ until }) => until)));
      return true;
    },
  };
}
