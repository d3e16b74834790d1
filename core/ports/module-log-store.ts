import type { Sha256Hex, TenantId } from '../../events/fields.ts';
import type { ModulePath, ModuleVersion } from '../brands.ts';

/** One module version in a tenant's module log. */
export interface LoggedModule {
  readonly index: number;
  readonly path: ModulePath;
  readonly version: ModuleVersion;
  /** The leaf: its two go.sum lines, each with a newline. */
  readonly text: string;
  /** `tofu`: trusted at its first use, nobody proved it · `upstream`: proved in the public database. */
  readonly trust: 'tofu' | 'upstream';
  /** When it was logged, ISO 8601 in UTC. */
  readonly loggedAt: string;
}

/** The end of a module log: its size and the roots of the perfect subtrees of its tree, largest first. */
export interface ModuleLogHead {
  readonly size: number;
  readonly edge: readonly Sha256Hex[];
}

/** A hash of a tile: `level` counts tiles, so it stands for 256^level leaves. */
export interface TileHash {
  readonly level: number;
  readonly index: number;
  readonly hash: Sha256Hex;
}

/**
 * The module log of each tenant, append-only. Trusted like the ledger: whoever writes here can fork it, and the go
 * command of everyone who has seen an earlier head says so. Reads MUST see every append that resolved before them.
 * Failures are `StoreUnavailable`.
 */
export interface ModuleLogStore {
  head(tenant: TenantId): Promise<ModuleLogHead>;
  /**
   * MUST store the module, the hashes and the next head in one step, durable before it resolves. MUST throw
   * `LedgerConflict`, changing nothing, when the size is not `expectedSize` or the module version is logged already.
   */
  append(
    tenant: TenantId,
    module: LoggedModule,
    hashes: readonly TileHash[],
    next: ModuleLogHead,
    expectedSize: number,
  ): Promise<void>;
  find(tenant: TenantId, path: ModulePath, version: ModuleVersion): Promise<LoggedModule | undefined>;
  /** Modules `[from, from + count)` in order, cut at the head. */
  modules(tenant: TenantId, from: number, count: number): Promise<LoggedModule[]>;
  /** Hashes `[from, from + count)` of one level in order, cut where there are no more. */
  hashes(tenant: TenantId, level: number, from: number, count: number): Promise<Sha256Hex[]>;
}
