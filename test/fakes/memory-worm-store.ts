import { Fault } from '../../core/faults.ts';
import type { WormStore } from '../../core/ports/worm-store.ts';

const NAME = /^t\/[a-z][a-z0-9-]{0,38}(?:\/(?!\.{1,2}(?:\/|$))[A-Za-z0-9._-]+)+$/;

/** Write-once objects in memory. `objects` lets a test tamper with them. */
export function memoryWormStore(): WormStore & { readonly objects: Map<string, Uint8Array> } {
  const objects = new Map<string, Uint8Array>();
  const requireName = (name: string) => {
    if (!NAME.test(name)) throw new Fault('InputInvalid', 'not a name of a write-once object');
  };
  return {
    objects,
    put: async (name, bytes) => {
      requireName(name);
      const stored = objects.get(name);
      if (stored && Buffer.compare(stored, bytes) !== 0) throw new Fault('WormConflict', `${name} has other bytes`);
      objects.set(name, stored ?? bytes.slice());
      return stored ? 'existed' : 'created';
    },
    get: async (name) => {
      requireName(name);
      return objects.get(name)?.slice();
    },
    list: async function* (prefix) {
      yield* [...objects.keys()].filter((name) => name.startsWith(prefix)).sort();
    },
  };
}
