/** Strings and numbers of the SSH wire format (RFC 4251 §5). */

/** Bytes that are not what the format says. */
export class SshMalformed extends Error {
  override readonly name = 'SshMalformed';
}

export class SshReader {
  readonly #bytes: Buffer;
  #at = 0;
  constructor(bytes: Uint8Array) {
    this.#bytes = Buffer.from(bytes);
  }

  #take(length: number): Buffer {
    if (length < 0 || this.#at + length > this.#bytes.length) throw new SshMalformed('it ends too early');
    this.#at += length;
    return this.#bytes.subarray(this.#at - length, this.#at);
  }

  uint32(): number {
    return this.#take(4).readUInt32BE(0);
  }
  byte(): number {
    return this.#take(1).readUInt8(0);
  }
  raw(length: number): Buffer {
    return this.#take(length);
  }
  string(): Buffer {
    return this.#take(this.uint32());
  }
  text(): string {
    return this.string().toString('latin1');
  }
  /** A positive multiple-precision integer without its leading zero. */
  mpint(): Buffer {
    const bytes = this.string();
    const first = bytes[0];
    if (first === undefined || first >= 0x80) throw new SshMalformed('a number is not positive');
    return first === 0 ? bytes.subarray(1) : bytes;
  }
  end(): void {
    if (this.#at !== this.#bytes.length) throw new SshMalformed('bytes behind its end');
  }
}

export function sshString(bytes: Uint8Array | string): Buffer {
  const content = Buffer.from(bytes);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(content.length);
  return Buffer.concat([length, content]);
}
