import { readVarint } from './delta.ts';
import { type GitObjectType, inflateExactly, requireWithin } from './object.ts';
import type { PackSpan } from './pack-index.ts';
import { unreadableGit } from './unreadable.ts';

/** Entries of a pack, version 2 (gitformat-pack): whole objects, or deltas against an earlier entry or a named object. */

export type PackEntry =
  | { readonly kind: 'whole'; readonly type: GitObjectType; readonly body: Uint8Array }
  | { readonly kind: 'offset-delta'; readonly base: number; readonly delta: Uint8Array }
  | { readonly kind: 'named-delta'; readonly base: string; readonly delta: Uint8Array };

/** Deeper chains than git itself makes (`pack.depth` is at most 4095). */
export const PACK_DELTA_DEPTH = 4096;
export const PACK_HEADER_BYTES = 12;

const TYPES: Readonly<Record<number, GitObjectType>> = { 1: 'commit', 2: 'tree', 3: 'blob', 4: 'tag' };

/** Checks the header of a pack against its index. */
export function checkPackHeader(header: Uint8Array, count: number): void {
  const bytes = Buffer.from(header);
  const known =
    bytes.length >= PACK_HEADER_BYTES && bytes.toString('latin1', 0, 4) === 'PACK' && bytes.readUInt32BE(4) === 2;
  if (!known) throw unreadableGit('a pack is not of version 2');
  if (bytes.readUInt32BE(8) !== count) throw unreadableGit('a pack and its index differ in number of objects');
}

/** Distance back to the base: big-endian base-128 where each continued byte adds one (so no value has two forms). */
function readDistance(bytes: Uint8Array, from: number): { distance: number; at: number } {
  let distance = 0;
  for (let at = from; at < from + 8; at++) {
    const byte = bytes[at];
    if (byte === undefined) break;
    distance = distance * 128 + (byte & 0x7f);
    if (byte < 0x80) return { distance, at: at + 1 };
    distance += 1;
  }
  throw unreadableGit('a pack entry has a malformed base');
}

/** Reads the entry whose bytes are exactly those of `span`; whole body or delta of at most `limit` bytes. */
export function parsePackEntry(bytes: Uint8Array, span: PackSpan, limit: number): PackEntry {
  const first = bytes[0];
  if (first === undefined) throw unreadableGit('a pack entry is empty');
  const cursor = { bytes, at: 1 };
  const size = (first & 0x0f) + (first >= 0x80 ? readVarint(cursor) * 16 : 0);
  requireWithin(size, limit);
  const code = (first >> 4) & 7;
  const type = TYPES[code];
  if (type) return { kind: 'whole', type, body: inflateExactly(bytes.subarray(cursor.at), size) };
  if (code === 6) {
    const { distance, at } = readDistance(bytes, cursor.at);
    if (distance === 0 || distance > span.start) throw unreadableGit('a pack entry has its base outside the pack');
    return { kind: 'offset-delta', base: span.start - distance, delta: inflateExactly(bytes.subarray(at), size) };
  }
  if (code !== 7) throw unreadableGit(`a pack entry has unknown type ${code}`);
  const base = Buffer.from(bytes.subarray(cursor.at, cursor.at + 20)).toString('hex');
  return { kind: 'named-delta', base, delta: inflateExactly(bytes.subarray(cursor.at + 20), size) };
}
