import { describe, expect, it } from 'vitest';
import { engineWorld, flowOf, MACHINE, machineOf, taskState } from '../../../test/fakes/engine-world.ts';

const fault = (name: string) => Object.assign(new Error(`${name} happened`), { name });

/** A task whose n-th call throws the n-th fault, and that answers when they are used up; calls are noted by their time. */
function failingWorld(retry: readonly object[], faults: readonly string[], random = 0.5) {
  const times: number[] = [];
  const world = engineWorld({
    states: {
      Work: taskState('Work', {
        Arguments: {
          FunctionName: '${WorkFunction}',
          Payload: { step: 'work', attempt: '{% $states.context.State.RetryCount %}' },
        },
        Retry: retry,
        End: true,
      }),
    },
    random: () => random,
    handlers: {
      WorkFunction: async (payload) => {
        times.push((world.clock.now() - start) / 1000);
        const name = faults[times.length - 1];
        if (name !== undefined) throw fault(name);
        return payload;
      },
    },
  });
  const start = world.clock.now();
  return { world, times };
}
const many = (name: string, count: number) => new Array<string>(count).fill(name);

describe('Retry', () => {
  it('waits IntervalSeconds times BackoffRate to the power of the attempts before', async () => {
    const retry = [{ ErrorEquals: ['StoreUnavailable'], IntervalSeconds: 2, BackoffRate: 3, MaxAttempts: 4 }];
    const { world, times } = failingWorld(retry, many('StoreUnavailable', 3));
    expect(await world.run()).toMatchObject({ status: 'SUCCEEDED', output: { attempt: 3 } });
    expect(times).toEqual([0, 2, 8, 26]);
  });

  it('tries three times more after 1, 2 and 4 seconds when it says nothing else', async () => {
    const { world, times } = failingWorld([{ ErrorEquals: ['StoreUnavailable'] }], many('StoreUnavailable', 9));
    expect(await world.run()).toMatchObject({ status: 'FAILED', error: 'StoreUnavailable' });
    expect(times).toEqual([0, 1, 3, 7]);
  });

  it('waits no longer than MaxDelaySeconds', async () => {
    const retry = [{ ErrorEquals: ['StoreUnavailable'], IntervalSeconds: 2, MaxDelaySeconds: 5, MaxAttempts: 4 }];
    const { world, times } = failingWorld(retry, many('StoreUnavailable', 4));
    await world.run();
    expect(times).toEqual([0, 2, 6, 11, 16]);
  });

  it.each([
    [0, [0, 0, 0]],
    [0.25, [0, 0.5, 1.5]],
    [0.999, [0, 1.998, 5.994]],
  ])('with full jitter waits a random part (%d) of the delay', async (random, expected) => {
    const retry = [{ ErrorEquals: ['StoreUnavailable'], IntervalSeconds: 2, JitterStrategy: 'FULL' }];
    const { world, times } = failingWorld(retry, many('StoreUnavailable', 2), random);
    await world.run();
    expect(times).toEqual(expected);
  });

  it('counts the attempts of each retrier apart', async () => {
    const retry = [
      { ErrorEquals: ['StoreUnavailable'], IntervalSeconds: 1, BackoffRate: 1, MaxAttempts: 1 },
      { ErrorEquals: ['LedgerConflict'], IntervalSeconds: 5, BackoffRate: 1, MaxAttempts: 2 },
    ];
    const order = ['LedgerConflict', 'StoreUnavailable', 'LedgerConflict'];
    const { world, times } = failingWorld(retry, order);
    expect(await world.run()).toMatchObject({ status: 'SUCCEEDED', output: { attempt: 3 } });
    expect(times).toEqual([0, 5, 6, 11]);
    const again = failingWorld(retry, [...order, 'StoreUnavailable']);
    expect(await again.world.run()).toMatchObject({ status: 'FAILED', error: 'StoreUnavailable' });
  });

  it('does not try again what it does not name, nor with MaxAttempts 0', async () => {
    const other = failingWorld([{ ErrorEquals: ['StoreUnavailable'] }], ['LedgerConflict']);
    expect(await other.world.run()).toMatchObject({ status: 'FAILED', error: 'LedgerConflict' });
    const never = failingWorld([{ ErrorEquals: ['StoreUnavailable'], MaxAttempts: 0 }], ['StoreUnavailable']);
    expect(await never.world.run()).toMatchObject({ status: 'FAILED', error: 'StoreUnavailable' });
    expect([other.times, never.times]).toEqual([[0], [0]]);
  });

  it.each([
    'Sandbox.Timedout',
    'Lambda.ServiceException',
    'Lambda.AWSLambdaException',
    'Lambda.SdkClientException',
    'Lambda.TooManyRequestsException',
    'Lambda.ClientExecutionTimeoutException',
    'Lambda.Unknown',
  ])('tries again what failed with %s, by its name', async (name) => {
    const { world, times } = failingWorld([{ ErrorEquals: [name], IntervalSeconds: 3 }], [name]);
    expect(await world.run()).toMatchObject({ status: 'SUCCEEDED' });
    expect(times).toEqual([0, 3]);
    const never = failingWorld([{ ErrorEquals: ['LedgerConflict'] }], [name]);
    expect(await never.world.run()).toMatchObject({ status: 'FAILED', error: name, state: 'Work' });
  });

  it('tries again what an expression fails with, from the same input', async () => {
    const world = engineWorld({
      states: {
        Work: taskState('Work', {
          Output: '{% $states.result.Payload.found %}',
          Retry: [{ ErrorEquals: ['States.QueryEvaluationError'], IntervalSeconds: 1, MaxAttempts: 3 }],
          End: true,
        }),
      },
      handlers: { WorkFunction: async () => (world.clock.now() > start ? { found: 'second' } : {}) },
    });
    const start = world.clock.now();
    expect(await world.run()).toMatchObject({ status: 'SUCCEEDED', output: 'second' });
  });

  it('by States.ALL tries every error again but not States.DataLimitExceeded', async () => {
    const all = failingWorld([{ ErrorEquals: ['States.ALL'], IntervalSeconds: 1 }], ['SomethingElse']);
    expect(await all.world.run()).toMatchObject({ status: 'SUCCEEDED' });
    let calls = 0;
    const world = engineWorld({
      states: { Work: taskState('Work', { Retry: [{ ErrorEquals: ['States.ALL'] }], End: true }) },
      handlers: {
        WorkFunction: async () => {
          calls += 1;
          return 'x'.repeat(300_000);
        },
      },
    });
    expect(await world.run()).toMatchObject({ status: 'FAILED', error: 'States.DataLimitExceeded' });
    expect(calls).toBe(1);
  });

  it('counts anew when the state is entered again', async () => {
    const attempts: unknown[] = [];
    const world = engineWorld({
      states: {
        Work: taskState('Work', {
          Arguments: {
            FunctionName: '${WorkFunction}',
            Payload: { step: 'work', attempt: '{% $states.context.State.RetryCount %}' },
          },
          Retry: [{ ErrorEquals: ['StoreUnavailable'], IntervalSeconds: 1, MaxAttempts: 1 }],
          Next: 'Again?',
        }),
        'Again?': { Type: 'Choice', Choices: [{ Condition: '{% $states.input %}', Next: 'Work' }], Default: 'End' },
        End: { Type: 'Succeed' },
      },
      handlers: {
        WorkFunction: async (payload) => {
          attempts.push(payload);
          if (attempts.length % 2 === 1) throw fault('StoreUnavailable');
          return attempts.length < 6;
        },
      },
    });
    expect(await world.run()).toMatchObject({ status: 'SUCCEEDED' });
    expect(attempts).toEqual([0, 1, 0, 1, 0, 1].map((attempt) => ({ step: 'work', attempt })));
  });

  it('of a Parallel runs all its branches again, each from its start', async () => {
    const calls: string[] = [];
    let failures = 2;
    const world = engineWorld({
      states: {
        Both: {
          Type: 'Parallel',
          Comment: 'Retries because the test says so.',
          Branches: [
            flowOf({ Good: taskState('Good', { End: true }) }),
            flowOf({ Bad: taskState('Bad', { End: true }) }),
          ],
          Retry: [{ ErrorEquals: ['StoreUnavailable'], IntervalSeconds: 1, MaxAttempts: 2 }],
          End: true,
        },
      },
      handlers: {
        GoodFunction: async () => {
          calls.push('good');
          return 'good';
        },
        BadFunction: async () => {
          calls.push('bad');
          await new Promise((resolve) => setImmediate(resolve));
          failures -= 1;
          if (failures >= 0) throw fault('StoreUnavailable');
          return 'better';
        },
      },
    });
    expect(await world.run()).toMatchObject({ status: 'SUCCEEDED', output: ['good', 'better'] });
    expect(calls).toEqual(['good', 'bad', 'good', 'bad', 'good', 'bad']);
  });

  it('tells each attempt in the history', async () => {
    const { world } = failingWorld([{ ErrorEquals: ['StoreUnavailable'] }], ['StoreUnavailable']);
    await world.run();
    const history = await world.engine.history(MACHINE, 'r');
    expect(history.map(({ type, details }) => [type, details.attempt])).toEqual([
      ['ExecutionStarted', undefined],
      ['TaskStateEntered', undefined],
      ['TaskScheduled', undefined],
      ['TaskStarted', 0],
      ['TaskFailed', 0],
      ['TaskScheduled', undefined],
      ['TaskStarted', 1],
      ['TaskSucceeded', undefined],
      ['TaskStateExited', undefined],
      ['ExecutionSucceeded', undefined],
    ]);
    expect(history[4]?.details).toEqual({ error: 'StoreUnavailable', cause: 'StoreUnavailable happened', attempt: 0 });
  });
});

describe('Catch', () => {
  async function caught(Catch: object, handler: () => Promise<unknown>, more: object = {}) {
    const world = engineWorld({
      compensating: true,
      states: {
        Work: taskState('Work', { Assign: { why: 'none' }, Catch: [Catch], Next: 'Done', ...more }),
        Done: { Type: 'Succeed', Output: ['{% $states.input %}', '{% $why %}'] },
      },
      handlers: { WorkFunction: handler },
    });
    return { run: await world.run(), types: await world.historyTypes() };
  }
  const throwing = async () => {
    throw fault('LedgerConflict');
  };

  it('goes on with what it assigns and gives from the error', async () => {
    const { run, types } = await caught(
      {
        ErrorEquals: ['LedgerConflict'],
        Assign: { why: '{% $states.errorOutput.Error %}' },
        Output: { from: '{% $states.input %}' },
        Next: 'Done',
      },
      throwing,
    );
    expect(run).toMatchObject({ status: 'SUCCEEDED', output: [{ from: {} }, 'LedgerConflict'] });
    expect(types.slice(3, 6)).toEqual(['TaskStarted', 'TaskFailed', 'TaskStateExited']);
  });

  it('gives Error and Cause when it has no Output', async () => {
    const { run } = await caught({ ErrorEquals: ['States.ALL'], Assign: { why: 1 }, Next: 'Done' }, throwing);
    expect(run?.output).toEqual([{ Error: 'LedgerConflict', Cause: 'LedgerConflict happened' }, 1]);
  });

  it('comes after the last attempt of Retry', async () => {
    let calls = 0;
    const { run, types } = await caught(
      { ErrorEquals: ['LedgerConflict'], Assign: { why: 'caught' }, Output: 'undone', Next: 'Done' },
      async () => {
        calls += 1;
        throw fault('LedgerConflict');
      },
      { Retry: [{ ErrorEquals: ['LedgerConflict'], IntervalSeconds: 1, MaxAttempts: 2 }] },
    );
    expect(run).toMatchObject({ status: 'SUCCEEDED', output: ['undone', 'caught'] });
    expect(calls).toBe(3);
    expect(types.filter((type) => type === 'TaskFailed').length).toBe(3);
  });

  it('takes the first catcher that is for the error, and none for States.Runtime or States.DataLimitExceeded', async () => {
    const big = async () => 'x'.repeat(300_000);
    const all = { ErrorEquals: ['States.ALL'], Assign: { why: 1 }, Next: 'Done' };
    expect((await caught(all, big)).run).toMatchObject({ status: 'FAILED', error: 'States.DataLimitExceeded' });
    const first = { ErrorEquals: ['LedgerConflict'], Assign: { why: 1 }, Output: 'first', Next: 'Done' };
    const { run } = await caught(first, throwing, { Catch: [first, { ...all, Output: 'second' }] });
    expect(run?.output).toEqual(['first', 1]);
  });

  it('of a Parallel or Map catches what fails inside, Fail states too, and drops its branches', async () => {
    const inner = flowOf({ Stop: { Type: 'Fail', Error: 'Broken', Cause: 'Because.' } });
    const caughtBy = { Catch: [{ ErrorEquals: ['States.ALL'], Next: 'Undo' }], Next: 'Undo' };
    const forks = [
      { Type: 'Parallel', Branches: [inner, flowOf({ Pause: { Type: 'Wait', Seconds: 9, End: true } })], ...caughtBy },
      {
        Type: 'Map',
        Items: [1, 2],
        MaxConcurrency: 1,
        ItemProcessor: { ...inner, ProcessorConfig: { Mode: 'INLINE' } },
        ...caughtBy,
      },
    ];
    for (const Fork of forks) {
      const Pause = { Type: 'Wait', Seconds: 1, End: true };
      const world = engineWorld({ compensating: true, states: { Fork, Undo: { ...Pause } } });
      await world.start();
      await world.quiet();
      const frames = world.database.prepare('SELECT path, state FROM workflow_frames').all();
      expect(frames).toMatchObject([{ path: '', state: 'Undo' }]);
      await world.settle();
      expect(await world.engine.describe(MACHINE, 'r')).toMatchObject({
        status: 'SUCCEEDED',
        output: { Error: 'Broken', Cause: 'Because.' },
      });
    }
  });

  it('inside a branch goes on in that branch', async () => {
    const Catch = [{ ErrorEquals: ['States.ALL'], Output: 'undone', Next: 'After' }];
    const branch = flowOf({
      Work: taskState('Work', { Catch, Next: 'After' }),
      After: { Type: 'Pass', Output: ['{% $states.input %}'], End: true },
    });
    const world = engineWorld({
      compensating: true,
      states: { Both: { Type: 'Parallel', Branches: [branch], End: true } },
      handlers: { WorkFunction: throwing },
    });
    expect(await world.run()).toMatchObject({ status: 'SUCCEEDED', output: [['undone']] });
  });

  it('that fails itself fails the run with its own error', async () => {
    const { run } = await caught(
      { ErrorEquals: ['States.ALL'], Assign: { why: 1 }, Output: '{% $states.input.no %}', Next: 'Done' },
      throwing,
    );
    expect(run).toMatchObject({ status: 'FAILED', error: 'States.QueryEvaluationError', state: 'Work' });
  });
});

describe('TimeoutSeconds', () => {
  it('of a task fails it with States.Timeout at that instant, aborts it and drops its answer', async () => {
    let aborted = false;
    let answer = (_value: unknown) => {};
    const world = engineWorld({
      states: { Work: taskState('Work', { TimeoutSeconds: 7, End: true }) },
      handlers: {
        WorkFunction: (_payload, { signal }) => {
          signal.addEventListener('abort', () => {
            aborted = true;
          });
          return new Promise((resolve) => {
            answer = resolve;
          });
        },
      },
    });
    const start = world.clock.now();
    expect(await world.run()).toMatchObject({ status: 'FAILED', error: 'States.Timeout', state: 'Work' });
    answer('late');
    await world.quiet();
    expect([world.clock.now() - start, aborted]).toEqual([7000, true]);
    expect((await world.historyTypes()).slice(-2)).toEqual(['TaskTimedOut', 'ExecutionFailed']);
  });

  it('of a task counts for each attempt anew', async () => {
    const times: number[] = [];
    const world = engineWorld({
      states: {
        Work: taskState('Work', {
          TimeoutSeconds: 7,
          Retry: [{ ErrorEquals: ['States.Timeout'], IntervalSeconds: 2, MaxAttempts: 2 }],
          End: true,
        }),
      },
      handlers: {
        WorkFunction: () => {
          times.push((world.clock.now() - start) / 1000);
          return times.length < 3 ? new Promise(() => {}) : Promise.resolve('third');
        },
      },
    });
    const start = world.clock.now();
    expect(await world.run()).toMatchObject({ status: 'SUCCEEDED', output: 'third' });
    expect(times).toEqual([0, 9, 20]);
  });

  it('of a task does not hold up the clock once it has answered', async () => {
    const world = engineWorld({
      states: { Work: taskState('Work', { End: true }) },
      handlers: { WorkFunction: async () => 'done' },
    });
    await world.run();
    expect(world.clock.toNextSleeper()).toBe(false);
  });

  it('of the machine ends the run as TIMED_OUT, which nothing inside retries', async () => {
    const world = engineWorld({
      machine: machineOf(
        {
          Work: taskState('Work', {
            TimeoutSeconds: 900,
            Retry: [{ ErrorEquals: ['States.ALL'], IntervalSeconds: 1 }],
            End: true,
          }),
        },
        { TimeoutSeconds: 100 },
      ),
      handlers: { WorkFunction: () => new Promise(() => {}) },
    });
    const start = world.clock.now();
    const told = { status: 'TIMED_OUT', error: 'States.Timeout', state: 'Work' };
    expect(await world.run()).toMatchObject({ ...told, stoppedAt: new Date(start + 100_000).toISOString() });
    expect(world.changes).toMatchObject([{ status: 'RUNNING' }, told]);
    expect((await world.historyTypes()).at(-1)).toBe('ExecutionTimedOut');
  });

  it('of the machine ends a run that waits, backs off or has branches at work', async () => {
    const ending = async (states: Record<string, unknown>) => {
      const world = engineWorld({
        machine: machineOf(states, { TimeoutSeconds: 100 }),
        handlers: {
          WorkFunction: async () => {
            throw fault('StoreUnavailable');
          },
        },
      });
      const { status } = (await world.run()) ?? {};
      return status;
    };
    const wait = { Type: 'Wait', Seconds: 5000, End: true };
    const backOff = taskState('Work', {
      Retry: [{ ErrorEquals: ['StoreUnavailable'], IntervalSeconds: 5000 }],
      End: true,
    });
    expect(await ending({ Wait: wait })).toBe('TIMED_OUT');
    expect(await ending({ Work: backOff })).toBe('TIMED_OUT');
    const branches = [flowOf({ Wait: wait }), flowOf({ Work: backOff })];
    expect(await ending({ Both: { Type: 'Parallel', Branches: branches, End: true } })).toBe('TIMED_OUT');
  });
});
