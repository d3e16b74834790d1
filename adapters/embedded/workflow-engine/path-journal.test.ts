import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import { deathAt, dyingDatabase } from '../../../test/fakes/dying-database.ts';
import { engineWorld, flowOf, MACHINE, taskState, tokenState } from '../../../test/fakes/engine-world.ts';
import { openSqlite } from '../sqlite.ts';

const passes = (count: number, next: string) =>
  Object.fromEntries(
    Array.from({ length: count }, (_state, at) => [
      `Pass ${at}`,
      { Type: 'Pass', Assign: { [`v${at}`]: at }, Next: at + 1 < count ? `Pass ${at + 1}` : next },
    ]),
  );

/** A world that counts its durable writes, and tells which task was called after how many. */
function countedWorld(states: Readonly<Record<string, unknown>>) {
  const plan = deathAt(-1, 'before');
  const calls: { readonly task: string; readonly writes: number }[] = [];
  const handlers = {
    OneFunction: async () => calls.push({ task: 'One', writes: plan.writes }),
    TwoFunction: async () => calls.push({ task: 'Two', writes: plan.writes }),
  };
  const database = dyingDatabase(openSqlite(':memory:'), plan);
  return { world: engineWorld({ states, handlers, database }), calls };
}

describe('transitions that nobody can have seen', () => {
  it('are written with the call of the next task: one write from one task to the next', async () => {
    const { world, calls } = countedWorld({
      One: taskState('One', { Next: 'Choose' }),
      Choose: { Type: 'Choice', Choices: [{ Condition: '{% false %}', Next: 'Stop' }], Default: 'Two' },
      Stop: { Type: 'Fail', Error: 'E', Cause: 'C' },
      Two: taskState('Two', { End: true }),
    });
    expect(await world.run()).toMatchObject({ status: 'SUCCEEDED' });
    const [one, two] = calls;
    // The change of status, that the run has begun, may have been told in between.
    expect((two?.writes ?? 0) - (one?.writes ?? 0)).toBeLessThanOrEqual(2);
    expect(await world.historyTypes()).toEqual([
      ...['ExecutionStarted', 'TaskStateEntered', 'TaskScheduled', 'TaskStarted', 'TaskSucceeded', 'TaskStateExited'],
      ...['ChoiceStateEntered', 'ChoiceStateExited'],
      ...['TaskStateEntered', 'TaskScheduled', 'TaskStarted', 'TaskSucceeded', 'TaskStateExited'],
      'ExecutionSucceeded',
    ]);
  });

  it('are written now and then when there are many, and none is lost', async () => {
    const { world } = countedWorld({ ...passes(40, 'End'), End: { Type: 'Succeed', Output: '{% $v39 %}' } });
    expect(await world.run()).toMatchObject({ status: 'SUCCEEDED', output: 39 });
    const types = await world.historyTypes();
    expect(types.filter((type) => type === 'PassStateExited')).toHaveLength(40);
    const history = await world.engine.history(MACHINE, 'r');
    expect(history.map(({ id }) => id)).toEqual(history.map((_event, at) => at + 1));
  });

  it('are written before a wait for a slot, so that the result of a task is not lost in the line', async () => {
    const releases: (() => void)[] = [];
    const held = () => new Promise<void>((resolve) => releases.push(resolve));
    const world = engineWorld({
      states: { One: taskState('One', { Next: 'Two' }), Two: taskState('Two', { End: true }) },
      handlers: { OneFunction: held, TwoFunction: held },
      concurrency: 1,
    });
    await world.start({}, 'first');
    await world.start({}, 'second');
    await world.quiet();
    releases.shift()?.();
    await world.quiet();
    // The slot has gone to the second run, and the first waits in line with the result of its first task.
    expect(await world.historyTypes('second')).toContain('TaskStarted');
    expect((await world.historyTypes('first')).slice(-3)).toEqual([
      ...['TaskSucceeded', 'TaskStateExited', 'TaskStateEntered'],
    ]);
    for (let left = 3; left > 0; left -= 1) {
      releases.shift()?.();
      await world.quiet();
    }
    for (const name of ['first', 'second'])
      expect(await world.engine.describe(MACHINE, name)).toMatchObject({ status: 'SUCCEEDED' });
  });

  it('take the children of a Parallel with them when the next task is called', async () => {
    const branch = () => flowOf({ [`Branch ${branches++}`]: { Type: 'Pass', End: true } });
    let branches = 0;
    const world = engineWorld({
      states: {
        Fork: { Type: 'Parallel', Branches: [branch(), branch(), branch()], Next: 'One' },
        One: taskState('One', { End: true }),
      },
      handlers: { OneFunction: () => new Promise<void>(() => {}) },
    });
    await world.start();
    await world.quiet();
    expect(world.database.prepare('SELECT path, state, phase FROM workflow_frames').all()).toEqual([
      { path: '', state: 'One', phase: 'scheduled' },
    ]);
    await world.engine.close();
  });

  it('are not those of a token: an answer that was accepted counts, though the task fails in that turn and is caught', async () => {
    const answers: unknown[] = [];
    const world = engineWorld({
      compensating: true,
      states: {
        Ask: tokenState('Ask', { Catch: [{ ErrorEquals: ['States.ALL'], Next: 'Caught' }], End: true }),
        Caught: { Type: 'Pass', Output: 'caught', End: true },
      },
      handlers: {
        AskFunction: async (payload) => {
          const { token } = z.object({ token: z.string() }).parse(payload);
          void world.engine.sendTaskSuccess(token, 'answered').then((answer) => answers.push(answer));
          throw new Error('after it was answered');
        },
      },
    });
    expect(await world.run()).toMatchObject({ status: 'SUCCEEDED', output: 'answered' });
    expect(answers).toEqual(['accepted']);
  });

  it('are taken again after a death before the write, with the same result', async () => {
    const states = {
      Fork: {
        Type: 'Parallel',
        Branches: [flowOf({ One: taskState('One', { End: true }) }), flowOf({ Two: taskState('Two', { End: true }) })],
        Next: 'Pass 0',
      },
      ...passes(12, 'Last'),
      Last: taskState('One', { End: true }),
    };
    const handlers = { OneFunction: async () => 1, TwoFunction: async () => 2 };
    const calm = deathAt(-1, 'before');
    const expected = engineWorld({ states, handlers, database: dyingDatabase(openSqlite(':memory:'), calm) });
    expect(await expected.run()).toMatchObject({ status: 'SUCCEEDED', output: 1 });
    for (let at = 1; at < calm.writes; at += 1) {
      const database = openSqlite(':memory:');
      const dying = engineWorld({ states, handlers, database: dyingDatabase(database, deathAt(at, 'before')) });
      await dying.start().catch(() => {});
      await dying.settle().catch(() => {});
      await dying.engine.close();
      const next = engineWorld({ states, handlers, database, clock: dying.clock });
      next.engine.resume();
      await next.settle();
      expect(await next.engine.describe(MACHINE, 'r'), `death at ${at}`).toMatchObject({
        status: 'SUCCEEDED',
        output: 1,
      });
      const passed = (await next.historyTypes()).filter((type) => type === 'PassStateExited');
      expect(passed, `death at ${at}`).toHaveLength(12);
    }
  });
});
