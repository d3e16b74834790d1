import type { H1Digest } from '../brands.ts';
import type { ModuleZip, RandomAccess } from './module-source.ts';

/** What bytes are: a module zip, or a go.mod file. Their h1 is made in two ways, so the two never mix. */
export type ModuleBytesKind = 'zip' | 'go.mod';

/**
 * Module bytes that one tenant fetched before, by their h1. Not trusted: whoever reads hashes what comes, so that a
 * changed object costs a fetch and no truth. Failures are `StoreUnavailable`.
 */
export interface ModuleCache {
  /** The bytes, to be released as a fetched zip is; `undefined` only when there are none. */
  get(kind: ModuleBytesKind, h1: H1Digest): Promise<ModuleZip | undefined>;
  /**
   * Stores at least one byte, read once from beginning to end. MUST show them whole or not at all, also after a crash
   * or a failed read. Of two writers either may win: zips of one h1 differ only in what no one reads.
   */
  put(kind: ModuleBytesKind, h1: H1Digest, bytes: RandomAccess): Promise<void>;
}
