import { ModulePath, ModuleVersion } from '../brands.ts';
import { sha256Hex } from '../evidence.ts';
import { readGoFile } from '../goimports/go-file.ts';
import { mapBounded } from '../gosum/bounded.ts';
import type { ModuleAt } from '../gosum/go-mod.ts';
import { type ModuleZipFile, openModuleZip } from '../gosum/module-zip.ts';
import { ZipInvalid } from '../gosum/zip-directory.ts';
import type { ModuleSource } from '../ports/module-source.ts';
import type { BinaryObject, ChangedModule } from './module-facts.ts';
import { isBuilt, objectsOf } from './tree-facts.ts';
import { addedObjects } from './tree-rules.ts';

/** Binary objects of the dependencies that changed since the last release, read from their zips. */

/** Zips are read piece by piece; more at once is bound by the one core that hashes. */
const MAX_ZIPS = 4;

type Modules = Pick<ModuleSource, 'zip'>;

async function bytesOf(content: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  for await (const piece of content) pieces.push(Uint8Array.from(piece));
  return Buffer.concat(pieces);
}

/** Binary objects of one module; `undefined` where there is no zip or it is none. */
export async function readModuleObjects(modules: Modules, module: ModuleAt): Promise<BinaryObject[] | undefined> {
  const [path, version] = [ModulePath.parse(module.path), ModuleVersion.parse(module.version)];
  const zip = await modules.zip(path, version);
  if (!zip) return undefined;
  try {
    const { files, content } = await openModuleZip(zip, path, version);
    const read = async (file: ModuleZipFile) => bytesOf(content(file));
    const listed = [];
    const goFiles = [];
    for (const file of files) {
      if (!isBuilt(file.path)) continue;
      if (file.path.endsWith('.go')) goFiles.push({ path: file.path, ...readGoFile(await read(file)) });
      else if (file.path.endsWith('.syso')) listed.push({ path: file.path, sha256: sha256Hex(await read(file)) });
      else listed.push({ path: file.path });
    }
    return objectsOf(listed, goFiles);
  } catch (error) {
    if (error instanceof ZipInvalid) return undefined;
    throw error;
  } finally {
    await zip.release();
  }
}

/** Modules that the last release did not have, or had at another version. */
export function changedSince(last: readonly ModuleAt[], now: readonly ModuleAt[]): ModuleAt[] {
  const known = new Set(last.map(({ path, version }) => `${path}@${version}`));
  return now
    .filter(({ path, version }) => !known.has(`${path}@${version}`))
    .map(({ path, version }) => ({ path, version }));
}

/** Compares each changed module with what the last release had of it. Faults are those of the module proxy. */
export const readChangedModules = (
  modules: Modules,
  last: readonly ModuleAt[],
  now: readonly ModuleAt[],
): Promise<ChangedModule[]> =>
  mapBounded(changedSince(last, now), MAX_ZIPS, async (module) => {
    const before = last.find(({ path }) => path === module.path);
    const known = before ? ((await readModuleObjects(modules, before)) ?? []) : [];
    const found = await readModuleObjects(modules, module);
    return { module, ...(found ? { added: addedObjects(known, found) } : {}) };
  });
