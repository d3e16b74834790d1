import { accessOf } from '../../core/gosum/zip-hashing.ts';
import type { ModuleCache } from '../../core/ports/module-cache.ts';

/** Module bytes in memory. `objects` lets a test change them. */
export function memoryModuleCache(): ModuleCache & { readonly objects: Map<string, Uint8Array> } {
  const objects = new Map<string, Uint8Array>();
  return {
    objects,
    get: async (kind, h1) => {
      const bytes = objects.get(`${kind} ${h1}`);
      return bytes && { ...accessOf(bytes), release: async () => {} };
    },
    put: async (kind, h1, bytes) => {
      objects.set(`${kind} ${h1}`, Uint8Array.from(await bytes.read(0, bytes.size)));
    },
  };
}
