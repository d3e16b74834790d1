import { randomBytes } from 'node:crypto';
import { mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Fault, isFault } from '../../core/faults.ts';
import { moduleObjectName } from '../../core/gosum/cached-modules.ts';
import { piecesOf } from '../../core/gosum/zip-hashing.ts';
import type { ModuleCache } from '../../core/ports/module-cache.ts';
import type { ModuleZip, RandomAccess } from '../../core/ports/module-source.ts';
import type { TenantId } from '../../events/fields.ts';
import { unlessMissing } from './write-once-file.ts';

/** Longer than any write takes: what is older was left by a process that died. */
const ABANDONED_MS = 24 * 60 * 60 * 1000;

async function guarded<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw isFault(error) ? error : new Fault('StoreUnavailable', 'the module cache failed', { cause: error });
  }
}

async function openFile(path: string): Promise<ModuleZip | undefined> {
  const handle = await unlessMissing(open(path, 'r'));
  if (!handle) return undefined;
  return {
    size: (await handle.stat()).size,
    descriptor: handle.fd,
    read: (offset, length) =>
      guarded(async () => {
        const bytes = new Uint8Array(length);
        for (let at = 0; at < length; ) {
          const { bytesRead } = await handle.read(bytes, at, length - at, offset + at);
          if (bytesRead === 0) throw new Fault('StoreUnavailable', 'an object of the module cache ends early');
          at += bytesRead;
        }
        return bytes;
      }),
    release: () => handle.close(),
  };
}

async function writeDurably(path: string, bytes: RandomAccess): Promise<void> {
  const file = await open(path, 'wx', 0o600);
  try {
    for await (const piece of piecesOf(bytes)) await file.writeFile(piece);
    await file.sync();
  } finally {
    await file.close();
  }
}

async function removeAbandoned(folder: string): Promise<void> {
  for (const name of (await unlessMissing(readdir(folder))) ?? []) {
    const path = join(folder, name);
    const found = await unlessMissing(stat(path));
    if (found && found.mtimeMs < Date.now() - ABANDONED_MS) await rm(path, { force: true });
  }
}

/**
 * One tenant's module cache as files: a temporary file, fsync, rename over the name. A power cut may lose a name, which
 * costs a fetch. An object that is there already is replaced, so that a changed one is mended by the next fetch.
 */
export function folderModuleCache(root: string, tenant: TenantId): ModuleCache {
  const temporary = join(root, '.tmp');
  let swept: Promise<void> | undefined;
  return {
    get: (kind, h1) => guarded(() => openFile(join(root, moduleObjectName(tenant, kind, h1)))),
    put: (kind, h1, bytes) =>
      guarded(async () => {
        const path = join(root, moduleObjectName(tenant, kind, h1));
        await mkdir(temporary, { recursive: true, mode: 0o700 });
        await mkdir(dirname(path), { recursive: true, mode: 0o700 });
        swept ??= removeAbandoned(temporary);
        await swept;
        const written = join(temporary, randomBytes(16).toString('hex'));
        try {
          await writeDurably(written, bytes);
          await rename(written, path);
        } finally {
          await rm(written, { force: true });
        }
      }),
  };
}
