import type { H1Digest, ModulePath, ModuleVersion } from '../brands.ts';

export type OriginZip =
  | { readonly kind: 'hashed'; readonly h1: H1Digest }
  /** Why nobody could look: unreachable, not a listed host, no such tag. */
  | { readonly kind: 'not-checked'; readonly why: string };

/**
 * Modules at their origins: what the tag of a version holds in the repository that its path leads to, past every proxy.
 * Not trusted: it is one witness more. MUST NOT throw because an origin is gone, unreachable, not to be asked or too large.
 */
export interface ModuleOrigins {
  /** h1 of the zip that the go command would make of the tag. */
  zip(path: ModulePath, version: ModuleVersion): Promise<OriginZip>;
}
