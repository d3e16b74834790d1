import { HASH_BYTES, type ReadHash, rootOfHashes } from './merkle.ts';

/** Tiles and entry bundles (C2SP tlog-tiles v0.1.0): trees cut into pieces of 256 hashes, eight levels high. */

export const TILE_WIDTH = 256;
const TILE_HEIGHT = 8;
const MAX_LEVEL = 63;
const MAX_ENTRY_BYTES = 65_535;

/** A tile of hashes. `width` counts them: 256 when full. */
export interface Tile {
  readonly level: number;
  readonly index: number;
  readonly width: number;
}
export type LogResource =
  | { readonly kind: 'checkpoint' }
  | ({ readonly kind: 'tile' } & Tile)
  | { readonly kind: 'entries'; readonly index: number; readonly width: number };

/** `x001/x234/067`: groups of three digits, all but the last marked. */
function indexPath(index: number): string {
  let path = String(index % 1000).padStart(3, '0');
  for (let rest = Math.floor(index / 1000); rest > 0; rest = Math.floor(rest / 1000))
    path = `x${String(rest % 1000).padStart(3, '0')}/${path}`;
  return path;
}

const partial = (width: number) => (width === TILE_WIDTH ? '' : `.p/${width}`);

/** `tile/<L>/<N>[.p/<W>]`. The Go checksum database names its height first: prefix `tile/8`. */
export const tilePath = ({ level, index, width }: Tile, prefix = 'tile'): string =>
  `${prefix}/${level}/${indexPath(index)}${partial(width)}`;

export const bundlePath = (index: number, width: number): string => `tile/entries/${indexPath(index)}${partial(width)}`;

function parseIndexPath(path: string): number | undefined {
  if (!/^(?:x[0-9]{3}\/){0,5}[0-9]{3}$/.test(path) || path.startsWith('x000/')) return undefined;
  const index = Number(path.replace(/[x/]/g, ''));
  return Number.isSafeInteger(index) ? index : undefined;
}

/** What a path of a tlog-tiles log names; every other spelling is `undefined`. */
export function parseLogPath(path: string): LogResource | undefined {
  if (path === 'checkpoint') return { kind: 'checkpoint' };
  const match = /^tile\/(entries|0|[1-9][0-9]?)\/([0-9x/]{3,30})(?:\.p\/([1-9][0-9]{0,2}))?$/.exec(path);
  if (!match) return undefined;
  const [, place = '', number = '', widthText] = match;
  const index = parseIndexPath(number);
  const width = widthText === undefined ? TILE_WIDTH : Number(widthText);
  if (index === undefined || (widthText !== undefined && width >= TILE_WIDTH)) return undefined;
  if (place === 'entries') return { kind: 'entries', index, width };
  const level = Number(place);
  return level > MAX_LEVEL ? undefined : { kind: 'tile', level, index, width };
}

/** How many hashes tile `index` of `level` has in a tree of `size` leaves: 0 (no such tile) to 256. */
export function tileWidth(size: number, level: number, index: number): number {
  const hashes = Math.floor(size / TILE_WIDTH ** level);
  return Math.max(0, Math.min(TILE_WIDTH, hashes - index * TILE_WIDTH));
}

/** Every tile of a tree of `size` leaves, lowest level first; the last one of a level may be partial. */
export function* tilesOf(size: number): Generator<Tile> {
  for (let level = 0; tileWidth(size, level, 0) > 0; level += 1)
    for (const { index, width } of tilesOfLevel(size, level)) yield { level, index, width };
}

function* tilesOfLevel(size: number, level: number): Generator<Omit<Tile, 'level'>> {
  for (let index = 0, width = tileWidth(size, level, 0); width > 0; width = tileWidth(size, level, index)) {
    yield { index, width };
    index += 1;
  }
}

/** Every entry bundle of a log of `size` entries. */
export const bundlesOf = (size: number): Iterable<Omit<Tile, 'level'>> => tilesOfLevel(size, 0);

export function encodeTile(hashes: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(hashes));
}

/** The hashes of a tile, or `undefined` when there are not exactly `width` of them. */
export function decodeTile(bytes: Uint8Array, width: number): Uint8Array[] | undefined {
  if (bytes.length !== width * HASH_BYTES) return undefined;
  return Array.from({ length: width }, (_, at) => bytes.slice(at * HASH_BYTES, (at + 1) * HASH_BYTES));
}

/** Each entry behind its length, 16 bits big-endian. */
export function encodeBundle(entries: readonly Uint8Array[]): Uint8Array {
  const parts = entries.flatMap((entry) => {
    if (entry.length > MAX_ENTRY_BYTES) throw new RangeError('an entry of a bundle is longer than 65,535 bytes');
    return [Uint8Array.of(Math.floor(entry.length / 256), entry.length % 256), entry];
  });
  return new Uint8Array(Buffer.concat(parts));
}

/** The entries of a bundle, or `undefined` when there are not exactly `width` or bytes are left over. */
export function decodeBundle(bytes: Uint8Array, width: number): Uint8Array[] | undefined {
  const entries: Uint8Array[] = [];
  let at = 0;
  while (at < bytes.length && entries.length < width) {
    const [high, low] = bytes.subarray(at, at + 2);
    if (high === undefined || low === undefined) return undefined;
    const end = at + 2 + high * 256 + low;
    if (end > bytes.length) return undefined;
    entries.push(bytes.slice(at + 2, end));
    at = end;
  }
  return entries.length === width && at === bytes.length ? entries : undefined;
}

/** Bytes of a tile that the tree of the reader's size has. Not trusted: what is made of them must be proved. */
export type ReadTile = (tile: Tile) => Promise<Uint8Array>;

/** The tiles of a log do not hold what its size promises. */
export class TileMalformed extends Error {
  override readonly name = 'TileMalformed';
}

/**
 * Reads hashes of a tree of `size` leaves from its tiles, each tile once. Proofs made with it are only as good as their
 * verification against a signed root.
 */
export function tileHashReader(size: number, readTile: ReadTile): ReadHash {
  const tiles = new Map<string, Promise<Uint8Array[]>>();
  const load = async (tile: Tile): Promise<Uint8Array[]> => {
    const hashes = decodeTile(await readTile(tile), tile.width);
    if (!hashes) throw new TileMalformed(`${tilePath(tile)} has another length`);
    return hashes;
  };
  return async (level, index) => {
    const tileLevel = Math.floor(level / TILE_HEIGHT);
    const count = 2 ** (level % TILE_HEIGHT);
    const tileIndex = Math.floor((index * count) / TILE_WIDTH);
    const width = tileWidth(size, tileLevel, tileIndex);
    const start = index * count - tileIndex * TILE_WIDTH;
    if (start + count > width) throw new RangeError('the hash is outside the tree');
    const key = `${tileLevel}/${tileIndex}`;
    const hashes = tiles.get(key) ?? load({ level: tileLevel, index: tileIndex, width });
    tiles.set(key, hashes);
    return rootOfHashes((await hashes).slice(start, start + count));
  };
}
