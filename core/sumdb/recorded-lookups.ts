import type { ModulePath, ModuleVersion } from '../brands.ts';
import { escapeModulePath, escapeModuleVersion } from '../gosum/module-path.ts';
import type { TileCache } from '../ports/tile-cache.ts';
import type { SumdbRecord } from './lookup.ts';
import type { TreeHead } from './tree.ts';

/** Lookups that were proved before, as bodies of the protocol whose signed head is that of the tree they were proved in. */
export interface RecordedLookups {
  /** `undefined` when there is none; what there is may be garbled. */
  find(module: ModulePath, version: ModuleVersion): Promise<string | undefined>;
  record(module: ModulePath, version: ModuleVersion, record: SumdbRecord, head: TreeHead): Promise<void>;
}

const nameOf = (module: ModulePath, version: ModuleVersion): string | undefined => {
  const [path, escaped] = [escapeModulePath(module), escapeModuleVersion(version)];
  return path !== undefined && escaped !== undefined ? `lookup/${path}@${escaped}` : undefined;
};

/**
 * The head of a recorded body is one of ours, not the one it was served with: offline, tiles are at hand for our own
 * heads only, and each of them was proved to extend the one before it.
 */
export function recordedLookups(log: string, cache: TileCache | undefined): RecordedLookups {
  return {
    async find(module, version) {
      const name = nameOf(module, version);
      const bytes = name === undefined ? undefined : await cache?.get(log, name);
      return bytes && Buffer.from(bytes).toString('utf8');
    },
    async record(module, version, { id, text }, { note }) {
      const name = nameOf(module, version);
      if (name !== undefined) await cache?.put(log, name, Buffer.from(`${id}\n${text}\n${note}`, 'utf8'));
    },
  };
}
