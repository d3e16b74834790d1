/**
 * Raw deliveries and whatever else may hold personal data: encrypted, deletable, kept apart from the ledger
 * (docs/security.md). Erasing the key erases the object, wherever copies of the ciphertext lie.
 */
export interface ErasableStore {
  /**
   * Encrypts under a key of this object's own (AES-256-GCM, the name as associated data) and MUST be durable before it
   * resolves. A second put of the same name with the same bytes succeeds; with other bytes it throws `WormConflict`.
   */
  put(name: string, bytes: Uint8Array): Promise<void>;
  /** `undefined` when never stored or erased. */
  get(name: string): Promise<Uint8Array | undefined>;
  /** Removes the key and the ciphertext; idempotent. */
  erase(name: string): Promise<void>;
}
