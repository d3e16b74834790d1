import type { ModulePath, ModuleVersion } from '../../core/brands.ts';
import { Fault, isFault } from '../../core/faults.ts';
import { openModuleZip } from '../../core/gosum/module-zip.ts';
import { ZipInvalid } from '../../core/gosum/zip-directory.ts';
import type { ModuleSource, RandomAccess } from '../../core/ports/module-source.ts';
import type { SourceFile, SourceHost } from '../../core/ports/source-host.ts';
import { parseReleaseTag } from '../../core/source/release-tag.ts';

const MAX_FILES = 100_000;

/** To whoever reads a source, a proxy that is down and one that serves no module zip are the same: try again later. */
async function asSource<T>(reading: Promise<T>): Promise<T> {
  try {
    return await reading;
  } catch (error) {
    if (isFault(error, 'ModuleProxyUnreachable') || error instanceof ZipInvalid)
      throw new Fault('SourceUnreachable', `module proxy: ${error.message}`, { cause: error });
    throw error;
  }
}

/** Every file of a module zip, without the `module@version/` that each name begins with. */
async function readFiles(zip: RandomAccess, module: ModulePath, version: ModuleVersion): Promise<SourceFile[]> {
  const opened = await openModuleZip(zip, module, version);
  if (opened.files.length > MAX_FILES) throw new Fault('LimitExceeded', `module zip: more than ${MAX_FILES} files`);
  const files: SourceFile[] = [];
  for (const file of opened.files) {
    const pieces: Uint8Array[] = [];
    for await (const piece of opened.content(file)) pieces.push(Uint8Array.from(piece));
    files.push({ path: file.path, bytes: Buffer.concat(pieces) });
  }
  return files;
}

/**
 * A repository that is seen only through a module proxy: a tag is there when the proxy has its version, the tree is the
 * module zip, and the commit stays what the delivery claimed. Without a claimed commit a tag has no release.
 */
export function moduleProxySource(modules: ModuleSource, module: ModulePath): SourceHost {
  return {
    kind: 'module-proxy',
    resolveTag: async (tag, claimed) => {
      const release = parseReleaseTag(tag);
      if (!claimed || !release) return undefined;
      const goMod = await asSource(modules.goMod(module, release.version));
      return goMod && { commit: claimed, resolution: 'claimed' };
    },
    rawTag: async () => undefined,
    // A proxy has versions, and what is proposed is none yet.
    resolveChange: async () => undefined,
    files: async (_commit, tag) => {
      const release = parseReleaseTag(tag);
      const zip = release && (await asSource(modules.zip(module, release.version)));
      if (!release || !zip) return undefined;
      try {
        return await asSource(readFiles(zip, module, release.version));
      } finally {
        await zip.release();
      }
    },
  };
}
