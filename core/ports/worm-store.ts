/**
 * Write once, read for ever. Trusted for the bytes of what it returns as far as its disk or service is; not trusted for
 * names, which callers check by digest.
 *
 * Names are `/`-separated segments of `[A-Za-z0-9._-]`, never `.` or `..`; the first two are `t/<tenant>`.
 */
export interface WormStore {
  /**
   * MUST be durable, and under retention where the store has it, before it resolves. The same name with the same bytes
   * resolves `existed`, and is kept from then on as long as a new object of its kind; with other bytes it MUST throw `WormConflict` and change nothing. Two racing writers: one wins.
   * Any other failure is `StoreUnavailable`, after which the object may or may not exist: put again.
   */
  put(name: string, bytes: Uint8Array): Promise<'created' | 'existed'>;
  /** The bytes, or `undefined` only when there is no such object. */
  get(name: string): Promise<Uint8Array | undefined>;
  /** Names that start with `prefix`, in byte order; with `after` those behind it only. */
  list(prefix: string, after?: string): AsyncIterable<string>;
}

/** What a store that keeps versions has under one name. */
export interface KeptVersions {
  readonly versions: number;
  /** Marks of a deletion: they hide versions, which are there as before. */
  readonly markers: number;
}

/** Looks behind the names: whoever may write past the port can put a second version, or hide the first. */
export interface WormVersions {
  /** Of what the port alone wrote there is one version and no marker. */
  versionsOf(name: string): Promise<KeptVersions>;
}
