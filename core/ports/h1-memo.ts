import type { Sha256Hex } from '../../events/fields.ts';
import type { H1Digest, ModulePath, ModuleVersion } from '../brands.ts';

/** A zip of one module version, by its bytes, and what it hashed to under one version of our rules for zips. */
export interface RememberedHash {
  readonly module: ModulePath;
  readonly version: ModuleVersion;
  /** Of the zip's own bytes: a zip that changed is another zip. */
  readonly sha256: Sha256Hex;
  readonly h1: H1Digest;
  /** `ZIP_RULES` of whoever hashed it. */
  readonly rules: number;
}

/**
 * What zips hashed to before. TRUSTED: an entry is believed instead of hashing, so whoever can make one can have any zip
 * pass for any other. A store MUST therefore give back only entries that were added through it, proved by a key that
 * lies apart from them, or kept where nobody else can write. Losing entries costs time and no truth: neither call needs
 * to be durable, and an entry that is torn, foreign or changed counts as absent. Failures are `StoreUnavailable`.
 */
export interface H1Memo {
  /** All entries of one module version, in no order. */
  find(module: ModulePath, version: ModuleVersion): Promise<readonly RememberedHash[]>;
  add(entry: RememberedHash): Promise<void>;
}
