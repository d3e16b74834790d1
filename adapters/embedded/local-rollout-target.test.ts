import { describe, expect, it } from 'vitest';
import type { RolloutState } from '../../core/ports/rollout-target.ts';
import { OciDigest } from '../../events/fields.ts';
import { deathAt, dyingDatabase } from '../../test/fakes/dying-database.ts';
import { localRolloutTarget } from './local-rollout-target.ts';
import { openSqlite, type Sqlite } from './sqlite.ts';

const digestOf = (digit: string) => OciDigest.parse(`sha256:${digit.repeat(64)}`);
const [stable, canary] = [digestOf('a'), digestOf('b')];
const revisions = [
  { digest: stable, url: 'http://127.0.0.1:1/' },
  { digest: canary, url: 'http://127.0.0.1:2/base' },
];
const targetOn = (database: Sqlite, more: object = {}) =>
  localRolloutTarget({ database, name: 'production', revisions, ...more });

async function targetWith(state: RolloutState) {
  const target = targetOn(openSqlite(':memory:'));
  await target.set(state, (await target.read()).version);
  return target;
}
const take = (target: ReturnType<typeof targetOn>, count: number) =>
  Array.from({ length: count }, () => target.route()?.revision);

describe('the local rollout target', () => {
  it.each([0, 1, 10, 33, 50, 99, 100])('gives the canary %i of any 100 requests in a row', async (weight) => {
    const taken = take(await targetWith({ stable, canary, weight }), 400);
    for (let from = 0; from <= 300; from += 1)
      expect(taken.slice(from, from + 100).filter((revision) => revision === canary)).toHaveLength(weight);
  });

  it('lets a client that asks in a rhythm of 10 meet the canary with each of its requests', async () => {
    const taken = take(await targetWith({ stable, canary, weight: 10 }), 100);
    const places = taken.flatMap((revision, at) => (revision === canary ? [at % 10] : []));
    expect(new Set(places).size).toBe(10);
  });

  it('has no route for requests that nothing takes', async () => {
    const database = openSqlite(':memory:');
    expect(targetOn(database).route()).toBeUndefined();
    const alone = await targetWith({ canary, weight: 30 });
    expect(take(alone, 100).filter((revision) => revision === undefined)).toHaveLength(70);
  });

  it('is in force as soon as it is set, and after the next start', async () => {
    const database = openSqlite(':memory:');
    const target = targetOn(database);
    const set = await target.set({ stable, canary, weight: 100 }, '0');
    expect(target.route()?.url.href).toBe('http://127.0.0.1:2/base');
    const restarted = targetOn(database);
    expect(await restarted.read()).toEqual(set);
    expect(restarted.route()?.revision).toBe(canary);
    expect(await targetOn(database, { name: 'staging' }).read()).toEqual({ weight: 0, version: '0' });
  });

  it('runs what its configuration begins with until something is set', async () => {
    const database = openSqlite(':memory:');
    const target = targetOn(database, { stable });
    expect(await target.read()).toEqual({ stable, weight: 0, version: '0' });
    expect(target.route()?.revision).toBe(stable);
    await target.set({ weight: 0 }, '0');
    expect(await targetOn(database, { stable }).read()).toEqual({ weight: 0, version: '1' });
    expect(() => targetOn(openSqlite(':memory:'), { stable: digestOf('c') })).toThrow(
      expect.objectContaining({ name: 'ConfigurationInvalid' }),
    );
  });

  it('does not start with a revision that is listed no more, or listed twice', async () => {
    const database = openSqlite(':memory:');
    await targetOn(database).set({ stable, canary, weight: 10 }, '0');
    for (const wrong of [revisions.slice(0, 1), [...revisions, ...revisions]])
      expect(() => targetOn(database, { revisions: wrong })).toThrow(
        expect.objectContaining({ name: 'ConfigurationInvalid' }),
      );
  });

  it.each(['before', 'after'] as const)('holds to what was kept when a write dies right %s it', async (when) => {
    const database = openSqlite(':memory:');
    const { version } = await targetOn(database).set({ stable, weight: 0 }, '0');
    const dying = targetOn(dyingDatabase(database, deathAt(0, when)));
    const unreachable = { name: 'TargetUnreachable' };
    await expect(dying.set({ stable, canary, weight: 50 }, version)).rejects.toMatchObject(unreachable);
    await expect(dying.read()).rejects.toMatchObject(unreachable);
    const restarted = targetOn(database);
    const kept = when === 'before' ? { stable, weight: 0 } : { stable, canary, weight: 50 };
    expect(await restarted.read()).toMatchObject(kept);
    expect(take(restarted, 100).filter((revision) => revision === canary)).toHaveLength(kept.weight);
  });

  it('comes back into step when the answer of a write was lost', async () => {
    const database = openSqlite(':memory:');
    const first = targetOn(database);
    // Stands for a write that was kept though it failed: the same row, changed behind the target's back.
    await targetOn(database).set({ stable, canary, weight: 100 }, '0');
    await expect(first.set({ stable, weight: 0 }, '0')).rejects.toMatchObject({ name: 'TargetConflict' });
    const { version } = await first.read();
    expect(first.route()?.revision).toBe(canary);
    await first.set({ stable, weight: 0 }, version);
    expect(first.route()?.revision).toBe(stable);
  });
});
