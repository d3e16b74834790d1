import { crc32, deflateRawSync } from 'node:zlib';

/** A zip of files that are at hand, in pieces: deflated, names in UTF-8, no times, the same bytes for the same files. */

export interface ZipInput {
  readonly name: string;
  readonly bytes: Uint8Array;
}

const UTF8_FLAG = 0x0800;
const DEFLATED = 8;
/** 1 January 1980: the format has no earlier day, and a time would make two zips of one commit differ. */
const NO_DATE = 0x0021;
const VERSION_NEEDED = 20;
const MOST_ENTRIES = 0xffff;
const FILLED_32 = 0xffffffff;

interface Written {
  readonly name: Buffer;
  readonly crc: number;
  readonly deflated: number;
  readonly size: number;
  readonly offset: number;
}

/** The fields that the local header and the directory share, from "version needed" to the length of the name. */
function sharedFields({ name, crc, deflated, size }: Omit<Written, 'offset'>): Buffer {
  const fields = Buffer.alloc(24);
  fields.writeUInt16LE(VERSION_NEEDED, 0);
  fields.writeUInt16LE(UTF8_FLAG, 2);
  fields.writeUInt16LE(DEFLATED, 4);
  fields.writeUInt16LE(NO_DATE, 8);
  fields.writeUInt32LE(crc, 10);
  fields.writeUInt32LE(deflated, 14);
  fields.writeUInt32LE(size, 18);
  fields.writeUInt16LE(name.length, 22);
  return fields;
}

const localHeader = (entry: Omit<Written, 'offset'>): Buffer =>
  Buffer.concat([Buffer.from('PK\x03\x04', 'latin1'), sharedFields(entry), Buffer.alloc(2), entry.name]);

function directoryEntry(entry: Written): Buffer {
  const rest = Buffer.alloc(16);
  rest.writeUInt32LE(entry.offset, 12);
  const madeBy = Buffer.from([VERSION_NEEDED, 0]);
  return Buffer.concat([Buffer.from('PK\x01\x02', 'latin1'), madeBy, sharedFields(entry), rest, entry.name]);
}

/** The record of more entries than 16 bits count, and where it lies. */
function endRecord64(entries: number, size: number, offset: number): Buffer {
  const record = Buffer.alloc(76);
  record.write('PK\x06\x06', 0, 'latin1');
  record.writeBigUInt64LE(44n, 4);
  record.writeUInt16LE(45, 12);
  record.writeUInt16LE(45, 14);
  for (const [at, value] of [
    [24, entries],
    [32, entries],
    [40, size],
    [48, offset],
  ] as const)
    record.writeBigUInt64LE(BigInt(value), at);
  record.write('PK\x06\x07', 56, 'latin1');
  record.writeBigUInt64LE(BigInt(offset + size), 64);
  record.writeUInt32LE(1, 72);
  return record;
}

function endRecords(entries: number, size: number, offset: number): Buffer {
  const end = Buffer.alloc(22);
  end.write('PK\x05\x06', 0, 'latin1');
  const isMany = entries >= MOST_ENTRIES;
  for (const at of [8, 10]) end.writeUInt16LE(isMany ? MOST_ENTRIES : entries, at);
  end.writeUInt32LE(isMany ? FILLED_32 : size, 12);
  end.writeUInt32LE(isMany ? FILLED_32 : offset, 16);
  return isMany ? Buffer.concat([endRecord64(entries, size, offset), end]) : end;
}

/** Pieces of the zip in order. Files together MUST be smaller than 4 GiB. */
export function* zipPieces(files: Iterable<ZipInput>): Generator<Uint8Array> {
  const written: Written[] = [];
  let offset = 0;
  for (const { name, bytes } of files) {
    const content = deflateRawSync(bytes);
    const entry = { name: Buffer.from(name), crc: crc32(bytes), deflated: content.length, size: bytes.length };
    const header = localHeader(entry);
    yield header;
    yield content;
    written.push({ ...entry, offset });
    offset += header.length + content.length;
  }
  let size = 0;
  for (const entry of written) {
    const bytes = directoryEntry(entry);
    yield bytes;
    size += bytes.length;
  }
  yield endRecords(written.length, size, offset);
}
