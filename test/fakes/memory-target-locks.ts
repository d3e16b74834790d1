import type { TargetLocks } from '../../core/ports/target-locks.ts';
import type { Sha256Hex } from '../../events/fields.ts';

/** Target locks in memory. */
export function memoryTargetLocks(): TargetLocks {
  const holders = new Map<string, Sha256Hex>();
  const idOf = (tenant: string, target: string) => JSON.stringify([tenant, target]);
  return {
    acquire: async (tenant, target, holder) => {
      const held = holders.get(idOf(tenant, target)) ?? holder;
      holders.set(idOf(tenant, target), held);
      return held;
    },
    release: async (tenant, target, holder) => {
      if (holders.get(idOf(tenant, target)) === holder) holders.delete(idOf(tenant, target));
    },
  };
}
