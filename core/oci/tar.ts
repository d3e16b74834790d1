import { ByteReader } from './byte-reader.ts';
import { ContentRefused } from './refused.ts';

/** POSIX ustar with PAX records and GNU long names: what two readers could read differently is refused. */

export interface TarEntry {
  /** Relative to the root, with `/`, no `.` or `..`; `''` is the root itself. */
  readonly path: string;
  readonly kind: 'file' | 'directory' | 'symlink' | 'hardlink' | 'special';
  readonly size: number;
  /** As written for a symbolic link; for a hard link relative to the root, like `path`. */
  readonly target: string;
}

const BLOCK = 512;
const MAX_META_BYTES = 1024 * 1024;
const MAX_ENTRIES = 1_000_000;
const MAX_PATH = 4096;

const KINDS: ReadonlyMap<string, TarEntry['kind']> = new Map([
  ['0', 'file'],
  ['\0', 'file'],
  ['1', 'hardlink'],
  ['2', 'symlink'],
  ['3', 'special'],
  ['4', 'special'],
  ['5', 'directory'],
  ['6', 'special'],
]);

const refuse = (expected: string, found?: string): never => {
  throw new ContentRefused('oci.layer-invalid', { expected, ...(found ? { found } : {}) });
};

const isZero = (bytes: Uint8Array): boolean => bytes.every((byte) => byte === 0);

interface Header {
  readonly name: string;
  readonly link: string;
  readonly size: number;
  readonly flag: string;
}

/** What extended headers say about the next entry. */
interface Extension {
  path?: string;
  linkpath?: string;
  size?: number;
}

/**
 * Calls `visit` for each entry, in order. `body` gives the content of a file; what `visit` leaves of it is skipped.
 * Anything but zeros after the two end blocks is refused.
 */
export async function readTar(
  chunks: AsyncIterable<Uint8Array>,
  visit: (entry: TarEntry, body: AsyncIterable<Uint8Array>) => Promise<void>,
): Promise<void> {
  const reader = new ByteReader(chunks);
  let extension: Extension = {};
  for (let entries = 0; ; entries += 1) {
    if (entries > MAX_ENTRIES) refuse(`at most ${MAX_ENTRIES} entries`);
    const block = await reader.take(BLOCK);
    if (isZero(block)) break;
    const header = parseHeader(block);
    if (await readExtension(reader, header, extension)) continue;
    await visitEntry(reader, entryOf(header, extension), visit);
    extension = {};
  }
  if (Object.keys(extension).length > 0) refuse('an entry after an extended header', 'the end');
  if (!isZero(await reader.take(BLOCK))) refuse('a second end block');
  for (let rest = await reader.some(65_536); rest; rest = await reader.some(65_536))
    if (!isZero(rest)) refuse('zeros after the end blocks');
}

async function visitEntry(
  reader: ByteReader,
  entry: TarEntry,
  visit: (entry: TarEntry, body: AsyncIterable<Uint8Array>) => Promise<void>,
): Promise<void> {
  let left = entry.size;
  // No `return`: a visitor that stops early must not end the layer.
  const next = async (): Promise<IteratorResult<Uint8Array>> => {
    if (left === 0) return { done: true, value: undefined };
    const value = await reader.some(left);
    if (!value) return refuse(`${left} more bytes`, 'the end');
    left -= value.length;
    return { done: false, value };
  };
  await visit(entry, { [Symbol.asyncIterator]: () => ({ next }) });
  while (!(await next()).done);
  await skipPadding(reader, entry.size);
}

async function skipPadding(reader: ByteReader, size: number): Promise<void> {
  await reader.take((BLOCK - (size % BLOCK)) % BLOCK);
}

/** Text up to the first NUL. Bytes that are no UTF-8 would be one name to us and another to the node. */
function textOf(bytes: Uint8Array): string {
  const end = bytes.indexOf(0);
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(end < 0 ? bytes : bytes.subarray(0, end));
  } catch {
    return refuse('names in UTF-8');
  }
}

function octal(field: Uint8Array, what: string): number {
  const text = Buffer.from(field)
    .toString('latin1')
    .replace(/[\0 ]+$/, '')
    .replace(/^ +/, '');
  if (!/^[0-7]*$/.test(text)) refuse(`an octal ${what}`, JSON.stringify(text));
  return Number.parseInt(text || '0', 8);
}

function parseHeader(block: Buffer): Header {
  const sum = block.reduce((total, byte, at) => total + (at >= 148 && at < 156 ? 0x20 : byte), 0);
  if (octal(block.subarray(148, 156), 'checksum') !== sum) refuse('a tar header with its checksum');
  const magic = block.toString('latin1', 257, 265);
  if (magic !== 'ustar\x0000' && magic !== 'ustar  \0') refuse('a ustar or GNU header', JSON.stringify(magic));
  const prefix = magic === 'ustar\x0000' ? textOf(block.subarray(345, 500)) : '';
  const name = textOf(block.subarray(0, 100));
  return {
    name: prefix ? `${prefix}/${name}` : name,
    link: textOf(block.subarray(157, 257)),
    size: octal(block.subarray(124, 136), 'size'),
    flag: block.toString('latin1', 156, 157),
  };
}

/** Whether the header was one that extends the next. */
async function readExtension(reader: ByteReader, header: Header, extension: Extension): Promise<boolean> {
  if (!['x', 'g', 'L', 'K'].includes(header.flag)) return false;
  if (header.size > MAX_META_BYTES) refuse(`an extended header of at most ${MAX_META_BYTES} bytes`);
  const body = await reader.take(header.size);
  await skipPadding(reader, header.size);
  if (header.flag === 'x') readPax(body, extension);
  // A global header would change entries far away; the comment that git writes changes none.
  else if (header.flag === 'g') {
    const global: Extension = {};
    readPax(body, global);
    if (Object.keys(global).length > 0) refuse('no global header that names, links or sizes entries');
  } else setOnce(extension, header.flag === 'L' ? 'path' : 'linkpath', textOf(body));
  return true;
}

function setOnce(extension: Extension, key: 'path' | 'linkpath', value: string): void {
  if (extension[key] !== undefined) refuse(`one ${key} for an entry`);
  if (value === '') refuse(`a ${key}`);
  extension[key] = value;
}

/** Records `<length> <key>=<value>\n`, the length counting all of it (POSIX pax). */
function readPax(body: Buffer, extension: Extension): void {
  for (let at = 0; at < body.length; ) {
    const space = body.indexOf(0x20, at);
    const digits = space < 0 ? '' : body.toString('latin1', at, space);
    const end = at + (/^[1-9][0-9]{0,6}$/.test(digits) ? Number(digits) : 0);
    if (end <= space || end > body.length || body[end - 1] !== 0x0a) refuse('PAX records that fill their header');
    const record = body.subarray(space + 1, end - 1);
    const equals = record.indexOf(0x3d);
    if (equals < 1 || (record.includes(0) && !record.toString('latin1').startsWith('SCHILY.xattr.')))
      refuse('a PAX record key=value');
    paxRecord(record.toString('latin1', 0, equals), record.subarray(equals + 1), extension);
    at = end;
  }
}

function paxRecord(key: string, value: Uint8Array, extension: Extension): void {
  if (key.startsWith('GNU.sparse.')) refuse('no sparse files', key);
  if (key === 'path' || key === 'linkpath') setOnce(extension, key, textOf(value));
  if (key === 'size') {
    const text = textOf(value);
    if (!/^(?:0|[1-9][0-9]{0,14})$/.test(text) || extension.size !== undefined) refuse('one PAX size', text);
    extension.size = Number(text);
  }
}

function entryOf(header: Header, extension: Extension): TarEntry {
  const kind = KINDS.get(header.flag) ?? refuse('a known type flag', JSON.stringify(header.flag));
  if (extension.size !== undefined && extension.size !== header.size)
    refuse(`PAX size as in the header, ${header.size}`, String(extension.size));
  if (kind !== 'file' && header.size !== 0) refuse(`no content in a ${kind}`, String(header.size));
  const name = extension.path ?? header.name;
  const link = extension.linkpath ?? header.link;
  if (kind === 'file' && name.endsWith('/')) refuse('a file name without a final slash', name);
  return {
    path: pathInLayer(name),
    kind,
    size: header.size,
    target: kind === 'hardlink' ? pathInLayer(link) : link,
  };
}

/** Without leading `/`, `.` segments and final `/`, as unpackers join it to their root. `..` is refused. */
function pathInLayer(path: string): string {
  const segments = path.split('/').filter((segment) => segment !== '' && segment !== '.');
  const joined = segments.join('/');
  if (segments.includes('..') || joined.length > MAX_PATH) refuse('a path inside the layer', path);
  return joined;
}
