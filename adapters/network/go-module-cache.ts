import { join } from 'node:path';
import { Fault, isFault } from '../../core/faults.ts';
import type { ModuleSource } from '../../core/ports/module-source.ts';
import { readBounded } from './goproxy-helper.ts';
import { MAX_GO_MOD_BYTES, openZipFile, resourcePath } from './module-file-helper.ts';

async function reading<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    if (isFault(error)) throw error;
    throw new Fault('ModuleProxyUnreachable', 'the module cache of the go command cannot be read', { cause: error });
  }
}

/**
 * What the go command downloaded before: `folder` is its GOMODCACHE. Only the downloaded zips and go.mod files are read,
 * never the folders they were extracted to. It knows no versions: its lists hold those that were asked for.
 */
export function goModuleCache(folder: string): ModuleSource {
  const downloads = join(folder, 'cache', 'download');
  return {
    goMod: async (path, version) =>
      reading(readBounded(join(downloads, resourcePath(path, version, 'mod')), MAX_GO_MOD_BYTES)),
    zip: async (path, version) => reading(openZipFile(join(downloads, resourcePath(path, version, 'zip')))),
  };
}
