/** Identities and randomness enter here. */
export interface Ids {
  /** A ULID: 26 characters, sortable by time. */
  ulid(): string;
  /** Cryptographically strong random bytes. */
  random(size: number): Uint8Array;
}
