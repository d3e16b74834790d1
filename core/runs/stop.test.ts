import { describe, expect, it } from 'vitest';
import { type FailurePlan, failing } from '../../test/fakes/failing.ts';
import { BEN, promotionWorld } from '../../test/fakes/promotion-world.ts';
import { type StopRunDeps, stopRun } from './stop.ts';

async function runningWorld() {
  const world = await promotionWorld({ release: false });
  const stopped: string[] = [];
  const started = new Set<string>();
  const workflows = {
    start: async (_machine: string, name: string) => {
      const known = started.has(name);
      started.add(name);
      return known ? ('exists' as const) : ('started' as const);
    },
    stop: async (machine: string, name: string, reason: { error: string; cause: string }) => {
      if (!started.has(name)) throw new Error('no such run');
      stopped.push(`${machine} ${name} ${reason.error}`);
    },
  };
  const deps: StopRunDeps = { ...world.deps, workflows };
  return { world, stopped, deps, name: world.run.name };
}

describe('a run that a person stops', () => {
  it('is stopped after the act is on the ledger, with who it was, though its starter died', async () => {
    const { world, stopped, deps, name } = await runningWorld();
    expect(await stopRun(deps, name, BEN)).toEqual({ kind: 'stopped', runName: name });
    expect(stopped).toEqual([`promotion ${name} Run.Stopped`]);
    expect(await world.entries()).toMatchObject([
      { kind: 'audit.run-stopped', outcome: 'info', actor: BEN, run: { name }, environment: 'production' },
    ]);
  });

  it('has one entry however often it is stopped', async () => {
    const { world, stopped, deps, name } = await runningWorld();
    for (let time = 0; time < 2; time += 1) await stopRun(deps, name, BEN);
    expect(await world.kinds()).toEqual(['audit.run-stopped']);
    expect(stopped).toHaveLength(2);
  });

  it.each([
    ['before', 0],
    ['after', 0],
    ['before', 1],
    ['after', 1],
    ['before', 2],
    ['after', 2],
  ] as const)('is stopped by asking again when the stopper died %s call %d', async (when, at) => {
    const { world, stopped, deps, name } = await runningWorld();
    const plan: FailurePlan = { at, when, calls: 0 };
    const { append } = failing({ append: deps.append }, plan);
    const dying = { ...deps, append, workflows: failing(deps.workflows, plan) };
    await expect(stopRun(dying, name, BEN)).rejects.toThrow('planned');
    if (stopped.length > 0) expect(await world.kinds()).toEqual(['audit.run-stopped']);
    expect(await stopRun(deps, name, BEN)).toMatchObject({ kind: 'stopped' });
    expect(await world.kinds()).toEqual(['audit.run-stopped']);
  });

  it('is refused when it is unknown, superseded, or has ended, and nothing is said', async () => {
    const { world, stopped, deps, name } = await runningWorld();
    expect(await stopRun(deps, 'promotion-unknown', BEN)).toEqual({ kind: 'refused', code: 'run.unknown' });
    const row = await world.claims.byRun(name);
    if (!row) throw new Error('no claim');
    await world.claims.replace({ ...row, status: 'passed' }, row);
    expect(await stopRun(deps, name, BEN)).toEqual({ kind: 'refused', code: 'run.ended' });
    await world.claims.replace({ ...row, runName: `${name}-r1`, replay: 1 }, { ...row, status: 'passed' });
    expect(await stopRun(deps, name, BEN)).toEqual({ kind: 'refused', code: 'run.unknown' });
    expect(await world.kinds()).toEqual([]);
    expect(stopped).toEqual([]);
  });
});
