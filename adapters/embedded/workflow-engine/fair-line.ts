/** Who waits, by tenant: tenants take turns, and who came first of a tenant is first. */
export interface FairLine<T> {
  join(tenant: string, waiter: T): void;
  /** Whether the waiter was still in line. */
  leave(tenant: string, waiter: T): boolean;
  /** The next waiter, taken out; its tenant goes to the end of the round. */
  next(): T | undefined;
  isEmpty(): boolean;
}

export function fairLine<T>(): FairLine<T> {
  /** The tenant whose turn is next stands first. */
  const lines = new Map<string, Set<T>>();
  return {
    join: (tenant, waiter) => {
      const line = lines.get(tenant) ?? new Set();
      lines.set(tenant, line.add(waiter));
    },
    leave: (tenant, waiter) => {
      const line = lines.get(tenant);
      const waited = line?.delete(waiter) ?? false;
      if (line?.size === 0) lines.delete(tenant);
      return waited;
    },
    next: () => {
      const [first] = lines;
      if (!first) return undefined;
      const [tenant, line] = first;
      const [waiter] = line;
      lines.delete(tenant);
      if (waiter !== undefined) line.delete(waiter);
      if (line.size > 0) lines.set(tenant, line);
      return waiter;
    },
    isEmpty: () => lines.size === 0,
  };
}
