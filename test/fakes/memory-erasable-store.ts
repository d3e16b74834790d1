import { Fault } from '../../core/faults.ts';
import type { ErasableStore } from '../../core/ports/erasable-store.ts';

/** Erasable objects in memory. */
export function memoryErasableStore(): ErasableStore {
  const objects = new Map<string, Uint8Array>();
  return {
    put: async (name, bytes) => {
      const stored = objects.get(name);
      if (stored && Buffer.compare(stored, bytes) !== 0) throw new Fault('WormConflict', 'stored with other bytes');
      objects.set(name, stored ?? bytes.slice());
    },
    get: async (name) => objects.get(name)?.slice(),
    erase: async (name) => {
      objects.delete(name);
    },
  };
}
