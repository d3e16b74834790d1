import { ModulePath, ModuleVersion } from '../brands.ts';
import { type GoFileFacts, readGoFile } from '../goimports/go-file.ts';
import type { ModuleAt } from '../gosum/go-mod.ts';
import { joinedPieces, type ModuleZipFile, type OpenedModuleZip, openModuleZip } from '../gosum/module-zip.ts';
import { ZipInvalid } from '../gosum/zip-directory.ts';
import type { ModuleSource, ModuleZip } from '../ports/module-source.ts';
import { folderOf, nameOf } from '../source/tree-path.ts';
import { moduleKey } from './module-order.ts';
import type { FolderFiles, PackageReader } from './package-reader.ts';

/** Reads packages out of module zips, each opened when the first of its folders is asked for. */
export interface ZipPackages extends PackageReader {
  /** Lets all zips go; to be called once nothing is read any more. */
  close(): Promise<void>;
}

/** Each holds a file open, and the names of its Go files. */
const MAX_OPEN = 256;

type Opened =
  | {
      readonly kind: 'open';
      readonly zip: ModuleZip;
      readonly content: OpenedModuleZip['content'];
      readonly folders: ReadonlyMap<string, readonly ModuleZipFile[]>;
    }
  | { readonly kind: 'unavailable'; readonly why: string };

interface Held {
  readonly opened: Promise<Opened>;
  users: number;
}

function byFolder(files: readonly ModuleZipFile[]): Map<string, ModuleZipFile[]> {
  const folders = new Map<string, ModuleZipFile[]>();
  for (const file of files) {
    if (!file.path.endsWith('.go')) continue;
    const inFolder = folders.get(folderOf(file.path));
    if (inFolder) inFolder.push(file);
    else folders.set(folderOf(file.path), [file]);
  }
  return folders;
}

async function open(source: Pick<ModuleSource, 'zip'>, { path, version }: ModuleAt): Promise<Opened> {
  const [module, at] = [ModulePath.parse(path), ModuleVersion.parse(version)];
  const zip = await source.zip(module, at);
  if (!zip) return { kind: 'unavailable', why: 'the module proxy says that there is none' };
  try {
    const { files, content } = await openModuleZip(zip, module, at);
    return { kind: 'open', zip, content, folders: byFolder(files) };
  } catch (error) {
    await zip.release();
    if (error instanceof ZipInvalid) return { kind: 'unavailable', why: `an invalid zip: ${error.message}` };
    throw error;
  }
}

async function readFolder(opened: Opened, folder: string): Promise<FolderFiles> {
  if (opened.kind === 'unavailable') return opened;
  const listed = opened.folders.get(folder);
  if (!listed) return { kind: 'none' };
  const files = new Map<string, GoFileFacts>();
  try {
    for (const file of listed) files.set(nameOf(file.path), readGoFile(await joinedPieces(opened.content(file))));
  } catch (error) {
    if (error instanceof ZipInvalid) return { kind: 'unavailable', why: `an invalid zip: ${error.message}` };
    throw error;
  }
  return { kind: 'files', files };
}

class OpenZips implements ZipPackages {
  readonly #source: Pick<ModuleSource, 'zip'>;
  /** The one that was not used for longest first. */
  readonly #held = new Map<string, Held>();

  constructor(source: Pick<ModuleSource, 'zip'>) {
    this.#source = source;
  }

  async files(module: ModuleAt, folder: string): Promise<FolderFiles> {
    const key = moduleKey(module);
    const held = this.#held.get(key) ?? { opened: open(this.#source, module), users: 0 };
    this.#held.delete(key);
    this.#held.set(key, held);
    held.users += 1;
    try {
      return await readFolder(await held.opened, folder);
    } finally {
      held.users -= 1;
      await this.#shrink();
    }
  }

  async close(): Promise<void> {
    const all = [...this.#held.values()];
    this.#held.clear();
    await Promise.all(all.map(letGo));
  }

  async #shrink(): Promise<void> {
    for (const [key, held] of this.#held) {
      if (this.#held.size <= MAX_OPEN) return;
      if (held.users > 0) continue;
      this.#held.delete(key);
      await letGo(held);
    }
  }
}

async function letGo({ opened }: Held): Promise<void> {
  // Whoever asked for it was told why it could not be opened.
  const zip = await opened.catch(() => undefined);
  if (zip?.kind === 'open') await zip.zip.release();
}

export const openZipPackages = (source: Pick<ModuleSource, 'zip'>): ZipPackages => new OpenZips(source);
