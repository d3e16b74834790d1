import type { TenantId } from '../../events/fields.ts';
import { rootOfHashes, sameBytes } from '../tlog/merkle.ts';
import { bundlePath, decodeBundle, decodeTile, TILE_WIDTH, tilePath, tileWidth } from '../tlog/tile.ts';
import { type AuditedBatch, type AuditedLog, type NoteFinding, readKept } from './audit-finding.ts';

/** A full tile or bundle of the lowest level that a walk is in. */
interface OpenTile {
  readonly index: number;
  readonly tile: string;
  readonly bundle: string;
  readonly hashes: readonly Uint8Array[] | undefined;
  readonly entries: readonly Uint8Array[] | undefined;
}

/** Checks what a walk passes against the kept full tiles and bundles of a tree of `size` leaves. */
export function tileChecker(log: AuditedLog, tenant: TenantId, size: number, note: NoteFinding) {
  const nameOf = (path: string) => `t/${tenant}/log/${path}`;
  const bad = new Set<string>();
  let open: OpenTile | undefined;
  const isFull = (level: number, index: number) => tileWidth(size, level, index) === TILE_WIDTH;

  const hashesOf = async (level: number, index: number): Promise<readonly Uint8Array[] | undefined> => {
    const name = nameOf(tilePath({ level, index, width: TILE_WIDTH }));
    const bytes = await readKept(log, name, 'ledger.tile-missing', note);
    const hashes = bytes && decodeTile(bytes, TILE_WIDTH);
    if (bytes && !hashes) note('ledger.tile-mismatch', name);
    return hashes;
  };
  const entriesOf = async (name: string): Promise<readonly Uint8Array[] | undefined> => {
    const bytes = await readKept(log, name, 'ledger.bundle-missing', note);
    const entries = bytes && decodeBundle(bytes, TILE_WIDTH);
    if (bytes && !entries) note('ledger.bundle-mismatch', name);
    return entries;
  };
  const openTile = async (index: number): Promise<OpenTile> => {
    if (open?.index === index) return open;
    const bundle = nameOf(bundlePath(index, TILE_WIDTH));
    const tile = nameOf(tilePath({ level: 0, index, width: TILE_WIDTH }));
    open = { index, tile, bundle, hashes: await hashesOf(0, index), entries: await entriesOf(bundle) };
    return open;
  };

  const compare = async (at: number, entry: Uint8Array, leaf: Uint8Array): Promise<void> => {
    const { index, tile, bundle, hashes, entries } = await openTile(Math.floor(at / TILE_WIDTH));
    const place = at - index * TILE_WIDTH;
    const [hash, bundled] = [hashes?.[place], entries?.[place]];
    if (!hash || !sameBytes(hash, leaf)) bad.add(tile);
    if (hash && !sameBytes(hash, leaf)) note('ledger.tile-mismatch', tile);
    if (bundled && !sameBytes(bundled, entry)) note('ledger.bundle-mismatch', bundle);
  };

  /** Compares each tile that ends with its place in the one above, as long as that one is full; nothing follows from a bad one. */
  const compareAbove = async (end: number): Promise<void> => {
    for (let level = 1, span = TILE_WIDTH; end % span === 0; level += 1, span *= TILE_WIDTH) {
      const child = end / span - 1;
      const parent = Math.floor(child / TILE_WIDTH);
      const below = nameOf(tilePath({ level: level - 1, index: child, width: TILE_WIDTH }));
      if (!isFull(level, parent) || bad.has(below)) return;
      const [hashes, above] = [await hashesOf(level - 1, child), await hashesOf(level, parent)];
      const [hash, name] = [above?.[child % TILE_WIDTH], nameOf(tilePath({ level, index: parent, width: TILE_WIDTH }))];
      if (hashes && hash && sameBytes(rootOfHashes(hashes), hash)) continue;
      if (hashes && hash) note('ledger.tile-mismatch', name);
      bad.add(name);
    }
  };

  return async (first: number, { entries, leaves }: AuditedBatch): Promise<void> => {
    for (const [at, entry] of entries.entries()) {
      const [index, leaf] = [first + at, leaves[at]];
      if (leaf && isFull(0, Math.floor(index / TILE_WIDTH))) await compare(index, entry, leaf);
      if ((index + 1) % TILE_WIDTH === 0) await compareAbove(index + 1);
    }
  };
}
