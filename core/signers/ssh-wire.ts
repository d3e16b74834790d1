import { BoundedReader } from './bounded-reader.ts';

/** Strings and numbers of the SSH wire format (RFC 4251 §5). */

/** Bytes that are not what the format says. */
export class SshMalformed extends Error {
  override readonly name = 'SshMalformed';
}

export class SshReader extends BoundedReader {
  constructor(bytes: Uint8Array) {
    super(bytes, SshMalformed);
  }

  string(): Buffer {
    return this.take(this.uint32());
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
}

export function sshString(bytes: Uint8Array | string): Buffer {
  const content = Buffer.from(bytes);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(content.length);
  return Buffer.concat([length, content]);
}
