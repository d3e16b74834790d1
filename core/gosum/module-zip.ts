import { createHash, hash as hashOnce } from 'node:crypto';
import { crc32, createInflateRaw, inflateRawSync } from 'node:zlib';
import type { Sha256Hex } from '../../events/fields.ts';
import type { H1Digest, ModulePath, ModuleVersion } from '../brands.ts';
import type { RandomAccess } from '../ports/module-source.ts';
import { type HashedFile, h1OfFiles } from './dirhash.ts';
import { isCanonicalVersion } from './go-version.ts';
import { filePathProblem, foldOf, matchesPathMajor, modulePathProblem, splitPathVersion } from './module-path.ts';
import { readZipDirectory, type ZipEntry, ZipInvalid } from './zip-directory.ts';

/** Module zips: the limits and names of golang.org/x/mod/zip, contents checked against size and CRC as they are read. */

const MAX_ZIP_BYTES = 500 * 1024 * 1024;
const MAX_TEXT_BYTES = 16 * 1024 * 1024;
/** No file system has room for more; without a limit a hostile name takes time that is the square of its length. */
const MAX_NAME = 4096;
const MAX_DEPTH = 256;
const WINDOW_BYTES = 1024 * 1024;
/** Of files that are read one by one, those of a folder lie side by side and others far away. */
const FOLDER_WINDOW_BYTES = 128 * 1024;
/** Larger entries are inflated as a stream, so that memory stays bounded whatever a zip holds. */
const MAX_WHOLE_BYTES = 4 * 1024 * 1024;
const PIECE_BYTES = 256 * 1024;
/** The least that zlib takes. */
const MIN_CHUNK = 64;

export interface ModuleZipFile extends ZipEntry {
  /** `name` without `module@version/`. */
  readonly path: string;
}

export interface OpenedModuleZip {
  /** Without folder entries, in the order of the central directory. */
  readonly files: readonly ModuleZipFile[];
  /** Content in pieces. Throws `ZipInvalid` where size, CRC or compression are wrong. */
  content(file: ModuleZipFile): AsyncIterable<Uint8Array>;
  /** The dirhash; reads every file. */
  h1(): Promise<H1Digest>;
}

/** Reads through one window of `bytes`, since entries lie one behind the other. */
function windowed(file: RandomAccess, bytes: number): RandomAccess {
  let start = 0;
  let window: Uint8Array = new Uint8Array();
  return {
    size: file.size,
    async read(offset, length) {
      if (offset < start || offset + length > start + window.length) {
        if (length >= bytes) return file.read(offset, length);
        window = await file.read(offset, Math.min(bytes, file.size - offset));
        start = offset;
      }
      return window.subarray(offset - start, offset - start + length);
    },
  };
}

/** Refuses names that are equal but for case, and files that are folders too. */
class Collisions {
  readonly #seen = new Map<string, { path: string; folder: boolean }>();
  add(path: string, folder: boolean): void {
    // Folding keeps the length, so that a folder's fold is the beginning of its files'.
    const fold = foldOf(path);
    for (let end = path.length, isFolder = folder; end > 0; end = path.lastIndexOf('/', end - 1), isFolder = true)
      if (this.#knows(path.slice(0, end), fold.slice(0, end), isFolder)) return;
  }
  /** Whether this very folder was seen, and with it those above it. */
  #knows(path: string, fold: string, folder: boolean): boolean {
    const other = this.#seen.get(fold);
    if (!other) this.#seen.set(fold, { path, folder });
    else if (other.path !== path) throw new ZipInvalid(`names that differ in case only: ${other.path}, ${path}`);
    else if (other.folder !== folder) throw new ZipInvalid(`both a file and a folder: ${path}`);
    else if (!folder) throw new ZipInvalid(`two entries of one name: ${path}`);
    return other !== undefined;
  }
}

function checkGoModPlace(path: string): void {
  const base = path.slice(path.lastIndexOf('/') + 1);
  if (base.toLowerCase() === 'go.mod' && path !== 'go.mod')
    throw new ZipInvalid(`go.mod outside the root or in another case: ${path}`);
}

function moduleFiles(entries: readonly ZipEntry[], prefix: string): ModuleZipFile[] {
  const collisions = new Collisions();
  const files: ModuleZipFile[] = [];
  let total = 0;
  for (const entry of entries) {
    if (!entry.name.startsWith(prefix))
      throw new ZipInvalid(`a name that does not begin with ${prefix}: ${entry.name}`);
    const name = entry.name.slice(prefix.length);
    const folder = name === '' || name.endsWith('/');
    const path = folder ? name.slice(0, -1) : name;
    if (folder && entry.size !== 0) throw new ZipInvalid(`a folder with content: ${entry.name}`);
    if (path === '') continue;
    if (path.length > MAX_NAME || path.split('/').length > MAX_DEPTH)
      throw new ZipInvalid(`a name of more than ${MAX_NAME} characters or ${MAX_DEPTH} elements`);
    const problem = filePathProblem(path);
    if (problem !== undefined) throw new ZipInvalid(`${problem}: ${entry.name}`);
    collisions.add(path, folder);
    if (folder) continue;
    checkGoModPlace(path);
    total += entry.size;
    if (total > MAX_ZIP_BYTES) throw new ZipInvalid(`more than ${MAX_ZIP_BYTES} bytes of content`);
    if ((path === 'go.mod' || path === 'LICENSE') && entry.size > MAX_TEXT_BYTES)
      throw new ZipInvalid(`${path} is larger than ${MAX_TEXT_BYTES} bytes`);
    files.push({ ...entry, path });
  }
  return files;
}

/** Output is exactly what was announced or one byte more, so that a longer content shows. */
function inflateWhole(compressed: Uint8Array, entry: ZipEntry): Uint8Array {
  const announced = entry.size + 1;
  const options = { maxOutputLength: announced, chunkSize: Math.max(MIN_CHUNK, announced), info: true } as const;
  const { buffer, engine } = inflateRawSync(compressed, options) as unknown as {
    buffer: Buffer;
    engine: { bytesWritten: number };
  };
  if (engine.bytesWritten !== entry.compressedSize) throw new ZipInvalid(`bytes behind the content of ${entry.name}`);
  return buffer;
}

async function* storedPieces(file: RandomAccess, entry: ZipEntry): AsyncGenerator<Uint8Array> {
  const end = entry.contentOffset + entry.compressedSize;
  for (let at = entry.contentOffset; at < end; at += WINDOW_BYTES)
    yield await file.read(at, Math.min(WINDOW_BYTES, end - at));
}

async function* inflatedPieces(file: RandomAccess, entry: ZipEntry): AsyncGenerator<Uint8Array> {
  const inflater = createInflateRaw({ chunkSize: PIECE_BYTES });
  const feed = async () => {
    for await (const piece of storedPieces(file, entry)) {
      if (inflater.destroyed) return;
      // A copy: the window may move on while the piece waits.
      if (!inflater.write(Uint8Array.from(piece)) && !inflater.destroyed)
        await new Promise<void>((resolve) => {
          const goOn = () => {
            inflater.off('drain', goOn);
            inflater.off('close', goOn);
            resolve();
          };
          inflater.once('drain', goOn);
          inflater.once('close', goOn);
        });
    }
    inflater.end();
  };
  const fed = feed().catch((error: Error) => void inflater.destroy(error));
  try {
    for await (const piece of inflater) yield piece;
  } finally {
    inflater.destroy();
    await fed;
  }
  if (inflater.bytesWritten !== entry.compressedSize) throw new ZipInvalid(`bytes behind the content of ${entry.name}`);
}

const isSmall = ({ size, compressedSize }: ZipEntry): boolean =>
  size <= MAX_WHOLE_BYTES && compressedSize <= MAX_WHOLE_BYTES;

const codeOf = (error: unknown): string => (error instanceof Error && 'code' in error ? String(error.code) : '');

/** What zlib complains of is in the zip; everything else is a fault of reading it. */
function asZipError(error: unknown, entry: ZipEntry): unknown {
  const code = codeOf(error);
  if (code === 'ERR_BUFFER_TOO_LARGE') return new ZipInvalid(`more content than announced: ${entry.name}`);
  return code.startsWith('Z_') ? new ZipInvalid(`broken compression of ${entry.name}`) : error;
}

function checkAnnounced(entry: ZipEntry, size: number, crc: number): void {
  if (size !== entry.size || crc !== entry.crc32)
    throw new ZipInvalid(`another size or CRC than announced: ${entry.name}`);
}

/** The content of a small entry, checked. */
async function readSmall(file: RandomAccess, entry: ZipEntry): Promise<Uint8Array> {
  const raw = await file.read(entry.contentOffset, entry.compressedSize);
  try {
    const content = entry.method === 'stored' ? raw : inflateWhole(raw, entry);
    checkAnnounced(entry, content.length, crc32(content));
    return content;
  } catch (error) {
    throw asZipError(error, entry);
  }
}

async function* readLarge(file: RandomAccess, entry: ZipEntry): AsyncGenerator<Uint8Array> {
  let size = 0;
  let crc = 0;
  try {
    for await (const piece of entry.method === 'stored' ? storedPieces(file, entry) : inflatedPieces(file, entry)) {
      size += piece.length;
      if (size > entry.size) throw new ZipInvalid(`more content than announced: ${entry.name}`);
      crc = crc32(piece, crc);
      yield piece;
    }
  } catch (error) {
    throw asZipError(error, entry);
  }
  checkAnnounced(entry, size, crc);
}

async function* checkedContent(file: RandomAccess, entry: ZipEntry): AsyncGenerator<Uint8Array> {
  if (isSmall(entry)) yield await readSmall(file, entry);
  else yield* readLarge(file, entry);
}

async function hashContent(file: RandomAccess, entry: ZipEntry): Promise<HashedFile> {
  const { name } = entry;
  if (isSmall(entry)) return { name, sha256: hashOnce('sha256', await readSmall(file, entry)) };
  const hash = createHash('sha256');
  for await (const piece of readLarge(file, entry)) hash.update(piece);
  return { name, sha256: hash.digest('hex') };
}

/** A zip of what is no module version cannot be a module's: the rules of `module.Check`. */
function checkModule(module: ModulePath, version: ModuleVersion): void {
  const problem = modulePathProblem(module);
  if (problem !== undefined) throw new ZipInvalid(`${problem} in the module path ${module}`);
  if (!isCanonicalVersion(version) || !matchesPathMajor(version, splitPathVersion(module)?.major ?? ''))
    throw new ZipInvalid(`${version} is no version of ${module}`);
}

/** Reads the zip of one module version. Throws `ZipInvalid` when the go command, or we, would not take it for one. */
export async function openModuleZip(
  file: RandomAccess,
  module: ModulePath,
  version: ModuleVersion,
): Promise<OpenedModuleZip> {
  checkModule(module, version);
  if (file.size > MAX_ZIP_BYTES) throw new ZipInvalid(`a zip of more than ${MAX_ZIP_BYTES} bytes`);
  const window = windowed(file, WINDOW_BYTES);
  const entries = await readZipDirectory(window);
  const files = moduleFiles(entries, `${module}@${version}/`);
  const folderWindow = windowed(file, FOLDER_WINDOW_BYTES);
  return {
    files,
    content: (entry) => checkedContent(folderWindow, entry),
    async h1() {
      const hashed: HashedFile[] = [];
      // In the order of the file, for the window; folder entries count with empty content, as in `dirhash.HashZip`.
      for (const entry of [...entries].sort((a, b) => a.contentOffset - b.contentOffset))
        hashed.push(await hashContent(window, entry));
      return h1OfFiles(hashed);
    },
  };
}

/** All of a file's content at once; only for what is known to be small. */
export async function joinedPieces(pieces: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const copies: Uint8Array[] = [];
  for await (const piece of pieces) copies.push(Uint8Array.from(piece));
  return Buffer.concat(copies);
}

export type HashedZip =
  /** `sha256` is of the zip itself, of the very bytes that were hashed; absent where they were not read as a whole. */
  | { readonly kind: 'hashed'; readonly h1: H1Digest; readonly sha256?: Sha256Hex }
  | { readonly kind: 'invalid'; readonly why: string };

/** h1 of a module zip, or why it is none. */
export async function hashModuleZip(
  file: RandomAccess,
  module: ModulePath,
  version: ModuleVersion,
): Promise<HashedZip> {
  try {
    return { kind: 'hashed', h1: await (await openModuleZip(file, module, version)).h1() };
  } catch (error) {
    if (error instanceof ZipInvalid) return { kind: 'invalid', why: error.message };
    throw error;
  }
}
