import type { Sha256Hex } from '../../events/fields.ts';
import type { ModulePath, ModuleVersion } from '../brands.ts';
import type { HashedZip } from '../gosum/module-zip.ts';
import type { RandomAccess } from './module-source.ts';

/**
 * Hashes module zips, several at once where the machine can. A zip that is none is an answer; what reading throws is
 * thrown. Memory MUST stay bounded whatever a zip holds and however many are asked for: callers may ask for all.
 * A zip MUST NOT be released before its answer is there.
 */
export interface ZipHasher {
  hash(zip: RandomAccess, module: ModulePath, version: ModuleVersion): Promise<HashedZip>;
  /** SHA-256 of the zip itself. */
  sha256(zip: RandomAccess): Promise<Sha256Hex>;
}
