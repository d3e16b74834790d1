import { Fault } from '../../core/faults.ts';
import { emptyModuleLog } from '../../core/modulelog/rows.ts';
import type { LoggedModule, ModuleLogHead, ModuleLogStore } from '../../core/ports/module-log-store.ts';
import type { Sha256Hex, TenantId } from '../../events/fields.ts';

interface Log {
  head: ModuleLogHead;
  readonly modules: LoggedModule[];
  readonly hashes: Map<number, Sha256Hex[]>;
}

/** Module logs in memory. */
export function memoryModuleLog(): ModuleLogStore {
  const logs = new Map<TenantId, Log>();
  const logOf = (tenant: TenantId): Log => {
    const log = logs.get(tenant) ?? { head: emptyModuleLog(), modules: [], hashes: new Map() };
    logs.set(tenant, log);
    return log;
  };
  const find = (tenant: TenantId, path: string, version: string) =>
    logOf(tenant).modules.find((module) => module.path === path && module.version === version);
  return {
    head: async (tenant) => logOf(tenant).head,
    append: async (tenant, module, hashes, next, expectedSize) => {
      const log = logOf(tenant);
      if (log.head.size !== expectedSize || find(tenant, module.path, module.version))
        throw new Fault('LedgerConflict', `the module log is not at ${expectedSize}`);
      log.modules.push(module);
      for (const { level, hash } of hashes) log.hashes.set(level, [...(log.hashes.get(level) ?? []), hash]);
      log.head = next;
    },
    find: async (tenant, path, version) => find(tenant, path, version),
    modules: async (tenant, from, count) => logOf(tenant).modules.slice(from, from + count),
    hashes: async (tenant, level, from, count) => (logOf(tenant).hashes.get(level) ?? []).slice(from, from + count),
  };
}
