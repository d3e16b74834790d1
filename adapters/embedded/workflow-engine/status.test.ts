import { describe, expect, it } from 'vitest';
import { engineWorld, MACHINE, taskState } from '../../../test/fakes/engine-world.ts';
import type { RunStatusChange } from './status-outbox.ts';

const states = { Work: taskState('Work', { End: true }) };
const handlers = { WorkFunction: async () => 'done' };

describe('status changes', () => {
  it('are told with what the run was given and what it gave', async () => {
    const world = engineWorld({ states, handlers });
    await world.run({ a: 1 });
    const told = { machine: MACHINE, name: 'r', input: { a: 1 }, redriveCount: 0 };
    expect(world.changes).toEqual([
      { ...told, status: 'RUNNING' },
      { ...told, status: 'SUCCEEDED', output: 'done' },
    ]);
  });

  it('tell of a failed run its error, cause and state', async () => {
    const fail = { Stop: { Type: 'Fail', Error: 'Broken', Cause: 'Because.' } };
    const world = engineWorld({ states: fail });
    await world.run();
    expect(world.changes[1]).toEqual({
      machine: MACHINE,
      name: 'r',
      input: {},
      redriveCount: 0,
      status: 'FAILED',
      error: 'Broken',
      cause: 'Because.',
      state: 'Stop',
    });
  });

  it('are told again, after a pause and in their order, when the listener fails', async () => {
    const attempts: [string, number][] = [];
    const world = engineWorld({
      states,
      handlers,
      onStatus: async ({ status }) => {
        attempts.push([status, world.clock.now() - start]);
        if (attempts.length <= 3) throw new Error('the ledger is away');
      },
    });
    const start = world.clock.now();
    await world.start();
    for (let step = 0; step < 20 && world.changes.length < 2; step += 1) {
      await world.quiet();
      world.clock.toNextSleeper();
    }
    expect(attempts).toEqual([
      ['RUNNING', 0],
      ['RUNNING', 1000],
      ['RUNNING', 3000],
      ['RUNNING', 7000],
      ['SUCCEEDED', 7000],
    ]);
    expect(world.faults.length).toBe(3);
  });

  it('that cannot be told wait with all later ones of their run, and follow at once when it can', async () => {
    let away = true;
    const world = engineWorld({
      states,
      handlers,
      onStatus: async () => {
        if (away) throw new Error('the ledger is away');
      },
    });
    for (const name of ['a', 'b', 'c']) await world.start({}, name);
    await world.quiet();
    world.clock.advance(1000);
    await world.quiet();
    const due = () => world.database.prepare('SELECT DISTINCT due_at > ? AS later FROM workflow_outbox');
    expect(due().all(world.clock.now())).toMatchObject([{ later: 1 }]);
    away = false;
    world.clock.advance(2000);
    await world.quiet();
    expect(world.changes.length).toBe(6);
    expect(due().all(0)).toEqual([]);
  });

  it('of one run hold up those of no other', async () => {
    const world = engineWorld({
      states,
      handlers,
      onStatus: async ({ name }) => {
        if (name === 'bad') throw new Error('nobody wants this one');
      },
    });
    await world.start({}, 'bad');
    await world.start({}, 'good');
    await world.quiet();
    await world.quiet();
    expect(world.changes.map(({ name, status }) => `${name} ${status}`)).toEqual(['good RUNNING', 'good SUCCEEDED']);
  });

  it('that cannot be read are put aside, told of once, and hold up none, not even of their run', async () => {
    const world = engineWorld({ states, handlers });
    await world.start();
    world.database.exec(`INSERT INTO workflow_outbox (run, change) VALUES (1, 'no JSON'), (2, '{"status":"LOST"}')`);
    await world.settle();
    await world.run({}, 'next');
    const next = await world.restart();
    await next.settle();
    expect(world.changes.map(({ name, status }) => `${name} ${status}`)).toEqual([
      'r RUNNING',
      'r SUCCEEDED',
      'next RUNNING',
      'next SUCCEEDED',
    ]);
    expect(world.faults.map(String).sort()).toEqual([
      expect.stringMatching(/^InputInvalid: .* of run 1, cannot be read/),
      expect.stringMatching(/^InputInvalid: .* of run 2, cannot be read/),
    ]);
    expect(next.faults).toEqual([]);
    const kept = world.database.prepare('SELECT change FROM workflow_outbox').all();
    expect(kept).toMatchObject([{ change: 'no JSON' }, { change: '{"status":"LOST"}' }]);
  });

  it('that were not told before the process ended are told by the next, those that were are not', async () => {
    const attempts: string[] = [];
    let refuse = true;
    const onStatus = async ({ status }: RunStatusChange) => {
      attempts.push(status);
      if (refuse && status === 'SUCCEEDED') throw new Error('the ledger is away');
    };
    const world = engineWorld({ states, handlers, onStatus });
    await world.run();
    expect(world.changes.map(({ status }) => status)).toEqual(['RUNNING']);
    refuse = false;
    const next = await world.restart();
    world.clock.advance(60_000);
    await next.quiet();
    expect(next.changes.map(({ status }) => status)).toEqual(['SUCCEEDED']);
    expect(attempts).toEqual(['RUNNING', 'SUCCEEDED', 'SUCCEEDED']);
  });

  it('that were being told when the process ended are told again', async () => {
    const seen: string[] = [];
    let release = () => {};
    const world = engineWorld({
      states,
      handlers,
      onStatus: ({ status }) => {
        seen.push(status);
        return new Promise((resolve) => {
          release = resolve;
        });
      },
    });
    await world.start();
    await world.quiet();
    const closing = world.engine.close();
    release();
    await closing;
    const next = engineWorld({
      states,
      handlers,
      database: world.database,
      clock: world.clock,
      onStatus: async ({ status }) => {
        seen.push(status);
      },
    });
    next.engine.resume();
    await next.settle();
    expect(seen).toEqual(['RUNNING', 'RUNNING', 'SUCCEEDED']);
  });

  it('may start further runs', async () => {
    const world = engineWorld({
      states,
      handlers,
      onStatus: async ({ name, status }) => {
        if (name === 'r' && status === 'SUCCEEDED') await world.start({}, 'follower');
      },
    });
    await world.run();
    expect(await world.engine.describe(MACHINE, 'follower')).toMatchObject({ status: 'SUCCEEDED' });
  });
});
