import { describe, expect, it } from 'vitest';
import { TenantId } from '../../events/fields.ts';
import { draftOf, TENANT } from '../../test/contracts/ledger-drafts.ts';
import { type FailurePlan, failing } from '../../test/fakes/failing.ts';
import { fixedClock } from '../../test/fakes/fixed-clock.ts';
import { memoryLedgerStore } from '../../test/fakes/memory-ledger-store.ts';
import { memoryWormStore } from '../../test/fakes/memory-worm-store.ts';
import { Fault } from '../faults.ts';
import { leafHash } from '../tlog/merkle.ts';
import { appendEntries, appendRequests, BatchWeight, checkDrafts } from './append.ts';
import { type EntryDraft, type LedgerEntry, parseEntry } from './entry.ts';
import { groupCommit } from './group-commit.ts';
import { toHex } from './hex.ts';

function world(plan?: FailurePlan) {
  const ledger = memoryLedgerStore();
  const worm = memoryWormStore();
  const clock = fixedClock();
  const deps = plan ? { ledger: failing(ledger, plan), worm: failing(worm, plan), clock } : { ledger, worm, clock };
  const stored = async (): Promise<LedgerEntry[]> => (await ledger.entries(TENANT, 0, 1000)).map(parseEntry);
  const namesOf = (entries: readonly LedgerEntry[]) => entries.map(({ subjects }) => subjects?.[0]?.name);
  return { ledger, worm, clock, deps, stored, names: async () => namesOf(await stored()) };
}

/** What the segments alone say, following the hash chain back from the newest batch. */
async function segmentsOf({ ledger, worm }: ReturnType<typeof world>): Promise<string[][]> {
  const segments: string[][] = [];
  let { batchHash } = await ledger.head(TENANT);
  while (batchHash !== '') {
    const [name, bytes] = [...worm.objects].find(([object]) => object.endsWith(batchHash)) ?? [];
    if (!name || !bytes) throw new Error('a committed segment is not in write-once storage');
    const segment = JSON.parse(Buffer.from(bytes).toString());
    segments.unshift(segment.entries);
    batchHash = segment.previousBatchHash;
  }
  return segments;
}

describe('appending', () => {
  it('answers where each entry is, and stores its canonical bytes', async () => {
    const all = world();
    const { entries } = await appendEntries(all.deps, TENANT, [draftOf('a'), draftOf('b')]);
    const bytes = await all.ledger.entries(TENANT, 0, 10);
    expect(entries).toEqual(
      bytes.map((entry, index) => ({ index, leaf: toHex(leafHash(entry)), kind: 'check', existed: false })),
    );
    expect(await all.stored()).toMatchObject([
      { schema: 'relseal.entry/1', tenant: TENANT, at: '2026-01-02T03:04:05.000Z', outcome: 'pass' },
      { subjects: [{ name: 'b' }] },
    ]);
  });

  it('happens once for one key, however often and in whatever company', async () => {
    const all = world();
    const { entries: first } = await appendEntries(all.deps, TENANT, [draftOf('a'), draftOf('b')]);
    all.clock.advance(60_000);
    const { entries } = await appendEntries(all.deps, TENANT, [draftOf('c'), draftOf('b'), draftOf('b'), draftOf('a')]);
    expect(entries.map(({ index, existed }) => [index, existed])).toEqual([
      [2, false],
      [1, true],
      [1, true],
      [0, true],
    ]);
    expect(entries[3]?.leaf).toBe(first[0]?.leaf);
    expect(await all.names()).toEqual(['a', 'b', 'c']);
  });

  it('of one key twice in one request stores one entry', async () => {
    const all = world();
    const { entries } = await appendEntries(all.deps, TENANT, [draftOf('a'), draftOf('a')]);
    expect(entries.map(({ index }) => index)).toEqual([0, 0]);
    expect(await all.names()).toEqual(['a']);
  });

  it('takes a repeat that differs in trace and attempt for the same, and the first one stands', async () => {
    const all = world();
    const draft = draftOf('a');
    await appendEntries(all.deps, TENANT, [draft]);
    const again: EntryDraft = {
      ...draft,
      content: {
        ...draft.content,
        run: { workflow: 'source-release', name: 'source-release-1', state: 'Record the checks', attempt: 2 },
        trace: [`00-${'1'.repeat(32)}-${'2'.repeat(16)}-01`],
      },
    };
    expect((await appendEntries(all.deps, TENANT, [again])).entries).toMatchObject([{ index: 0, existed: true }]);
    expect((await all.stored())[0]).not.toHaveProperty('trace');
  });

  it('takes a repeat with another text but the same outcome, codes and subjects for the same', async () => {
    const all = world();
    const draft = draftOf('a', 'r1', 'gosum.mismatch');
    await appendEntries(all.deps, TENANT, [draft]);
    const reworded = { ...draft, content: { ...draft.content, reasons: [{ code: 'gosum.mismatch', found: 'x' }] } };
    expect((await appendEntries(all.deps, TENANT, [reworded])).entries).toMatchObject([{ existed: true }]);
  });

  it.each<[string, Partial<EntryDraft['content']>]>([
    ['outcome', { outcome: 'refuse', reasons: [{ code: 'gosum.mismatch' }], reasonsTotal: 1 }],
    ['subject', { subjects: [{ name: 'other', digest: { gitCommit: 'a'.repeat(40) } }] }],
    ['kind', { kind: 'verdict' }],
    ['release', { release: { kind: 'source', id: 'r2' } }],
  ])('under a taken key with another %s is IdempotencyConflict and stores nothing', async (_, changes) => {
    const all = world();
    await appendEntries(all.deps, TENANT, [draftOf('a')]);
    const other = { ...draftOf('a'), content: { ...draftOf('a').content, ...changes } };
    await expect(appendEntries(all.deps, TENANT, [draftOf('b'), other, draftOf('c')])).rejects.toThrow(
      expect.objectContaining({ name: 'IdempotencyConflict' }),
    );
    await expect(appendEntries(all.deps, TENANT, [draftOf('d'), { ...other, key: draftOf('d').key }])).rejects.toThrow(
      expect.objectContaining({ name: 'IdempotencyConflict' }),
    );
    expect(await all.names()).toEqual(['a']);
  });

  it('links each entry of a release to the one before it, across batches and within one', async () => {
    const all = world();
    await appendEntries(all.deps, TENANT, [draftOf('a', 'r1'), draftOf('b', 'r2'), draftOf('c', 'r1')]);
    await appendEntries(all.deps, TENANT, [draftOf('d', 'r2'), draftOf('e', 'r1'), draftOf('f', 'r3')]);
    const bytes = await all.ledger.entries(TENANT, 0, 10);
    const link = (index: number) => ({ index, leaf: toHex(leafHash(bytes[index] ?? new Uint8Array())) });
    expect((await all.stored()).map(({ prev }) => prev)).toEqual([
      undefined,
      undefined,
      link(0),
      link(1),
      link(2),
      undefined,
    ]);
  });

  it('writes each batch to write-once storage before it is committed, and chains the batches', async () => {
    const all = world();
    for (const [at, id] of ['a', 'b', 'c'].entries())
      await appendEntries(all.deps, TENANT, [draftOf(id, `r${at}`), draftOf(`${id}2`)]);
    expect((await segmentsOf(all)).flat()).toEqual(
      (await all.ledger.entries(TENANT, 0, 10)).map((bytes) => Buffer.from(bytes).toString('base64')),
    );
  });

  it('splits what weighs more than one commit, in order', async () => {
    const all = world();
    const drafts = Array.from({ length: 250 }, (_, at) => draftOf(`d${String(at).padStart(3, '0')}`, `r${at % 7}`));
    const { entries } = await appendEntries(all.deps, TENANT, drafts);
    expect(entries.map(({ index }) => index)).toEqual(drafts.map((_, at) => at));
    expect((await segmentsOf(all)).map((segment) => segment.length)).toEqual([91, 91, 68]);
    expect(await all.names()).toEqual(drafts.map(({ content }) => content.subjects?.[0]?.name));
  });

  it('counts a release once, and one of its own for each entry at the most', () => {
    const weight = new BatchWeight();
    expect(weight.add([])).toBe(0);
    expect(weight.add([draftOf('a'), draftOf('b')])).toBe(3);
    expect(weight.add([draftOf('c', 'r1'), draftOf('d', 'r2')])).toBe(6);
  });

  it('of nothing is nothing', async () => {
    const all = world();
    expect(await appendEntries(all.deps, TENANT, [])).toEqual({ entries: [] });
    expect(await all.names()).toEqual([]);
  });

  it('of an entry that cannot be encoded is refused before anything is stored', async () => {
    const all = world();
    const large = draftOf('x');
    const reasons = Array.from({ length: 20 }, () => ({ code: 'a.b', found: 'é'.repeat(1000) }));
    const tooLarge = { ...large, content: { ...large.content, outcome: 'refuse' as const, reasons, reasonsTotal: 20 } };
    await expect(appendEntries(all.deps, TENANT, [draftOf('a'), tooLarge])).rejects.toThrow(
      expect.objectContaining({ name: 'LimitExceeded' }),
    );
    const empty = { ...large, content: { ...large.content, subjects: [] } };
    await expect(appendEntries(all.deps, TENANT, [draftOf('a'), empty])).rejects.toThrow(
      expect.objectContaining({ name: 'InputInvalid' }),
    );
    expect(await all.names()).toEqual([]);
    expect(all.worm.objects.size).toBe(0);
  });

  it('stops where the edge of the head does not lead to its root', async () => {
    const all = world();
    await appendEntries(all.deps, TENANT, [draftOf('a')]);
    const head = await all.ledger.head(TENANT);
    const ledger = {
      ...all.ledger,
      head: async () => ({ ...head, root: head.edge.length > 0 ? toHex(leafHash(new Uint8Array())) : head.root }),
    };
    await expect(appendEntries({ ...all.deps, ledger }, TENANT, [draftOf('b')])).rejects.toThrow(
      expect.objectContaining({ name: 'LedgerInconsistent' }),
    );
  });

  it('stops where the entry of a key is not the one that the key names', async () => {
    const all = world();
    await appendEntries(all.deps, TENANT, [draftOf('a'), draftOf('b')]);
    const ledger = { ...all.ledger, entries: async () => all.ledger.entries(TENANT, 1, 1) };
    const reworded = { ...draftOf('a'), content: { ...draftOf('a').content, environment: 'x' } };
    await expect(appendEntries({ ...all.deps, ledger }, TENANT, [reworded])).rejects.toThrow(
      expect.objectContaining({ name: 'LedgerInconsistent' }),
    );
  });

  it('gives up after a bounded number of conflicts and unknown outcomes', async () => {
    for (const [name, limit] of [
      ['LedgerConflict', 41],
      ['StoreUnavailable', 5],
    ] as const) {
      const all = world();
      let calls = 0;
      const ledger = {
        ...all.ledger,
        commit: async (): Promise<never> => {
          calls += 1;
          throw new Fault(name, 'planned');
        },
      };
      await expect(appendEntries({ ...all.deps, ledger }, TENANT, [draftOf('a')])).rejects.toThrow(
        expect.objectContaining({ name }),
      );
      expect(calls).toBe(limit);
    }
  });
});

describe('appending with faults', () => {
  const work = [
    [draftOf('a', 'r1'), draftOf('b', 'r1')],
    [draftOf('c', 'r2'), draftOf('b', 'r1')],
    [draftOf('d', 'r1')],
  ];
  const contentOf = async (all: ReturnType<typeof world>) =>
    (await all.stored()).map(({ at: _at, prev, ...entry }) => ({ ...entry, prev: prev?.index }));

  async function undisturbed() {
    const plan: FailurePlan = { at: -1, when: 'before', calls: 0 };
    const all = world(plan);
    for (const drafts of work) await appendEntries(all.deps, TENANT, drafts);
    return { calls: plan.calls, content: await contentOf(all) };
  }

  it.each(['before', 'after'] as const)('%s any one port call retries by itself to the same content', async (when) => {
    const { calls, content } = await undisturbed();
    expect(calls).toBeGreaterThan(12);
    for (let at = 0; at < calls; at += 1) {
      const all = world({ at, when, calls: 0 });
      for (const drafts of work) await appendEntries(all.deps, TENANT, drafts);
      expect([at, await contentOf(all)]).toEqual([at, content]);
      await segmentsOf(all);
    }
  });

  it.each(['before', 'after'] as const)(
    'and a kill %s any one port call, a new process ends at the same content',
    async (when) => {
      const { calls, content } = await undisturbed();
      for (let at = 0; at < calls; at += 1) {
        const all = world();
        const killed = killing(all, at, when);
        const run = async (deps: typeof killed) => {
          for (const drafts of work) await appendEntries(deps, TENANT, drafts);
        };
        await expect(run(killed)).rejects.toThrow('killed');
        await run(all.deps);
        expect([at, await contentOf(all)]).toEqual([at, content]);
      }
    },
  );
});

/** Stores of which call number `at` never comes back, as for a process that is killed there. */
function killing(all: ReturnType<typeof world>, at: number, when: 'before' | 'after') {
  let calls = 0;
  const wrap = <T extends object>(target: T): T =>
    new Proxy(target, {
      get: (owner, property, receiver) => {
        const member: unknown = Reflect.get(owner, property, receiver);
        if (typeof member !== 'function') return member;
        return async (...args: unknown[]) => {
          const mine = calls++ === at;
          if (mine && when === 'before') throw new Error('killed');
          const answer: unknown = await Reflect.apply(member, owner, args);
          if (mine) throw new Error('killed');
          return answer;
        };
      },
    });
  return { ...all.deps, ledger: wrap(all.ledger), worm: wrap(all.worm) };
}

describe('racing writers', () => {
  it('store every entry once, in one order, though eight write at a time', async () => {
    const all = world();
    const writers = Array.from({ length: 8 }, (_, writer) =>
      Promise.all(
        Array.from({ length: 4 }, (_, at) =>
          appendEntries(all.deps, TENANT, [draftOf(`w${writer}-${at}`, `r${at}`), draftOf(`shared-${at}`, 'shared')]),
        ),
      ),
    );
    const answers = (await Promise.all(writers)).flat();
    const names = await all.names();
    expect(names.toSorted()).toEqual(
      [
        ...Array.from({ length: 32 }, (_, at) => `w${Math.floor(at / 4)}-${at % 4}`),
        ...Array.from({ length: 4 }, (_, at) => `shared-${at}`),
      ].toSorted(),
    );
    const sharedAt = answers.map(({ entries }) => entries[1]?.index);
    expect(new Set(sharedAt).size).toBe(4);
    expect(answers.filter(({ entries }) => entries[1]?.existed === false)).toHaveLength(4);
    expect((await segmentsOf(all)).flat()).toHaveLength(36);
  });

  it('of one key and two outcomes: one wins and the others get IdempotencyConflict', async () => {
    const all = world();
    const outcomes = await Promise.allSettled(
      Array.from({ length: 8 }, (_, at) =>
        appendEntries(all.deps, TENANT, [draftOf('a', 'r1', at % 2 ? 'a.b' : undefined)]),
      ),
    );
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(4);
    for (const outcome of outcomes)
      if (outcome.status === 'rejected') expect(outcome.reason).toMatchObject({ name: 'IdempotencyConflict' });
    expect(await all.names()).toEqual(['a']);
  });
});

describe('a group commit', () => {
  it('puts what waits into one commit, answers each caller and keeps their order', async () => {
    const all = world();
    const append = groupCommit(all.deps);
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, at) => append(TENANT, [draftOf(`a${String(at).padStart(2, '0')}`)])),
    );
    expect(answers.map(({ entries }) => entries[0]?.index)).toEqual(answers.map((_, at) => at));
    expect((await segmentsOf(all)).map((segment) => segment.length)).toEqual([1, 19]);
  });

  it('fails the caller with a conflict and nobody else', async () => {
    const all = world();
    const append = groupCommit(all.deps);
    await append(TENANT, [draftOf('taken')]);
    const outcomes = await Promise.allSettled([
      append(TENANT, [draftOf('x')]),
      append(TENANT, [draftOf('a'), draftOf('taken', 'r1', 'a.b')]),
      append(TENANT, [draftOf('b')]),
      append(TENANT, [draftOf('twin')]),
      append(TENANT, [draftOf('twin', 'r1', 'a.b'), draftOf('c')]),
    ]);
    expect(outcomes.map(({ status }) => status)).toEqual([
      'fulfilled',
      'rejected',
      'fulfilled',
      'fulfilled',
      'rejected',
    ]);
    expect(await all.names()).toEqual(['taken', 'x', 'b', 'twin']);
  });

  it('keeps to the weight of one commit', async () => {
    const all = world();
    const append = groupCommit(all.deps);
    const many = (prefix: string, count: number) =>
      Array.from({ length: count }, (_, at) => draftOf(`${prefix}${at}`, prefix));
    await Promise.all([
      append(TENANT, many('a', 1)),
      append(TENANT, many('b', 60)),
      append(TENANT, many('c', 60)),
      append(TENANT, many('d', 150)),
    ]);
    expect((await segmentsOf(all)).every((segment) => segment.length < all.ledger.batchWeight)).toBe(true);
    expect(await all.names()).toHaveLength(271);
  });

  it('refuses what cannot be encoded without holding up others, and goes on after a fault', async () => {
    const plan: FailurePlan = { at: -1, when: 'before', calls: 0 };
    const all = world(plan);
    const append = groupCommit(all.deps);
    const bad = { ...draftOf('bad'), content: { ...draftOf('bad').content, kind: 'nonsense' } };
    const outcomes = await Promise.allSettled([
      append(TENANT, [draftOf('a')]),
      append(TENANT, [bad]),
      append(TENANT, [draftOf('b')]),
    ]);
    expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    const inconsistent = groupCommit({
      ...all.deps,
      ledger: {
        ...all.ledger,
        head: async () => {
          throw new Error('gone');
        },
      },
    });
    await expect(
      Promise.all([inconsistent(TENANT, [draftOf('c')]), inconsistent(TENANT, [draftOf('d')])]),
    ).rejects.toThrow('gone');
    expect((await append(TENANT, [draftOf('c')])).entries).toMatchObject([{ index: 2 }]);
  });

  it('turns callers away while too many wait, and stores nothing of theirs', async () => {
    const all = world();
    const append = groupCommit(all.deps, 3);
    // The first is under way, three wait behind it.
    const outcomes = await Promise.allSettled(['a', 'b', 'c', 'd', 'late'].map((id) => append(TENANT, [draftOf(id)])));
    expect(outcomes.map(({ status }) => status)).toEqual([...Array(4).fill('fulfilled'), 'rejected']);
    expect(outcomes[4]).toMatchObject({ reason: { name: 'StoreUnavailable' } });
    expect(await all.names()).toEqual(['a', 'b', 'c', 'd']);
    await append(TENANT, [draftOf('late')]);
    expect(await all.names()).toEqual(['a', 'b', 'c', 'd', 'late']);
  });

  it('keeps tenants apart', async () => {
    const all = world();
    const append = groupCommit(all.deps);
    const other = TenantId.parse('other');
    await Promise.all([append(TENANT, [draftOf('a')]), append(other, [draftOf('b')])]);
    expect(await all.names()).toEqual(['a']);
    expect((await all.ledger.entries(other, 0, 10)).map((bytes) => parseEntry(bytes).tenant)).toEqual(['other']);
  });
});

describe('one commit of several requests', () => {
  it('answers each request by itself', async () => {
    const all = world();
    const requests = [[draftOf('a')], [draftOf('a', 'r1', 'a.b'), draftOf('never')], [draftOf('a'), draftOf('b')]].map(
      (drafts) => checkDrafts(TENANT, drafts),
    );
    const [first, second, third] = await appendRequests(all.deps, TENANT, requests);
    expect(first).toMatchObject([{ index: 0, existed: false }]);
    expect(second).toMatchObject({ name: 'IdempotencyConflict' });
    expect(third).toMatchObject([{ index: 0 }, { index: 1 }]);
    expect(await all.names()).toEqual(['a', 'b']);
  });
});
