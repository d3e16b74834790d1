/**
 * The artifact key: signs a digest, and only what `core/signing` asks for after a recomputed pass. The private key never
 * crosses this port. ECDSA P-256, SHA-256.
 */
export interface Signer {
  /** SubjectPublicKeyInfo, DER. */
  publicKey(): Promise<Uint8Array>;
  /**
   * DER ECDSA signature over a 32-byte SHA-256 digest. Throws `SignerUnavailable` when trying again may help and
   * `SignerRefused` when it will not (disabled, deleted or forbidden key).
   */
  sign(digest: Uint8Array): Promise<Uint8Array>;
}
