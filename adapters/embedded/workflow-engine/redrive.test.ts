import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import {
  type EngineWorldOptions,
  engineWorld,
  flowOf,
  MACHINE,
  machineOf,
  taskState,
  tokenState,
} from '../../../test/fakes/engine-world.ts';

const fault = (name: string) => Object.assign(new Error(`${name} happened`), { name });
const DAY_MS = 24 * 3600 * 1000;

/** A world whose tasks fail while `broken` names them; calls are noted by their payload's step. */
function breakableWorld(options: EngineWorldOptions, broken: Set<string>) {
  const calls: string[] = [];
  const handlerOf = (name: string) => async () => {
    calls.push(name);
    await new Promise((resolve) => setImmediate(resolve));
    if (broken.has(name)) throw fault('StoreUnavailable');
    return name;
  };
  const names = ['A', 'B', 'C', 'D'];
  const handlers = Object.fromEntries(names.map((name) => [`${name}Function`, handlerOf(name)]));
  const world = engineWorld({ handlers, ...options });
  const shown = () => world.engine.describe(MACHINE, 'r');
  const redrive = () => world.engine.redrive(MACHINE, 'r');
  return { ...world, calls, broken, shown, redrive };
}

const twoTasks = { A: taskState('A', { Next: 'B' }), B: taskState('B', { End: true }) };

describe('redrive', () => {
  it('takes a failed run up in the state that failed, and runs nothing again that was done', async () => {
    const world = breakableWorld({ states: twoTasks }, new Set(['B']));
    expect(await world.run({ a: 1 })).toMatchObject({ status: 'FAILED', redriveCount: 0, redrivable: true });
    world.broken.clear();
    expect(await world.redrive()).toBe('redriven');
    expect(await world.shown()).toMatchObject({ status: 'RUNNING', state: 'B', redriveCount: 1, redrivable: false });
    await world.settle();
    expect(world.calls).toEqual(['A', 'B', 'B']);
    const run = await world.shown();
    expect(run).toMatchObject({ status: 'SUCCEEDED', output: 'B', redriveCount: 1, redrivable: false });
    expect(run).not.toHaveProperty('error');
    expect((await world.historyTypes()).slice(-8)).toEqual([
      'TaskFailed',
      'ExecutionFailed',
      'ExecutionRedriven',
      'TaskScheduled',
      'TaskStarted',
      'TaskSucceeded',
      'TaskStateExited',
      'ExecutionSucceeded',
    ]);
    const told = world.changes.map(({ status, redriveCount }) => [status, redriveCount]);
    expect(told).toEqual([
      ['RUNNING', 0],
      ['FAILED', 0],
      ['RUNNING', 1],
      ['SUCCEEDED', 1],
    ]);
  });

  it('may fail again, as often as it likes, and counts', async () => {
    const world = breakableWorld({ states: twoTasks }, new Set(['B']));
    await world.run();
    for (const count of [1, 2, 3]) {
      expect(await world.redrive()).toBe('redriven');
      await world.settle();
      expect(await world.shown()).toMatchObject({ status: 'FAILED', redriveCount: count, redrivable: true });
    }
    const history = await world.engine.history(MACHINE, 'r');
    const redriven = history.filter(({ type }) => type === 'ExecutionRedriven');
    expect(redriven.map(({ details }) => details.redriveCount)).toEqual([1, 2, 3]);
  });

  it('begins with its retries at zero and tells expressions how often it was', async () => {
    const seen: unknown[] = [];
    const states = {
      Work: taskState('Work', {
        Arguments: {
          FunctionName: '${WorkFunction}',
          Payload: {
            step: 'work',
            attempt: '{% $states.context.State.RetryCount %}',
            redrive:
              '{% $exists($states.context.Execution.RedriveCount) ? $states.context.Execution.RedriveCount : 0 %}',
          },
        },
        Retry: [{ ErrorEquals: ['StoreUnavailable'], IntervalSeconds: 1, MaxAttempts: 1 }],
        End: true,
      }),
    };
    const WorkFunction = async (payload: unknown) => {
      seen.push(payload);
      throw fault('StoreUnavailable');
    };
    const world = engineWorld({ states, handlers: { WorkFunction } });
    await world.run();
    await world.engine.redrive(MACHINE, 'r');
    await world.settle();
    const told = (attempt: number, redrive: number) => ({ step: 'work', attempt, redrive });
    expect(seen).toEqual([told(0, 0), told(1, 0), told(0, 1), told(1, 1)]);
  });

  it('of a Parallel runs the failed and the cancelled branches again, and keeps what is done', async () => {
    const branch = (name: string, more: object = { End: true }) => flowOf({ [name]: taskState(name, more) });
    const world = breakableWorld(
      {
        states: {
          Both: {
            Type: 'Parallel',
            Branches: [
              branch('A'),
              flowOf({ 'Before B': { Type: 'Wait', Seconds: 1, Next: 'B' }, B: taskState('B', { End: true }) }),
              flowOf({ 'Before C': { Type: 'Wait', Seconds: 2, Next: 'C' }, C: taskState('C', { End: true }) }),
            ],
            Next: 'D',
          },
          D: taskState('D', { Output: '{% $states.input %}', End: true }),
        },
      },
      new Set(['B']),
    );
    expect(await world.run()).toMatchObject({ status: 'FAILED', state: 'B' });
    expect(world.calls).toEqual(['A', 'B']);
    world.broken.clear();
    await world.redrive();
    await world.settle();
    expect(world.calls).toEqual(['A', 'B', 'B', 'C', 'D']);
    expect(await world.shown()).toMatchObject({ status: 'SUCCEEDED', output: ['A', 'B', 'C'] });
  });

  it('of a Map goes on with the items that are not done, in forks within forks too', async () => {
    const Item = taskState('A', { End: true });
    const states = {
      Each: {
        Type: 'Map',
        Items: '{% [$states.input.items] %}',
        MaxConcurrency: 1,
        ItemProcessor: flowOf(
          { Inner: { Type: 'Parallel', Branches: [flowOf({ Item })], End: true } },
          { ProcessorConfig: { Mode: 'INLINE' } },
        ),
        End: true,
      },
    };
    const seen: unknown[] = [];
    let broken = true;
    const AFunction = async (payload: unknown) => {
      const { input } = z.object({ input: z.number() }).parse(payload);
      seen.push(input);
      if (broken && input === 2) throw fault('StoreUnavailable');
      return input;
    };
    const world = engineWorld({ states, handlers: { AFunction } });
    expect(await world.run({ items: [1, 2, 3] })).toMatchObject({ status: 'FAILED', state: 'Item' });
    broken = false;
    await world.engine.redrive(MACHINE, 'r');
    await world.settle();
    expect(seen).toEqual([1, 2, 2, 3]);
    expect(await world.engine.describe(MACHINE, 'r')).toMatchObject({ output: [[1], [2], [3]] });
  });

  it('of a Parallel whose own result was too big runs every branch again', async () => {
    let size = 140_000;
    let calls = 0;
    const AFunction = async () => {
      calls += 1;
      return 'x'.repeat(size);
    };
    const branch = (name: string) => flowOf({ [name]: taskState('A', { End: true }) });
    const states = {
      Both: { Type: 'Parallel', Branches: [branch('Left'), branch('Right')], Output: 'small', End: true },
    };
    const world = engineWorld({ states, handlers: { AFunction } });
    expect(await world.run()).toMatchObject({ status: 'FAILED', error: 'States.DataLimitExceeded' });
    size = 1;
    await world.engine.redrive(MACHINE, 'r');
    await world.settle();
    expect(await world.engine.describe(MACHINE, 'r')).toMatchObject({ status: 'SUCCEEDED', output: 'small' });
    expect(calls).toBe(4);
  });

  it('gives a run that timed out the whole time of its machine again, and its task too', async () => {
    const machine = machineOf({ Work: taskState('Work', { TimeoutSeconds: 900, End: true }) }, { TimeoutSeconds: 100 });
    const world = engineWorld({ machine, handlers: { WorkFunction: () => new Promise(() => {}) } });
    expect(await world.run()).toMatchObject({ status: 'TIMED_OUT', redrivable: true });
    world.clock.advance(DAY_MS);
    const redrivenAt = world.clock.now();
    expect(await world.engine.redrive(MACHINE, 'r')).toBe('redriven');
    await world.settle();
    expect(world.clock.now() - redrivenAt).toBe(100_000);
    expect(world.changes.map(({ status }) => status)).toEqual(['RUNNING', 'TIMED_OUT', 'RUNNING', 'TIMED_OUT']);
  });

  it('takes a run up that was stopped in a Wait, at once after the stop', async () => {
    const world = engineWorld({ states: { Pause: { Type: 'Wait', Seconds: 10, End: true } } });
    const start = world.clock.now();
    await world.start();
    await world.quiet();
    world.clock.advance(5000);
    await world.engine.stop(MACHINE, 'r', { error: 'E', cause: '' });
    expect(await world.engine.redrive(MACHINE, 'r')).toBe('redriven');
    await world.settle();
    expect(await world.engine.describe(MACHINE, 'r')).toMatchObject({ status: 'SUCCEEDED', redriveCount: 1 });
    expect(world.clock.now() - start).toBe(15_000);
  });

  it('asks with a new token, and the old one stays gone', async () => {
    const tokens: string[] = [];
    const AskFunction = async (payload: unknown) => {
      tokens.push(z.object({ token: z.string() }).parse(payload).token);
    };
    const world = engineWorld({ states: { Ask: tokenState('Ask', { End: true }) }, handlers: { AskFunction } });
    await world.run();
    await world.engine.redrive(MACHINE, 'r');
    await world.quiet();
    const [old = '', fresh = ''] = tokens;
    expect(fresh).not.toBe(old);
    expect(await world.engine.sendTaskSuccess(old, 'old')).toBe('gone');
    expect(await world.engine.sendTaskSuccess(fresh, 'fresh')).toBe('accepted');
    await world.settle();
    expect(await world.engine.describe(MACHINE, 'r')).toMatchObject({ status: 'SUCCEEDED', output: 'fresh' });
  });

  it.each([
    ['keeps an answer that was accepted before the run was stopped', 'accepted', 'SUCCEEDED', 1],
    ['asks again where a failure was', 'failed', 'RUNNING', 2],
  ])('%s', async (_what, answered, status, asks) => {
    const tokens: string[] = [];
    const AskFunction = async (payload: unknown) => {
      tokens.push(z.object({ token: z.string() }).parse(payload).token);
    };
    const world = engineWorld({ states: { Ask: tokenState('Ask', { End: true }) }, handlers: { AskFunction } });
    await world.start();
    await world.quiet();
    // The process ends before anybody has acted on the answer.
    await world.engine.close();
    const next = engineWorld({
      states: { Ask: tokenState('Ask', { End: true }) },
      handlers: { AskFunction },
      database: world.database,
      clock: world.clock,
    });
    const [token = ''] = tokens;
    if (answered === 'accepted') await next.engine.sendTaskSuccess(token, 'yes');
    else await next.engine.sendTaskFailure(token, { error: 'E', cause: '' });
    await next.engine.stop(MACHINE, 'r', { error: 'Stopped', cause: '' });
    expect(await next.engine.redrive(MACHINE, 'r')).toBe('redriven');
    await next.quiet();
    expect(await next.engine.describe(MACHINE, 'r')).toMatchObject({ status });
    expect(tokens.length).toBe(asks);
    await next.engine.close();
  });

  it('is taken up by the next process when this one dies after it', async () => {
    const world = breakableWorld({ states: twoTasks }, new Set(['B']));
    await world.run();
    world.broken.clear();
    const redriven = world.redrive();
    await redriven;
    const next = await world.restart();
    await next.settle();
    expect(await next.engine.describe(MACHINE, 'r')).toMatchObject({ status: 'SUCCEEDED', redriveCount: 1 });
  });

  it('happens once when it is asked for twice at once', async () => {
    const world = breakableWorld({ states: twoTasks }, new Set(['B']));
    await world.run();
    expect([...(await Promise.all([world.redrive(), world.redrive()]))].sort()).toEqual(['impossible', 'redriven']);
    await world.settle();
    expect(await world.shown()).toMatchObject({ redriveCount: 1 });
  });
});

describe('redrive is impossible and changes nothing', () => {
  it('for a run that goes on or has succeeded', async () => {
    const world = breakableWorld({ states: twoTasks }, new Set());
    await world.start();
    expect(await world.redrive()).toBe('impossible');
    await world.settle();
    const before = await world.shown();
    expect(await world.redrive()).toBe('impossible');
    expect(await world.shown()).toEqual(before);
    expect(world.changes.map(({ status }) => status)).toEqual(['RUNNING', 'SUCCEEDED']);
  });

  it('for a run that ended 14 days ago', async () => {
    const world = breakableWorld({ states: twoTasks }, new Set(['B']));
    await world.run();
    world.clock.advance(14 * DAY_MS - 1);
    expect(await world.shown()).toMatchObject({ redrivable: true });
    world.clock.advance(1);
    expect(await world.shown()).toMatchObject({ redrivable: false });
    expect(await world.redrive()).toBe('impossible');
    expect(await world.shown()).toMatchObject({ status: 'FAILED', redriveCount: 0 });
  });

  it('for a run of a machine that compensates', async () => {
    const world = breakableWorld({ states: twoTasks, compensating: true }, new Set(['B']));
    expect(await world.run()).toMatchObject({ status: 'FAILED', redrivable: false });
    expect(await world.redrive()).toBe('impossible');
  });

  it('for a run whose history has no room for it', async () => {
    const world = breakableWorld({ states: twoTasks }, new Set(['B']));
    await world.run();
    world.database.exec(`INSERT INTO workflow_events VALUES (1, 24999, 0, '[]')`);
    expect(await world.redrive()).toBe('impossible');
  });

  it('and for one that was never started it is InputInvalid, in an engine that is closed StoreUnavailable', async () => {
    const world = breakableWorld({ states: twoTasks }, new Set());
    await expect(world.redrive()).rejects.toMatchObject({ name: 'InputInvalid' });
    await world.engine.close();
    await expect(world.redrive()).rejects.toMatchObject({ name: 'StoreUnavailable' });
  });
});
