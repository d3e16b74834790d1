import { BoundedReader } from '../bounded-reader.ts';

/**
 * DER of ASN.1 (X.690 §10), as far as certificates and CMS need it: there is one way to write each thing, and any other is
 * refused, so that nobody else reads the same bytes otherwise.
 */

/** Bytes that are not what the format says, or that use what we do not read. */
export class X509Malformed extends Error {
  override readonly name = 'X509Malformed';
}

export const DER = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  null: 0x05,
  oid: 0x06,
  utf8String: 0x0c,
  utcTime: 0x17,
  generalizedTime: 0x18,
  sequence: 0x30,
  set: 0x31,
} as const;

/** Context-specific tags: of something with parts, and of plain bytes. */
export const constructed = (number: number): number => 0xa0 | number;
export const primitive = (number: number): number => 0x80 | number;

export interface DerElement {
  readonly tag: number;
  readonly content: Buffer;
  /** With tag and length. */
  readonly whole: Buffer;
}

const INDEFINITE = 0x80;
/** gpgsm nests four; more are no signature that anyone makes. */
const MAX_INDEFINITE = 8;
const MAX_ELEMENTS = 1000;

export class DerReader extends BoundedReader {
  constructor(bytes: Uint8Array) {
    super(bytes, X509Malformed);
  }

  get tag(): number | undefined {
    return this.ahead;
  }

  /** Definite, in as few bytes as possible (§10.1). */
  #length(first: number): number {
    if (first < 0x80) return first;
    const size = first & 0x7f;
    if (size === 0) throw new X509Malformed('a length is indefinite');
    if (size > 4) throw new X509Malformed('a length is too large');
    const length = this.take(size).readUIntBE(0, size);
    if (length < 0x80 || length < 2 ** (8 * (size - 1))) throw new X509Malformed('a length is longer than it need be');
    return length;
  }

  /** Moves behind the end of contents (§8.1.5) and answers what stood before it. */
  #untilEnd(depth: number): Buffer {
    if (depth > MAX_INDEFINITE) throw new X509Malformed('it is nested too deeply');
    const start = this.at;
    while (this.tag !== 0) this.#element(depth);
    const content = this.since(start);
    if (this.uint16() !== 0) throw new X509Malformed('an end of contents has contents');
    return content;
  }

  /** `depth` 0: DER; else how many indefinite lengths are open. */
  #element(depth: number): DerElement {
    const start = this.at;
    const [tag, first] = [this.byte(), this.byte()];
    if ((tag & 0x1f) === 0x1f) throw new X509Malformed('a tag is too large');
    const mayBeOpen = depth > 0 && (tag & 0x20) !== 0;
    const content = first === INDEFINITE && mayBeOpen ? this.#untilEnd(depth + 1) : this.take(this.#length(first));
    return { tag, content, whole: this.since(start) };
  }

  next(): DerElement {
    return this.#element(0);
  }
  expect(tag: number): DerElement {
    if (this.tag !== tag) throw new X509Malformed('something stands where something else should');
    return this.next();
  }
  optional(tag: number): DerElement | undefined {
    return this.tag === tag ? this.next() : undefined;
  }
  /** The parts of an element. */
  within(tag: number): DerReader {
    return new DerReader(this.expect(tag).content);
  }
  /** The parts of a wrapper around what was signed: CMS is BER, and gpgsm leaves the lengths of these open. */
  wrapped(tag: number): DerReader {
    if (this.tag !== tag) throw new X509Malformed('something stands where something else should');
    return new DerReader(this.#element(1).content);
  }
  /** All that is left, one element after the other. */
  all(): DerElement[] {
    const elements: DerElement[] = [];
    while (this.left > 0) {
      if (elements.length >= MAX_ELEMENTS) throw new X509Malformed('it has too many parts');
      elements.push(this.next());
    }
    return elements;
  }

  /** A boolean that is false where it does not stand. */
  flag(): boolean {
    const stated = this.optional(DER.boolean);
    if (!stated) return false;
    const [value, ...more] = stated.content;
    if ((value !== 0 && value !== 0xff) || more.length > 0)
      throw new X509Malformed('a boolean is neither true nor false');
    return value === 0xff;
  }
  /** Dotted. */
  oid(): string {
    return dotted(this.expect(DER.oid).content);
  }
  /** Two's complement, as it stands. */
  integer(): Buffer {
    const { content } = this.expect(DER.integer);
    const [first, second = 0] = content;
    const padded = content.length > 1 && ((first === 0 && second < 0x80) || (first === 0xff && second >= 0x80));
    if (first === undefined || padded) throw new X509Malformed('a number is longer than it need be');
    return content;
  }
  /** A number from 0 to 127, as versions and lengths of chains are. */
  small(): number {
    const [value = 0, ...more] = this.integer();
    if (value >= 0x80 || more.length > 0) throw new X509Malformed('a number is out of range');
    return value;
  }
  /** A bit string of whole bytes. */
  bits(): Buffer {
    const { content } = this.expect(DER.bitString);
    if (content[0] !== 0) throw new X509Malformed('a bit string is not of whole bytes');
    return content.subarray(1);
  }
  /** Milliseconds since 1970 (RFC 5280 §4.1.2.5). */
  instant(): number {
    return instantOf(this.next());
  }
}

export function dotted(content: Uint8Array): string {
  const arcs: number[] = [];
  let arc = 0;
  let isFirst = true;
  for (const byte of content) {
    if (isFirst && byte === 0x80) throw new X509Malformed('an object identifier is longer than it need be');
    arc = arc * 128 + (byte & 0x7f);
    if (!Number.isSafeInteger(arc)) throw new X509Malformed('an object identifier is too large');
    isFirst = byte < 0x80;
    if (!isFirst) continue;
    arcs.push(arc);
    arc = 0;
  }
  const [first] = arcs;
  if (first === undefined || !isFirst) throw new X509Malformed('an object identifier ends too early');
  const root = Math.min(2, Math.floor(first / 40));
  return [root, first - 40 * root, ...arcs.slice(1)].join('.');
}

function instantOf({ tag, content }: DerElement): number {
  const text = content.toString('latin1');
  const isShort = tag === DER.utcTime;
  if (!isShort && tag !== DER.generalizedTime) throw new X509Malformed('a time is none');
  // Two digits of a year mean 1950 to 2049.
  const full = isShort ? `${Number(text.slice(0, 2)) < 50 ? '20' : '19'}${text}` : text;
  const iso = /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z$/.exec(full);
  const ms = iso ? Date.parse(`${iso[1]}-${iso[2]}-${iso[3]}T${iso[4]}:${iso[5]}:${iso[6]}Z`) : Number.NaN;
  if (Number.isNaN(ms)) throw new X509Malformed('a time is none');
  return ms;
}
