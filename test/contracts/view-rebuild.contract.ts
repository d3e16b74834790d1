import fc from 'fast-check';
import { expect, it } from 'vitest';
import { appendEntries } from '../../core/ledger/append.ts';
import type { EntryDraft } from '../../core/ledger/entry.ts';
import type { RebuildableViews, ViewRow } from '../../core/ports/views.ts';
import { projectEntries } from '../../core/query/project.ts';
import { rebuildViews } from '../../core/query/rebuild.ts';
import { Sha256Hex, TenantId } from '../../events/fields.ts';
import { fixedClock } from '../fakes/fixed-clock.ts';
import { memoryLedgerStore } from '../fakes/memory-ledger-store.ts';
import { memoryWormStore } from '../fakes/memory-worm-store.ts';
import { draftOf } from './ledger-drafts.ts';

const [tenant, other] = [TenantId.parse('acme'), TenantId.parse('other')];
const row = (index: number, tag: string, leaf = 'a'): ViewRow => ({
  ...{ tenant, index, leaf: Sha256Hex.parse(leaf.repeat(64)) },
  terms: [{ field: 'tag', value: tag }],
});

function logs() {
  const deps = { ledger: memoryLedgerStore(), worm: memoryWormStore(), clock: fixedClock() };
  const append = (of: TenantId, drafts: readonly EntryDraft[]) => appendEntries(deps, of, drafts);
  return { ledger: deps.ledger, append };
}
const rebuild = (deps: Parameters<typeof rebuildViews>[0], isCheck = false) =>
  rebuildViews(deps, [tenant, other], { isCheck, progress: () => undefined });

const Letters = fc.constantFrom('a', 'b', 'c');
const Draft = fc
  .record({
    id: fc.nat(40),
    release: fc.oneof(
      fc.constant('git.example.com/acme/sample#7'),
      Letters.map((name) => `git.example.com/acme/${name}@v1.0.0`),
    ),
    name: fc.oneof(
      Letters.map((name) => `git.example.com/acme/${name}@v1.0.0`),
      Letters.map((tag) => `ghcr.example.com/acme/sample:${tag}`),
      Letters.map((id) => `delivery:github/github.com/${id}`),
    ),
  })
  .map(({ id, release, name }): EntryDraft => {
    // What a key led to never changes, so the entry is a function of it.
    const draft = draftOf(`${id}-${release}-${name}`, release);
    const kind = release.includes('#') ? 'change' : 'source';
    const subjects = [{ name, digest: { gitCommit: 'a'.repeat(40) } }];
    return { ...draft, content: { ...draft.content, subjects, release: { kind, id: release } } };
  });
/** What happens to a deployment: some entries of a tenant, then perhaps a projection. */
interface Step {
  readonly tenant: TenantId;
  readonly drafts: readonly EntryDraft[];
  readonly isProjected: boolean;
}
const History: fc.Arbitrary<readonly Step[]> = fc.array(
  fc.record({
    tenant: fc.constantFrom(tenant, other),
    drafts: fc.array(Draft, { minLength: 1, maxLength: 6 }),
    isProjected: fc.boolean(),
  }),
  { maxLength: 12 },
);

async function live(history: readonly Step[], views: RebuildableViews) {
  const { ledger, append } = logs();
  for (const { tenant: of, drafts, isProjected } of history) {
    await append(of, drafts);
    if (isProjected) await projectEntries({ ledger, views }, of);
  }
  return { ledger, views };
}

/** Three projected entries. */
async function small(views: RebuildableViews) {
  const { ledger, append } = logs();
  await append(tenant, [draftOf('a', 'r1'), draftOf('b', 'r2'), draftOf('c', 'r1')]);
  await projectEntries({ ledger, views }, tenant);
  return { ledger, views };
}

/** What every view store that can be made again must do. */
export function viewRebuildContract(make: () => RebuildableViews): void {
  const indices = async (views: Pick<RebuildableViews, 'find'>, tag: string) =>
    (await views.find(tenant, 'tag', tag, { limit: 9 })).map(({ index }) => index);

  it('tells each term that is missing or unfounded, and no entry that is not projected yet', async () => {
    const views = make();
    await views.put(tenant, [row(0, 'v1'), row(1, 'stray'), row(2, 'v3', 'b')], 3);
    const { fresh, compare } = await views.rebuild();
    await fresh.put(tenant, [row(0, 'v1'), row(1, 'v2'), row(2, 'v3'), row(3, 'v4')], 4);
    const differences = [
      { kind: 'missing', tenant, index: 1, field: 'tag', value: 'v2' },
      { kind: 'missing', tenant, index: 2, field: 'tag', value: 'v3' },
      { kind: 'unfounded', tenant, index: 1, field: 'tag', value: 'stray' },
      { kind: 'unfounded', tenant, index: 2, field: 'tag', value: 'v3' },
    ];
    expect(await compare(100)).toEqual({ differing: 4, first: differences });
    expect(await compare(3)).toEqual({ differing: 4, first: differences.slice(0, 3) });
    expect(await compare(1)).toEqual({ differing: 4, first: differences.slice(0, 1) });
  });

  it('keeps the fresh ones apart until they replace the live ones, of every tenant', async () => {
    const views = make();
    await views.put(tenant, [row(0, 'old')], 1);
    await views.put(other, [{ ...row(0, 'old'), tenant: other }], 1);
    const { fresh, replace, compare } = await views.rebuild();
    await fresh.put(tenant, [row(0, 'new'), row(1, 'new')], 2);
    expect([await indices(views, 'old'), await indices(views, 'new')]).toEqual([[0], []]);
    expect([await indices(fresh, 'old'), await indices(fresh, 'new')]).toEqual([[], [1, 0]]);
    expect((await compare(9)).first).toContainEqual(expect.objectContaining({ kind: 'unfounded', tenant: other }));
    await replace();
    expect([await indices(views, 'old'), await indices(views, 'new')]).toEqual([[], [1, 0]]);
    expect([await views.watermark(tenant), await views.watermark(other)]).toEqual([2, 0]);
    expect(await views.find(other, 'tag', 'old', { limit: 9 })).toEqual([]);
  });

  it('begins each rebuild with nothing', async () => {
    const views = make();
    const left = await views.rebuild();
    await left.fresh.put(tenant, [row(0, 'left')], 1);
    const { fresh, replace } = await views.rebuild();
    expect([await fresh.watermark(tenant), await indices(fresh, 'left')]).toEqual([0, []]);
    await replace();
    expect(await views.watermark(tenant)).toBe(0);
  });

  it('replaces nothing when somebody projected meanwhile', async () => {
    const views = make();
    await views.put(tenant, [row(0, 'v1')], 1);
    const { fresh, replace } = await views.rebuild();
    await fresh.put(tenant, [row(0, 'v1')], 1);
    await views.put(tenant, [row(1, 'v2')], 2);
    await expect(replace()).rejects.toMatchObject({ name: 'LedgerConflict' });
    expect([await views.watermark(tenant), await indices(views, 'v2')]).toEqual([2, [1]]);
  });

  it('equals, made from nothing, what was kept live, whatever the history and whenever it was projected', async () => {
    await fc.assert(
      fc.asyncProperty(History, async (history) => {
        const deps = await live(history, make());
        expect(await rebuild(deps, true)).toMatchObject({ differing: 0, first: [], beyond: [] });
        expect(await rebuild(deps)).toMatchObject({ differing: 0, beyond: [] });
        expect(await rebuild(deps, true)).toMatchObject({ differing: 0, behind: 0 });
      }),
      { numRuns: 60 },
    );
  }, 60_000);

  it('is put right where it differs', async () => {
    const deps = await small(make());
    await deps.views.put(tenant, [{ ...row(0, 'v9'), terms: [{ field: 'tag', value: 'v9' }] }], 3);
    const stray = { kind: 'unfounded', tenant, index: 0, field: 'tag', value: 'v9' };
    const found = await rebuild(deps, true);
    expect(found).toMatchObject({ beyond: [], behind: 0 });
    expect(found.first).toContainEqual(stray);
    expect((await rebuild(deps)).first).toEqual(found.first);
    expect(await rebuild(deps, true)).toEqual({ differing: 0, first: [], beyond: [], behind: 0 });
    expect(await deps.views.find(tenant, 'release', 'r1', { limit: 9 })).toMatchObject([{ index: 2 }, { index: 0 }]);
  });

  it('takes back a claim to entries that the log does not have', async () => {
    const deps = await small(make());
    await deps.views.put(tenant, [], 9);
    expect(await rebuild(deps, true)).toMatchObject({ beyond: [tenant], behind: 0 });
    await rebuild(deps);
    expect(await deps.views.watermark(tenant)).toBe(3);
  });

  it('is told to be behind what is not projected yet, which is nothing wrong', async () => {
    const { ledger } = await small(make());
    const views = make();
    expect(await rebuild({ ledger, views }, true)).toEqual({ differing: 0, first: [], beyond: [], behind: 3 });
    expect(await views.watermark(tenant)).toBe(0);
    await rebuild({ ledger, views });
    expect(await views.watermark(tenant)).toBe(3);
  });
}
