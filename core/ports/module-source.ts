import type { ModulePath, ModuleVersion } from '../brands.ts';

/** Bytes that are read piece by piece. `read` MUST give exactly `length` bytes or throw. */
export interface RandomAccess {
  readonly size: number;
  read(offset: number, length: number): Promise<Uint8Array>;
}

/** A module zip at hand. `release` ends its life and may be called once reading is done or has failed. */
export interface ModuleZip extends RandomAccess {
  release(): Promise<void>;
}

/**
 * Module bytes by the GOPROXY protocol. Nothing is trusted but availability: callers hash what they get.
 * `undefined` is a named absence (404 or 410 from the last source asked); everything else throws
 * `ModuleProxyUnreachable`.
 */
export interface ModuleSource {
  /** The go.mod file, at most 16 MiB. */
  goMod(path: ModulePath, version: ModuleVersion): Promise<Uint8Array | undefined>;
  /** The zip, at most 500 MiB, never held in memory as a whole. */
  zip(path: ModulePath, version: ModuleVersion): Promise<ModuleZip | undefined>;
}
