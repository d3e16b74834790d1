import { Fault } from '../../core/faults.ts';
import type { ClaimRow, ClaimStore } from '../../core/ports/claim-store.ts';

/** Claims in memory; every run name a claim ever had stays findable. */
export function memoryClaimStore(): ClaimStore {
  const rows = new Map<string, ClaimRow>();
  const runs = new Map<string, string>();
  const idOf = (tenant: string, businessKey: string, machine: string) => JSON.stringify([tenant, businessKey, machine]);
  const put = (row: ClaimRow) => {
    const id = idOf(row.tenant, row.businessKey, row.machine);
    rows.set(id, structuredClone(row));
    runs.set(row.runName, id);
  };
  return {
    claim: async (row) => {
      const stored = rows.get(idOf(row.tenant, row.businessKey, row.machine));
      if (stored) return { claimed: false, row: structuredClone(stored) };
      put(row);
      return { claimed: true };
    },
    get: async (tenant, businessKey, machine) => structuredClone(rows.get(idOf(tenant, businessKey, machine))),
    byRun: async (runName) => structuredClone(rows.get(runs.get(runName) ?? '')),
    replace: async (row, expected) => {
      const stored = rows.get(idOf(row.tenant, row.businessKey, row.machine));
      const { status, replay, redrives } = expected;
      if (stored?.status !== status || stored.replay !== replay || stored.redrives !== redrives)
        throw new Fault('LedgerConflict', `the claim of ${row.runName} has changed`);
      put(row);
    },
    list: async (tenant, { status, limit }) =>
      [...rows.values()]
        .filter((row) => row.tenant === tenant && (status === undefined || row.status === status))
        .reverse()
        .sort((a, b) => (a.claimedAt < b.claimedAt ? 1 : a.claimedAt > b.claimedAt ? -1 : 0))
        .slice(0, limit)
        .map((row) => structuredClone(row)),
  };
}
