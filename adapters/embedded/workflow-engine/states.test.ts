import { describe, expect, it } from 'vitest';
import { engineWorld, flowOf, MACHINE, machineOf, taskState } from '../../../test/fakes/engine-world.ts';
import type { TaskHandler } from './call-task.ts';

const INLINE = { ProcessorConfig: { Mode: 'INLINE' } };
const echo: TaskHandler = async (payload) => payload;
const run = (states: Record<string, unknown>, input: unknown = {}, handlers: Record<string, TaskHandler> = {}) =>
  engineWorld({ states, handlers }).run(input);
const give = (Output: unknown) => run({ Give: { Type: 'Pass', Output, End: true } }, { a: 1, list: [1], none: [] });

describe('Pass', () => {
  it('gives its input when it has no Output', async () => {
    expect(await run({ Pass: { Type: 'Pass', End: true } }, { a: [1, { b: null }] })).toMatchObject({
      status: 'SUCCEEDED',
      output: { a: [1, { b: null }] },
    });
  });

  it.each([
    ['what its template says', { fixed: 1, read: '{% $states.input.a %}' }, { fixed: 1, read: 1 }],
    ['the element of a path over one element', '{% $states.input.list %}', [1]],
    ['an array where it is written as one', '{% [$states.input.list] %}', [1]],
    ['an object without the keys whose values are nothing', '{% {"a": $states.input.a} %}', { a: 1 }],
  ])('gives %s', async (_what, template, output) => {
    expect(await give(template)).toMatchObject({ status: 'SUCCEEDED', output });
  });

  it('fails with States.QueryEvaluationError when an expression gives nothing', async () => {
    const world = engineWorld({ states: { Give: { Type: 'Pass', Output: '{% $states.input.missing %}', End: true } } });
    expect(await world.run()).toMatchObject({
      status: 'FAILED',
      error: 'States.QueryEvaluationError',
      cause: expect.stringContaining('Give/Output'),
      state: 'Give',
    });
    expect(await world.historyTypes()).toEqual([
      'ExecutionStarted',
      'PassStateEntered',
      'EvaluationFailed',
      'ExecutionFailed',
    ]);
  });

  it('reads the context that both engines have', async () => {
    const read = ['Execution.Name', 'Execution.Input', 'Execution.StartTime', 'State.Name', 'State.EnteredTime'];
    const Output = Object.fromEntries(read.map((path) => [path, `{% $states.context.${path} %}`]));
    expect(await run({ Give: { Type: 'Pass', Output, End: true } }, { a: 1 })).toMatchObject({
      output: {
        'Execution.Name': 'r',
        'Execution.Input': { a: 1 },
        'Execution.StartTime': '2026-01-02T03:04:05Z',
        'State.Name': 'Give',
        'State.EnteredTime': '2026-01-02T03:04:05Z',
      },
    });
  });
});

describe('Assign', () => {
  it('reads the values of state entry, not those it assigns itself', async () => {
    const states = {
      First: { Type: 'Pass', Assign: { left: 'L', right: 'R' }, Next: 'Swap' },
      Swap: {
        Type: 'Pass',
        Assign: { left: '{% $right %}', right: '{% $left %}' },
        Output: '{% $left & $right %}',
        Next: 'Last',
      },
      Last: { Type: 'Succeed', Output: ['{% $states.input %}', '{% $left & $right %}'] },
    };
    expect(await run(states)).toMatchObject({ output: ['LR', 'RL'] });
  });

  it('stays inside its branch, which reads what encloses it', async () => {
    const branch = (name: string) =>
      flowOf({
        [`Set ${name}`]: { Type: 'Pass', Assign: { inner: `{% $outer & "${name}" %}` }, Next: `Give ${name}` },
        [`Give ${name}`]: { Type: 'Pass', Output: '{% $inner %}', End: true },
      });
    const states = {
      First: { Type: 'Pass', Assign: { outer: 'o' }, Next: 'Both' },
      Both: { Type: 'Parallel', Branches: [branch('A'), branch('B')], Next: 'Last' },
      Last: { Type: 'Pass', Output: ['{% $states.input %}', '{% $outer %}'], End: true },
    };
    expect(await run(states)).toMatchObject({ output: [['oA', 'oB'], 'o'] });
  });
});

describe('Choice', () => {
  const choice = {
    Pick: {
      Type: 'Choice',
      Choices: [
        { Condition: '{% $states.input.n = 1 %}', Assign: { way: 'one' }, Output: { was: 'one' }, Next: 'End' },
        { Condition: '{% $states.input.n >= 1 %}', Assign: { way: 'more' }, Next: 'End' },
      ],
      Default: 'End',
      Assign: { way: 'default' },
      Output: { was: 'default' },
    },
    End: { Type: 'Succeed', Output: ['{% $states.input %}', '{% $way %}'] },
  };

  it.each([
    ['the first choice that holds, with its own Assign and Output', { n: 1 }, [{ was: 'one' }, 'one']],
    ['a later choice, whose output without Output is the input', { n: 2 }, [{ n: 2 }, 'more']],
    ["Default, with the state's own Assign and Output", { n: 0 }, [{ was: 'default' }, 'default']],
  ])('takes %s', async (_what, input, output) => {
    expect(await run(choice, input)).toMatchObject({ status: 'SUCCEEDED', output });
  });

  it.each([
    ['a text', 'true'],
    ['a number', 1],
    ['null', null],
    ['an array', [true, true]],
  ])('fails when its condition gives %s instead of a boolean', async (_what, flag) => {
    const states = {
      Pick: { Type: 'Choice', Choices: [{ Condition: '{% $states.input.flag %}', Next: 'End' }], Default: 'End' },
      End: { Type: 'Succeed' },
    };
    expect(await run(states, { flag })).toMatchObject({ status: 'FAILED', error: 'States.QueryEvaluationError' });
  });
});

describe('Wait', () => {
  const wait = (more: object) => ({ Pause: { Type: 'Wait', ...more, End: true } });
  it.each([
    ['a number of seconds', { Seconds: 90 }, 90],
    ['no time', { Seconds: 0 }, 0],
    ['an expression of seconds', { Seconds: '{% $states.input.seconds %}' }, 7],
    ['an instant', { Timestamp: '2026-01-02T03:05:05Z' }, 60],
    ['an expression of an instant', { Timestamp: '{% $states.input.until %}' }, 30],
    ['an instant that is over, not at all', { Timestamp: '2020-01-01T00:00:00Z' }, 0],
  ])('waits for %s', async (_what, more, seconds) => {
    const world = engineWorld({ states: wait(more) });
    const start = world.clock.now();
    expect(await world.run({ seconds: 7, until: '2026-01-02T03:04:35Z' })).toMatchObject({ status: 'SUCCEEDED' });
    expect(world.clock.now() - start).toBe(seconds * 1000);
  });

  it.each([
    ['a fraction of a second', { Seconds: '{% $states.input.v %}' }, 1.5],
    ['a negative number', { Seconds: '{% $states.input.v %}' }, -1],
    ['a text for seconds', { Seconds: '{% $states.input.v %}' }, '5'],
    ['more than 99,999,999 seconds', { Seconds: '{% $states.input.v %}' }, 100_000_000],
    ['a text that is no instant', { Timestamp: '{% $states.input.v %}' }, 'tomorrow'],
    ['a number for an instant', { Timestamp: '{% $states.input.v %}' }, 5],
  ])('fails on %s', async (_what, more, v) => {
    expect(await run(wait(more), { v })).toMatchObject({ status: 'FAILED', error: 'States.QueryEvaluationError' });
  });
});

describe('Succeed and Fail', () => {
  it('ends a run with its Output', async () => {
    expect(await run({ End: { Type: 'Succeed', Output: { a: 1 } } })).toMatchObject({ output: { a: 1 } });
  });

  it('fails with the error and cause it names, which may be expressions', async () => {
    const states = { Stop: { Type: 'Fail', Error: '{% $states.input.e %}', Cause: '{% "so " & $states.input.c %}' } };
    expect(await run(states, { e: 'Mine', c: 'it is' })).toMatchObject({
      status: 'FAILED',
      error: 'Mine',
      cause: 'so it is',
      state: 'Stop',
    });
  });

  it('fails an enclosing Parallel only, which tells the state it began in', async () => {
    const branch = flowOf({ Stop: { Type: 'Fail', Error: 'Mine', Cause: 'c' } });
    const states = { Both: { Type: 'Parallel', Branches: [branch], End: true } };
    expect(await run(states)).toMatchObject({ status: 'FAILED', error: 'Mine', state: 'Stop' });
  });
});

describe('Task', () => {
  const work = { Work: taskState('Work', { End: true }) };

  it('hands its payload over as JSON of its own and takes the answer as JSON', async () => {
    const answer = { at: new Date(0), skip: undefined, nested: [undefined] };
    let seen: unknown;
    const WorkFunction: TaskHandler = async (payload) => {
      seen = structuredClone(payload);
      Object.assign(payload as object, { changed: true });
      return answer;
    };
    expect(await run(work, { a: 1 }, { WorkFunction })).toMatchObject({
      output: { at: '1970-01-01T00:00:00.000Z', nested: [null] },
    });
    expect(seen).toEqual({ step: 'work', input: { a: 1 } });
  });

  it('gives null for a task that answers nothing', async () => {
    expect(await run(work, {}, { WorkFunction: async () => undefined })).toMatchObject({
      status: 'SUCCEEDED',
      output: null,
    });
  });

  it('keeps what the task answered in the history when its Output fails on it', async () => {
    const world = engineWorld({
      states: { Work: taskState('Work', { Output: '{% $states.result.Payload.missing %}', End: true }) },
      handlers: { WorkFunction: async () => 'answer' },
    });
    expect(await world.run()).toMatchObject({ status: 'FAILED', error: 'States.QueryEvaluationError' });
    expect((await world.historyTypes()).slice(-3)).toEqual(['TaskSucceeded', 'EvaluationFailed', 'ExecutionFailed']);
  });

  it.each([
    ['the name and message of what it threw', new TypeError('no x'), 'TypeError', 'no x'],
    ['Error for a text', 'broken', 'Error', 'broken'],
    ['Error for anything else', 42, 'Error', 'a task threw something that is no error'],
  ])('fails with %s and never its stack', async (_what, thrown, error, cause) => {
    const world = engineWorld({
      states: work,
      handlers: {
        WorkFunction: async () => {
          throw thrown;
        },
      },
    });
    expect(await world.run()).toMatchObject({ status: 'FAILED', error, cause, state: 'Work' });
    expect(JSON.stringify(await world.engine.history(MACHINE, 'r'))).not.toContain('states.test.ts');
  });

  it('fails with Runtime.MarshalError when the answer has no JSON form', async () => {
    const loop: { self?: unknown } = {};
    loop.self = loop;
    expect(await run(work, {}, { WorkFunction: async () => loop })).toMatchObject({
      status: 'FAILED',
      error: 'Runtime.MarshalError',
    });
  });

  it('cuts the error to 256 and the cause to 32,768 characters', async () => {
    const thrown = Object.assign(new Error('c'.repeat(40_000)), { name: 'E'.repeat(300) });
    const failed = await run(
      work,
      {},
      {
        WorkFunction: async () => {
          throw thrown;
        },
      },
    );
    expect([failed?.error?.length, failed?.cause?.length]).toEqual([256, 32_768]);
  });

  it('works at no more tasks at once than it may, and leaves none out', async () => {
    let now = 0;
    let most = 0;
    const world = engineWorld({
      states: work,
      concurrency: 3,
      handlers: {
        WorkFunction: async () => {
          now += 1;
          most = Math.max(most, now);
          await new Promise((resolve) => setImmediate(resolve));
          now -= 1;
        },
      },
    });
    await Promise.all(Array.from({ length: 20 }, (_run, at) => world.start({}, `r${at}`)));
    await world.settle();
    expect(most).toBe(3);
    expect((await world.engine.list({ status: 'SUCCEEDED', limit: 99 })).length).toBe(20);
  });

  it('takes turns by the tenant that its run is for', async () => {
    const order: unknown[] = [];
    const world = engineWorld({
      states: work,
      concurrency: 1,
      handlers: {
        WorkFunction: async (payload) => {
          order.push(payload);
          await new Promise((resolve) => setImmediate(resolve));
        },
      },
    });
    const tenants = [...new Array<string>(20).fill('flood'), 'small'];
    await Promise.all(tenants.map((tenant, at) => world.start({ tenant }, `r${at}`)));
    await world.settle();
    const small = order.findIndex((payload) => JSON.stringify(payload).includes('small'));
    expect(order.length).toBe(21);
    expect(small).toBeLessThan(3);
  });

  it('that is stopped while it waits for its turn gives its turn up', async () => {
    const started: unknown[] = [];
    const world = engineWorld({
      states: work,
      concurrency: 1,
      handlers: {
        WorkFunction: (payload) => {
          started.push(payload);
          return new Promise(() => {});
        },
      },
    });
    for (const name of ['a', 'b', 'c']) await world.start(name, name);
    await world.quiet();
    await world.engine.stop(MACHINE, 'b', { error: 'E', cause: '' });
    await world.quiet();
    await world.engine.stop(MACHINE, 'a', { error: 'E', cause: '' });
    await world.quiet();
    expect(started).toEqual([
      { step: 'work', input: 'a' },
      { step: 'work', input: 'c' },
    ]);
    await world.engine.close();
  });
});

describe('Parallel', () => {
  it('gives the outputs of its branches in their order, each branch with its Arguments', async () => {
    let release = () => {};
    const states = {
      Both: {
        Type: 'Parallel',
        Arguments: { from: '{% $states.input.a %}' },
        Branches: [
          flowOf({ Slow: taskState('Slow', { End: true }) }),
          flowOf({ Fast: taskState('Fast', { End: true }) }),
        ],
        Assign: { results: '{% $states.result %}' },
        Next: 'End',
      },
      End: { Type: 'Succeed', Output: ['{% $states.input %}', '{% $results %}'] },
    };
    const outcome = await run(
      states,
      { a: 1 },
      {
        SlowFunction: async (payload) => {
          await new Promise<void>((resolve) => {
            release = resolve;
          });
          return payload;
        },
        FastFunction: async () => {
          release();
          return 'fast';
        },
      },
    );
    const results = [{ step: 'slow', input: { from: 1 } }, 'fast'];
    expect(outcome).toMatchObject({ status: 'SUCCEEDED', output: [results, results] });
  });

  it('cancels its siblings when a branch fails, aborts their tasks and drops what they give later', async () => {
    let answer = (_value: string) => {};
    const aborted: boolean[] = [];
    const world = engineWorld({
      states: {
        Both: {
          Type: 'Parallel',
          Branches: [
            flowOf({ Slow: taskState('Slow', { Next: 'After' }), After: taskState('After', { End: true }) }),
            flowOf({ 'Long wait': { Type: 'Wait', Seconds: 1000, End: true } }),
            flowOf({ Bad: taskState('Bad', { End: true }) }),
          ],
          End: true,
        },
      },
      handlers: {
        SlowFunction: (_payload, { signal }) => {
          signal.addEventListener('abort', () => aborted.push(true));
          return new Promise((resolve) => {
            answer = resolve;
          });
        },
        AfterFunction: async () => {
          throw new Error('is never called');
        },
        BadFunction: async () => {
          throw Object.assign(new Error('no'), { name: 'LedgerConflict' });
        },
      },
    });
    const start = world.clock.now();
    const told = { status: 'FAILED', error: 'LedgerConflict', cause: 'no', state: 'Bad' };
    expect(await world.run()).toMatchObject(told);
    const history = await world.historyTypes();
    answer('late');
    await world.quiet();
    expect(aborted).toEqual([true]);
    expect(world.clock.now()).toBe(start);
    expect(await world.historyTypes()).toEqual(history);
    expect(history.slice(-6)).toEqual([
      'TaskStarted',
      'TaskFailed',
      'WaitStateAborted',
      'TaskStateAborted',
      'ParallelStateFailed',
      'ExecutionFailed',
    ]);
    expect(world.changes.at(-1)).toMatchObject(told);
  });
});

describe('Map', () => {
  const each = (more: object = {}) => ({
    Each: {
      Type: 'Map',
      Items: '{% [$states.input.items] %}',
      MaxConcurrency: 40,
      ItemProcessor: flowOf({ Item: taskState('Item', { End: true }) }, INLINE),
      End: true,
      ...more,
    },
  });

  it('gives the outputs in the order of the items, whichever ends first', async () => {
    const waiting: (() => void)[] = [];
    const ItemFunction: TaskHandler = async (payload) => {
      await new Promise<void>((resolve) => {
        waiting.push(resolve);
        if (waiting.length === 4) for (const end of [...waiting].reverse()) end();
      });
      return payload;
    };
    const outcome = await run(each(), { items: ['a', 'b', 'c', 'd'] }, { ItemFunction });
    expect(outcome?.output).toEqual(['a', 'b', 'c', 'd'].map((input) => ({ step: 'item', input })));
  });

  it('works at no more items at once than MaxConcurrency', async () => {
    let now = 0;
    let most = 0;
    const ItemFunction: TaskHandler = async () => {
      now += 1;
      most = Math.max(most, now);
      await new Promise((resolve) => setImmediate(resolve));
      now -= 1;
      return most;
    };
    const items = Array.from({ length: 12 }, (_item, at) => at);
    expect(await run(each({ MaxConcurrency: 4 }), { items }, { ItemFunction })).toMatchObject({ status: 'SUCCEEDED' });
    expect(most).toBe(4);
  });

  it('gives an empty array for no items, and one element for one', async () => {
    const handlers = { ItemFunction: echo };
    expect(await run(each(), { items: [] }, handlers)).toMatchObject({ status: 'SUCCEEDED', output: [] });
    expect(await run(each(), { items: ['a'] }, handlers)).toMatchObject({ output: [{ step: 'item', input: 'a' }] });
  });

  it('tells its processor the item and its place by ItemSelector', async () => {
    const ItemSelector = {
      at: '{% $states.context.Map.Item.Index %}',
      item: '{% $states.context.Map.Item.Value %}',
      all: '{% $states.input.name %}',
    };
    const outcome = await run(each({ ItemSelector }), { items: ['a', 'b'], name: 'n' }, { ItemFunction: echo });
    expect(outcome?.output).toEqual([
      { step: 'item', input: { at: 0, item: 'a', all: 'n' } },
      { step: 'item', input: { at: 1, item: 'b', all: 'n' } },
    ]);
  });

  it('takes Items that are written out, expressions among them', async () => {
    const Items = ['x', '{% $states.input.name %}'];
    const outcome = await run(each({ Items }), { name: 'n' }, { ItemFunction: echo });
    expect(outcome?.output).toMatchObject([{ input: 'x' }, { input: 'n' }]);
  });

  it('fails with the first item that fails and starts none after it', async () => {
    const seen: unknown[] = [];
    const world = engineWorld({
      states: each({ MaxConcurrency: 1 }),
      handlers: {
        ItemFunction: async (payload) => {
          seen.push(payload);
          if (seen.length === 2) throw new Error('second');
        },
      },
    });
    expect(await world.run({ items: [1, 2, 3, 4] })).toMatchObject({
      status: 'FAILED',
      cause: 'second',
      state: 'Item',
    });
    expect(seen.length).toBe(2);
    expect((await world.historyTypes()).slice(-4)).toEqual([
      'TaskFailed',
      'MapIterationFailed',
      'MapStateFailed',
      'ExecutionFailed',
    ]);
  });

  it('runs inside a Map and a Parallel', async () => {
    const inner = each({ Items: '{% [$states.input.inner] %}' }).Each;
    const states = {
      Outer: {
        Type: 'Map',
        Items: '{% [$states.input.outer] %}',
        MaxConcurrency: 2,
        ItemProcessor: flowOf({ Branch: { Type: 'Parallel', Branches: [flowOf({ Each: inner })], End: true } }, INLINE),
        End: true,
      },
    };
    const input = { outer: [{ inner: [1, 2] }, { inner: [] }, { inner: [3] }] };
    const outcome = await run(states, input, { ItemFunction: async (payload) => payload });
    expect(outcome?.output).toMatchObject([[[{ input: 1 }, { input: 2 }]], [[]], [[{ input: 3 }]]]);
  });
});

describe('limits', () => {
  const big = 'x'.repeat(262_143);
  const failed = { status: 'FAILED', error: 'States.DataLimitExceeded' };

  it.each([
    ['a state output', { Give: { Type: 'Pass', Output: ['{% $states.input %}'], End: true } }],
    ['a task payload', { Work: taskState('Work', { End: true }) }],
    ['what a state assigns', { Set: { Type: 'Pass', Assign: { v: '{% $states.input %}' }, Output: 1, End: true } }],
    [
      'the input of a branch',
      {
        Both: {
          Type: 'Parallel',
          Arguments: ['{% $states.input %}'],
          Branches: [flowOf({ Inner: { Type: 'Pass', End: true } })],
          End: true,
        },
      },
    ],
  ])('fails with States.DataLimitExceeded on %s over 262,144 bytes', async (_what, states) => {
    expect(await run(states, big.slice(1), { WorkFunction: echo })).toMatchObject(failed);
  });

  it('fails on a task answer over 262,144 bytes and on a result of a Map that is', async () => {
    const answer = { Work: taskState('Work', { Output: 'small', End: true }) };
    expect(await run(answer, {}, { WorkFunction: async () => big })).toMatchObject(failed);
    const states = {
      Each: {
        Type: 'Map',
        Items: [1, 2],
        MaxConcurrency: 2,
        ItemProcessor: flowOf({ Work: taskState('Work', { End: true }) }, INLINE),
        Output: 'small',
        End: true,
      },
    };
    expect(await run(states, {}, { WorkFunction: async () => big.slice(0, 140_000) })).toMatchObject(failed);
  });

  it('fails when the variables of a run have more than 10 MiB', async () => {
    const names = Array.from({ length: 42 }, (_name, at) => `v${at}`);
    const states = Object.fromEntries(
      names.map((name, at) => [
        `Set ${name}`.replace('Set v', 'Set V'),
        {
          Type: 'Pass',
          Assign: { [name]: '{% $states.input %}' },
          ...(at === names.length - 1 ? { End: true } : { Next: `Set V${at + 1}` }),
        },
      ]),
    );
    const world = engineWorld({ machine: machineOf(states) });
    expect(await world.run('x'.repeat(262_000))).toMatchObject({ ...failed, state: 'Set V40' });
  }, 60_000);

  it('fails with States.Runtime when the history reaches 25,000 events', async () => {
    const loop = {
      Pause: { Type: 'Wait', Seconds: 1, Next: 'Enough?' },
      'Enough?': {
        Type: 'Choice',
        Choices: [{ Condition: '{% $states.input.stop %}', Next: 'End' }],
        Default: 'Pause',
      },
      End: { Type: 'Succeed' },
    };
    const world = engineWorld({ states: loop });
    await world.start({ stop: false });
    await world.quiet();
    world.database.exec(`INSERT INTO workflow_events VALUES (1, 24990, 0, '[]')`);
    await world.settle();
    expect(await world.engine.describe(MACHINE, 'r')).toMatchObject({ status: 'FAILED', error: 'States.Runtime' });
    const history = await world.engine.history(MACHINE, 'r');
    expect(history.at(-1)?.id).toBeGreaterThan(24_999);
    expect(history.at(-1)?.id).toBeLessThan(25_005);
  });
});

describe('the history', () => {
  it('tells a run through every type of state in the words of Step Functions', async () => {
    const states = {
      Task: taskState('Work', { Next: 'Choice' }),
      Choice: { Type: 'Choice', Choices: [{ Condition: '{% $states.input = 1 %}', Next: 'Pass' }], Default: 'Fail' },
      Fail: { Type: 'Fail', Error: 'E' },
      Pass: { Type: 'Pass', Assign: { v: 1 }, Next: 'Wait' },
      Wait: { Type: 'Wait', Seconds: 1, Next: 'Parallel' },
      Parallel: {
        Type: 'Parallel',
        Branches: [flowOf({ 'In branch': { Type: 'Pass', End: true } })],
        Next: 'Map',
      },
      Map: {
        Type: 'Map',
        Items: '{% [$states.input] %}',
        MaxConcurrency: 1,
        ItemProcessor: flowOf({ 'In map': { Type: 'Pass', End: true } }, INLINE),
        Next: 'Succeed',
      },
      Succeed: { Type: 'Succeed' },
    };
    const world = engineWorld({ states, handlers: { WorkFunction: async () => 1 } });
    await world.run({ a: 1 });
    const history = await world.engine.history(MACHINE, 'r');
    expect(history.map(({ type, path }) => `${type}${path}`)).toEqual([
      'ExecutionStarted',
      'TaskStateEntered',
      'TaskScheduled',
      'TaskStarted',
      'TaskSucceeded',
      'TaskStateExited',
      'ChoiceStateEntered',
      'ChoiceStateExited',
      'PassStateEntered',
      'PassStateExited',
      'WaitStateEntered',
      'WaitStateExited',
      'ParallelStateEntered',
      'ParallelStateStarted',
      'PassStateEntered/0',
      'PassStateExited/0',
      'ParallelStateSucceeded',
      'ParallelStateExited',
      'MapStateEntered',
      'MapStateStarted',
      'MapIterationStarted/0',
      'PassStateEntered/0',
      'PassStateExited/0',
      'MapIterationSucceeded/0',
      'MapStateSucceeded',
      'MapStateExited',
      'SucceedStateEntered',
      'SucceedStateExited',
      'ExecutionSucceeded',
    ]);
    expect(history.map(({ id }) => id)).toEqual(history.map((_event, at) => at + 1));
    const details = (type: string) => history.find((event) => event.type === type)?.details;
    expect(details('TaskStateEntered')).toEqual({ name: 'Task', input: { a: 1 } });
    expect(details('TaskScheduled')).toMatchObject({ timeoutInSeconds: 60 });
    expect(details('TaskSucceeded')).toEqual({ output: 1 });
    expect(details('PassStateExited')).toEqual({ name: 'Pass', output: 1, assignedVariables: { v: 1 } });
    expect(details('MapIterationStarted')).toEqual({ name: 'Map', index: 0 });
    expect(details('ExecutionSucceeded')).toEqual({ output: [1] });
  });

  it('tells a run that fails where it failed', async () => {
    const world = engineWorld({ states: { Stop: { Type: 'Fail', Error: 'E', Cause: 'C' } } });
    await world.run();
    const history = await world.engine.history(MACHINE, 'r');
    expect(history.map(({ type, details }) => [type, details])).toEqual([
      ['ExecutionStarted', { input: {} }],
      ['FailStateEntered', { name: 'Stop', input: {} }],
      ['ExecutionFailed', { error: 'E', cause: 'C' }],
    ]);
  });

  it('keeps no frame of a run that succeeded and keeps those of one that failed', async () => {
    const frames = (world: ReturnType<typeof engineWorld>) =>
      world.database.prepare('SELECT path, phase FROM workflow_frames ORDER BY path').all();
    const good = engineWorld({ states: { End: { Type: 'Succeed' } } });
    await good.run();
    expect(frames(good)).toEqual([]);
    const bad = engineWorld({
      states: {
        Both: {
          Type: 'Parallel',
          Branches: [flowOf({ Good: { Type: 'Pass', End: true } }), flowOf({ Stop: { Type: 'Fail', Error: 'E' } })],
          End: true,
        },
      },
    });
    await bad.run();
    expect(frames(bad)).toMatchObject([
      { path: '', phase: 'failed' },
      { path: '/0', phase: 'done' },
      { path: '/1', phase: 'failed' },
    ]);
  });
});
