import type { TenantId } from '../../events/fields.ts';
import { Fault } from '../faults.ts';
import type { LedgerStore } from '../ports/ledger-store.ts';
import type { WormStore } from '../ports/worm-store.ts';
import { leafHash, rootOfHashes } from '../tlog/merkle.ts';
import { bundlePath, decodeTile, encodeBundle, encodeTile, TILE_WIDTH, type Tile, tilePath } from '../tlog/tile.ts';

export interface LogDeps {
  readonly ledger: LedgerStore;
  readonly worm: WormStore;
}

const nameOf = (tenant: TenantId, path: string) => `t/${tenant}/log/${path}`;

/** Keeps a full tile or bundle for ever; partial ones are made on demand and never stored. */
export const keepLogFile = (worm: WormStore, tenant: TenantId, path: string, bytes: Uint8Array) =>
  worm.put(nameOf(tenant, path), bytes);

export async function entriesOf(
  { ledger }: LogDeps,
  tenant: TenantId,
  from: number,
  count: number,
): Promise<Uint8Array[]> {
  const entries: Uint8Array[] = [];
  while (entries.length < count) {
    // A store may answer with fewer at a time, but never with none below the head.
    const more = await ledger.entries(tenant, from + entries.length, count - entries.length);
    if (more.length === 0) throw new Fault('LedgerInconsistent', `entry ${from + entries.length} is missing`);
    entries.push(...more);
  }
  return entries;
}

async function keptFile({ worm }: LogDeps, tenant: TenantId, path: string): Promise<Uint8Array> {
  const bytes = await worm.get(nameOf(tenant, path));
  if (!bytes) throw new Fault('EvidenceMissing', `${path} of the log of ${tenant} is not stored`);
  return bytes;
}

/** Bytes of an entry bundle: the stored file when full, else of the committed entries. */
export const readBundle = async (deps: LogDeps, tenant: TenantId, index: number, width: number): Promise<Uint8Array> =>
  width === TILE_WIDTH
    ? keptFile(deps, tenant, bundlePath(index, width))
    : encodeBundle(await entriesOf(deps, tenant, index * TILE_WIDTH, width));

/** The tile that full tiles below it, or the committed entries, make. */
export async function computeTile(deps: LogDeps, tenant: TenantId, { level, index, width }: Tile): Promise<Uint8Array> {
  if (level === 0) {
    const entries = await entriesOf(deps, tenant, index * TILE_WIDTH, width);
    return encodeTile(entries.map(leafHash));
  }
  const hashes: Uint8Array[] = [];
  for (let at = 0; at < width; at += 1) {
    const below = { level: level - 1, index: index * TILE_WIDTH + at, width: TILE_WIDTH };
    const children = decodeTile(await keptFile(deps, tenant, tilePath(below)), TILE_WIDTH);
    if (!children) throw new Fault('LedgerInconsistent', `${tilePath(below)} has another length`);
    hashes.push(rootOfHashes(children));
  }
  return encodeTile(hashes);
}

/** Bytes of a hash tile: the stored file when full, else computed. */
export const readTile = (deps: LogDeps, tenant: TenantId, tile: Tile): Promise<Uint8Array> =>
  tile.width === TILE_WIDTH ? keptFile(deps, tenant, tilePath(tile)) : computeTile(deps, tenant, tile);
