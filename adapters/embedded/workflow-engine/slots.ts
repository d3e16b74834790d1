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

export function createSlots(size: number): Slots {
  let free = size;
  /** Who waits, by tenant; the tenant whose turn is next stands first. */
  const lines = new Map<string, Set<Turn>>();

  /** A slot goes to the next in line at once, so that nobody overtakes. */
  function release(): void {
    const [next] = lines;
    if (!next) {
      free += 1;
      return;
    }
    const [tenant, line] = next;
    const [turn] = line;
    lines.delete(tenant);
    if (turn) line.delete(turn);
    if (line.size > 0) lines.set(tenant, line);
    turn?.();
  }

  /** Whether the turn was still waited for. */
  function leave(tenant: string, turn: Turn): boolean {
    const line = lines.get(tenant);
    const waited = line?.delete(turn) ?? false;
    if (line?.size === 0) lines.delete(tenant);
    return waited;
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
      const line = lines.get(tenant) ?? new Set();
      lines.set(tenant, line.add(turn));
      try {
        await orCancelled(taken, signal);
      } catch (cancelled) {
        // One that was given at that very moment is passed on.
        if (!leave(tenant, turn)) release();
        throw cancelled;
      }
    },
    release,
  };
}
