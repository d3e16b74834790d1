import { orCancelled } from './cancellation.ts';

/** How many tasks run at once: a flood of deliveries makes runs wait, not the process run out of memory. */
export interface Slots {
  /**
   * Resolves when a slot is free and taken; rejects with `Cancelled` when the signal aborts. Tenants take turns, and who
   * came first of a tenant is first: a tenant with a thousand tasks in line keeps no other waiting for more than one.
   */
  take(tenant: string, signal: AbortSignal): Promise<void>;
  release(): void;
}

type Turn = () => void;

/** Who waits, by tenant. */
function createLines() {
  /** The tenant whose turn is next stands first. */
  const lines = new Map<string, Set<Turn>>();
  return {
    join: (tenant: string, turn: Turn): void => {
      const line = lines.get(tenant) ?? new Set();
      lines.set(tenant, line.add(turn));
    },
    /** Whether the turn was still waited for. */
    leave: (tenant: string, turn: Turn): boolean => {
      const line = lines.get(tenant);
      const waited = line?.delete(turn) ?? false;
      if (line?.size === 0) lines.delete(tenant);
      return waited;
    },
    /** The next turn, taken out; its tenant goes to the end of the round. */
    next: (): Turn | undefined => {
      const [first] = lines;
      if (!first) return undefined;
      const [tenant, line] = first;
      const [turn] = line;
      lines.delete(tenant);
      if (turn) line.delete(turn);
      if (line.size > 0) lines.set(tenant, line);
      return turn;
    },
  };
}

export function createSlots(size: number): Slots {
  let free = size;
  const lines = createLines();

  /** A slot goes to the next in line at once, so that nobody overtakes. */
  function release(): void {
    const turn = lines.next();
    if (turn) turn();
    else free += 1;
  }

  return {
    take: async (tenant, signal) => {
      if (free > 0) {
        free -= 1;
        return;
      }
      let turn: Turn = () => {};
      const taken = new Promise<void>((resolve) => {
        turn = resolve;
      });
      lines.join(tenant, turn);
      try {
        await orCancelled(taken, signal);
      } catch (cancelled) {
        // One that was given at that very moment is passed on.
        if (!lines.leave(tenant, turn)) release();
        throw cancelled;
      }
    },
    release,
  };
}
