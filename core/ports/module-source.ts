import type { ModulePath, ModuleVersion } from '../brands.ts';

/**
 * Module bytes by the GOPROXY protocol. Nothing is trusted but availability: callers hash what they get.
 * `undefined` is a named absence (404 or 410 from the last source asked); everything else throws
 * `ModuleProxyUnreachable`.
 */
export interface ModuleSource {
  /** The go.mod file, at most 16 MiB. */
  goMod(path: ModulePath, version: ModuleVersion): Promise<Uint8Array | undefined>;
  /** The zip, at most 500 MiB, as a local file that lives until `release` is called. */
  zip(path: ModulePath, version: ModuleVersion): Promise<{ file: string; release(): Promise<void> } | undefined>;
}
