import { Fault } from '../faults.ts';
import type { ChecksumDatabase } from '../ports/checksum-database.ts';
import type { TileCache } from '../ports/tile-cache.ts';
import { HASH_BYTES, sameBytes } from '../tlog/merkle.ts';
import { TILE_WIDTH, type Tile, tilePath } from '../tlog/tile.ts';

/** The tiles of one database for all trees of a run: what was seen to be right before, else what the database serves. */
export interface TileSupply {
  /** As recorded, perhaps garbled since; `undefined` when there is nothing of that width. */
  recorded(tile: Tile): Promise<Uint8Array | undefined>;
  /** From the database, nothing proved. A tile that is cut or absent is `ChecksumDatabaseUnavailable`. */
  ask(tile: Tile): Promise<Uint8Array>;
  /** Records a tile that leads to a signed root. */
  record(tile: Tile, bytes: Uint8Array): Promise<void>;
}

const PREFIX = 'tile/8';
const fullName = ({ level, index }: Tile) => tilePath({ level, index, width: TILE_WIDTH }, PREFIX);
/** One name for every width: a wider tile begins with each narrower one, so only the widest is worth keeping. */
const partialName = (tile: Tile) => `${fullName(tile)}.p`;

const beginning = (bytes: Uint8Array | undefined, { width }: Tile): Uint8Array | undefined =>
  bytes && bytes.length >= width * HASH_BYTES ? bytes.slice(0, width * HASH_BYTES) : undefined;

/** Each tile is asked for once at a time, however many trees want it. */
function askShared(database: ChecksumDatabase): TileSupply['ask'] {
  const asking = new Map<string, Promise<Uint8Array>>();
  const ask = async ({ level, index, width }: Tile): Promise<Uint8Array> => {
    const bytes = await database.tile(level, index, width);
    // A cut answer, not a wrong one: it proves nothing against the database.
    if (bytes.length !== width * HASH_BYTES)
      throw new Fault('ChecksumDatabaseUnavailable', `tile ${level}/${index} has another length`);
    return bytes;
  };
  return (tile) => {
    const path = tilePath(tile, PREFIX);
    const asked = asking.get(path) ?? ask(tile).finally(() => asking.delete(path));
    asking.set(path, asked);
    return asked;
  };
}

/** Supply of `database`. Without a cache, tiles are shared within the run and forgotten after it. */
export function tileSupply(database: ChecksumDatabase, log: string, cache: TileCache | undefined): TileSupply {
  const seen = new Map<string, Uint8Array>();
  const kept = async (tile: Tile): Promise<Uint8Array | undefined> =>
    beginning(await cache?.get(log, fullName(tile)), tile) ?? beginning(await cache?.get(log, partialName(tile)), tile);
  return {
    recorded: async (tile) => beginning(seen.get(fullName(tile)), tile) ?? (await kept(tile)),
    ask: askShared(database),
    async record(tile, bytes) {
      const name = fullName(tile);
      if ((seen.get(name)?.length ?? 0) >= bytes.length) return;
      seen.set(name, bytes);
      const before = await kept(tile);
      if (before && sameBytes(before, bytes)) return;
      await cache?.put(log, tile.width === TILE_WIDTH ? name : partialName(tile), bytes);
    },
  };
}
