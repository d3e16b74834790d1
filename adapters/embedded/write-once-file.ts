import { randomBytes } from 'node:crypto';
import { link, mkdir, open, unlink } from 'node:fs/promises';
import { dirname, join, relative, sep } from 'node:path';

/** Files that are written once: a platform helper of the write-once and the erasable store. */

const isCode = (error: unknown, code: string): boolean =>
  error instanceof Error && 'code' in error && error.code === code;

const ABSENT = ['ENOENT', 'ENOTDIR', 'EISDIR'];

/** `undefined` for what is absent, also where a folder has the name; every other failure is thrown. */
export async function unlessMissing<T>(work: Promise<T>): Promise<T | undefined> {
  try {
    return await work;
  } catch (error) {
    if (ABSENT.some((code) => isCode(error, code))) return undefined;
    throw error;
  }
}

/** Makes the names in a folder survive a power cut. */
export async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** A folder that makes folders and files below `root` durably. */
export function writeOnceFolder(root: string) {
  const ready = new Set<string>();
  const temporary = join(root, '.tmp');
  // A folder found here may be left by a crash before it was synced, so each is synced once by each process.
  const prepare = async (folder: string): Promise<void> => {
    if (ready.has(folder)) return;
    await mkdir(folder, { recursive: true, mode: 0o700 });
    const below = relative(root, folder).split(sep).filter(Boolean);
    for (let depth = below.length; depth >= 0; depth -= 1)
      await syncFolder(dirname(join(root, ...below.slice(0, depth))));
    ready.add(folder);
  };
  const writeTemporary = async (bytes: Uint8Array): Promise<string> => {
    await prepare(temporary);
    const path = join(temporary, randomBytes(16).toString('hex'));
    const file = await open(path, 'wx', 0o400);
    try {
      await file.writeFile(bytes);
      await file.sync();
    } finally {
      await file.close();
    }
    return path;
  };
  /**
   * Creates `path` with these bytes, whole or not at all, durable on return; `false` when it exists already, which is
   * then durable too: whoever made it may not have come to the sync.
   */
  return async (path: string, bytes: Uint8Array): Promise<boolean> => {
    const source = await writeTemporary(bytes);
    const folder = dirname(path);
    try {
      await prepare(folder);
      await link(source, path);
      return true;
    } catch (error) {
      if (!isCode(error, 'EEXIST')) throw error;
      return false;
    } finally {
      await syncFolder(folder);
      await unlink(source);
    }
  };
}
