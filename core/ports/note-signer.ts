/** The log key: Ed25519 over note text (C2SP signed-note, type byte 0x01). Distinct from every artifact key. */
export interface NoteSigner {
  /** The raw 32-byte Ed25519 public key. */
  publicKey(): Promise<Uint8Array>;
  /** 64-byte signature over `text`. Deterministic: signing again after a crash gives the same bytes. Faults as `Signer`. */
  sign(text: Uint8Array): Promise<Uint8Array>;
}
