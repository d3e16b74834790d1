import { type FileHandle, open } from 'node:fs/promises';
import type { ModulePath, ModuleVersion } from '../../core/brands.ts';
import { Fault } from '../../core/faults.ts';
import { escapeModulePath, escapeModuleVersion } from '../../core/gosum/module-path.ts';
import type { ModuleZip } from '../../core/ports/module-source.ts';
import { isNotFound } from './goproxy-helper.ts';

/** Platform helper: module zips in files, and the names that the GOPROXY protocol gives to what is of a module. */

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
export const zipOf = (handle: FileHandle, size: number, cleanUp: () => Promise<void>): ModuleZip => ({
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
