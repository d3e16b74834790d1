import { BoundedReader } from '../bounded-reader.ts';

/** OpenPGP packets and subpackets (RFC 9580 §4, §5.2.3), as far as keys and signatures need them. */

/** Bytes that are not what the format says, or that use what we do not read. */
export class PgpMalformed extends Error {
  override readonly name = 'PgpMalformed';
}

export interface Packet {
  readonly tag: number;
  readonly body: Buffer;
}

export const TAG = {
  signature: 2,
  publicKey: 6,
  userId: 13,
  publicSubkey: 14,
  userAttribute: 17,
  marker: 10,
  trust: 12,
} as const;

const MAX_PACKETS = 10_000;

export class PgpReader extends BoundedReader {
  constructor(bytes: Uint8Array) {
    super(bytes, PgpMalformed, 'a packet');
  }
  /** A multiple-precision integer, without leading zeros (§3.2). */
  mpi(): Buffer {
    return this.take(Math.ceil(this.uint16() / 8));
  }
}

/** Lengths of the new format; partial ones are for data that streams, never for keys and signatures. */
function newLength(reader: PgpReader): number {
  const first = reader.byte();
  if (first < 192) return first;
  if (first < 224) return (first - 192) * 256 + reader.byte() + 192;
  if (first === 255) return reader.uint32();
  throw new PgpMalformed('a packet of partial lengths');
}

function oldLength(reader: PgpReader, kind: number): number {
  if (kind === 0) return reader.byte();
  if (kind === 1) return reader.uint16();
  if (kind === 2) return reader.uint32();
  throw new PgpMalformed('a packet of unknown length');
}

export function readPackets(bytes: Uint8Array): Packet[] {
  const reader = new PgpReader(bytes);
  const packets: Packet[] = [];
  while (reader.left > 0) {
    if (packets.length >= MAX_PACKETS) throw new PgpMalformed('too many packets');
    const header = reader.byte();
    if ((header & 0x80) === 0) throw new PgpMalformed('no packet where one should begin');
    const isNew = (header & 0x40) !== 0;
    const tag = isNew ? header & 0x3f : (header >> 2) & 0x0f;
    const body = reader.take(isNew ? newLength(reader) : oldLength(reader, header & 3));
    if (tag !== TAG.marker && tag !== TAG.trust) packets.push({ tag, body });
  }
  return packets;
}

export interface Subpacket {
  readonly type: number;
  readonly critical: boolean;
  readonly body: Buffer;
}

export function readSubpackets(bytes: Uint8Array): Subpacket[] {
  const reader = new PgpReader(bytes);
  const subpackets: Subpacket[] = [];
  while (reader.left > 0) {
    const first = reader.byte();
    const length = first < 192 ? first : first < 255 ? (first - 192) * 256 + reader.byte() + 192 : reader.uint32();
    const inner = reader.take(length);
    const type = inner[0];
    if (type === undefined) throw new PgpMalformed('an empty subpacket');
    subpackets.push({ type: type & 0x7f, critical: type >= 0x80, body: inner.subarray(1) });
  }
  return subpackets;
}
