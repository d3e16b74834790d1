import { Fault } from '../../core/faults.ts';
import type { WaitKey, WaitRow, WaitStore } from '../../core/ports/wait-store.ts';

/** Waits in memory. */
export function memoryWaitStore(): WaitStore {
  const rows = new Map<string, WaitRow>();
  const idOf = ({ tenant, businessKey, kind, ordinal }: WaitKey) =>
    JSON.stringify([tenant, businessKey, kind, ordinal]);
  return {
    open: async (row) => {
      const stored = rows.get(idOf(row));
      if (stored) return { opened: false, row: structuredClone(stored) };
      rows.set(idOf(row), structuredClone(row));
      return { opened: true };
    },
    get: async (key) => structuredClone(rows.get(idOf(key))),
    replace: async (row) => {
      if (rows.get(idOf(row))?.version !== row.version - 1)
        throw new Fault('LedgerConflict', `the wait of ${row.runName} has changed`);
      rows.set(idOf(row), structuredClone(row));
    },
    listOpen: async (tenant, kind, limit) =>
      [...rows.values()]
        .filter((row) => row.tenant === tenant && row.kind === kind && row.open)
        .slice(0, limit)
        .map((row) => structuredClone(row)),
  };
}
