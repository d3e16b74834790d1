import {
  appendToEdge,
  consistencyProof,
  inclusionProof,
  leafHash,
  type ReadHash,
  rootOfEdge,
  rootOfHashes,
  sameBytes,
  verifyConsistency,
  verifyInclusion,
} from '../tlog/merkle.ts';
import { decodeTile, encodeTile, TILE_WIDTH, type Tile, tileHashReader, tilePath, tileWidth } from '../tlog/tile.ts';
import type { TileSupply } from './tile-supply.ts';

/** A tree head whose note was opened with the configured key. */
export interface TreeHead {
  readonly size: number;
  readonly root: Uint8Array;
  readonly note: string;
}

/** A tile under its path in the protocol. */
export interface ProofTile {
  readonly path: string;
  readonly bytes: Uint8Array;
}

/** Tiles of one tree that do not lead to its signed root: what the database serves contradicts what it signed. */
export class TileContradicts extends Error {
  override readonly name = 'TileContradicts';
  readonly head: TreeHead;
  readonly tiles: readonly ProofTile[];
  constructor(message: string, head: TreeHead, tiles: readonly ProofTile[]) {
    super(message);
    this.head = head;
    this.tiles = tiles;
  }
}

/** One signed tree whose every hash is authenticated before it is used. */
export interface SumdbTree {
  readonly head: TreeHead;
  /** Whether the leaf is record `id` of the tree. */
  includes(id: number, leaf: Uint8Array): Promise<boolean>;
  /** Whether the smaller tree is a prefix of this one. */
  extends(smaller: TreeHead): Promise<boolean>;
  /** All tiles up to the root that `includes` of this record, or `extends` of this size, was answered from. */
  tilesOf(proof: { readonly record: number } | { readonly size: number }): Promise<readonly ProofTile[]>;
}

const proofTile = (tile: Tile, hashes: readonly Uint8Array[]): ProofTile => ({
  path: tilePath(tile, 'tile/8'),
  bytes: encodeTile(hashes),
});

/** The partial tile of each level, highest first: together they are exactly the tree's right edge. */
function edgeTiles(size: number): Tile[] {
  const tiles: Tile[] = [];
  for (let level = 0, count = size; count > 0; level += 1, count = Math.floor(count / TILE_WIDTH))
    if (count % TILE_WIDTH > 0)
      tiles.unshift({ level, index: Math.floor(count / TILE_WIDTH), width: count % TILE_WIDTH });
  return tiles;
}

interface LoadedTile {
  readonly tile: Tile;
  readonly hashes: readonly Uint8Array[];
}

const hashesOf = (tile: Tile, bytes: Uint8Array): LoadedTile => ({ tile, hashes: decodeTile(bytes, tile.width) ?? [] });

/** The right edge. What was recorded is tried first; where it does not lead to the root, the database is asked. */
async function loadEdge(supply: TileSupply, head: TreeHead): Promise<readonly LoadedTile[]> {
  const tiles = edgeTiles(head.size);
  const leads = (edge: readonly LoadedTile[]) =>
    sameBytes(rootOfEdge(edge.flatMap(({ hashes }) => appendToEdge([], 0, hashes))), head.root);
  const load = (ask: (tile: Tile) => Promise<Uint8Array>) =>
    Promise.all(tiles.map(async (tile) => hashesOf(tile, await ask(tile))));
  const known = await load(async (tile) => (await supply.recorded(tile)) ?? supply.ask(tile));
  const edge = leads(known) ? known : await load(supply.ask);
  if (!leads(edge))
    throw new TileContradicts(
      `the right edge of the tree of ${head.size} does not hash to its root`,
      head,
      edge.map(({ tile, hashes }) => proofTile(tile, hashes)),
    );
  for (const { tile, hashes } of edge) await supply.record(tile, encodeTile(hashes));
  return edge;
}

/** The tiles of one tree, each read once: the edge is proved already, a full tile must hash to its place in the one above. */
class AuthenticatedTiles {
  readonly #supply: TileSupply;
  readonly #head: TreeHead;
  readonly #loaded = new Map<string, Promise<LoadedTile>>();

  constructor(supply: TileSupply, head: TreeHead, edge: readonly LoadedTile[]) {
    this.#supply = supply;
    this.#head = head;
    for (const each of edge) this.#loaded.set(`${each.tile.level}/${each.tile.index}`, Promise.resolve(each));
  }

  load(level: number, index: number): Promise<LoadedTile> {
    const key = `${level}/${index}`;
    const known = this.#loaded.get(key) ?? this.#authenticate(level, index);
    this.#loaded.set(key, known);
    return known;
  }

  async #authenticate(level: number, index: number): Promise<LoadedTile> {
    const tile = { level, index, width: tileWidth(this.#head.size, level, index) };
    const recorded = await this.#supply.recorded(tile);
    const [bytes, above] = await Promise.all([
      recorded ?? this.#supply.ask(tile),
      this.load(level + 1, Math.floor(index / TILE_WIDTH)),
    ]);
    const expected = above.hashes[index % TILE_WIDTH];
    const leads = ({ hashes }: LoadedTile) => expected !== undefined && sameBytes(rootOfHashes(hashes), expected);
    const known = hashesOf(tile, bytes);
    if (recorded && leads(known)) return known;
    const fetched = recorded ? hashesOf(tile, await this.#supply.ask(tile)) : known;
    if (!leads(fetched))
      throw new TileContradicts(
        `tile ${level}/${index} does not lead to the root of the tree of ${this.#head.size}`,
        this.#head,
        [proofTile(tile, fetched.hashes), ...(await this.#upwards(level + 1, above.tile.index))],
      );
    await this.#supply.record(tile, encodeTile(fetched.hashes));
    return fetched;
  }

  /** A tile and those above it, up to the edge. */
  async #upwards(level: number, index: number): Promise<readonly ProofTile[]> {
    const { tile, hashes } = await this.load(level, index);
    const above = tile.width < TILE_WIDTH ? [] : await this.#upwards(level + 1, Math.floor(index / TILE_WIDTH));
    return [proofTile(tile, hashes), ...above];
  }

  /** What the work reads, with all above it and the whole edge. */
  async readBy(work: (read: ReadHash) => Promise<unknown>): Promise<readonly ProofTile[]> {
    const read = new Map<string, Tile>();
    await work(
      tileHashReader(this.#head.size, async (tile) => {
        read.set(tilePath(tile), tile);
        return encodeTile((await this.load(tile.level, tile.index)).hashes);
      }),
    );
    const needed = [...read.values(), ...edgeTiles(this.#head.size)];
    const chains = await Promise.all(needed.map(({ level, index }) => this.#upwards(level, index)));
    return [...new Map(chains.flat().map((each) => [each.path, each])).values()];
  }
}

/** Opens a tree at its head: its right edge must hash to the signed root, else `TileContradicts`. */
export async function openTree(supply: TileSupply, head: TreeHead): Promise<SumdbTree> {
  const tiles = new AuthenticatedTiles(supply, head, await loadEdge(supply, head));
  const read = tileHashReader(head.size, async ({ level, index }) =>
    encodeTile((await tiles.load(level, index)).hashes),
  );
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
    tilesOf: (proof) =>
      tiles.readBy(async (recording) => {
        if ('size' in proof) await consistencyProof(Math.min(proof.size, head.size), head.size, recording);
        else if (proof.record < head.size) await inclusionProof(proof.record, head.size, recording);
      }),
  };
}
