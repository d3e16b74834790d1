import { Fault } from '../../core/faults.ts';
import type { DeliveryRow, DeliveryStore } from '../../core/ports/delivery-store.ts';

/** Deliveries in memory, in the order of receipt. */
export function memoryDeliveryStore(): DeliveryStore {
  const rows = new Map<string, DeliveryRow>();
  const idOf = (tenant: string, key: string) => JSON.stringify([tenant, key]);
  return {
    claim: async (row) => {
      const id = idOf(row.tenant, row.key);
      const stored = rows.get(id);
      if (stored) return { claimed: false, row: structuredClone(stored) };
      rows.set(id, structuredClone(row));
      return { claimed: true };
    },
    get: async (tenant, key) => structuredClone(rows.get(idOf(tenant, key))),
    byEvent: async (tenant, eventId) =>
      structuredClone(
        [...rows.values()].find(
          (row) => row.tenant === tenant && row.normalised.events.some(({ id }) => id === eventId),
        ),
      ),
    replace: async (row, expected) => {
      const stored = rows.get(idOf(row.tenant, row.key));
      if (stored?.status !== expected.status || stored.attempts !== expected.attempts)
        throw new Fault('LedgerConflict', `delivery ${row.key} has changed`);
      rows.set(idOf(row.tenant, row.key), structuredClone(row));
    },
    due: async (now, limit) =>
      [...rows.values()]
        .filter(({ status, dueAt }) => status === 'received' && dueAt <= now)
        .sort((a, b) => a.dueAt - b.dueAt)
        .slice(0, limit)
        .map((row) => structuredClone(row)),
  };
}
