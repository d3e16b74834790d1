import { type FileHandle, open, readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { Fault, isFault } from '../../core/faults.ts';
import { applyDelta } from '../../core/git/delta.ts';
import { type GitObject, parseLooseObject, requireId, requireWithin } from '../../core/git/object.ts';
import {
  checkPackHeader,
  PACK_DELTA_DEPTH,
  PACK_HEADER_BYTES,
  type PackEntry,
  parsePackEntry,
} from '../../core/git/pack.ts';
import { type PackIndex, type PackSpan, parsePackIndex } from '../../core/git/pack-index.ts';
import { changeRefs, isTagName, parseLooseRef, parsePackedRefs } from '../../core/git/refs.ts';
import { filesOfCommit, peelTag, type ReadObject, rawTagOf, TREE_LIMITS } from '../../core/git/repository.ts';
import { unreadableGit } from '../../core/git/unreadable.ts';
import type { SourceHost } from '../../core/ports/source-host.ts';
import type { GitSha } from '../../events/fields.ts';

const OBJECT_BYTES = TREE_LIMITS.bytes;
const INDEX_BYTES = 512 * 1024 * 1024;
const REFS_BYTES = 64 * 1024 * 1024;

interface Pack {
  readonly file: string;
  readonly index: PackIndex;
}

const errorCode = (error: unknown): unknown => (error instanceof Error && 'code' in error ? error.code : undefined);

async function withFile<T>(path: string, use: (file: FileHandle) => Promise<T>): Promise<T> {
  const file = await open(path);
  try {
    return await use(file);
  } finally {
    await file.close();
  }
}

/** What is absent is `undefined`; whatever else fails means that the folder cannot be read. */
async function unlessAbsent<T>(reading: Promise<T>, what: string): Promise<T | undefined> {
  try {
    return await reading;
  } catch (error) {
    const code = errorCode(error);
    if (code === 'ENOENT' || code === 'ENOTDIR' || code === 'EISDIR') return undefined;
    throw isFault(error) ? error : unreadableGit(`${what} cannot be read`, error);
  }
}

async function readBounded(path: string, limit: number): Promise<Buffer> {
  requireWithin((await stat(path)).size, limit);
  return readFile(path);
}

async function readSpan(file: FileHandle, { start, end }: PackSpan): Promise<Uint8Array> {
  // A deflated entry is hardly longer than what it holds.
  requireWithin(end - start, OBJECT_BYTES + OBJECT_BYTES / 512 + 4096);
  const bytes = Buffer.alloc(end - start);
  const { bytesRead } = await file.read(bytes, 0, bytes.length, start);
  if (bytesRead !== bytes.length) throw unreadableGit('a pack is shorter than its index says');
  return bytes;
}

async function openPack(folder: string, name: string): Promise<Pack> {
  const file = join(folder, `${name}.pack`);
  const [index, { size }] = await Promise.all([readBounded(join(folder, `${name}.idx`), INDEX_BYTES), stat(file)]);
  const parsed = parsePackIndex(index, size);
  checkPackHeader(await withFile(file, (pack) => readSpan(pack, { start: 0, end: PACK_HEADER_BYTES })), parsed.count);
  return { file, index: parsed };
}

/** An object out of a pack: down the chain of deltas to a whole object, then up again. */
async function readPacked(
  handle: FileHandle,
  index: PackIndex,
  first: PackSpan,
  readNamed: ReadObjectById,
): Promise<GitObject> {
  const deltas: Uint8Array[] = [];
  const rebuild = ({ type, body }: GitObject): GitObject => ({
    type,
    body: deltas.reduceRight((base, delta) => applyDelta(base, delta, OBJECT_BYTES), body),
  });
  let held = 0;
  for (let span = first; ; ) {
    const entry: PackEntry = parsePackEntry(await readSpan(handle, span), span, OBJECT_BYTES);
    if (entry.kind === 'whole') return rebuild(entry);
    deltas.push(entry.delta);
    held += entry.delta.length;
    requireWithin(held, OBJECT_BYTES);
    if (deltas.length > PACK_DELTA_DEPTH) throw unreadableGit('a chain of deltas is too long');
    const base = entry.kind === 'offset-delta' ? index.at(entry.base) : index.find(entry.base);
    if (base) {
      span = base;
      continue;
    }
    // A thin pack is completed when it is stored, but its base may lie beside it.
    const outside = entry.kind === 'named-delta' ? await readNamed(entry.base, deltas.length) : undefined;
    if (!outside) throw unreadableGit('the base of a delta is missing');
    return rebuild(outside);
  }
}

type ReadObjectById = (id: string, depth: number) => Promise<GitObject | undefined>;

/** The objects of a folder as it is now: its packs are listed once, so a reader lives for one call. */
async function openObjects(folder: string): Promise<ReadObject> {
  const objects = join(folder, 'objects');
  if ((await unlessAbsent(stat(join(objects, 'info', 'alternates')), 'alternates')) !== undefined)
    throw new Fault('ConfigurationInvalid', 'git: a repository that borrows objects (alternates) is not read');
  const packFolder = join(objects, 'pack');
  const names = (await unlessAbsent(readdir(packFolder), 'the folder of packs')) ?? [];
  const packs: Pack[] = [];
  for (const name of names.filter((file) => /^pack-[0-9a-f]{40}\.idx$/.test(file)).sort()) {
    const pack = await unlessAbsent(openPack(packFolder, name.slice(0, -4)), 'a pack');
    if (!pack) throw unreadableGit(`pack ${name.slice(0, -4)} is missing`);
    packs.push(pack);
  }
  const readById: ReadObjectById = async (id, depth) => {
    if (depth > PACK_DELTA_DEPTH) throw unreadableGit('a chain of deltas is too long');
    const loose = join(objects, id.slice(0, 2), id.slice(2));
    const bytes = await unlessAbsent(readBounded(loose, OBJECT_BYTES), `object ${id}`);
    if (bytes) return requireId(parseLooseObject(bytes, OBJECT_BYTES), id);
    for (const pack of packs) {
      const span = pack.index.find(id);
      if (!span) continue;
      const readNamed: ReadObjectById = (base, deeper) => readById(base, depth + deeper);
      return requireId(await withFile(pack.file, (file) => readPacked(file, pack.index, span, readNamed)), id);
    }
    return undefined;
  };
  return async (id) => {
    try {
      return await readById(id, 0);
    } catch (error) {
      throw isFault(error) ? error : unreadableGit(`object ${id} cannot be read`, error);
    }
  };
}

/** Loose before packed: git removes a loose ref only after it is in `packed-refs`. */
async function readRef(folder: string, name: string): Promise<GitSha | undefined> {
  const loose = await unlessAbsent(readBounded(join(folder, ...name.split('/')), REFS_BYTES), 'a ref');
  if (loose) return parseLooseRef(loose.toString('latin1'));
  const packed = await unlessAbsent(readBounded(join(folder, 'packed-refs'), REFS_BYTES), 'packed-refs');
  return packed && parsePackedRefs(packed.toString('utf8')).get(name);
}

/** A folder that is no repository must not look like a repository without tags. */
async function requireRepository(folder: string): Promise<void> {
  for (const part of ['HEAD', 'objects'])
    if ((await unlessAbsent(stat(join(folder, part)), part)) === undefined)
      throw unreadableGit(`the folder holds no repository (${part} is missing)`);
}

/**
 * A bare repository (or a `.git` folder) on this machine, read without git: loose objects, packs, loose and packed refs;
 * SHA-1 repositories only. Files are the blobs as committed: no attribute, filter or line ending is applied to them.
 */
export function gitFolderSource(folder: string): SourceHost {
  const tagTarget = async (tag: string): Promise<GitSha | undefined> => {
    await requireRepository(folder);
    return isTagName(tag) ? readRef(folder, `refs/tags/${tag}`) : undefined;
  };
  return {
    kind: 'git',
    resolveTag: async (tag) => {
      const target = await tagTarget(tag);
      return target && peelTag(await openObjects(folder), target);
    },
    rawTag: async (tag) => {
      const target = await tagTarget(tag);
      return target && rawTagOf(await openObjects(folder), target);
    },
    resolveChange: async (number) => {
      await requireRepository(folder);
      for (const name of changeRefs(number)) {
        const head = await readRef(folder, name);
        if (head) return head;
      }
      return undefined;
    },
    files: async (commit) => {
      await requireRepository(folder);
      return filesOfCommit(await openObjects(folder), commit);
    },
  };
}
