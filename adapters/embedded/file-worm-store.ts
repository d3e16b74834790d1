import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { Fault, isFault } from '../../core/faults.ts';
import type { WormStore, WormVersions } from '../../core/ports/worm-store.ts';
import { unlessMissing, writeOnceFolder } from './write-once-file.ts';

const NAME = /^t\/[a-z][a-z0-9-]{0,38}(?:\/(?!\.{1,2}(?:\/|$))[A-Za-z0-9._-]{1,255})+$/;

function requireName(name: string): void {
  if (name.length > 1024 || !NAME.test(name)) throw new Fault('InputInvalid', 'not a name of a write-once object');
}

async function guarded<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw isFault(error) ? error : new Fault('StoreUnavailable', 'the write-once folder failed', { cause: error });
  }
}

async function* walk(folder: string, above: string): AsyncGenerator<string> {
  const found = (await unlessMissing(readdir(folder, { withFileTypes: true }))) ?? [];
  // A folder sorts as its name with the slash: the order of whole names, as object stores list them.
  const names = found.map((entry) => (entry.isDirectory() ? `${entry.name}/` : entry.name)).sort();
  for (const name of names) {
    if (name.endsWith('/')) yield* walk(join(folder, name), above + name);
    else yield above + name;
  }
}

/**
 * Write-once objects as files: a temporary file, fsync, link under the name, fsync of the folder. It is tamper-evident by
 * the ledger's checkpoints, not tamper-proof: whoever owns the disk can still change it.
 */
export function fileWormStore(root: string): WormStore & WormVersions {
  const create = writeOnceFolder(root);
  const read = async (name: string) => {
    const bytes = await unlessMissing(readFile(join(root, name)));
    return bytes && new Uint8Array(bytes);
  };
  return {
    put: (name, bytes) =>
      guarded(async () => {
        requireName(name);
        if (await create(join(root, name), bytes)) return 'created';
        const stored = await read(name);
        if (!stored || Buffer.compare(stored, bytes) !== 0)
          throw new Fault('WormConflict', `${name} is stored with other bytes`);
        return 'existed';
      }),
    get: (name) =>
      guarded(async () => {
        requireName(name);
        return read(name);
      }),
    // A folder keeps one file of each name.
    versionsOf: (name) =>
      guarded(async () => {
        requireName(name);
        const isThere = (await unlessMissing(stat(join(root, name))))?.isFile() ?? false;
        return { versions: isThere ? 1 : 0, markers: 0 };
      }),
    list: async function* (prefix, after = '') {
      const folder = prefix.slice(0, prefix.lastIndexOf('/') + 1);
      if (!/^t\/(?:[A-Za-z0-9._-]+\/)*[A-Za-z0-9._-]*$/.test(prefix) || /(?:^|\/)\.{1,2}\//.test(prefix))
        throw new Fault('InputInvalid', 'not a prefix of names of write-once objects');
      try {
        for await (const name of walk(join(root, folder), folder))
          if (name.startsWith(prefix) && name > after) yield name;
      } catch (error) {
        throw new Fault('StoreUnavailable', 'the write-once folder failed', { cause: error });
      }
    },
  };
}
