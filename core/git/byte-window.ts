import { unreadableGit } from './unreadable.ts';

/** Bytes that arrive in pieces, for readers that need the next few in one piece. Only what was not yet skipped is held. */
export class ByteWindow {
  #held: Buffer = Buffer.alloc(0);
  #ended = false;
  readonly #source: AsyncIterator<Uint8Array>;

  constructor(source: AsyncIterable<Uint8Array>) {
    this.#source = source[Symbol.asyncIterator]();
  }

  /** What comes next: `count` bytes or more, fewer only where the source ends. They stay until they are skipped. */
  async peek(count: number): Promise<Buffer> {
    const pieces: Uint8Array[] = [this.#held];
    let size = this.#held.length;
    while (size < count && !this.#ended) {
      const next = await this.#source.next();
      if (next.done === true) this.#ended = true;
      else {
        pieces.push(next.value);
        size += next.value.length;
      }
    }
    if (pieces.length > 1) this.#held = Buffer.concat(pieces, size);
    return this.#held;
  }

  skip(count: number): void {
    this.#held = this.#held.subarray(count);
  }

  /** The next `count` bytes, skipped. */
  async take(count: number): Promise<Buffer> {
    const bytes = (await this.peek(count)).subarray(0, count);
    if (bytes.length < count) throw unreadableGit('an answer ends too early');
    this.skip(count);
    return bytes;
  }

  async isAtEnd(): Promise<boolean> {
    return (await this.peek(1)).length === 0;
  }

  /** Ends the source, read or not. */
  async close(): Promise<void> {
    await this.#source.return?.();
  }
}
