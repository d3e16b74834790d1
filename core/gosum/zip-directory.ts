import type { RandomAccess } from '../ports/module-source.ts';

/**
 * The structure of a zip (PKWARE APPNOTE 6.3, as Go's archive/zip reads it, and stricter): the central directory rules,
 * every local header agrees with it, and no byte lies between entries, so that no reader sees other files than we do.
 */

export interface ZipEntry {
  readonly name: string;
  readonly method: 'stored' | 'deflated';
  readonly crc32: number;
  readonly compressedSize: number;
  readonly size: number;
  /** Where its content begins, checked against the local header. */
  readonly contentOffset: number;
}

/** The bytes are no zip that we accept. Evidence of a fault in the file, never of a failed read. */
export class ZipInvalid extends Error {
  override readonly name = 'ZipInvalid';
}

const END_SIGNATURE = 0x06054b50;
const END64_SIGNATURE = 0x06064b50;
const LOCATOR64_SIGNATURE = 0x07064b50;
const CENTRAL_SIGNATURE = 0x02014b50;
const LOCAL_SIGNATURE = 0x04034b50;
const DESCRIPTOR_SIGNATURE = 0x08074b50;
const END_BYTES = 22;
const END64_BYTES = 56;
const LOCATOR64_BYTES = 20;
const CENTRAL_BYTES = 46;
const LOCAL_BYTES = 30;
const MAX_COMMENT = 0xffff;
const MAX_DIRECTORY_BYTES = 64 * 1024 * 1024;
const MAX_ENTRIES = 200_000;
/** What one byte of deflate can stand for at most: 258 bytes in two bits. */
const MAX_RATIO = 1032;
const ZIP64_TAG = 0x0001;
const FILLED_16 = 0xffff;
const FILLED_32 = 0xffffffff;
const FLAG_ENCRYPTED = 0x0001;
const FLAG_DESCRIPTOR = 0x0008;
const FLAG_STRONG_ENCRYPTION = 0x0040;
const FLAG_MASKED = 0x2000;
const UNIX_SYMLINK = 0o120000;
const UNIX_TYPE = 0o170000;
const UNIX_REGULAR = 0o100000;
const UNIX_DIRECTORY = 0o040000;

const fail = (why: string): never => {
  throw new ZipInvalid(why);
};
const must = (condition: boolean, why: string): void => {
  if (!condition) fail(why);
};

const readBytes = async (file: RandomAccess, offset: number, length: number): Promise<Buffer> => {
  must(offset >= 0 && offset + length <= file.size, 'a record lies outside the file');
  const bytes = await file.read(offset, length);
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
};
const safe = (value: bigint): number =>
  value <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(value) : fail('a size beyond 2^53');

interface Directory {
  readonly entries: number;
  readonly size: number;
  readonly offset: number;
}

async function findDirectory(file: RandomAccess): Promise<Directory> {
  must(file.size >= END_BYTES, 'too short for a zip');
  const tail = await readBytes(
    file,
    Math.max(0, file.size - END_BYTES - MAX_COMMENT),
    Math.min(file.size, END_BYTES + MAX_COMMENT),
  );
  let at = tail.length - END_BYTES;
  // The comment's length must lead to the very end: no second record can be found behind this one.
  while (
    at >= 0 &&
    !(tail.readUInt32LE(at) === END_SIGNATURE && tail.readUInt16LE(at + 20) === tail.length - at - END_BYTES)
  )
    at -= 1;
  must(at >= 0, 'no end of central directory');
  const end = tail.subarray(at);
  must(end.readUInt16LE(4) === 0 && end.readUInt16LE(6) === 0, 'a zip of several disks');
  must(end.readUInt16LE(8) === end.readUInt16LE(10), 'the counts of entries differ');
  const endOffset = file.size - (tail.length - at);
  const plain = { entries: end.readUInt16LE(10), size: end.readUInt32LE(12), offset: end.readUInt32LE(16) };
  const is64 = plain.entries === FILLED_16 || plain.size === FILLED_32 || plain.offset === FILLED_32;
  const found = (is64 && (await findDirectory64(file, endOffset))) || { ...plain, endOffset };
  must(found.offset + found.size === found.endOffset, 'bytes between the central directory and its end record');
  must(found.entries <= MAX_ENTRIES && found.size <= MAX_DIRECTORY_BYTES, 'a central directory that is too large');
  return found;
}

async function findDirectory64(
  file: RandomAccess,
  endOffset: number,
): Promise<(Directory & { endOffset: number }) | undefined> {
  if (endOffset < LOCATOR64_BYTES + END64_BYTES) return undefined;
  const locator = await readBytes(file, endOffset - LOCATOR64_BYTES, LOCATOR64_BYTES);
  if (locator.readUInt32LE(0) !== LOCATOR64_SIGNATURE) return undefined;
  const endOffset64 = safe(locator.readBigUInt64LE(8));
  must(endOffset64 + END64_BYTES === endOffset - LOCATOR64_BYTES, 'a misplaced zip64 end record');
  const end = await readBytes(file, endOffset64, END64_BYTES);
  must(
    end.readUInt32LE(0) === END64_SIGNATURE && end.readBigUInt64LE(4) === BigInt(END64_BYTES - 12),
    'a malformed zip64 end record',
  );
  must(end.readUInt32LE(16) === 0 && end.readUInt32LE(20) === 0, 'a zip of several disks');
  must(end.readBigUInt64LE(24) === end.readBigUInt64LE(32), 'the counts of entries differ');
  return {
    entries: safe(end.readBigUInt64LE(32)),
    size: safe(end.readBigUInt64LE(40)),
    offset: safe(end.readBigUInt64LE(48)),
    endOffset: endOffset64,
  };
}

interface CentralEntry extends Omit<ZipEntry, 'contentOffset'> {
  readonly flags: number;
  readonly headerOffset: number;
  readonly nameBytes: Buffer;
}

/** The zip64 extra field's values, in the order their 32-bit fields are filled with ones. */
function zip64Values(extra: Buffer): (() => number) | undefined {
  for (let at = 0; at + 4 <= extra.length; ) {
    const length = extra.readUInt16LE(at + 2);
    must(at + 4 + length <= extra.length, 'a malformed extra field');
    if (extra.readUInt16LE(at) === ZIP64_TAG) {
      const field = extra.subarray(at + 4, at + 4 + length);
      let next = 0;
      return () => {
        must(next + 8 <= field.length, 'a zip64 field that is too short');
        next += 8;
        return safe(field.readBigUInt64LE(next - 8));
      };
    }
    at += 4 + length;
  }
  return undefined;
}

function checkKind(directory: Buffer, at: number, name: string): void {
  // Upper byte 3 (Unix) or 19 (macOS): the mode is in the external attributes.
  const madeBy = directory.readUInt8(at + 5);
  if (madeBy !== 3 && madeBy !== 19) return;
  const type = (directory.readUInt32LE(at + 38) >>> 16) & UNIX_TYPE;
  must(type !== UNIX_SYMLINK, `a symbolic link: ${name}`);
  must(type === 0 || type === UNIX_REGULAR || type === UNIX_DIRECTORY, `no regular file: ${name}`);
}

function methodOf(method: number, name: string): ZipEntry['method'] {
  if (method === 0) return 'stored';
  return method === 8 ? 'deflated' : fail(`compression method ${method} of ${name}`);
}

function readCentralEntry(directory: Buffer, at: number): { entry: CentralEntry; next: number } {
  must(
    at + CENTRAL_BYTES <= directory.length && directory.readUInt32LE(at) === CENTRAL_SIGNATURE,
    'a malformed central directory',
  );
  const nameEnd = at + CENTRAL_BYTES + directory.readUInt16LE(at + 28);
  const extraEnd = nameEnd + directory.readUInt16LE(at + 30);
  const next = extraEnd + directory.readUInt16LE(at + 32);
  must(next <= directory.length, 'a malformed central directory');
  const nameBytes = directory.subarray(at + CENTRAL_BYTES, nameEnd);
  const name = nameBytes.toString('utf8');
  must(Buffer.from(name, 'utf8').equals(nameBytes), 'a name that is not UTF-8');
  const flags = directory.readUInt16LE(at + 8);
  must((flags & (FLAG_ENCRYPTED | FLAG_STRONG_ENCRYPTION | FLAG_MASKED)) === 0, `an encrypted entry: ${name}`);
  must(directory.readUInt16LE(at + 34) === 0, 'a zip of several disks');
  checkKind(directory, at, name);
  const wide = zip64Values(directory.subarray(nameEnd, extraEnd));
  const value = (offset: number) => {
    const plain = directory.readUInt32LE(at + offset);
    return plain === FILLED_32 && wide ? wide() : plain;
  };
  const size = value(24);
  const compressedSize = value(20);
  const headerOffset = value(42);
  const method = methodOf(directory.readUInt16LE(at + 10), name);
  must(method === 'deflated' || size === compressedSize, `two sizes of a stored entry: ${name}`);
  must(size <= compressedSize * MAX_RATIO, `a size that its compression cannot reach: ${name}`);
  return {
    entry: {
      name,
      nameBytes,
      flags,
      method,
      crc32: directory.readUInt32LE(at + 16),
      compressedSize,
      size,
      headerOffset,
    },
    next,
  };
}

/** What a data descriptor behind the content must hold; its form (signature, 32 or 64 bits) is the writer's choice. */
async function descriptorLength(file: RandomAccess, entry: CentralEntry, from: number, to: number): Promise<number> {
  const length = to - from;
  must([12, 16, 20, 24].includes(length), `bytes behind ${entry.name}`);
  const bytes = await readBytes(file, from, length);
  const signed = length === 16 || length === 24;
  const wide = length >= 20;
  const at = signed ? 4 : 0;
  const sizes = wide
    ? [safe(bytes.readBigUInt64LE(at + 4)), safe(bytes.readBigUInt64LE(at + 12))]
    : [bytes.readUInt32LE(at + 4), bytes.readUInt32LE(at + 8)];
  must(
    (!signed || bytes.readUInt32LE(0) === DESCRIPTOR_SIGNATURE) &&
      bytes.readUInt32LE(at) === entry.crc32 &&
      sizes[0] === entry.compressedSize &&
      sizes[1] === entry.size,
    `a data descriptor that differs from the central directory: ${entry.name}`,
  );
  return length;
}

/** Reads the local header of an entry; `end` is where the next one, or the central directory, begins. */
async function locate(file: RandomAccess, entry: CentralEntry, end: number): Promise<ZipEntry> {
  const { name, nameBytes, flags, method, crc32, compressedSize, size, headerOffset } = entry;
  const header = await readBytes(
    file,
    headerOffset,
    Math.min(LOCAL_BYTES + nameBytes.length, file.size - headerOffset),
  );
  must(
    header.length === LOCAL_BYTES + nameBytes.length && header.readUInt32LE(0) === LOCAL_SIGNATURE,
    `no local header of ${name}`,
  );
  const described = (flags & FLAG_DESCRIPTOR) !== 0;
  const agrees =
    header.readUInt16LE(26) === nameBytes.length &&
    header.subarray(LOCAL_BYTES).equals(nameBytes) &&
    methodOf(header.readUInt16LE(8), name) === method &&
    (header.readUInt16LE(6) & (FLAG_DESCRIPTOR | FLAG_ENCRYPTED)) === (flags & (FLAG_DESCRIPTOR | FLAG_ENCRYPTED)) &&
    // With a descriptor the three may be zero here; filled with ones means that the zip64 field has them.
    [[14, crc32] as const, [18, compressedSize] as const, [22, size] as const].every(([at, value]) => {
      const local = header.readUInt32LE(at);
      return local === value || (described && local === 0) || (at !== 14 && local === FILLED_32);
    });
  must(agrees, `a local header that differs from the central directory: ${name}`);
  const contentOffset = headerOffset + header.length + header.readUInt16LE(28);
  const contentEnd = contentOffset + compressedSize;
  const trailing = described && contentEnd < end ? await descriptorLength(file, entry, contentEnd, end) : 0;
  must(contentEnd + trailing === end, `bytes behind ${name}, or entries that overlap`);
  return { name, method, crc32, compressedSize, size, contentOffset };
}

/** Entries in the order of the central directory. Throws `ZipInvalid`, and whatever `read` throws. */
export async function readZipDirectory(file: RandomAccess): Promise<ZipEntry[]> {
  const { entries: count, size, offset } = await findDirectory(file);
  const directory = await readBytes(file, offset, size);
  const central: CentralEntry[] = [];
  for (let at = 0; at < directory.length; ) {
    const { entry, next } = readCentralEntry(directory, at);
    central.push(entry);
    must(central.length <= count, 'more entries than the end record counts');
    at = next;
  }
  must(central.length === count, 'fewer entries than the end record counts');
  const byOffset = central
    .map((entry, at) => ({ entry, at }))
    .sort((a, b) => a.entry.headerOffset - b.entry.headerOffset);
  must((byOffset[0]?.entry.headerOffset ?? offset) === 0, 'bytes before the first entry');
  const located: ZipEntry[] = [];
  for (const [place, { entry, at }] of byOffset.entries())
    located[at] = await locate(file, entry, byOffset[place + 1]?.entry.headerOffset ?? offset);
  return located;
}
