import { readVarint } from './delta.ts';
import { type GitObjectType, inflateStream, requireWithin } from './object.ts';
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

/** The number of objects that a pack's header announces. */
export function parsePackHeader(header: Uint8Array): number {
  const bytes = Buffer.from(header);
  const known =
    bytes.length >= PACK_HEADER_BYTES && bytes.toString('latin1', 0, 4) === 'PACK' && bytes.readUInt32BE(4) === 2;
  if (!known) throw unreadableGit('a pack is not of version 2');
  return bytes.readUInt32BE(8);
}

/** Checks the header of a pack against its index. */
export function checkPackHeader(header: Uint8Array, count: number): void {
  if (parsePackHeader(header) !== count) throw unreadableGit('a pack and its index differ in number of objects');
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

/** What precedes the deflated bytes of an entry. */
export interface PackEntryHead {
  readonly size: number;
  /** Length of the head itself. */
  readonly length: number;
  readonly content:
    | { readonly kind: 'whole'; readonly type: GitObjectType }
    | { readonly kind: 'offset-delta'; readonly base: number }
    | { readonly kind: 'named-delta'; readonly base: string };
}

/** Longest head: size, type and a base by its id. */
export const PACK_ENTRY_HEAD_BYTES = 40;

/** Reads the head of the entry that starts at `start` of its pack; `limit` is for what it deflates. */
export function parsePackEntryHead(bytes: Uint8Array, start: number, limit: number): PackEntryHead {
  const first = bytes[0];
  if (first === undefined) throw unreadableGit('a pack entry is empty');
  const cursor = { bytes, at: 1 };
  const size = (first & 0x0f) + (first >= 0x80 ? readVarint(cursor) * 16 : 0);
  requireWithin(size, limit);
  const code = (first >> 4) & 7;
  const type = TYPES[code];
  if (type) return { size, length: cursor.at, content: { kind: 'whole', type } };
  if (code === 6) {
    const { distance, at } = readDistance(bytes, cursor.at);
    if (distance === 0 || distance > start) throw unreadableGit('a pack entry has its base outside the pack');
    return { size, length: at, content: { kind: 'offset-delta', base: start - distance } };
  }
  if (code !== 7) throw unreadableGit(`a pack entry has unknown type ${code}`);
  const base = Buffer.from(bytes.subarray(cursor.at, cursor.at + 20)).toString('hex');
  return { size, length: cursor.at + 20, content: { kind: 'named-delta', base } };
}

/** Reads the entry whose bytes are exactly those of `span`; whole body or delta of at most `limit` bytes. */
export function parsePackEntry(bytes: Uint8Array, span: PackSpan, limit: number): PackEntry {
  const { size, length, content } = parsePackEntryHead(bytes, span.start, limit);
  const { body } = inflateStream(bytes.subarray(length), size);
  return content.kind === 'whole' ? { ...content, body } : { ...content, delta: body };
}
