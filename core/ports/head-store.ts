/** A signed tree head of a foreign log that was seen and verified. `note` is the whole signed note. */
export interface KeptHead {
  readonly size: number;
  readonly note: string;
  /** When a head of this size was first seen, ISO 8601 in UTC; unknown for heads kept before it was recorded. */
  readonly seenAt?: string | undefined;
}

/**
 * The newest verified head of each foreign log (a Go checksum database), shared by all tenants. Losing it weakens the
 * next check to trust on first use; it is never evidence by itself. Failures are `StoreUnavailable`.
 */
export interface HeadStore {
  /** The kept head, or `undefined` only when none was ever saved. `log` is the name and key id of its verifier. */
  load(log: string): Promise<KeptHead | undefined>;
  /**
   * MUST be durable before it resolves and MUST change nothing when the kept head is larger, or of the same size: the
   * time of the first sight stays. Only a kept head without a time takes that of one of its own size.
   */
  save(log: string, head: KeptHead): Promise<void>;
}
