import type { Sha256Hex, TenantId } from '../../events/fields.ts';
import type { Erasure } from '../privacy/erasure.ts';

/**
 * What makes a person's pseudonym, and which erasable objects mention them. People are told apart by keyed hashes of their
 * names, so the store holds no name. It MUST be kept where nothing is copied: no backup, no stream, no export. Losing it
 * severs people from their pseudonyms, and nothing else.
 */
export interface PersonStore {
  /** The person's random key of 32 bytes, made and durable when there was none. Racing callers get the same one. */
  keyOf(tenant: TenantId, person: Sha256Hex): Promise<Uint8Array>;
  /** `undefined` when never made, or destroyed. */
  knownKey(tenant: TenantId, person: Sha256Hex): Promise<Uint8Array | undefined>;
  /** Removes this key for good, and not one that was made after it; idempotent. */
  destroyKey(tenant: TenantId, person: Sha256Hex, key: Uint8Array): Promise<void>;
  /** Notes that an erasable object mentions these people. MUST be durable before it resolves; idempotent. */
  mention(tenant: TenantId, persons: readonly Sha256Hex[], object: string): Promise<void>;
  /** Names of the objects that mention a person, in byte order. */
  mentions(tenant: TenantId, person: Sha256Hex): AsyncIterable<string>;
  /** Forgets mentions; idempotent. */
  unmention(tenant: TenantId, person: Sha256Hex, objects: readonly string[]): Promise<void>;
  /** The erasure of a person that was begun and not ended. */
  erasure(tenant: TenantId, person: Sha256Hex): Promise<Erasure | undefined>;
  /** Stores the erasure, durably, if none is begun, and answers the one that is. */
  beginErasure(tenant: TenantId, person: Sha256Hex, erasure: Erasure): Promise<Erasure>;
  /** Forgets that it was begun; idempotent. */
  endErasure(tenant: TenantId, person: Sha256Hex): Promise<void>;
}
