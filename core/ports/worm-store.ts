/**
 * Write once, read for ever. Trusted for the bytes of what it returns as far as its disk or service is; not trusted for
 * names, which callers check by digest.
 *
 * Names are `/`-separated segments of `[A-Za-z0-9._-]`, never `.` or `..`; the first two are `t/<tenant>`.
 */
export interface WormStore {
  /**
   * MUST be durable, and under retention where the store has it, before it resolves. The same name with the same bytes
   * resolves `existed`; with other bytes it MUST throw `WormConflict` and change nothing. Two racing writers: one wins.
   * Any other failure is `StoreUnavailable`, after which the object may or may not exist: put again.
   */
  put(name: string, bytes: Uint8Array): Promise<'created' | 'existed'>;
  /** The bytes, or `undefined` only when there is no such object. */
  get(name: string): Promise<Uint8Array | undefined>;
  /** Names that start with `prefix`, in byte order. */
  list(prefix: string): AsyncIterable<string>;
}
