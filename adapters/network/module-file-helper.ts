import { type FileHandle, mkdtemp, open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { ModulePath, ModuleVersion } from '../../core/brands.ts';
import { Fault } from '../../core/faults.ts';
import { escapeModulePath, escapeModuleVersion } from '../../core/gosum/module-path.ts';
import type { ModuleZip } from '../../core/ports/module-source.ts';
import { isNotFound } from './goproxy-helper.ts';

/** Platform helper: module zips in files, and the names that the GOPROXY protocol gives to what is of a module. */

/** The port's bound. */
export const MAX_GO_MOD_BYTES = 16 * 1024 * 1024;

/** The path as the protocol spells it; a programming error of the caller where it is no module's. */
export function escapedPath(path: ModulePath): string {
  const module = escapeModulePath(path);
  if (module === undefined) throw new Fault('InputInvalid', `${path} is no module path`);
  return module;
}

/** Below a proxy or a folder laid out as one: `<module>/@v/<version>.<suffix>`. */
export function resourcePath(path: ModulePath, version: ModuleVersion, suffix: 'info' | 'mod' | 'zip'): string {
  const escaped = escapeModuleVersion(version);
  if (escaped === undefined) throw new Fault('InputInvalid', `${path}@${version} is no module version`);
  return `${escapedPath(path)}/@v/${escaped}.${suffix}`;
}

/** A zip by an open file, which its release closes before it cleans up. */
const zipOf = (handle: FileHandle, size: number, cleanUp: () => Promise<void>): ModuleZip => ({
  size,
  descriptor: handle.fd,
  async read(offset, length) {
    const bytes = new Uint8Array(length);
    for (let at = 0; at < length; ) {
      const { bytesRead } = await handle.read(bytes, at, length - at, offset + at);
      if (bytesRead === 0) throw new Fault('ModuleProxyUnreachable', 'a module zip ends early');
      at += bytesRead;
    }
    return bytes;
  },
  async release() {
    await handle.close();
    await cleanUp();
  },
});

/** Writes a zip to a new file of its own folder; nothing is left behind when it fails. */
export async function saveZip(
  pieces: Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
  temporaryFolder: string,
): Promise<ModuleZip> {
  const folder = await mkdtemp(join(temporaryFolder, 'relseal-zip-'));
  const cleanUp = () => rm(folder, { recursive: true, force: true });
  try {
    const handle = await open(join(folder, 'module.zip'), 'wx+', 0o600);
    try {
      let size = 0;
      for await (const piece of pieces) {
        await handle.writeFile(piece);
        size += piece.length;
      }
      return zipOf(handle, size, cleanUp);
    } catch (error) {
      await handle.close();
      throw error;
    }
  } catch (error) {
    await cleanUp();
    throw error;
  }
}

/** A zip that lies in a file for good; `undefined` when there is no such file. */
export async function openZipFile(file: string): Promise<ModuleZip | undefined> {
  try {
    const handle = await open(file, 'r');
    return zipOf(handle, (await handle.stat()).size, async () => {});
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
}
