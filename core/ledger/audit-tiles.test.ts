import { describe, expect, it } from 'vitest';
import { TENANT } from '../../test/contracts/ledger-drafts.ts';
import { memoryLedgerStore } from '../../test/fakes/memory-ledger-store.ts';
import { memoryWormStore } from '../../test/fakes/memory-worm-store.ts';
import { leafHash, rootOfHashes } from '../tlog/merkle.ts';
import { encodeBundle, encodeTile, TILE_WIDTH } from '../tlog/tile.ts';
import { findingNotes } from './audit-finding.ts';
import { tileChecker } from './audit-tiles.ts';
import { EMPTY_HEAD } from './segment.ts';

const SIZE = TILE_WIDTH ** 2;
const LAST = 't/acme/log/tile/0/255';
const ABOVE = 't/acme/log/tile/1/000';
const entries = Array.from({ length: TILE_WIDTH }, (_, at) => Buffer.from(`entry ${at}`));
const leaves = entries.map(leafHash);

/** The end of a log of 65,536 entries: its last tile and bundle of the lowest level, and the tile above all of them. */
async function found(tamper: (objects: Map<string, Uint8Array>) => void): Promise<string[]> {
  const worm = memoryWormStore();
  const others = Array.from({ length: TILE_WIDTH - 1 }, (_, at) => leafHash(Buffer.from(`tile ${at}`)));
  worm.objects.set(LAST, encodeTile(leaves));
  worm.objects.set('t/acme/log/tile/entries/255', encodeBundle(entries));
  worm.objects.set(ABOVE, encodeTile([...others, rootOfHashes(leaves)]));
  tamper(worm.objects);
  const { note, findings } = findingNotes();
  const check = tileChecker({ worm, ledger: memoryLedgerStore() }, TENANT, SIZE, note);
  const half = TILE_WIDTH / 2;
  for (const [from, to] of [
    [0, half],
    [half, TILE_WIDTH],
  ] as const)
    await check(SIZE - TILE_WIDTH + from, {
      ...{ entries: entries.slice(from, to), leaves: leaves.slice(from, to), next: EMPTY_HEAD() },
    });
  return findings().map(({ code, where }) => `${code} ${where}`);
}

const flipped = (bytes: Uint8Array | undefined, at: number) =>
  Uint8Array.from(bytes ?? [], (byte, place) => (place === at ? byte ^ 1 : byte));

describe('tiles above the lowest ones', () => {
  it('are what those below make', async () => {
    expect(await found(() => undefined)).toEqual([]);
  });

  it('are found when they are edited where a tile below ends, and only there', async () => {
    const edited = (at: number) => found((objects) => void objects.set(ABOVE, flipped(objects.get(ABOVE), at)));
    expect(await edited(255 * 32)).toEqual([`ledger.tile-mismatch ${ABOVE}`]);
    expect(await edited(254 * 32)).toEqual([]);
  });

  it('are found when they are gone, or too short', async () => {
    expect(await found((objects) => void objects.delete(ABOVE))).toEqual([`ledger.tile-missing ${ABOVE}`]);
    expect(await found((objects) => void objects.set(ABOVE, new Uint8Array(31)))).toEqual([
      `ledger.tile-mismatch ${ABOVE}`,
    ]);
  });

  it('are not blamed for an edited tile below them', async () => {
    expect(await found((objects) => void objects.set(LAST, flipped(objects.get(LAST), 4000)))).toEqual([
      `ledger.tile-mismatch ${LAST}`,
    ]);
    expect(await found((objects) => void objects.delete(LAST))).toEqual([`ledger.tile-missing ${LAST}`]);
  });
});
