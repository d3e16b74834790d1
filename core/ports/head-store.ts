/** A signed tree head of a foreign log that was seen and verified. `note` is the whole signed note. */
export interface KeptHead {
  readonly size: number;
  readonly note: string;
}

/**
 * The newest verified head of each foreign log (a Go checksum database), shared by all tenants. Losing it weakens the
 * next check to trust on first use; it is never evidence by itself. Failures are `StoreUnavailable`.
 */
export interface HeadStore {
  /** The kept head, or `undefined` only when none was ever saved. `log` is the name and key id of its verifier. */
  load(log: string): Promise<KeptHead | undefined>;
  /** MUST be durable before it resolves and MUST change nothing when the kept head is of the same size or larger. */
  save(log: string, head: KeptHead): Promise<void>;
}
