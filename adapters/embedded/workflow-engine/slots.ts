import { orCancelled } from './cancellation.ts';
import { fairLine } from './fair-line.ts';

/** How many tasks run at once: a flood of deliveries makes runs wait, not the process run out of memory. */
export interface Slots {
  /**
   * Resolves when a slot is free and taken; rejects with `Cancelled` when the signal aborts. Tenants take turns, and who
   * came first of a tenant is first: a tenant with a thousand tasks in line keeps no other waiting for more than one.
   */
  take(tenant: string, signal: AbortSignal): Promise<void>;
  /** Takes a slot when one is free, and then nobody is in line. */
  takeFree(): boolean;
  release(): void;
}

type Turn = () => void;

export function createSlots(size: number): Slots {
  let free = size;
  const line = fairLine<Turn>();

  /** A slot goes to the next in line at once, so that nobody overtakes. */
  function release(): void {
    const turn = line.next();
    if (turn) turn();
    else free += 1;
  }

  function takeFree(): boolean {
    if (free === 0) return false;
    free -= 1;
    return true;
  }

  return {
    takeFree,
    take: async (tenant, signal) => {
      if (takeFree()) return;
      let turn: Turn = () => {};
      const taken = new Promise<void>((resolve) => {
        turn = resolve;
      });
      line.join(tenant, turn);
      try {
        await orCancelled(taken, signal);
      } catch (cancelled) {
        // One that was given at that very moment is passed on.
        if (!line.leave(tenant, turn)) release();
        throw cancelled;
      }
    },
    release,
  };
}
