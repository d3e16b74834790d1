import { requireWithin } from './object.ts';
import { unreadableGit } from './unreadable.ts';

/** Git's delta format (gitformat-pack, "Deltified representation"): two sizes, then copy and insert instructions. */

interface Cursor {
  readonly bytes: Uint8Array;
  at: number;
}

function nextByte(cursor: Cursor): number {
  const byte = cursor.bytes[cursor.at++];
  if (byte === undefined) throw unreadableGit('a delta ends too early');
  return byte;
}

/** Little-endian base-128 number; at most 53 bits, so arithmetic instead of shifts. */
export function readVarint(cursor: Cursor): number {
  let value = 0;
  for (let scale = 1; ; scale *= 128) {
    const byte = nextByte(cursor);
    value += (byte & 0x7f) * scale;
    if (value > Number.MAX_SAFE_INTEGER) throw unreadableGit('a size does not fit');
    if (byte < 0x80) return value;
    if (scale > 2 ** 49) throw unreadableGit('a size is too long');
  }
}

/** The bytes that follow an instruction, one for each bit set in `mask`, from bit `from` on. */
function operand(cursor: Cursor, mask: number, from: number, count: number): number {
  let value = 0;
  for (let i = 0; i < count; i++) if (mask & (1 << (from + i))) value += nextByte(cursor) * 256 ** i;
  return value;
}

/** Applies a delta to its base; the result has at most `limit` bytes. */
export function applyDelta(base: Uint8Array, delta: Uint8Array, limit: number): Uint8Array {
  const cursor: Cursor = { bytes: delta, at: 0 };
  if (readVarint(cursor) !== base.length) throw unreadableGit('a delta was made for another base');
  const size = readVarint(cursor);
  requireWithin(size, limit);
  const result = new Uint8Array(size);
  let written = 0;
  while (cursor.at < delta.length) {
    const instruction = nextByte(cursor);
    if (instruction === 0) throw unreadableGit('a delta holds the reserved instruction');
    const copies = instruction >= 0x80;
    const offset = copies ? operand(cursor, instruction, 0, 4) : cursor.at;
    const length = copies ? operand(cursor, instruction, 4, 3) || 0x10000 : instruction;
    const from = copies ? base : delta;
    if (offset + length > from.length || written + length > size) throw unreadableGit('a delta reaches too far');
    result.set(from.subarray(offset, offset + length), written);
    written += length;
    if (!copies) cursor.at += length;
  }
  if (written !== size) throw unreadableGit('a delta makes fewer bytes than it says');
  return result;
}
