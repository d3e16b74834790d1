import type { ModulePath, ModuleVersion } from '../brands.ts';

/** Bytes that are read piece by piece. `read` MUST give exactly `length` bytes, not changed afterwards, or throw. */
export interface RandomAccess {
  readonly size: number;
  /** An open descriptor of this process for the same bytes, where they lie in a file: other threads read by it. */
  readonly descriptor?: number;
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

/** What a source lists, with the bytes that said so: they are evidence. */
export interface ListedVersions {
  /** Each once, in the order of the answer, without pseudo-versions; may be empty. */
  readonly versions: readonly ModuleVersion[];
  readonly bytes: Uint8Array;
}

/** What a source says of one version, with the bytes that said so. Claims: nothing proves them. */
export interface VersionFacts {
  readonly version: ModuleVersion;
  /** RFC 3339. */
  readonly time?: string;
  /** Where the source says it took the version from. */
  readonly origin?: { readonly vcs?: string; readonly url?: string; readonly ref?: string; readonly hash?: string };
  readonly bytes: Uint8Array;
}

/**
 * Which versions there are, by the GOPROXY protocol. Absence and faults as in `ModuleSource`. An answer that cannot be
 * read as one MUST throw: an error page is no list of no versions.
 */
export interface ModuleIndex {
  versions(path: ModulePath): Promise<ListedVersions | undefined>;
  info(path: ModulePath, version: ModuleVersion): Promise<VersionFacts | undefined>;
  /** The version a source takes for the latest; many sources have no such answer. */
  latest(path: ModulePath): Promise<VersionFacts | undefined>;
}
