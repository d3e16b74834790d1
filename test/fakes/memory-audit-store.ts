import type { AuditState, AuditStore } from '../../core/ports/audit-store.ts';

/** Cursors of audits in memory. */
export function memoryAuditStore(): AuditStore {
  const states = new Map<string, AuditState>();
  return {
    load: async (tenant) => states.get(tenant),
    save: async (tenant, state) => {
      states.set(tenant, structuredClone(state));
    },
  };
}
