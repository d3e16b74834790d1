import type { TenantId } from '../../events/fields.ts';
import type { H1Digest, ModulePath, ModuleVersion } from '../brands.ts';
import { Fault, isFault } from '../faults.ts';
import { fromHex, toHex } from '../ledger/hex.ts';
import type { Clock } from '../ports/clock.ts';
import type { LoggedModule, ModuleLogStore, TileHash } from '../ports/module-log-store.ts';
import { appendToEdge, leafHash, rootOfHashes } from '../tlog/merkle.ts';
import { TILE_WIDTH } from '../tlog/tile.ts';
import type { Refusal } from '../verdict.ts';

/** The module log: what a module version was when it was first seen is what it must be ever after. */

export interface ModuleHashes {
  readonly path: ModulePath;
  readonly version: ModuleVersion;
  readonly zipH1: H1Digest;
  readonly goModH1: H1Digest;
}

export interface PinDeps {
  readonly store: ModuleLogStore;
  readonly clock: Pick<Clock, 'now'>;
}

export type PinAnswer =
  /** `first`: it was logged by this very call. */
  | { readonly kind: 'pinned'; readonly module: LoggedModule; readonly first: boolean }
  | { readonly kind: 'refused'; readonly reason: Refusal };

/** Each loss is another writer's append, so progress is made all the while. */
const ATTEMPTS = 32;

/** A record as the go command reads it. */
export const linesOf = ({ path, version, zipH1, goModH1 }: ModuleHashes): string =>
  `${path} ${version} ${zipH1}\n${path} ${version}/go.mod ${goModH1}\n`;

const changed = ({ path, version, text, loggedAt, index }: LoggedModule, found: string): Refusal => ({
  code: 'modulelog.changed',
  where: `${path}@${version}`.slice(0, 1024),
  expected: `record ${index} of ${loggedAt}: ${text}`.slice(0, 1024),
  found: found.slice(0, 1024),
  fix: 'A version never changes: find out who moved its tag, and release the new content under a new version.',
});

/** The hashes a leaf adds to the tiles: its own, and one of each level whose tile it fills. */
async function tileHashesOf(store: ModuleLogStore, tenant: TenantId, index: number, leaf: Uint8Array) {
  const added: TileHash[] = [{ level: 0, index, hash: toHex(leaf) }];
  let [level, count, last] = [0, index + 1, leaf];
  while (count % TILE_WIDTH === 0) {
    const before = await store.hashes(tenant, level, count - TILE_WIDTH, TILE_WIDTH - 1);
    if (before.length !== TILE_WIDTH - 1)
      throw new Fault('LedgerInconsistent', `the module log of ${tenant} lacks hashes of level ${level}`);
    last = rootOfHashes([...before.map(fromHex), last]);
    level += 1;
    count /= TILE_WIDTH;
    added.push({ level, index: count - 1, hash: toHex(last) });
  }
  return added;
}

async function appendOnce(
  { store, clock }: PinDeps,
  tenant: TenantId,
  { path, version }: ModuleHashes,
  text: string,
  trust: LoggedModule['trust'],
) {
  const { size, edge } = await store.head(tenant);
  const leaf = leafHash(Buffer.from(text, 'utf8'));
  const next = { size: size + 1, edge: appendToEdge(edge.map(fromHex), size, [leaf]).map(toHex) };
  const module = { index: size, path, version, text, trust, loggedAt: new Date(clock.now()).toISOString() };
  await store.append(tenant, module, await tileHashesOf(store, tenant, size, leaf), next, size);
  return module;
}

/**
 * Logs a module version at its first use; later it must be the same, else `modulelog.changed`. A call that dies is
 * repeated: it finds what it logged, or logs it now.
 */
export async function pinModule(
  deps: PinDeps,
  tenant: TenantId,
  hashes: ModuleHashes,
  trust: LoggedModule['trust'],
): Promise<PinAnswer> {
  const text = linesOf(hashes);
  for (let attempt = 1; ; attempt += 1) {
    const known = await deps.store.find(tenant, hashes.path, hashes.version);
    if (known?.text === text) return { kind: 'pinned', module: known, first: false };
    if (known) return { kind: 'refused', reason: changed(known, text) };
    try {
      return { kind: 'pinned', module: await appendOnce(deps, tenant, hashes, text, trust), first: true };
    } catch (error) {
      if (!isFault(error, 'LedgerConflict') || attempt === ATTEMPTS) throw error;
    }
  }
}
