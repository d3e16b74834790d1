import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import { deliveryWorld, pushRequest } from '../../test/fakes/delivery-world.ts';
import { failing } from '../../test/fakes/failing.ts';
import { memoryWaitStore } from '../../test/fakes/memory-wait-store.ts';
import { loadJsonEvidence } from '../evidence.ts';
import { dispatchDue } from '../ingest/publish.ts';
import { receiveDelivery } from '../ingest/receive.ts';
import { parseEntry } from '../ledger/entry.ts';
import { pseudonymOf } from '../pseudonym.ts';
import { answerErasure, type EraseDeps } from './erase.ts';
import { type PeopleOf, peopleOf, personIdOf } from './person.ts';

const PLACE = 'github/github.com';
const BY = { id: 'operator', authenticated: 'local' };
const by = async () => BY;

type World = ReturnType<typeof deliveryWorld>;

const depsOf = ({ persons, raw, worm, claims, receive, append }: World, waits = memoryWaitStore()): EraseDeps => ({
  ...{ persons, raw, worm, claims, waits, append },
  ids: receive.ids,
});

const bodyOf = (tag: string, sender: string, more: object = {}) =>
  Buffer.from(
    JSON.stringify({
      ref: `refs/tags/${tag}`,
      after: 'ff3602bb5b46ae73604d614c39b822f4d03e73e0',
      head_commit: { id: 'ff3602bb5b46ae73604d614c39b822f4d03e73e0' },
      repository: { full_name: 'acme/sample' },
      sender: { login: sender },
      ...more,
    }),
  );

/** Pushes a tag as somebody and puts it on the ledger; answers the row. */
async function push(world: World, tag: string, sender: string, more: object = {}) {
  const request = pushRequest(`refs/tags/${tag}`, { guid: `guid-${tag}`, body: bodyOf(tag, sender, more) });
  expect((await receiveDelivery(world.receive, request)).status).toBe(202);
  const row = await world.deliveries.get(world.tenant.id, `github/github.com/guid-${tag}`);
  if (!row) throw new Error('the delivery is not stored');
  await dispatchDue(world.publish);
  return row;
}

const entriesOf = async ({ ledger, tenant }: World) => (await ledger.entries(tenant.id, 0, 1000)).map(parseEntry);
const rawOf = async (world: World, row: { raw?: string }) => (row.raw ? world.raw.get(row.raw) : undefined);

async function pushed() {
  const world = deliveryWorld();
  const first = await push(world, 'v1.0.0', 'ana');
  const second = await push(world, 'v1.0.1', 'ben', { pusher: { name: 'Ana', email: 'ana@example.com' } });
  const third = await push(world, 'v1.0.2', 'ben');
  const people = await peopleOf(world.receive.secrets, world.tenant);
  return { world, people, rows: { first, second, third } };
}

const ask = (world: World, people: PeopleOf, name: string, more: { at?: string; dryRun?: boolean } = {}) =>
  answerErasure(depsOf(world), people, { name, by, dryRun: false, ...more });

describe('erasing a person', () => {
  it('destroys what mentions them and what makes their pseudonym, and leaves others alone', async () => {
    const { world, people, rows } = await pushed();
    const pseudonym = rows.first.normalised.events[0]?.actor;
    expect(await ask(world, people, 'ana')).toEqual({
      kind: 'erased',
      erased: [{ place: PLACE, pseudonym, objects: 2, index: 3 }],
    });
    expect(await rawOf(world, rows.first)).toBeUndefined();
    expect(await rawOf(world, rows.second)).toBeUndefined();
    expect(await rawOf(world, rows.third)).toBeDefined();
    const [key = ''] = people.keys;
    const id = personIdOf(key, world.tenant.id, { place: PLACE, name: 'ana' });
    expect(await world.persons.knownKey(world.tenant.id, id)).toBeUndefined();
    const ben = personIdOf(key, world.tenant.id, { place: PLACE, name: 'ben' });
    const kept = await world.persons.knownKey(world.tenant.id, ben);
    expect(kept && pseudonymOf(kept, world.tenant.id)).toBe(rows.third.normalised.events[0]?.actor);
  });

  it('leaves every entry as it was, and one that says what was erased and by whom, without the name', async () => {
    const { world, people } = await pushed();
    const before = await entriesOf(world);
    await ask(world, people, 'ana');
    const after = await entriesOf(world);
    expect(after.slice(0, before.length)).toEqual(before);
    const [entry, ...more] = after.slice(before.length);
    expect(more).toEqual([]);
    expect(entry).toMatchObject({ kind: 'erasure', outcome: 'info', actor: BY });
    const [ref] = entry?.evidence ?? [];
    if (!ref) throw new Error('the entry has no evidence');
    const receipt = await loadJsonEvidence(world.worm, world.tenant.id, ref, z.json());
    expect(receipt).toMatchObject({ schema: 'relseal.erasure/1', objects: { count: 2 } });
    expect(`${JSON.stringify(receipt)}${JSON.stringify(entry)}`).not.toMatch(/\bana\b/i);
  });

  it('knows them no more, and whoever comes back has a new pseudonym', async () => {
    const { world, people, rows } = await pushed();
    await ask(world, people, 'ana');
    expect(await ask(world, people, 'ana', { dryRun: true })).toEqual({
      kind: 'refused',
      code: 'erase.unknown-person',
    });
    const again = await push(world, 'v2.0.0', 'ana');
    const [actor] = again.normalised.events.map((event) => event.actor);
    expect(actor).toMatch(/^[0-9a-f]{64}$/);
    expect(actor).not.toBe(rows.first.normalised.events[0]?.actor);
    expect(await rawOf(world, again)).toBeDefined();
  });

  it('takes a name in any case, and one that was mentioned only', async () => {
    const { world, people } = await pushed();
    expect(await ask(world, people, 'ANA@example.com')).toEqual({
      kind: 'erased',
      erased: [{ place: PLACE, objects: 1, index: 3 }],
    });
    expect(await ask(world, people, 'Ana', { dryRun: true })).toMatchObject({ found: [{ objects: 2 }] });
  });

  it('only says what would go when it is asked to', async () => {
    const { world, people, rows } = await pushed();
    const pseudonym = rows.first.normalised.events[0]?.actor;
    const found = { kind: 'found', found: [{ place: PLACE, pseudonym, objects: 2 }] };
    expect(await ask(world, people, 'ana', { dryRun: true })).toEqual(found);
    expect(await ask(world, people, 'ana', { dryRun: true, at: PLACE })).toEqual(found);
    expect(await rawOf(world, rows.first)).toBeDefined();
    expect(await entriesOf(world)).toHaveLength(3);
  });

  it('finds who was recorded under an older value of the key', async () => {
    const { world, people } = await pushed();
    const rotated = { ...people, keys: ['a newer test key', ...people.keys] };
    expect(await ask(world, rotated, 'ana')).toMatchObject({ kind: 'erased', erased: [{ objects: 2 }] });
  });

  it.each<[string, string, { at?: string; keys?: string[] }, string]>([
    ['whom nobody knows', 'nobody', {}, 'erase.unknown-person'],
    ['of another place', 'ana', { at: 'local' }, 'erase.unknown-person'],
    ['of a place that is none', 'ana', { at: 'gitlab/gitlab.com' }, 'erase.unknown-place'],
    ['of a tenant without a key', 'ana', { keys: [] }, 'erase.no-pseudonym-key'],
  ])('refuses one %s', async (_who, name, { keys, ...more }, code) => {
    const { world, people } = await pushed();
    expect(await ask(world, { ...people, keys: keys ?? people.keys }, name, more)).toEqual({ kind: 'refused', code });
    expect(await entriesOf(world)).toHaveLength(3);
  });

  it('refuses one whose run is open: they could approve what they asked for', async () => {
    const { world, people, rows } = await pushed();
    const id = rows.first.normalised.events[0]?.actor ?? '';
    await world.claims.claim({
      ...{ tenant: world.tenant.id, businessKey: rows.first.bodySha256, machine: 'promotion', runName: 'promotion-1' },
      ...{ replay: 0, redrives: 0, status: 'running', claimedAt: '2026-11-01T10:00:00.000Z', eventId: 'e', input: {} },
      actor: { id, authenticated: 'hmac-sha256' },
    });
    expect(await ask(world, people, 'ana')).toEqual({
      ...{ kind: 'refused', code: 'erase.run-open', runName: 'promotion-1' },
    });
    expect(await rawOf(world, rows.first)).toBeDefined();
    expect(await ask(world, people, 'ben')).toMatchObject({ kind: 'erased' });
  });

  it('refuses one who approved what is still open: they could approve it once more', async () => {
    const { world, people, rows } = await pushed();
    const actor = rows.first.normalised.events[0]?.actor ?? '';
    const evidence = { kind: 'plan', sha256: rows.first.bodySha256, size: 1, mediaType: 'application/json' };
    const waits = memoryWaitStore();
    const businessKey = rows.first.bodySha256;
    await waits.open({
      ...{ tenant: world.tenant.id, businessKey, kind: 'approval', ordinal: 0, machine: 'promotion' },
      ...{ runName: 'promotion-2', token: 'a test token', version: 0, open: true },
      state: {
        schema: 'relseal.approval-wait/1',
        subject: {
          ...{
            kind: 'promotion',
            host: 'registry.example.com',
            repository: 'acme/payments',
            environment: 'production',
          },
          ...{ digest: `sha256:${'a'.repeat(64)}`, attempt: 0 },
        },
        ...{ plan: evidence, verdict: evidence, needed: 2, requester: 'somebody else' },
        given: [{ actor, entry: { index: 1, leaf: businessKey } }],
      },
    });
    const request = { name: 'ana', by, dryRun: false };
    expect(await answerErasure(depsOf(world, waits), people, request)).toEqual({
      ...{ kind: 'refused', code: 'erase.run-open', runName: 'promotion-2' },
    });
  });

  it('erases a part when there is more than one request has time for, and the rest when it is asked again', async () => {
    const { world, people } = await pushed();
    const [key = ''] = people.keys;
    const id = personIdOf(key, world.tenant.id, { place: PLACE, name: 'ana' });
    for (let at = 0; at < 501; at += 1) await world.persons.mention(world.tenant.id, [id], `t/acme/raw/more-${at}`);
    expect(await ask(world, people, 'ana')).toEqual({ kind: 'unfinished', objects: 500 });
    expect(await ask(world, people, 'ana')).toMatchObject({ kind: 'erased', erased: [{ objects: 503, index: 3 }] });
  });

  it('is finished by being asked again, wherever it was cut short, with one entry', async () => {
    let calls = 1;
    for (let at = 0; at < calls; at += 1)
      for (const when of ['before', 'after'] as const) {
        const { world, people, rows } = await pushed();
        const plan = { at, when, calls: 0 };
        const deps = depsOf(world);
        const dying: EraseDeps = {
          ...deps,
          ...{ persons: failing(deps.persons, plan), raw: failing(deps.raw, plan), worm: failing(deps.worm, plan) },
          append: failing({ append: deps.append }, plan).append,
        };
        const request = { name: 'ana', by, dryRun: false };
        await expect(answerErasure(dying, people, request)).rejects.toThrow(/planned/);
        const rerun = await answerErasure(deps, people, request);
        // When all but the answer was done, there is nobody left to erase.
        if (rerun.kind === 'refused') expect(rerun.code).toBe('erase.unknown-person');
        else expect(rerun).toMatchObject({ kind: 'erased', erased: [{ objects: 2, index: 3 }] });
        expect(await rawOf(world, rows.first)).toBeUndefined();
        expect((await entriesOf(world)).map(({ kind }) => kind)).toEqual([
          'delivery',
          'delivery',
          'delivery',
          'erasure',
        ]);
        if (calls === 1) calls = await countCalls();
      }
    expect(calls).toBeGreaterThan(10);
  });

  it('keeps the key of someone who came back before it was finished', async () => {
    const { world, people } = await pushed();
    const deps = depsOf(world);
    const dying = { ...deps, append: () => Promise.reject(new Error('the process died')) };
    await expect(answerErasure(dying, people, { name: 'ana', by, dryRun: false })).rejects.toThrow(/died/);
    const again = await push(world, 'v2.0.0', 'ana');
    await ask(world, people, 'ana');
    const later = await push(world, 'v2.0.1', 'ana');
    expect(later.normalised.events[0]?.actor).toBe(again.normalised.events[0]?.actor);
  });
});

/** How many port calls an erasure makes when nothing fails. */
async function countCalls(): Promise<number> {
  const { world, people } = await pushed();
  const plan = { at: -1, when: 'before' as const, calls: 0 };
  const deps = depsOf(world);
  const counted: EraseDeps = {
    ...deps,
    ...{ persons: failing(deps.persons, plan), raw: failing(deps.raw, plan), worm: failing(deps.worm, plan) },
    append: failing({ append: deps.append }, plan).append,
  };
  await answerErasure(counted, people, { name: 'ana', by, dryRun: false });
  return plan.calls;
}

describe('a delivery', () => {
  it('that names more people than can be found again is not kept', async () => {
    const world = deliveryWorld();
    const commits = Array.from({ length: 501 }, (_, at) => ({ author: { login: `person-${at}` } }));
    const row = await push(world, 'v1.0.0', 'ana', { commits });
    expect(row.raw).toBeUndefined();
    expect(row.normalised.events[0]?.actor).toMatch(/^[0-9a-f]{64}$/);
  });

  it('is never kept without being found by whom it mentions', async () => {
    for (let at = 0; at < 4; at += 1)
      for (const when of ['before', 'after'] as const) {
        const world = deliveryWorld();
        const plan = { at, when, calls: 0 };
        const people = await peopleOf(world.receive.secrets, world.tenant);
        const dying = { ...world.receive, persons: failing(world.persons, plan), raw: failing(world.raw, plan) };
        const request = pushRequest(undefined, { body: bodyOf('v1.0.0', 'ana') });
        expect((await receiveDelivery(dying, request)).status).toBe(503);
        expect((await receiveDelivery(world.receive, request)).status).toBe(202);
        expect(await ask(world, people, 'ana', { dryRun: true })).toMatchObject({ found: [{ objects: 1 }] });
      }
  });
});
