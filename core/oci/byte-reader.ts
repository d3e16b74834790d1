import { ContentRefused } from './refused.ts';

/** Exact reads over a stream of chunks. */
export class ByteReader {
  private readonly source: AsyncIterator<Uint8Array>;
  private chunk: Uint8Array = new Uint8Array();

  constructor(chunks: AsyncIterable<Uint8Array>) {
    this.source = chunks[Symbol.asyncIterator]();
  }

  /** The next bytes, at most `max`; `undefined` at the end. */
  async some(max: number): Promise<Uint8Array | undefined> {
    while (this.chunk.length === 0) {
      const step = await this.source.next();
      if (step.done) return undefined;
      this.chunk = step.value;
    }
    const taken = this.chunk.subarray(0, max);
    this.chunk = this.chunk.subarray(taken.length);
    return taken;
  }

  /** Exactly these many bytes, chunk by chunk. */
  async *exactly(length: number): AsyncGenerator<Uint8Array, void, undefined> {
    for (let left = length; left > 0; ) {
      const part = await this.some(left);
      if (!part) throw new ContentRefused('oci.layer-invalid', { expected: `${left} more bytes`, found: 'the end' });
      left -= part.length;
      yield part;
    }
  }

  /** Exactly these many bytes at once; callers bound `length`. */
  async take(length: number): Promise<Buffer> {
    const parts: Uint8Array[] = [];
    for await (const part of this.exactly(length)) parts.push(part);
    return Buffer.concat(parts, length);
  }
}
