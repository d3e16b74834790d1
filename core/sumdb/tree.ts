import { Fault } from '../faults.ts';
import type { ChecksumDatabase } from '../ports/checksum-database.ts';
import {
  consistencyProof,
  edgeOf,
  inclusionProof,
  leafHash,
  type ReadHash,
  rootOfEdge,
  rootOfHashes,
  sameBytes,
  verifyConsistency,
  verifyInclusion,
} from '../tlog/merkle.ts';
import { decodeTile, encodeTile, TILE_WIDTH, type Tile, tileHashReader, tileWidth } from '../tlog/tile.ts';

/** A tree head whose note was opened with the configured key. */
export interface TreeHead {
  readonly size: number;
  readonly root: Uint8Array;
  readonly note: string;
}

/** Tiles of one tree that do not lead to its signed root: what the database serves contradicts what it signed. */
export class TileContradicts extends Error {
  override readonly name = 'TileContradicts';
}

/** One signed tree whose every hash is authenticated before it is used. */
export interface SumdbTree {
  readonly head: TreeHead;
  /** Whether the leaf is record `id` of the tree. */
  includes(id: number, leaf: Uint8Array): Promise<boolean>;
  /** Whether the smaller tree is a prefix of this one. */
  extends(smaller: TreeHead): Promise<boolean>;
}

async function fetchTile(database: ChecksumDatabase, tile: Tile): Promise<Uint8Array[]> {
  const hashes = decodeTile(await database.tile(tile.level, tile.index, tile.width), tile.width);
  // A cut answer, not a wrong one: it proves nothing against the database.
  if (!hashes) throw new Fault('ChecksumDatabaseUnavailable', `tile ${tile.level}/${tile.index} has another length`);
  return hashes;
}

/**
 * Reads the tiles of one tree, each once. A full tile is compared with its hash in the tile above it; the partial ones
 * hold exactly the tree's right edge, which `openTree` compares with the root before anything else is read.
 */
function authenticatedTiles(database: ChecksumDatabase, size: number): (tile: Tile) => Promise<Uint8Array> {
  const tiles = new Map<string, Promise<Uint8Array[]>>();
  const load = (level: number, index: number): Promise<Uint8Array[]> => {
    const key = `${level}/${index}`;
    const known = tiles.get(key) ?? authenticate(level, index);
    tiles.set(key, known);
    return known;
  };
  const authenticate = async (level: number, index: number): Promise<Uint8Array[]> => {
    const width = tileWidth(size, level, index);
    const fetched = fetchTile(database, { level, index, width });
    if (width < TILE_WIDTH) return fetched;
    const above = load(level + 1, Math.floor(index / TILE_WIDTH));
    const [hashes, parents] = await Promise.all([fetched, above]);
    const expected = parents[index % TILE_WIDTH];
    if (!expected || !sameBytes(rootOfHashes(hashes), expected))
      throw new TileContradicts(`tile ${level}/${index} does not lead to the root of the tree of ${size}`);
    return hashes;
  };
  return async ({ level, index }) => encodeTile(await load(level, index));
}

/** Opens a tree at its head: its right edge must hash to the signed root, else `TileContradicts`. */
export async function openTree(database: ChecksumDatabase, head: TreeHead): Promise<SumdbTree> {
  const read: ReadHash = tileHashReader(head.size, authenticatedTiles(database, head.size));
  if (!sameBytes(rootOfEdge(await edgeOf(head.size, read)), head.root))
    throw new TileContradicts(`the right edge of the tree of ${head.size} does not hash to its root`);
  return {
    head,
    async includes(id, leaf) {
      if (id >= head.size) return false;
      const path = await inclusionProof(id, head.size, read);
      return verifyInclusion(leafHash(leaf), id, head.size, path, head.root);
    },
    async extends(smaller) {
      if (smaller.size > head.size) return false;
      const path = await consistencyProof(smaller.size, head.size, read);
      return verifyConsistency(smaller.size, smaller.root, head.size, head.root, path);
    },
  };
}
