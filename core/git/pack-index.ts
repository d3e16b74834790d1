import { createHash } from 'node:crypto';
import { unreadableGit } from './unreadable.ts';

/** A pack's index, version 2 (gitformat-pack): sorted object ids, and where each entry starts in the pack. */

const ID_BYTES = 20;
const NAMES_AT = 8 + 256 * 4;
/** Pack checksum and index checksum. */
const TRAILER_BYTES = 2 * ID_BYTES;

/** Where an entry lies: from `start` up to the next entry, `end`. */
export interface PackSpan {
  readonly start: number;
  readonly end: number;
}

export interface PackIndex {
  readonly count: number;
  find(id: string): PackSpan | undefined;
  /** The entry that starts at this very offset. */
  at(start: number): PackSpan | undefined;
}

function offsetsOf(bytes: Buffer, count: number): number[] {
  const small = NAMES_AT + count * (ID_BYTES + 4);
  const large = small + count * 4;
  const largeEnd = bytes.length - TRAILER_BYTES;
  return Array.from({ length: count }, (_, i) => {
    const offset = bytes.readUInt32BE(small + i * 4);
    if (offset < 0x8000_0000) return offset;
    const at = large + (offset - 0x8000_0000) * 8;
    if (at + 8 > largeEnd) throw unreadableGit('a pack index points outside its table');
    const wide = bytes.readBigUInt64BE(at);
    if (wide > BigInt(Number.MAX_SAFE_INTEGER)) throw unreadableGit('a pack offset does not fit');
    return Number(wide);
  });
}

/** Objects of the index, after its header, its fan-out table and its own checksum were checked. */
function countOf(bytes: Buffer): number {
  if (bytes.length < NAMES_AT + TRAILER_BYTES || bytes.readUInt32BE(0) !== 0xff744f63 || bytes.readUInt32BE(4) !== 2)
    throw unreadableGit('a pack index is not of version 2');
  const sum = createHash('sha1').update(bytes.subarray(0, -ID_BYTES)).digest();
  if (!sum.equals(bytes.subarray(-ID_BYTES))) throw unreadableGit('a pack index fails its checksum');
  let count = 0;
  for (let i = 0; i < 256; i++) {
    const upTo = bytes.readUInt32BE(8 + i * 4);
    if (upTo < count) throw unreadableGit('a pack index has a fan-out table that falls');
    count = upTo;
  }
  if (NAMES_AT + count * (ID_BYTES + 8) + TRAILER_BYTES > bytes.length)
    throw unreadableGit('a pack index is shorter than its table');
  return count;
}

/** Binary search of an id among the sorted names. */
function positionOf(bytes: Buffer, count: number, id: Buffer): number {
  let [low, high] = [0, count];
  while (low < high) {
    const middle = (low + high) >>> 1;
    const at = NAMES_AT + middle * ID_BYTES;
    const order = bytes.compare(id, 0, ID_BYTES, at, at + ID_BYTES);
    if (order === 0) return middle;
    if (order < 0) low = middle + 1;
    else high = middle;
  }
  return -1;
}

/** Reads an index; `packSize` is the length of its pack, whose last 20 bytes are its checksum. */
export function parsePackIndex(indexBytes: Uint8Array, packSize: number): PackIndex {
  const bytes = Buffer.from(indexBytes.buffer, indexBytes.byteOffset, indexBytes.length);
  const count = countOf(bytes);
  const offsets = offsetsOf(bytes, count);
  const sorted = Float64Array.from(offsets).sort();
  const ends = new Map([...sorted].map((start, i) => [start, sorted[i + 1] ?? packSize - ID_BYTES]));
  const at = (start: number): PackSpan | undefined => {
    const end = ends.get(start);
    return end === undefined ? undefined : { start, end };
  };
  return {
    count,
    at,
    find: (id) => {
      if (!/^[0-9a-f]{40}$/.test(id)) return undefined;
      const start = offsets[positionOf(bytes, count, Buffer.from(id, 'hex'))];
      return start === undefined ? undefined : at(start);
    },
  };
}
