import { beforeEach, describe, expect, it } from 'vitest';
import { appendEntries } from '../../core/ledger/append.ts';
import { parseEntry } from '../../core/ledger/entry.ts';
import { toHex } from '../../core/ledger/hex.ts';
import { EMPTY_HEAD, segmentOf } from '../../core/ledger/segment.ts';
import type { LedgerBatch, LedgerHead, LedgerStore } from '../../core/ports/ledger-store.ts';
import { leafHash } from '../../core/tlog/merkle.ts';
import { Sha256Hex, TenantId } from '../../events/fields.ts';
import { fixedClock } from '../fakes/fixed-clock.ts';
import { memoryWormStore } from '../fakes/memory-worm-store.ts';
import { draftOf, TENANT } from './ledger-drafts.ts';

const OTHER = TenantId.parse('other');
const hash = (digit: string) => Sha256Hex.parse(digit.repeat(64));

/** A batch of raw entries on top of `head`; its keys are the hashes of their bytes. */
function batchOn(head: LedgerHead, texts: readonly string[], release = 'r1'): { batch: LedgerBatch; next: LedgerHead } {
  const entries = texts.map((text) => new TextEncoder().encode(text));
  const keys = entries.map((bytes, at) => ({
    key: toHex(leafHash(bytes)),
    index: head.size + at,
    leaf: toHex(leafHash(bytes)),
    requestHash: hash('a'),
  }));
  const { name, batchHash, next } = segmentOf(TENANT, head, entries, keys);
  const last = keys.at(-1);
  return {
    batch: {
      firstIndex: head.size,
      entries,
      segment: name,
      previousBatchHash: head.batchHash,
      batchHash,
      keys,
      releases: last ? [{ release, index: last.index, leaf: last.leaf }] : [],
    },
    next,
  };
}

/** What every ledger store promises. `make` opens an empty one. */
export function describeLedgerStore(name: string, make: () => Promise<LedgerStore>): void {
  describe(`${name} as a ledger store`, () => {
    let store: LedgerStore;
    beforeEach(async () => {
      store = await make();
    });

    it('begins with the empty head and nothing else', async () => {
      expect(await store.head(TENANT)).toEqual(EMPTY_HEAD());
      expect(await store.published(TENANT)).toBeUndefined();
      expect(await store.entries(TENANT, 0, 10)).toEqual([]);
      expect(await store.tenants()).toEqual([]);
    });

    it('stores head, entries, keys and releases of a batch together', async () => {
      const { batch, next } = batchOn(EMPTY_HEAD(), ['one', 'two', 'three']);
      await store.commit(TENANT, batch, next, EMPTY_HEAD());
      expect(await store.head(TENANT)).toEqual(next);
      expect(await store.entries(TENANT, 0, 10)).toEqual(batch.entries);
      expect(await store.entries(TENANT, 1, 1)).toEqual([batch.entries[1]]);
      expect(await store.entries(TENANT, 3, 1)).toEqual([]);
      const found = await store.storedKeys(TENANT, [...batch.keys.map(({ key }) => key), hash('0')]);
      expect([...found].sort((a, b) => a.index - b.index)).toEqual(batch.keys);
      expect(await store.releasePointers(TENANT, ['r1', 'r2'])).toEqual(batch.releases);
      expect(await store.tenants()).toEqual([TENANT]);
    });

    it('moves the pointer of a release with each batch', async () => {
      const first = batchOn(EMPTY_HEAD(), ['one']);
      await store.commit(TENANT, first.batch, first.next, EMPTY_HEAD());
      const second = batchOn(first.next, ['two']);
      await store.commit(TENANT, second.batch, second.next, first.next);
      expect(await store.releasePointers(TENANT, ['r1'])).toEqual(second.batch.releases);
      expect(await store.entries(TENANT, 0, 10)).toEqual([...first.batch.entries, ...second.batch.entries]);
    });

    it('says how batches were committed, from an index on and no more than are asked for', async () => {
      expect(await store.batches(TENANT, 0, 10)).toEqual([]);
      const first = batchOn(EMPTY_HEAD(), ['one', 'two']);
      await store.commit(TENANT, first.batch, first.next, EMPTY_HEAD());
      const second = batchOn(first.next, ['three']);
      await store.commit(TENANT, second.batch, second.next, first.next);
      const rows = [first, second].map(({ batch: { firstIndex, segment, previousBatchHash, batchHash } }) => ({
        ...{ firstIndex, segment, previousBatchHash, batchHash },
      }));
      expect(await store.batches(TENANT, 0, 10)).toEqual(rows);
      expect(await store.batches(TENANT, 0, 1)).toEqual(rows.slice(0, 1));
      for (const from of [1, 2]) expect(await store.batches(TENANT, from, 10)).toEqual(rows.slice(1));
      expect(await store.batches(TENANT, 3, 10)).toEqual([]);
      expect(await store.batches(OTHER, 0, 10)).toEqual([]);
    });

    it('refuses a batch on another head and changes nothing', async () => {
      const first = batchOn(EMPTY_HEAD(), ['one']);
      await store.commit(TENANT, first.batch, first.next, EMPTY_HEAD());
      const late = batchOn(EMPTY_HEAD(), ['late'], 'r2');
      await expect(store.commit(TENANT, late.batch, late.next, EMPTY_HEAD())).rejects.toThrow(
        expect.objectContaining({ name: 'LedgerConflict' }),
      );
      const fork = batchOn({ ...first.next, root: hash('f') }, ['fork'], 'r2');
      await expect(store.commit(TENANT, fork.batch, fork.next, { ...first.next, root: hash('f') })).rejects.toThrow(
        expect.objectContaining({ name: 'LedgerConflict' }),
      );
      expect(await store.head(TENANT)).toEqual(first.next);
      expect(await store.releasePointers(TENANT, ['r2'])).toEqual([]);
      expect(await store.entries(TENANT, 0, 10)).toEqual(first.batch.entries);
    });

    it('refuses a batch with a key that exists and changes nothing', async () => {
      const first = batchOn(EMPTY_HEAD(), ['one']);
      await store.commit(TENANT, first.batch, first.next, EMPTY_HEAD());
      const again = batchOn(first.next, ['two', 'one'], 'r2');
      await expect(store.commit(TENANT, again.batch, again.next, first.next)).rejects.toThrow(
        expect.objectContaining({ name: 'LedgerConflict' }),
      );
      expect(await store.head(TENANT)).toEqual(first.next);
      expect(await store.entries(TENANT, 0, 10)).toEqual(first.batch.entries);
      expect(await store.releasePointers(TENANT, ['r2'])).toEqual([]);
    });

    it('keeps tenants apart', async () => {
      const { batch, next } = batchOn(EMPTY_HEAD(), ['one']);
      await store.commit(TENANT, batch, next, EMPTY_HEAD());
      expect(await store.head(OTHER)).toEqual(EMPTY_HEAD());
      expect(
        await store.storedKeys(
          OTHER,
          batch.keys.map(({ key }) => key),
        ),
      ).toEqual([]);
      expect(await store.releasePointers(OTHER, ['r1'])).toEqual([]);
      await store.commit(OTHER, batch, next, EMPTY_HEAD());
      expect(await store.entries(OTHER, 0, 10)).toEqual(batch.entries);
    });

    it('replaces the published checkpoint only from the size that was expected', async () => {
      const checkpoint = (size: number) => ({ size, root: hash('a'), note: `note of ${size}\n` });
      await store.savePublished(TENANT, checkpoint(3), 0);
      expect(await store.published(TENANT)).toEqual(checkpoint(3));
      for (const expected of [0, 2, 4])
        await expect(store.savePublished(TENANT, checkpoint(9), expected)).rejects.toThrow(
          expect.objectContaining({ name: 'LedgerConflict' }),
        );
      await store.savePublished(TENANT, checkpoint(5), 3);
      expect(await store.published(TENANT)).toEqual(checkpoint(5));
      const more = {
        ...checkpoint(5),
        anchored: { size: 5, at: 1_767_323_045_000 },
        rebuilt: 4,
        witnesses: { 'w.example.com+01234567+AQ==': { size: 5, answer: 'cosigned' as const } },
        served: checkpoint(5),
      };
      await store.savePublished(TENANT, more, 5);
      expect(await store.published(TENANT)).toEqual(more);
      expect(await store.published(OTHER)).toBeUndefined();
    });

    it('never shows readers less of the log than they have seen', async () => {
      const checkpoint = (size: number) => ({ size, root: hash('a'), note: `note of ${size}\n` });
      const asked = (size: number, served?: number) => ({
        ...checkpoint(size),
        witnesses: {},
        ...(served === undefined ? {} : { served: checkpoint(served) }),
      });
      await store.savePublished(TENANT, asked(2), 0);
      await store.savePublished(TENANT, asked(2, 2), 2);
      await store.savePublished(TENANT, asked(4, 2), 2);
      for (const less of [asked(5), asked(5, 1)])
        await expect(store.savePublished(TENANT, less, 4)).rejects.toThrow(
          expect.objectContaining({ name: 'LedgerConflict' }),
        );
      expect(await store.published(TENANT)).toEqual(asked(4, 2));
      await store.savePublished(TENANT, checkpoint(5), 4);
      expect(await store.published(TENANT)).toEqual(checkpoint(5));
    });

    it('stores the widest batch: 49 entries of 49 releases, each as large as an entry may be', async () => {
      const texts = Array.from({ length: 49 }, (_, at) => `${at}`.padEnd(16_384, 'x'));
      const { batch, next } = batchOn(EMPTY_HEAD(), texts);
      const releases = batch.keys.map(({ index, leaf }) => ({ release: `r${index}`, index, leaf }));
      await store.commit(TENANT, { ...batch, releases }, next, EMPTY_HEAD());
      expect(await store.releasePointers(TENANT, ['r48'])).toEqual(releases.slice(48));
      expect((await store.entries(TENANT, 48, 1))[0]).toHaveLength(16_384);
    });

    it('lets eight racing writers append everything exactly once', async () => {
      const deps = { ledger: store, worm: memoryWormStore(), clock: fixedClock() };
      const writers = Array.from({ length: 8 }, async (_, writer) => {
        for (let round = 0; round < 4; round += 1)
          // The second draft is every writer's own wish: only one of them may be granted.
          await appendEntries(deps, TENANT, [draftOf(`${writer}-${round}`), draftOf(`shared-${round}`)]);
      });
      await Promise.all(writers);
      const entries = (await store.entries(TENANT, 0, 100)).map(parseEntry);
      expect(entries).toHaveLength(36);
      expect(new Set(entries.map(({ subjects }) => subjects?.[0]?.name)).size).toBe(36);
      expect(entries.slice(1).map(({ prev }) => prev?.index)).toEqual(Array.from({ length: 35 }, (_, at) => at));
    });
  });
}
