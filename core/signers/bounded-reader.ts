/** Bytes of keys and signatures, taken from the front and never past their end; each format throws its own error. */
export class BoundedReader {
  readonly #bytes: Buffer;
  readonly #malformed: new (
    why: string,
  ) => Error;
  readonly #what: string;
  #at = 0;
  /** @param what that which ends too early, in the words of the format. */
  constructor(bytes: Uint8Array, malformed: new (why: string) => Error, what = 'it') {
    this.#bytes = Buffer.from(bytes);
    this.#malformed = malformed;
    this.#what = what;
  }

  get left(): number {
    return this.#bytes.length - this.#at;
  }
  get at(): number {
    return this.#at;
  }
  /** The byte that comes next, which stays where it is. */
  get ahead(): number | undefined {
    return this.#bytes[this.#at];
  }
  /** What was taken since the reader stood there. */
  since(start: number): Buffer {
    return this.#bytes.subarray(start, this.#at);
  }

  take(length: number): Buffer {
    if (length < 0 || length > this.left) throw new this.#malformed(`${this.#what} ends too early`);
    this.#at += length;
    return this.since(this.#at - length);
  }
  byte(): number {
    return this.take(1).readUInt8(0);
  }
  uint16(): number {
    return this.take(2).readUInt16BE(0);
  }
  uint32(): number {
    return this.take(4).readUInt32BE(0);
  }
  end(): void {
    if (this.left > 0) throw new this.#malformed('bytes behind its end');
  }
}
