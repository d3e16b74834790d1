import { randomBytes } from 'node:crypto';
import { mkdir, open, readFile, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Fault, isFault } from '../../core/faults.ts';
import type { TileCache } from '../../core/ports/tile-cache.ts';
import { syncFolder, unlessMissing } from './write-once-file.ts';

const NAME = /^(?!.*(?:^|\/)\.{1,2}(?:\/|$))[A-Za-z0-9!._~@+-]+(?:\/[A-Za-z0-9!._~@+-]+)*$/;
/** A module path may have longer elements than a file may have a name. */
const CUT = /.{200}(?=.)/g;

async function guarded<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw isFault(error) ? error : new Fault('StoreUnavailable', 'the tile cache failed', { cause: error });
  }
}

/**
 * Where a name lies. A folder ends in `,` and the beginning of a cut element in `=`, which no element holds: a name may
 * begin another, and no two are one file.
 */
function fileOf(root: string, log: string, name: string): string {
  if (!NAME.test(log) || !NAME.test(name)) throw new Fault('InputInvalid', 'not a name of the tile cache');
  const cut = (element: string) => element.replace(CUT, '$&=/');
  return join(root, `${log}/${name}`.split('/').map(cut).join(',/'));
}

/** The tile cache as files: a temporary file, fsync, rename over the name, fsync of the folder. */
export function folderTileCache(root: string): TileCache {
  return {
    get: (log, name) =>
      guarded(async () => {
        const bytes = await unlessMissing(readFile(fileOf(root, log, name)));
        return bytes && new Uint8Array(bytes);
      }),
    put: (log, name, bytes) =>
      guarded(async () => {
        const path = fileOf(root, log, name);
        const temporary = join(root, '.tmp', randomBytes(16).toString('hex'));
        await mkdir(dirname(temporary), { recursive: true, mode: 0o700 });
        await mkdir(dirname(path), { recursive: true, mode: 0o700 });
        try {
          const file = await open(temporary, 'wx', 0o600);
          try {
            await file.writeFile(bytes);
            await file.sync();
          } finally {
            await file.close();
          }
          await rename(temporary, path);
        } finally {
          await rm(temporary, { force: true });
        }
        await syncFolder(dirname(path));
      }),
  };
}
