import { Fault } from '../../core/faults.ts';
import type { KeptVersions, WormStore, WormVersions } from '../../core/ports/worm-store.ts';

const NAME = /^t\/[a-z][a-z0-9-]{0,38}(?:\/(?!\.{1,2}(?:\/|$))[A-Za-z0-9._-]+)+$/;

interface Tampering {
  readonly objects: Map<string, Uint8Array>;
  /** What is said of a name instead of what `objects` has. */
  readonly versions: Map<string, KeptVersions>;
}

/** Write-once objects in memory. `objects` and `versions` let a test tamper with them. */
export function memoryWormStore(): WormStore & WormVersions & Tampering {
  const objects = new Map<string, Uint8Array>();
  const versions = new Map<string, KeptVersions>();
  const requireName = (name: string) => {
    if (!NAME.test(name)) throw new Fault('InputInvalid', 'not a name of a write-once object');
  };
  return {
    objects,
    versions,
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
    versionsOf: async (name) => {
      requireName(name);
      return versions.get(name) ?? { versions: objects.has(name) ? 1 : 0, markers: 0 };
    },
    list: async function* (prefix, after = '') {
      yield* [...objects.keys()].filter((name) => name.startsWith(prefix) && name > after).sort();
    },
  };
}
