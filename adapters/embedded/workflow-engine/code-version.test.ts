import { describe, expect, it } from 'vitest';
import { type EngineWorldOptions, engineWorld, flowOf, MACHINE, taskState } from '../../../test/fakes/engine-world.ts';

/** One task in the root and one in a branch; both wait until they are released. */
const states = {
  First: taskState('First', { Next: 'Both' }),
  Both: { Type: 'Parallel', Branches: [flowOf({ Second: taskState('Second', { End: true }) })], End: true },
};
const SCHEMAS = { FirstFunction: 'a', SecondFunction: 'b' };

/** A run that was started under version 1 and whose process has ended. */
async function startedWorld(more: EngineWorldOptions = {}) {
  const calls: string[] = [];
  let stuck = true;
  const handlers = {
    FirstFunction: async () => {
      calls.push('first');
      return stuck ? new Promise(() => {}) : 1;
    },
    SecondFunction: async () => {
      calls.push('second');
      return 2;
    },
  };
  const world = engineWorld({ states, handlers, codeVersion: '1', schemas: SCHEMAS, ...more });
  await world.start();
  await world.quiet();
  stuck = false;
  return { world, calls };
}
const described = ({ engine }: Pick<ReturnType<typeof engineWorld>, 'engine'>) => engine.describe(MACHINE, 'r');

describe('a run under another code version', () => {
  it('goes on when the schemas of all its tasks are the same', async () => {
    const { world } = await startedWorld();
    const next = await world.restart({ codeVersion: '2', schemas: { ...SCHEMAS, OtherFunction: 'new' } });
    await next.settle();
    expect(await described(next)).toMatchObject({ status: 'SUCCEEDED', output: [2] });
    expect(next.engine.held()).toEqual([]);
  });

  it.each([
    ['has other schemas', { ...SCHEMAS, SecondFunction: 'c' }],
    ['is no longer there', { FirstFunction: 'a' }],
  ])('is held when one of its tasks %s: no step, told once, still running', async (_what, schemas) => {
    const { world, calls } = await startedWorld();
    const next = await world.restart({ codeVersion: '2', schemas });
    next.engine.resume();
    await next.quiet();
    expect(calls).toEqual(['first']);
    expect(next.faults).toMatchObject([
      { name: 'ConfigurationInvalid', message: expect.stringMatching(/run r of sample is held: .*SecondFunction/) },
    ]);
    expect(next.engine.held()).toEqual([{ machine: MACHINE, name: 'r', functions: ['SecondFunction'] }]);
    expect(await described(next)).toMatchObject({ status: 'RUNNING', state: 'First' });
    await next.engine.settled();
  });

  it('is held when nobody says what its tasks read, for then they may have changed', async () => {
    const { world } = await startedWorld({ schemas: {} });
    const same = await world.restart({ schemas: {} });
    expect(same.engine.held()).toEqual([]);
    const next = await same.restart({ codeVersion: '2', schemas: {} });
    expect(next.engine.held()).toMatchObject([{ functions: ['FirstFunction', 'SecondFunction'] }]);
  });

  it('is held no more by a version that has its schemas again', async () => {
    const { world } = await startedWorld();
    const held = await world.restart({ codeVersion: '2', schemas: {} });
    const next = await held.restart({ codeVersion: '3', schemas: SCHEMAS });
    await next.settle();
    expect(await described(next)).toMatchObject({ status: 'SUCCEEDED' });
  });

  it('can be stopped while it is held', async () => {
    const { world } = await startedWorld();
    const next = await world.restart({ codeVersion: '2', schemas: {} });
    await next.engine.stop(MACHINE, 'r', { error: 'Outdated', cause: 'Replayed as a new run.' });
    expect(await described(next)).toMatchObject({ status: 'ABORTED', error: 'Outdated', state: 'First' });
    expect(next.engine.held()).toEqual([]);
    await next.settle();
    expect(next.changes.map(({ status }) => status)).toEqual(['ABORTED']);
  });

  it('times out while it is held', async () => {
    const { world } = await startedWorld();
    const start = world.clock.now();
    const next = await world.restart({ codeVersion: '2', schemas: {} });
    world.clock.advance(3_600_000);
    await next.quiet();
    expect(await described(next)).toMatchObject({ status: 'TIMED_OUT', error: 'States.Timeout' });
    expect(world.clock.now() - start).toBe(3_600_000);
    expect(next.engine.held()).toEqual([]);
  });

  it('is not redriven when it would only be held', async () => {
    const { world } = await startedWorld();
    await world.engine.stop(MACHINE, 'r', { error: 'E', cause: '' });
    const next = await world.restart({ codeVersion: '2', schemas: { ...SCHEMAS, FirstFunction: 'z' } });
    expect(await described(next)).toMatchObject({ status: 'ABORTED', redrivable: false });
    expect(await next.engine.redrive(MACHINE, 'r')).toBe('impossible');
    const after = await next.restart({ codeVersion: '3', schemas: SCHEMAS });
    expect(await after.engine.redrive(MACHINE, 'r')).toBe('redriven');
    await after.settle();
    expect(await described(after)).toMatchObject({ status: 'SUCCEEDED', redriveCount: 1 });
  });
});
