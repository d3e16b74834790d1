import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { FAULT_NAMES, Fault } from '../../../core/faults.ts';
import { engineWorld, MACHINE, machineOf, taskState } from '../../../test/fakes/engine-world.ts';
import { manualClock } from '../../../test/fakes/manual-clock.ts';
import { openSqlite } from '../sqlite.ts';
import { workflowEngine } from './engine.ts';

const pass = { Done: { Type: 'Pass', Output: { done: true }, End: true } };
const work = { Work: taskState('Work', { End: true }) };
const forever = { WorkFunction: () => new Promise(() => {}) };

describe('making an engine', () => {
  const read = (name: string): unknown =>
    JSON.parse(readFileSync(new URL(`../../../statemachines/${name}.asl.json`, import.meta.url), 'utf8'));
  const functionsIn = (document: unknown): string[] =>
    [...JSON.stringify(document).matchAll(/\$\{(\w+Function)\}/g)].map(([, name = '']) => name);

  it.each(['source-release', 'image-release', 'checkpoint'])('takes the machine %s as it is', (name) => {
    const document = read(name);
    const handlers = Object.fromEntries(functionsIn(document).map((task) => [task, async () => ({})]));
    expect(Object.keys(handlers).length).toBeGreaterThan(0);
    expect(() =>
      workflowEngine({
        database: openSqlite(':memory:'),
        clock: manualClock(),
        machines: { [name]: document },
        faults: FAULT_NAMES,
        handlers,
        codeVersion: 'test',
        random: () => 0,
        onStatus: async () => {},
        onFault: () => {},
      }),
    ).not.toThrow();
  });

  it('refuses documents outside the subset and tasks that are not bound, all in one fault', () => {
    const making = () =>
      engineWorld({
        states: {
          Work: taskState('Work', { Next: 'Other' }),
          Other: taskState('Other', { Next: 'Nowhere' }),
        },
      });
    expect(making).toThrow(Fault);
    expect(making).toThrow(/names no state beside it: Nowhere/);
    const unbound = () =>
      engineWorld({ states: { Work: taskState('Work', { Next: 'Other' }), Other: taskState('Other', { End: true }) } });
    expect(unbound).toThrow(/no task is bound to WorkFunction\n.*no task is bound to OtherFunction/);
    expect(unbound).toThrow(expect.objectContaining({ name: 'ConfigurationInvalid' }));
  });

  it('lets the machines that compensate catch faults, and no other', () => {
    const states = {
      Work: taskState('Work', { Catch: [{ ErrorEquals: ['LedgerConflict'], Next: 'Undo' }], End: true }),
      Undo: { Type: 'Succeed' },
    };
    expect(() => engineWorld({ states, handlers: forever, compensating: true })).not.toThrow();
    expect(() => engineWorld({ states, handlers: forever })).toThrow(/catches a fault/);
  });
});

describe('starting a run', () => {
  it('answers started once and exists ever after, whatever the input and the end', async () => {
    const world = engineWorld({ states: pass });
    expect(await world.start({ first: 1 })).toBe('started');
    expect(await world.start({ first: 1 })).toBe('exists');
    await world.settle();
    expect(await world.start({ other: 2 })).toBe('exists');
    expect(await world.engine.describe(MACHINE, 'r')).toMatchObject({ status: 'SUCCEEDED', input: { first: 1 } });
    expect(world.changes.map(({ status }) => status)).toEqual(['RUNNING', 'SUCCEEDED']);
  });

  it('has stored the run, its first event and its first status change when it answers', async () => {
    const world = engineWorld({ states: work, handlers: forever });
    await world.start({ a: 1 });
    await world.engine.close();
    const count = (table: string) => world.database.prepare(`SELECT count(*) AS n FROM ${table}`).get();
    expect(count('workflow_runs')).toMatchObject({ n: 1 });
    expect(count('workflow_frames')).toMatchObject({ n: 1 });
    expect(count('workflow_definitions')).toMatchObject({ n: 1 });
    expect((await world.engine.history(MACHINE, 'r'))[0]).toMatchObject({
      id: 1,
      type: 'ExecutionStarted',
      path: '',
      details: { input: { a: 1 } },
    });
  });

  it.each([
    ['an empty name', ''],
    ['a name of 81 characters', 'x'.repeat(81)],
    ['a name with a slash', 'a/b'],
    ['a name with a dot', 'a.b'],
    ['a name with a letter outside ASCII', 'é'],
    ['a name that ends in a newline', 'a\n'],
  ])('refuses %s with InputInvalid', async (_what, name) => {
    const world = engineWorld({ states: pass });
    await expect(world.start({}, name)).rejects.toMatchObject({ name: 'InputInvalid' });
    expect(await world.engine.list({ limit: 9 })).toEqual([]);
  });

  it('takes a name of 80 characters from the whole alphabet', async () => {
    const world = engineWorld({ states: pass });
    const name = `${'aZ09_-'.repeat(13)}xy`;
    expect(name.length).toBe(80);
    expect(await world.run({}, name)).toMatchObject({ name, status: 'SUCCEEDED' });
  });

  it('takes an input of 262,144 bytes and refuses one byte more with LimitExceeded', async () => {
    const world = engineWorld({ states: pass });
    // Quotes are two bytes, an é two more: bytes are counted, not characters.
    const full = `é${'x'.repeat(262_144 - 4)}`;
    expect(await world.start(full)).toBe('started');
    await expect(world.start(`${full}x`, 'more')).rejects.toMatchObject({ name: 'LimitExceeded' });
    expect(await world.engine.describe(MACHINE, 'more')).toBeUndefined();
  });

  it('refuses an input without a JSON form and a machine it does not know', async () => {
    const world = engineWorld({ states: pass });
    await expect(world.engine.start(MACHINE, 'r', undefined)).rejects.toMatchObject({ name: 'InputInvalid' });
    await expect(world.engine.start('other', 'r', {})).rejects.toMatchObject({ name: 'ConfigurationInvalid' });
  });

  it('lets two machines use the same name', async () => {
    const machines = { one: machineOf(pass), two: machineOf(pass) };
    const changes: string[] = [];
    const engine = workflowEngine({
      database: openSqlite(':memory:'),
      clock: manualClock(),
      machines,
      faults: [],
      handlers: {},
      codeVersion: 'test',
      random: () => 0,
      onStatus: async ({ machine, status }) => {
        changes.push(`${machine} ${status}`);
      },
      onFault: () => {},
    });
    expect([await engine.start('one', 'r', 1), await engine.start('two', 'r', 2)]).toEqual(['started', 'started']);
    await engine.settled();
    expect([...changes].sort()).toEqual(['one RUNNING', 'one SUCCEEDED', 'two RUNNING', 'two SUCCEEDED']);
    expect(await engine.list({ machine: 'one', limit: 5 })).toMatchObject([{ machine: 'one', input: 1 }]);
  });
});

describe('looking at runs', () => {
  it('describes a run at work with the state it is in', async () => {
    const world = engineWorld({ states: { First: { Type: 'Pass', Next: 'Work' }, ...work }, handlers: forever });
    await world.start({ a: 1 });
    await world.quiet();
    expect(await world.engine.describe(MACHINE, 'r')).toEqual({
      name: 'r',
      machine: MACHINE,
      status: 'RUNNING',
      startedAt: '2026-01-02T03:04:05.000Z',
      input: { a: 1 },
      state: 'Work',
      redriveCount: 0,
      redrivable: false,
    });
    expect(await world.engine.describe(MACHINE, 'unknown')).toBeUndefined();
    expect(await world.engine.history(MACHINE, 'unknown')).toEqual([]);
  });

  it('lists the newest first, by status, up to the limit', async () => {
    const world = engineWorld({
      states: { Work: taskState('Work', { End: true }) },
      handlers: { WorkFunction: async () => 'done' },
    });
    for (const name of ['a', 'b', 'c']) await world.run({}, name);
    await world.engine.start(MACHINE, 'd', {});
    const names = async (filter: Parameters<typeof world.engine.list>[0]) =>
      (await world.engine.list(filter)).map(({ name }) => name);
    expect(await names({ limit: 9 })).toEqual(['d', 'c', 'b', 'a']);
    expect(await names({ status: 'SUCCEEDED', limit: 2 })).toEqual(['c', 'b']);
    expect(await names({ status: 'RUNNING', limit: 9 })).toEqual(['d']);
    expect(await names({ machine: 'other', limit: 9 })).toEqual([]);
  });
});

describe('stopping a run', () => {
  it('ends it as ABORTED with the reason, aborts its task and drops what the task gives later', async () => {
    let answer = (_value: string) => {};
    let aborted = false;
    const world = engineWorld({
      states: work,
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
    await world.start();
    await world.quiet();
    await world.engine.stop(MACHINE, 'r', { error: 'Superseded', cause: 'A newer tag came.' });
    await world.settle();
    answer('late');
    await world.quiet();
    expect(aborted).toBe(true);
    const told = { status: 'ABORTED', error: 'Superseded', cause: 'A newer tag came.', state: 'Work' };
    expect(await world.engine.describe(MACHINE, 'r')).toMatchObject(told);
    expect(world.changes).toMatchObject([{ status: 'RUNNING' }, told]);
    expect(await world.historyTypes()).toEqual([
      'ExecutionStarted',
      'TaskStateEntered',
      'TaskScheduled',
      'TaskStarted',
      'TaskStateAborted',
      'ExecutionAborted',
    ]);
  });

  it('cuts the reason as every error and cause', async () => {
    const world = engineWorld({ states: work, handlers: forever });
    await world.start();
    await world.engine.stop(MACHINE, 'r', { error: 'E'.repeat(300), cause: 'c'.repeat(40_000) });
    const run = await world.engine.describe(MACHINE, 'r');
    expect([run?.error?.length, run?.cause?.length]).toEqual([256, 32_768]);
    await world.settle();
  });

  it('changes nothing of a run that has ended', async () => {
    const world = engineWorld({ states: pass });
    const before = await world.run();
    const history = await world.historyTypes();
    await world.engine.stop(MACHINE, 'r', { error: 'Late', cause: '' });
    await world.settle();
    expect(await world.engine.describe(MACHINE, 'r')).toEqual(before);
    expect(await world.historyTypes()).toEqual(history);
    expect(world.changes.map(({ status }) => status)).toEqual(['RUNNING', 'SUCCEEDED']);
  });

  it('refuses a run that was never started with InputInvalid', async () => {
    const world = engineWorld({ states: pass });
    await expect(world.engine.stop(MACHINE, 'r', { error: 'E', cause: 'C' })).rejects.toMatchObject({
      name: 'InputInvalid',
    });
  });
});

describe('an engine that is closed', () => {
  it('starts, stops and resumes nothing, and writes nothing of what was at work', async () => {
    let answer = (_value: string) => {};
    const handlers = {
      WorkFunction: () =>
        new Promise((resolve) => {
          answer = resolve;
        }),
    };
    const world = engineWorld({ states: work, handlers });
    await world.start();
    await world.quiet();
    const before = await world.historyTypes();
    await world.engine.close();
    answer('late');
    world.clock.advance(100_000_000);
    await world.quiet();
    expect(await world.historyTypes()).toEqual(before);
    expect(await world.engine.describe(MACHINE, 'r')).toMatchObject({ status: 'RUNNING' });
    await expect(world.start({}, 'next')).rejects.toMatchObject({ name: 'StoreUnavailable' });
    await expect(world.engine.stop(MACHINE, 'r', { error: '', cause: '' })).rejects.toMatchObject({
      name: 'StoreUnavailable',
    });
    expect(() => world.engine.resume()).toThrow(/closed/);
    expect(world.clock.toNextSleeper()).toBe(false);
  });
});

describe('what no state can fail with', () => {
  it('is told and tried again from the frame after a growing pause, and the run succeeds', async () => {
    const states = { Work: taskState('Work', { Next: 'Done' }), ...pass };
    let calls = 0;
    const database = openSqlite(':memory:');
    const world = engineWorld({
      database,
      states,
      handlers: {
        WorkFunction: async () => {
          calls += 1;
        },
      },
    });
    database.exec(`CREATE TRIGGER full BEFORE INSERT ON workflow_events WHEN NEW.events LIKE '%PassStateEntered%'
      BEGIN SELECT RAISE(ABORT, 'database or disk is full'); END`);
    await world.start();
    await world.quiet();
    expect(world.faults).toMatchObject([{ message: expect.stringContaining('full') }]);
    world.clock.advance(1000);
    await world.quiet();
    world.clock.advance(1999);
    await world.quiet();
    expect(world.faults.length).toBe(2);
    world.clock.advance(1);
    await world.quiet();
    expect(world.faults.length).toBe(3);
    database.exec('DROP TRIGGER full');
    await world.settle();
    expect(await world.engine.describe(MACHINE, 'r')).toMatchObject({ status: 'SUCCEEDED', output: { done: true } });
    expect(calls).toBe(4);
  });

  it('ends in TIMED_OUT when it lasts as long as the machine may run', async () => {
    const database = openSqlite(':memory:');
    const world = engineWorld({ database, states: pass });
    database.exec(`CREATE TRIGGER full BEFORE INSERT ON workflow_events WHEN NEW.events LIKE '%PassStateExited%'
      BEGIN SELECT RAISE(ABORT, 'database or disk is full'); END`);
    expect(await world.run()).toMatchObject({ status: 'TIMED_OUT', error: 'States.Timeout', state: 'Done' });
    expect(world.faults.length).toBeGreaterThan(10);
  });

  it('ends the run when even its time-out can be written only later', async () => {
    const database = openSqlite(':memory:');
    const world = engineWorld({ database, states: work, handlers: forever });
    database.exec(`CREATE TRIGGER full BEFORE UPDATE ON workflow_runs BEGIN SELECT RAISE(ABORT, 'full'); END`);
    await world.start();
    for (let step = 0; step < 60 && world.faults.length < 3; step += 1) {
      await world.quiet();
      world.clock.toNextSleeper();
    }
    expect(world.faults.length).toBe(3);
    database.exec('DROP TRIGGER full');
    await world.settle();
    expect(await world.engine.describe(MACHINE, 'r')).toMatchObject({
      status: expect.stringMatching(/TIMED_OUT|FAILED/),
    });
  });
});
