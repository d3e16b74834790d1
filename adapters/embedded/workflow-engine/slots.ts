import { orCancelled } from './cancellation.ts';

/** How many tasks run at once: a flood of deliveries makes runs wait, not the process run out of memory. */
export interface Slots {
  /** Resolves when a slot is free and taken, first come first served; rejects with `Cancelled` when the signal aborts. */
  take(signal: AbortSignal): Promise<void>;
  release(): void;
}

export function createSlots(size: number): Slots {
  let free = size;
  const waiting: (() => void)[] = [];
  return {
    take: async (signal) => {
      if (free > 0) {
        free -= 1;
        return;
      }
      let resolve = () => {};
      const turn = new Promise<void>((taken) => {
        resolve = taken;
      });
      waiting.push(resolve);
      try {
        await orCancelled(turn, signal);
      } catch (cancelled) {
        const at = waiting.indexOf(resolve);
        if (at === -1) release();
        else waiting.splice(at, 1);
        throw cancelled;
      }
    },
    release,
  };

  /** A slot goes to the next in line at once, so that nobody overtakes. */
  function release(): void {
    const next = waiting.shift();
    if (next) next();
    else free += 1;
  }
}
