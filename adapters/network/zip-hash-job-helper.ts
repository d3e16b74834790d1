import type { ModulePath, ModuleVersion } from '../../core/brands.ts';
import type { HashedZip } from '../../core/gosum/module-zip.ts';
import type { Sha256Hex } from '../../events/fields.ts';

/** Platform helper: what the threads that hash zips are told, and what they answer. */

/** Few zips are larger. One thread at a time has one of them, and lets its memory go again. */
export const LARGE_ZIP_BYTES = 16 * 1024 * 1024;

export interface ZipHashJob {
  readonly descriptor: number;
  readonly size: number;
  /** Absent: only the SHA-256 of the zip is asked for. */
  readonly module?: { readonly path: ModulePath; readonly version: ModuleVersion };
}

/** One of the three. */
export interface ZipHashAnswer {
  readonly hashed?: HashedZip;
  readonly sha256?: Sha256Hex;
  /** Reading failed; the zip may be as good as any. */
  readonly failed?: string;
}
