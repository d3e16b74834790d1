import type { Clock } from '../../core/ports/clock.ts';

/** A clock that moves only by `sleep` and `advance`; sleeping takes no real time. */
export function fixedClock(start = '2026-01-02T03:04:05.000Z'): Clock & { advance(ms: number): void } {
  let now = Date.parse(start);
  return {
    now: () => now,
    sleep: async (ms, signal) => {
      signal?.throwIfAborted();
      now += ms;
      // Others get their turn, as they would while a real clock waits.
      await new Promise((resolve) => setImmediate(resolve));
    },
    advance: (ms) => {
      now += ms;
    },
  };
}
