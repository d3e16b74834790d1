/**
 * CBOR (RFC 8949) in its core deterministic encoding, as far as receipts need it: no floats, no indefinite lengths, whole
 * numbers below 2^53. What is spelled in any other way is not read.
 */

export class Tagged {
  readonly tag: number;
  readonly value: Cbor;
  constructor(tag: number, value: Cbor) {
    this.tag = tag;
    this.value = value;
  }
}
export type Cbor = number | string | boolean | null | Uint8Array | Cbor[] | CborMap | Tagged;
export type CborMap = Map<number | string, Cbor>;

const MAX_BYTES = 65_536;
const MAX_DEPTH = 8;

/** Major types, RFC 8949 §3.1. */
const UNSIGNED = 0;
const NEGATIVE = 1;
const BYTES = 2;
const TEXT = 3;
const ARRAY = 4;
const MAP = 5;
const TAG = 6;
const SIMPLE = 7;
const FALSE = 20;
const TRUE = 21;
const NULL = 22;

/** Major type and argument, in the fewest bytes. */
function encodeHead(major: number, argument: number): Buffer {
  if (argument < 24) return Buffer.of(major * 32 + argument);
  const width = [1, 2, 4, 8].find((bytes) => argument < 256 ** bytes) ?? 8;
  const argumentBytes = Buffer.alloc(8);
  argumentBytes.writeBigUInt64BE(BigInt(argument));
  return Buffer.of(major * 32 + 24 + Math.log2(width), ...argumentBytes.subarray(8 - width));
}

function encodeMap(map: CborMap): Buffer {
  const pairs = Array.from(map, ([key, value]) => ({ key: encode(key), value: encode(value) }));
  pairs.sort((a, b) => Buffer.compare(a.key, b.key));
  return Buffer.concat([encodeHead(MAP, map.size), ...pairs.flatMap(({ key, value }) => [key, value])]);
}

function encodeNumber(value: number): Buffer {
  if (!Number.isSafeInteger(value)) throw new RangeError('only whole numbers below 2^53 are written');
  return value < 0 ? encodeHead(NEGATIVE, -1 - value) : encodeHead(UNSIGNED, value);
}

function encode(value: Cbor): Buffer {
  if (typeof value === 'number') return encodeNumber(value);
  if (value === null) return encodeHead(SIMPLE, NULL);
  if (typeof value === 'boolean') return encodeHead(SIMPLE, value ? TRUE : FALSE);
  if (value instanceof Uint8Array) return Buffer.concat([encodeHead(BYTES, value.length), value]);
  if (value instanceof Tagged) return Buffer.concat([encodeHead(TAG, value.tag), encode(value.value)]);
  if (value instanceof Map) return encodeMap(value);
  if (Array.isArray(value)) return Buffer.concat([encodeHead(ARRAY, value.length), ...value.map(encode)]);
  const bytes = Buffer.from(value, 'utf8');
  return Buffer.concat([encodeHead(TEXT, bytes.length), bytes]);
}

export const encodeCbor = (value: Cbor): Uint8Array => new Uint8Array(encode(value));

/** Ends the reading of an item; only `decodeCbor` catches it. */
class CborMalformed extends Error {
  override readonly name = 'CborMalformed';
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

function decodeText(bytes: Uint8Array): string {
  try {
    return utf8.decode(bytes);
  } catch (error) {
    throw new CborMalformed('a text is not UTF-8', { cause: error });
  }
}

/** Reads items one after the other. */
class Reader {
  readonly #bytes: Buffer;
  #at = 0;
  constructor(bytes: Uint8Array) {
    this.#bytes = Buffer.from(bytes);
  }

  isAtEnd(): boolean {
    return this.#at === this.#bytes.length;
  }

  #take(count: number): Buffer {
    if (count > this.#bytes.length - this.#at) throw new CborMalformed('the bytes end inside an item');
    this.#at += count;
    return this.#bytes.subarray(this.#at - count, this.#at);
  }

  #head(): { major: number; argument: number } {
    const initial = this.#take(1).readUInt8();
    const major = Math.floor(initial / 32);
    const short = initial % 32;
    if (short > 27) throw new CborMalformed('an indefinite or reserved length');
    if (short < 24) return { major, argument: short };
    const padded = Buffer.alloc(8);
    const width = 2 ** (short - 24);
    this.#take(width).copy(padded, 8 - width);
    const argument = Number(padded.readBigUInt64BE());
    if (!Number.isSafeInteger(argument) || encodeHead(major, argument).length !== 1 + width)
      throw new CborMalformed('a number that is too large or not in its fewest bytes');
    return { major, argument };
  }

  #array(length: number, depth: number): Cbor[] {
    const items: Cbor[] = [];
    while (items.length < length) items.push(this.item(depth));
    return items;
  }

  /** Keys ascend by their bytes, so that none is there twice. */
  #map(size: number, depth: number): CborMap {
    const map: CborMap = new Map();
    let before: Buffer | undefined;
    while (map.size < size) {
      const start = this.#at;
      const key = this.item(depth);
      if (typeof key !== 'number' && typeof key !== 'string') throw new CborMalformed('a key of another type');
      const keyBytes = this.#bytes.subarray(start, this.#at);
      if (before && Buffer.compare(before, keyBytes) >= 0) throw new CborMalformed('keys out of order');
      before = keyBytes;
      map.set(key, this.item(depth));
    }
    return map;
  }

  item(depth: number): Cbor {
    if (depth > MAX_DEPTH) throw new CborMalformed('too many levels');
    const { major, argument } = this.#head();
    switch (major) {
      case UNSIGNED:
        return argument;
      case NEGATIVE:
        if (argument === Number.MAX_SAFE_INTEGER) throw new CborMalformed('a number that is too small');
        return -1 - argument;
      case BYTES:
        return new Uint8Array(this.#take(argument));
      case TEXT:
        return decodeText(this.#take(argument));
      case ARRAY:
        return this.#array(argument, depth + 1);
      case MAP:
        return this.#map(argument, depth + 1);
      case TAG:
        return new Tagged(argument, this.item(depth + 1));
      default:
        if (argument === NULL) return null;
        if (argument === TRUE || argument === FALSE) return argument === TRUE;
        throw new CborMalformed('a value that is neither true, false nor null');
    }
  }
}

/** The one item that these bytes are, at most 64 KiB and eight levels deep; else `undefined`. */
export function decodeCbor(bytes: Uint8Array): Cbor | undefined {
  if (bytes.length > MAX_BYTES) return undefined;
  try {
    const reader = new Reader(bytes);
    const value = reader.item(0);
    return reader.isAtEnd() ? value : undefined;
  } catch (error) {
    if (error instanceof CborMalformed) return undefined;
    throw error;
  }
}
