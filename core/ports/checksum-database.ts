import type { ModulePath, ModuleVersion } from '../brands.ts';

/**
 * Raw bytes of a Go checksum database; `core/sumdb` verifies every one. Whatever is no answer (403, 429, 5xx, a time-out,
 * a tile that is not there) is `ChecksumDatabaseUnavailable`: it is never taken for "not in the database".
 */
export interface ChecksumDatabase {
  /** `name+hash+key` of the database, from settings, never from what it serves. */
  readonly verifierKey: string;
  /** Nobody is asked: what was recorded is all there is, and a head that does not grow says nothing. */
  readonly offline?: true;
  /** Body of `/lookup/…`, or `undefined` on 404 or 410. At most 10 questions MUST be in flight. */
  lookup(path: ModulePath, version: ModuleVersion): Promise<string | undefined>;
  /** Body of `/latest`: a signed tree head. */
  latest(): Promise<string>;
  /** A hash tile of height 8: `width` hashes of 32 bytes; falls back to the full tile when a partial one is gone. */
  tile(level: number, index: number, width: number): Promise<Uint8Array>;
}
