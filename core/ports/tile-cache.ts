/**
 * What a checksum database said before, kept to ask it less and to do without it. Never trusted: whoever reads proves
 * every byte against a signed head, so losing or garbling it costs a question and no truth. `log` is the name and key id
 * of the database, `name` a path of its protocol (letters, digits and `!._~@+/-`). Failures are `StoreUnavailable`.
 */
export interface TileCache {
  /** The bytes, or `undefined` when there are none. */
  get(log: string, name: string): Promise<Uint8Array | undefined>;
  /** MUST replace what is there as a whole: a crash leaves the old bytes or the new ones. */
  put(log: string, name: string, bytes: Uint8Array): Promise<void>;
}
