import { BoundedReader } from '../bounded-reader.ts';
import { X509Malformed } from './der.ts';

/** Protocol buffer messages (wire format), as far as an entry of a log needs them. */

export interface ProtobufFields {
  /** By the number of the field; 0 and nothing are the same as absent (proto3). */
  number(field: number): number;
  bytes(field: number): Buffer;
  message(field: number): ProtobufFields;
}

const WIRE = { varint: 0, fixed64: 1, bytes: 2, fixed32: 5 } as const;
const MAX_VARINT = 10;

class Reader extends BoundedReader {
  constructor(bytes: Uint8Array) {
    super(bytes, X509Malformed, 'an entry');
  }
  /** Negative and larger numbers than JSON can say are none of a log. */
  varint(): number {
    let value = 0;
    for (let at = 0; at < MAX_VARINT; at += 1) {
      const byte = this.byte();
      value += (byte & 0x7f) * 2 ** (7 * at);
      if (!Number.isSafeInteger(value)) break;
      if (byte < 0x80) return value;
    }
    throw new X509Malformed('a number of an entry is too large');
  }
}

function readValue(reader: Reader, wire: number): number | Buffer {
  if (wire === WIRE.varint) return reader.varint();
  if (wire === WIRE.bytes) return reader.take(reader.varint());
  if (wire === WIRE.fixed64) return reader.take(8);
  if (wire === WIRE.fixed32) return reader.take(4);
  throw new X509Malformed('a field of an entry is of no known kind');
}

/** A message each of whose fields stands at most once: where the last of two counts, two readers may see two messages. */
export function readProtobuf(bytes: Buffer): ProtobufFields {
  const fields = new Map<number, number | Buffer>();
  const reader = new Reader(bytes);
  while (reader.left > 0) {
    const key = reader.varint();
    const field = Math.floor(key / 8);
    if (fields.has(field)) throw new X509Malformed('a field of an entry stands twice');
    fields.set(field, readValue(reader, key % 8));
  }
  const bytesOf = (field: number): Buffer => {
    const value = fields.get(field) ?? Buffer.of();
    if (typeof value === 'number') throw new X509Malformed('a field of an entry is a number');
    return value;
  };
  return {
    number(field) {
      const value = fields.get(field) ?? 0;
      if (typeof value !== 'number') throw new X509Malformed('a field of an entry is no number');
      return value;
    },
    bytes: bytesOf,
    message: (field) => readProtobuf(bytesOf(field)),
  };
}
