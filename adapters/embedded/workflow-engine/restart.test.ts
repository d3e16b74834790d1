import { describe, expect, it } from 'vitest';
import { engineWorld, flowOf, MACHINE, machineOf, taskState } from '../../../test/fakes/engine-world.ts';

const task = (name: string, more: object) => ({ [name]: taskState(name, more) });
const never = () => new Promise(() => {});

describe('a restart', () => {
  it('runs no task again whose result is stored, and runs one again that was in flight', async () => {
    const calls: string[] = [];
    let stuck = true;
    const world = engineWorld({
      states: { ...task('First', { Next: 'Second' }), ...task('Second', { End: true }) },
      handlers: {
        FirstFunction: async () => {
          calls.push('first');
          return { first: true };
        },
        SecondFunction: (payload) => {
          calls.push('second');
          return stuck ? never() : Promise.resolve(payload);
        },
      },
    });
    await world.start();
    await world.quiet();
    stuck = false;
    const next = await world.restart();
    await next.settle();
    expect(calls).toEqual(['first', 'second', 'second']);
    expect(await next.engine.describe(MACHINE, 'r')).toMatchObject({
      status: 'SUCCEEDED',
      output: { input: { first: true } },
    });
    expect(await next.historyTypes()).toEqual([
      'ExecutionStarted',
      'TaskStateEntered',
      'TaskScheduled',
      'TaskStarted',
      'TaskSucceeded',
      'TaskStateExited',
      'TaskStateEntered',
      'TaskScheduled',
      'TaskStarted',
      'TaskStarted',
      'TaskSucceeded',
      'TaskStateExited',
      'ExecutionSucceeded',
    ]);
  });

  it('waits until the instant of before, not for as long again', async () => {
    const world = engineWorld({ states: { Pause: { Type: 'Wait', Seconds: 100, End: true } } });
    const start = world.clock.now();
    await world.start();
    await world.quiet();
    world.clock.advance(60_000);
    const next = await world.restart();
    await next.settle();
    expect(world.clock.now() - start).toBe(100_000);
    expect(await next.engine.describe(MACHINE, 'r')).toMatchObject({ status: 'SUCCEEDED' });
  });

  it('waits no longer when the instant passed while nobody was there', async () => {
    const world = engineWorld({ states: { Pause: { Type: 'Wait', Seconds: 100, End: true } } });
    const start = world.clock.now();
    await world.start();
    await world.quiet();
    await world.engine.close();
    world.clock.advance(500_000);
    const next = await world.restart();
    await next.settle();
    expect(world.clock.now() - start).toBe(500_000);
  });

  it('keeps the end of a back-off and the attempts used', async () => {
    const times: number[] = [];
    const world = engineWorld({
      states: task('Work', {
        Retry: [{ ErrorEquals: ['StoreUnavailable'], IntervalSeconds: 100, BackoffRate: 1, MaxAttempts: 2 }],
        End: true,
      }),
      handlers: {
        WorkFunction: async () => {
          times.push((world.clock.now() - start) / 1000);
          throw Object.assign(new Error('away'), { name: 'StoreUnavailable' });
        },
      },
    });
    const start = world.clock.now();
    await world.start();
    await world.quiet();
    world.clock.advance(30_000);
    let next = await world.restart();
    await next.quiet();
    world.clock.advance(70_000);
    await next.quiet();
    next = await next.restart();
    await next.settle();
    expect(times).toEqual([0, 100, 200]);
    expect(await next.engine.describe(MACHINE, 'r')).toMatchObject({ status: 'FAILED', error: 'StoreUnavailable' });
  });

  it('keeps the deadline of a task in flight', async () => {
    let calls = 0;
    const world = engineWorld({
      states: task('Work', { TimeoutSeconds: 100, End: true }),
      handlers: {
        WorkFunction: () => {
          calls += 1;
          return never();
        },
      },
    });
    const start = world.clock.now();
    await world.start();
    await world.quiet();
    world.clock.advance(60_000);
    const next = await world.restart();
    await next.settle();
    expect([world.clock.now() - start, calls]).toEqual([100_000, 2]);
    expect(await next.engine.describe(MACHINE, 'r')).toMatchObject({ status: 'FAILED', error: 'States.Timeout' });
  });

  it('does not call a task again whose deadline passed while nobody was there', async () => {
    let calls = 0;
    const world = engineWorld({
      states: task('Work', { TimeoutSeconds: 100, End: true }),
      handlers: {
        WorkFunction: () => {
          calls += 1;
          return never();
        },
      },
    });
    await world.start();
    await world.quiet();
    await world.engine.close();
    world.clock.advance(100_000);
    const next = await world.restart();
    await next.settle();
    expect(calls).toBe(1);
    expect(await next.engine.describe(MACHINE, 'r')).toMatchObject({ status: 'FAILED', error: 'States.Timeout' });
  });

  it('gives the attempt after a back-off a deadline of its own', async () => {
    const world = engineWorld({
      states: task('Work', {
        TimeoutSeconds: 100,
        Retry: [{ ErrorEquals: ['States.Timeout'], IntervalSeconds: 10, MaxAttempts: 1 }],
        End: true,
      }),
      handlers: { WorkFunction: never },
    });
    const start = world.clock.now();
    await world.start();
    await world.quiet();
    world.clock.advance(100_000);
    await world.quiet();
    const next = await world.restart();
    await next.settle();
    expect(world.clock.now() - start).toBe(210_000);
  });

  it('keeps the deadline of the machine, and takes no step more when it has passed', async () => {
    let calls = 0;
    const machine = machineOf(
      {
        Pause: { Type: 'Wait', Seconds: 50, Next: 'Work' },
        Work: taskState('Work', { End: true }),
      },
      { TimeoutSeconds: 100 },
    );
    const world = engineWorld({
      machine,
      handlers: {
        WorkFunction: async () => {
          calls += 1;
        },
      },
    });
    await world.start();
    await world.quiet();
    await world.engine.close();
    world.clock.advance(100_000);
    const next = await world.restart();
    await next.settle();
    expect(await next.engine.describe(MACHINE, 'r')).toMatchObject({ status: 'TIMED_OUT', state: 'Pause' });
    expect(calls).toBe(0);
    expect(next.changes.map(({ status }) => status)).toEqual(['TIMED_OUT']);
  });

  it('executes the definition that a run has stored, and the new file for new runs', async () => {
    let stuck = true;
    const handlers = { WorkFunction: () => (stuck ? never() : Promise.resolve(1)) };
    const version = (told: string) => ({
      Work: taskState('Work', { Next: 'End' }),
      End: { Type: 'Succeed', Output: told },
    });
    const world = engineWorld({ states: version('old'), handlers });
    await world.start();
    await world.quiet();
    stuck = false;
    const next = await world.restart({ states: version('new'), handlers });
    await next.start({}, 'later');
    await next.settle();
    expect(await next.engine.describe(MACHINE, 'r')).toMatchObject({ output: 'old' });
    expect(await next.engine.describe(MACHINE, 'later')).toMatchObject({ output: 'new' });
    const stored = world.database.prepare('SELECT count(*) AS n FROM workflow_definitions').get();
    expect(stored).toMatchObject({ n: 2 });
  });

  it('stores a definition once, however many runs and in whatever order its keys stand', async () => {
    const world = engineWorld({ states: { End: { Type: 'Succeed', Output: 1 } } });
    await world.run({}, 'a');
    await world.run({}, 'b');
    const next = await world.restart({ states: { End: { Output: 1, Type: 'Succeed' } } });
    await next.run({}, 'c');
    expect(next.database.prepare('SELECT count(*) AS n FROM workflow_definitions').get()).toMatchObject({ n: 1 });
  });

  it('goes on with a run whose machine is no longer there, and fails it where a task is no longer bound', async () => {
    const states = { ...task('Gone', { Next: 'End' }), End: { Type: 'Succeed' } };
    const world = engineWorld({ states, handlers: { GoneFunction: never } });
    await world.start();
    await world.quiet();
    const next = await world.restart({ states: { End: { Type: 'Succeed' } }, handlers: {} });
    await next.settle();
    expect(await next.engine.describe(MACHINE, 'r')).toMatchObject({
      status: 'FAILED',
      error: 'Lambda.ResourceNotFoundException',
      state: 'Gone',
    });
  });

  it('takes branches up where each of them stood', async () => {
    const calls: string[] = [];
    let stuck = true;
    const world = engineWorld({
      states: {
        Both: {
          Type: 'Parallel',
          Branches: [flowOf(task('Quick', { End: true })), flowOf(task('Slow', { End: true }))],
          End: true,
        },
      },
      handlers: {
        QuickFunction: async () => {
          calls.push('quick');
          return 'quick';
        },
        SlowFunction: () => {
          calls.push('slow');
          return stuck ? never() : Promise.resolve('slow');
        },
      },
    });
    await world.start();
    await world.quiet();
    stuck = false;
    const next = await world.restart();
    await next.settle();
    expect(calls).toEqual(['quick', 'slow', 'slow']);
    expect(await next.engine.describe(MACHINE, 'r')).toMatchObject({ output: ['quick', 'slow'] });
  });

  it('fails a Parallel at once whose branch had failed, and calls its siblings no more', async () => {
    const calls: string[] = [];
    const world = engineWorld({
      states: {
        Both: {
          Type: 'Parallel',
          Branches: [flowOf(task('Bad', { End: true })), flowOf(task('Slow', { End: true }))],
          End: true,
        },
      },
      handlers: {
        BadFunction: async () => {
          calls.push('bad');
          throw new Error('no');
        },
        SlowFunction: () => {
          calls.push('slow');
          return never();
        },
      },
    });
    // The process dies between the failure of the branch and that of the Parallel.
    world.database.exec(`CREATE TRIGGER died BEFORE INSERT ON workflow_events WHEN NEW.events LIKE '%ParallelStateFailed%'
      BEGIN SELECT RAISE(ABORT, 'died'); END`);
    await world.start();
    await world.quiet();
    await world.engine.close();
    world.database.exec('DROP TRIGGER died');
    const next = await world.restart();
    await next.settle();
    expect(await next.engine.describe(MACHINE, 'r')).toMatchObject({ status: 'FAILED', cause: 'no', state: 'Bad' });
    expect(calls).toEqual(['bad', 'slow']);
    expect((await next.historyTypes()).slice(-3)).toEqual([
      'TaskStateAborted',
      'ParallelStateFailed',
      'ExecutionFailed',
    ]);
  });

  it('takes up no run that has ended, and none twice', async () => {
    let calls = 0;
    const world = engineWorld({
      states: task('Work', { End: true }),
      handlers: {
        WorkFunction: async () => {
          calls += 1;
          await new Promise((resolve) => setImmediate(resolve));
        },
      },
    });
    await world.start();
    world.engine.resume();
    world.engine.resume();
    await world.settle();
    const next = await world.restart();
    await next.settle();
    expect(calls).toBe(1);
    expect(next.changes).toEqual([]);
  });
});
