import { describe, expect, it } from 'vitest';
import { Sha256Hex, TenantId } from '../../events/fields.ts';
import { draftOf, TENANT } from '../../test/contracts/ledger-drafts.ts';
import { type FailurePlan, failing } from '../../test/fakes/failing.ts';
import { fixedClock } from '../../test/fakes/fixed-clock.ts';
import { memoryLedgerStore } from '../../test/fakes/memory-ledger-store.ts';
import { memoryNoteSigner } from '../../test/fakes/memory-signers.ts';
import { memoryWormStore } from '../../test/fakes/memory-worm-store.ts';
import { canonicalBytes } from '../canonical-json.ts';
import { sha256Hex } from '../evidence.ts';
import type { LedgerStore } from '../ports/ledger-store.ts';
import { appendEntries } from './append.ts';
import { META_LOG } from './meta-log.ts';
import { publishCheckpoint } from './publish.ts';
import { RebuildAsk, type RebuildProgress, rebuildLogs } from './rebuild.ts';
import type { ReplayDeps } from './replay-segments.ts';

function world() {
  const deps = { ledger: memoryLedgerStore(), worm: memoryWormStore(), clock: fixedClock() };
  return {
    ...deps,
    append: (...names: string[]) =>
      appendEntries(
        deps,
        TENANT,
        names.map((name) => draftOf(name, `r${name.length}`)),
      ),
    publish: () => publishCheckpoint({ ...deps, noteSigner: memoryNoteSigner(), originOf: () => 'l' }, TENANT),
  };
}
type World = ReturnType<typeof world>;

async function rebuild(deps: ReplayDeps, ask: Partial<RebuildAsk> = {}, progress?: RebuildProgress) {
  const [log] = await rebuildLogs(deps, [TENANT], { isCheck: false, ...ask }, progress);
  if (!log) throw new Error('no log was asked for');
  return log;
}

/** Everything that a store knows of the log, keys and releases included. */
async function contentOf({ ledger }: Pick<World, 'ledger'>, names: readonly string[]) {
  const head = await ledger.head(TENANT);
  const keys = names.map((name) => draftOf(name).key);
  return {
    head,
    entries: await ledger.entries(TENANT, 0, head.size),
    keys: (await ledger.storedKeys(TENANT, keys)).sort((a, b) => a.index - b.index),
    releases: await ledger.releasePointers(TENANT, ['r1', 'r2', 'r3']),
  };
}
const NAMES = ['a', 'b', 'cc', 'd', 'ee', 'fff'];

async function filled(): Promise<World> {
  const all = world();
  await all.append('a', 'b');
  await all.append('cc');
  await all.append('d', 'ee', 'fff');
  return all;
}

describe('replaying segments', () => {
  it('makes a lost database again, with every key and release, and an older one complete', async () => {
    const all = await filled();
    const expected = await contentOf(all, NAMES);
    const lost = { worm: all.worm, ledger: memoryLedgerStore() };
    const seen: [string, number][] = [];
    const progress: RebuildProgress = (_tenant, what, entries) => void seen.push([what, entries]);
    expect(await rebuild(lost, {}, progress)).toEqual({
      ...{ tenant: TENANT, size: 6, replayed: 6, erasures: [], reasons: [] },
    });
    expect(await contentOf(lost, NAMES)).toEqual(expected);
    expect(seen.filter(([what]) => what === 'replayed').map(([, entries]) => entries)).toEqual([2, 3, 6]);
    expect(await rebuild(lost)).toMatchObject({ size: 6, replayed: 0, reasons: [] });

    const older = { worm: memoryWormStore(), ledger: memoryLedgerStore(), clock: fixedClock() };
    await appendEntries(older, TENANT, [draftOf('a', 'r1'), draftOf('b', 'r1')]);
    expect(await rebuild({ ledger: older.ledger, worm: all.worm })).toMatchObject({ size: 6, replayed: 4 });
    expect(await contentOf(older, NAMES)).toEqual(expected);
  });

  it('changes nothing in a check, and tells how far the database is behind', async () => {
    const all = await filled();
    const ledger = memoryLedgerStore();
    const check = () => rebuild({ worm: all.worm, ledger }, { isCheck: true });
    expect(await check()).toEqual({
      ...{ tenant: TENANT, size: 0, replayed: 0, erasures: [] },
      reasons: [{ code: 'ledger.behind', expected: '6 entries', found: '0' }],
    });
    expect((await ledger.head(TENANT)).size).toBe(0);
    await rebuild({ worm: all.worm, ledger });
    expect(await check()).toMatchObject({ size: 6, reasons: [] });
  });

  it('tells which persons an older copy knows again, and of none that a lost one could know', async () => {
    const all = world();
    await all.append('a');
    const older = { worm: memoryWormStore(), ledger: memoryLedgerStore() };
    await rebuild({ worm: all.worm, ledger: older.ledger });
    const { key, content } = draftOf('b');
    await appendEntries(all, TENANT, [
      { key, content: { kind: 'erasure', outcome: 'info' } },
      { ...draftOf('cc'), content },
    ]);
    expect(await rebuild({ worm: all.worm, ledger: older.ledger })).toMatchObject({ replayed: 2, erasures: [1] });
    expect(await rebuild({ worm: all.worm, ledger: memoryLedgerStore() })).toMatchObject({ replayed: 3, erasures: [] });
  });

  it('goes on where it was stopped, by whatever call', async () => {
    const all = await filled();
    const expected = await contentOf(all, NAMES);
    const counting: FailurePlan = { at: -1, when: 'before', calls: 0 };
    await rebuild({ worm: failing(all.worm, counting), ledger: failing(memoryLedgerStore(), counting) });
    expect(counting.calls).toBeGreaterThan(10);
    for (const when of ['before', 'after'] as const)
      for (let at = 0; at < counting.calls; at += 1) {
        const plan: FailurePlan = { at, when, calls: 0 };
        const ledger = memoryLedgerStore();
        const stopped = rebuild({ worm: failing(all.worm, plan), ledger: failing(ledger, plan) });
        await expect(stopped).rejects.toMatchObject({ name: 'StoreUnavailable' });
        expect((await rebuild({ worm: all.worm, ledger })).reasons).toEqual([]);
        expect(await contentOf({ ledger }, NAMES)).toEqual(expected);
      }
  });

  /** A second log that went another way from the same beginning: its last segments are what a losing writer left. */
  async function orphan(of: World, ...batches: string[][]): Promise<World> {
    const other = world();
    await rebuild({ ledger: other.ledger, worm: of.worm });
    for (const [name, bytes] of of.worm.objects) other.worm.objects.set(name, bytes);
    for (const names of batches) await other.append(...names);
    for (const [name, bytes] of other.worm.objects) of.worm.objects.set(name, bytes);
    return other;
  }

  it('passes over what losing writers left, where something followed the winner', async () => {
    const all = world();
    await all.append('a');
    await orphan(all, ['loser']);
    await all.append('b');
    await all.append('cc');
    const lost = memoryLedgerStore();
    expect((await rebuild({ worm: all.worm, ledger: lost })).reasons).toEqual([]);
    expect(await lost.head(TENANT)).toEqual(await all.ledger.head(TENANT));
    expect((await rebuild(all)).reasons).toEqual([]);
  });

  async function contested() {
    const all = world();
    await all.append('a');
    await orphan(all, ['loser']);
    const { entries } = await all.append('b');
    return { all, lost: memoryLedgerStore(), leaf: entries[0]?.leaf };
  }

  it('takes the last one by the checkpoint that was published of it, and changes nothing without', async () => {
    const { all, lost } = await contested();
    expect(await rebuild({ worm: all.worm, ledger: lost })).toMatchObject({
      ...{ size: 0, replayed: 0 },
      reasons: [{ code: 'ledger.contested', where: expect.stringMatching(/seg\/1-.* .*seg\/1-/) }],
    });
    expect((await lost.head(TENANT)).size).toBe(0);
    await all.publish();
    await rebuild({ worm: all.worm, ledger: lost });
    expect(await lost.head(TENANT)).toEqual(await all.ledger.head(TENANT));
  });

  it('takes the last one by the leaf that a caller was answered, and by no other', async () => {
    const { all, lost, leaf } = await contested();
    const deps = { worm: all.worm, ledger: lost };
    const other = Sha256Hex.parse('0'.repeat(64));
    expect((await rebuild(deps, { receipt: other })).reasons).toMatchObject([{ code: 'ledger.contested' }]);
    expect((await rebuild(deps, { receipt: leaf })).reasons).toEqual([]);
    expect(await lost.head(TENANT)).toEqual(await all.ledger.head(TENANT));
  });

  it('decides nothing between two ways that both went on', async () => {
    const all = world();
    await all.append('a');
    await orphan(all, ['b'], ['cc']);
    await all.append('d');
    await all.append('ee');
    const lost = memoryLedgerStore();
    expect((await rebuild({ worm: all.worm, ledger: lost })).reasons).toMatchObject([{ code: 'ledger.fork' }]);
    expect((await lost.head(TENANT)).size).toBe(0);
    // Whose database is there knows one of them, and sees that the other was built on.
    expect((await rebuild(all)).reasons).toMatchObject([
      { code: 'ledger.fork', where: expect.stringMatching(/seg\/1-/) },
    ]);
  });

  it('refuses what is not under the checkpoints that were published', async () => {
    const all = world();
    await all.append('a');
    const other = await orphan(all, ['b']);
    await all.append('cc');
    await all.publish();
    for (const [name, bytes] of all.worm.objects) if (name.includes('/anchors/')) other.worm.objects.set(name, bytes);
    // A database of the other way, and none at all with the segments of the other way only.
    expect((await rebuild(other)).reasons).toMatchObject([{ code: 'ledger.fork', where: '2 entries' }]);
    const lost = memoryLedgerStore();
    expect((await rebuild({ worm: other.worm, ledger: lost })).reasons).toMatchObject([{ code: 'ledger.fork' }]);
    expect((await lost.head(TENANT)).size).toBe(0);
  });

  it('refuses a log whose last segments are gone', async () => {
    const all = await filled();
    await all.publish();
    for (const name of all.worm.objects.keys()) if (name.includes('/seg/3-')) all.worm.objects.delete(name);
    const lost = memoryLedgerStore();
    expect((await rebuild({ worm: all.worm, ledger: lost })).reasons).toEqual([
      { code: 'ledger.truncated', where: 'the checkpoint of 6 entries', found: 'segments of 3' },
    ]);
    expect((await lost.head(TENANT)).size).toBe(0);
    expect((await rebuild(all)).reasons).toMatchObject([{ code: 'ledger.segment-missing' }]);
  });

  it('commits nothing of a log that has a segment that was changed, or that is of another log', async () => {
    const all = await filled();
    const [name = ''] = [...all.worm.objects.keys()].filter((each) => each.includes('/seg/2-'));
    const good = Buffer.from(all.worm.objects.get(name) ?? []);
    for (const bytes of [
      Buffer.from(good.toString().replace('"firstIndex":2', '"firstIndex":3')),
      Buffer.from('{}'),
      Buffer.alloc(0),
    ]) {
      all.worm.objects.set(name, bytes);
      const ledger = memoryLedgerStore();
      expect((await rebuild({ worm: all.worm, ledger })).reasons).toMatchObject([
        { code: 'ledger.segment-changed', where: name },
      ]);
      expect((await ledger.head(TENANT)).size).toBe(0);
    }
  });
});

describe('rebuilding all logs', () => {
  it('makes those again that nobody configures: the log of logs, and of a tenant that is gone', async () => {
    const all = world();
    const gone = TenantId.parse('gone');
    for (const tenant of [TENANT, META_LOG, gone]) await appendEntries(all, tenant, [draftOf(tenant)]);
    const lost = { worm: all.worm, ledger: memoryLedgerStore() };
    const sizes = async (deps: ReplayDeps) =>
      (await rebuildLogs(deps, [TENANT], { isCheck: false })).map(({ tenant, size }) => [tenant, size]);
    // Without a database nobody knows of a tenant that is gone.
    expect(await sizes(lost)).toEqual([
      [TENANT, 1],
      [META_LOG, 1],
    ]);
    expect(await sizes(all)).toEqual([
      [TENANT, 1],
      [META_LOG, 1],
      [gone, 1],
    ]);
    expect(await sizes({ worm: memoryWormStore(), ledger: memoryLedgerStore() })).toEqual([[TENANT, 0]]);
  });

  it.each<[string, unknown]>([
    ['nothing', undefined],
    ['no word of whether it is a check', {}],
    ['an unknown word', { isCheck: false, force: true }],
    ['a receipt that is no leaf hash', { isCheck: false, receipt: 'abc' }],
  ])('is not asked for with %s', (_what, ask) => {
    expect(RebuildAsk.safeParse(ask).success).toBe(false);
  });
});

/** Bytes under the name that they have the hash of, as whoever can write to storage could make them. */
async function plant(of: World, edit: (segment: Record<string, unknown>) => void): Promise<Sha256Hex> {
  const [name = ''] = of.worm.objects.keys();
  const segment: Record<string, unknown> = { ...JSON.parse(Buffer.from(of.worm.objects.get(name) ?? []).toString()) };
  edit(segment);
  const bytes = canonicalBytes(segment);
  of.worm.objects.delete(name);
  of.worm.objects.set(`t/${TENANT}/seg/0-${sha256Hex(bytes)}`, bytes);
  return sha256Hex(bytes);
}

describe('a segment that is named after its bytes and wrong in them', () => {
  it.each<[string, (segment: Record<string, unknown>) => void]>([
    ['names another root than its entries lead to', (segment) => (segment.rootAfter = '0'.repeat(64))],
    ['holds an entry that is none', (segment) => (segment.entries = ['e30='])],
    ['has fewer keys than entries', (segment) => (segment.keys = [])],
    ['has more keys than entries', (segment) => (segment.keys = [segment.keys, segment.keys].flat())],
    ['is of another log', (segment) => (segment.tenant = 'other')],
    ['has an unknown field', (segment) => (segment.more = 1)],
    ['begins elsewhere', (segment) => (segment.firstIndex = 1)],
  ])('is refused when it %s', async (_what, edit) => {
    const all = world();
    await all.append('a');
    await plant(all, edit);
    const ledger = memoryLedgerStore();
    expect((await rebuild({ worm: all.worm, ledger })).reasons).toMatchObject([{ code: 'ledger.segment-changed' }]);
    expect((await ledger.head(TENANT)).size).toBe(0);
  });
});

describe('a database that contradicts its segments', () => {
  const leaf = Sha256Hex.parse('0'.repeat(64));
  it.each<[string, string, (ledger: LedgerStore) => Partial<LedgerStore>]>([
    [
      'has another entry',
      'ledger.entry-differs',
      (ledger) => ({
        entries: async (...at) => (await ledger.entries(...at)).map((bytes) => bytes.map((one) => one ^ 1)),
      }),
    ],
    ['lacks entries', 'ledger.entry-differs', () => ({ entries: async () => [] })],
    ['lacks keys', 'ledger.key-differs', () => ({ storedKeys: async () => [] })],
    [
      'has a key of another entry',
      'ledger.key-differs',
      (ledger) => ({ storedKeys: async (...of) => (await ledger.storedKeys(...of)).map((row) => ({ ...row, leaf })) }),
    ],
    ['lacks release pointers', 'ledger.pointer-differs', () => ({ releasePointers: async () => [] })],
    [
      'has another root',
      'ledger.fork',
      (ledger) => ({ head: async (tenant) => ({ ...(await ledger.head(tenant)), root: leaf }) }),
    ],
    [
      'has another edge',
      'ledger.edge-differs',
      (ledger) => ({ head: async (tenant) => ({ ...(await ledger.head(tenant)), edge: [leaf] }) }),
    ],
    [
      'has another size',
      'ledger.head-differs',
      (ledger) => ({ head: async (tenant) => ({ ...(await ledger.head(tenant)), size: 5 }) }),
    ],
    [
      'ends in a batch that no segment has',
      'ledger.segment-missing',
      (ledger) => ({ head: async (tenant) => ({ ...(await ledger.head(tenant)), batchHash: leaf }) }),
    ],
  ])('is left as it is when it %s', async (_what, code, edit) => {
    const all = await filled();
    const commit = () => Promise.reject(new Error('nothing is to be committed'));
    const ledger = { ...all.ledger, ...edit(all.ledger), commit };
    const { reasons, replayed } = await rebuild({ worm: all.worm, ledger });
    expect([reasons[0]?.code, replayed]).toEqual([code, 0]);
  });
});
