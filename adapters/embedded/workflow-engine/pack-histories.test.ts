import { describe, expect, it } from 'vitest';
import { deathAt, dyingDatabase } from '../../../test/fakes/dying-database.ts';
import { type EngineWorldOptions, engineWorld, MACHINE, taskState } from '../../../test/fakes/engine-world.ts';
import { openSqlite, type Sqlite } from '../sqlite.ts';

const states = { Work: taskState('Work', { End: true }) };
const handlers = { WorkFunction: async (payload: unknown) => payload };
const DAY_MS = 24 * 3600 * 1000;

const rowsOf = (database: Sqlite, table: string): unknown =>
  Object.values(database.prepare(`SELECT count(DISTINCT run) FROM ${table}`).get() ?? {})[0];
const namesOf = (count: number) => Array.from({ length: count }, (_run, at) => `r${at}`);

/** A world in which so many runs have succeeded. */
async function finishedWorld(count: number, options: EngineWorldOptions = {}) {
  const world = engineWorld({ states, handlers, ...options });
  await Promise.all(namesOf(count).map((name) => world.start({ name }, name)));
  await world.settle();
  return world;
}
type World = Awaited<ReturnType<typeof finishedWorld>>;
const seen = ({ engine }: Pick<World, 'engine'>, names: readonly string[]) =>
  Promise.all(
    names.map(async (name) => [await engine.describe(MACHINE, name), await engine.history(MACHINE, name)] as const),
  );

describe('histories of runs that succeeded', () => {
  it('are packed but for the newest, and the runs look as before', async () => {
    const world = await finishedWorld(30);
    const before = await seen(world, namesOf(30));
    const next = await world.restart({ keptHistories: 10 });
    await next.settle();
    await next.engine.close();
    expect(rowsOf(world.database, 'workflow_histories')).toBe(20);
    expect(rowsOf(world.database, 'workflow_events')).toBe(10);
    expect(await seen(next, namesOf(30))).toEqual(before);
  });

  it('are packed while the engine works, once enough have ended', async () => {
    const world = await finishedWorld(250, { keptHistories: 10 });
    await world.quiet();
    expect(rowsOf(world.database, 'workflow_histories')).toBeGreaterThan(50);
    const [[run, history] = []] = await seen(world, ['r0']);
    expect(run).toMatchObject({ status: 'SUCCEEDED' });
    expect(history?.map(({ type }) => type).at(-1)).toBe('ExecutionSucceeded');
  });

  it('are packed a few at a time, with room for a new run in between', async () => {
    const world = await finishedWorld(60);
    await world.engine.close();
    const plan = deathAt(-1, 'before');
    const next = engineWorld({ states, handlers, keptHistories: 0, database: dyingDatabase(world.database, plan) });
    next.engine.resume();
    expect(await next.start({}, 'new')).toBe('started');
    expect(rowsOf(world.database, 'workflow_histories')).toBeLessThan(60);
    await next.settle();
    await next.engine.close();
    expect(rowsOf(world.database, 'workflow_histories')).toBeGreaterThanOrEqual(60);
    expect(plan.writes).toBeGreaterThanOrEqual(12);
  });

  it('are whole after a death at any write of the packing', async () => {
    for (const at of [0, 1, 3, 5])
      for (const when of ['before', 'after'] as const) {
        const database = openSqlite(':memory:');
        const world = await finishedWorld(30, { database });
        const before = await seen(world, namesOf(30));
        await world.engine.close();
        const options = { states, handlers, clock: world.clock, keptHistories: 0 };
        const dying = engineWorld({ ...options, database: dyingDatabase(database, deathAt(at, when)) });
        dying.engine.resume();
        await dying.engine.close();
        const next = engineWorld({ ...options, database });
        expect(await seen(next, namesOf(30)), `death ${when} ${at}`).toEqual(before);
        next.engine.resume();
        await next.settle();
        await next.engine.close();
        expect(rowsOf(database, 'workflow_histories')).toBe(30);
        expect(await seen(next, namesOf(30))).toEqual(before);
      }
  });
});

describe('a run that failed', () => {
  it('keeps its frames while it may be redriven, and is packed after that', async () => {
    const fail = { Stop: { Type: 'Fail', Error: 'E', Cause: 'C' } };
    const world = engineWorld({ states: fail, keptHistories: 0 });
    await world.run();
    const young = await world.restart({ states: fail });
    await young.settle();
    expect(rowsOf(world.database, 'workflow_frames')).toBe(1);
    expect(await young.engine.describe(MACHINE, 'r')).toMatchObject({ redrivable: true });
    world.clock.advance(14 * DAY_MS);
    const before = await seen(young, ['r']);
    const old = await young.restart({ states: fail });
    await old.settle();
    await old.engine.close();
    expect(rowsOf(world.database, 'workflow_frames')).toBe(0);
    expect(rowsOf(world.database, 'workflow_histories')).toBe(1);
    expect(await seen(old, ['r'])).toEqual(before);
  });
});

describe('taking up very many open runs', () => {
  const waiting = { Pause: { Type: 'Wait', Seconds: 60, End: true } };

  it('goes in parts, with room for others in between, and leaves none out', async () => {
    const world = engineWorld({ states: waiting });
    await Promise.all(namesOf(950).map((name) => world.start({}, name)));
    await world.quiet();
    const next = await world.restart();
    expect(await next.start({}, 'new')).toBe('started');
    await next.settle();
    expect((await next.engine.list({ status: 'SUCCEEDED', limit: 2000 })).length).toBe(951);
  });

  it('tells of one that cannot be read and takes up the others', async () => {
    const world = engineWorld({ states: waiting });
    for (const name of ['a', 'b', 'c']) await world.start({}, name);
    await world.quiet();
    await world.engine.close();
    world.database.exec(`UPDATE workflow_runs SET input = 'no JSON' WHERE name = 'b'`);
    const next = await world.restart();
    await next.settle();
    expect(next.faults.length).toBe(1);
    for (const name of ['a', 'c'])
      expect(await next.engine.describe(MACHINE, name)).toMatchObject({ status: 'SUCCEEDED' });
  });
});
