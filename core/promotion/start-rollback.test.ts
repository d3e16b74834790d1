import { describe, expect, it } from 'vitest';
import { type FailurePlan, failing } from '../../test/fakes/failing.ts';
import { memoryWorkflows } from '../../test/fakes/memory-workflows.ts';
import { claimRowOf, promotionWorld, TENANT } from '../../test/fakes/promotion-world.ts';
import type { ClaimRow } from '../ports/claim-store.ts';
import { recordRunEnd } from '../runs/record-run-end.ts';
import { sweepRuns } from '../runs/sweep.ts';
import { startRollbackTask } from './roll-back.ts';
import { compensateRun, startRollback } from './start-rollback.ts';

async function failedWorld() {
  const world = await promotionWorld();
  const row = claimRowOf('promotion', world.subject);
  const failed = { ...row, status: 'failed' as const, error: 'States.Timeout', cause: 'nobody judged' };
  await world.claims.replace(failed, row);
  return { world, failed, name: `rollback-${row.businessKey.slice(0, 40)}` };
}

describe('the rollback of a promotion', () => {
  it('is one run, named by what the promotion was, with its input and actor and none of its end', async () => {
    const { world, failed, name } = await failedWorld();
    expect(await startRollback(world.deps, failed)).toEqual({ runName: name });
    const { error: _error, cause: _cause, ...rest } = failed;
    const claim = await world.claims.byRun(name);
    expect(claim).toEqual({
      ...rest,
      machine: 'rollback',
      runName: name,
      status: 'running',
      claimedAt: claim?.claimedAt,
    });
    expect(world.started).toEqual([name]);
  });

  it('is started once by a Catch, by whoever records the end and by the sweep, all at once and again', async () => {
    const { world, failed, name } = await failedWorld();
    const starters = () => [
      world.step(startRollbackTask),
      compensateRun(world.deps, failed),
      startRollback(world.deps, failed),
    ];
    await Promise.all([...starters(), ...starters()]);
    await Promise.all(starters());
    expect(world.started).toEqual([name]);
    const rollbacks = (await world.claims.list(TENANT, { limit: 10 })).filter(({ machine }) => machine === 'rollback');
    expect(rollbacks).toHaveLength(1);
  });

  it('is one when a Catch, a status event and two sweeps come upon the end of the promotion at once', async () => {
    const world = await promotionWorld();
    const workflows = memoryWorkflows();
    await workflows.start('promotion', world.run.name, {});
    workflows.end(world.run.name, { status: 'FAILED', error: 'TargetUnreachable', redrivable: false });
    const compensate = async (failed: ClaimRow) => compensateRun({ ...world.deps, workflows }, failed);
    const runs = { ...world.deps, workflows, compensate };
    const caught = { ...world.deps, workflows: { ...world.deps.workflows, start: workflows.start } };
    await Promise.all([
      world.step(startRollbackTask, {}, caught),
      recordRunEnd(runs, world.run.name),
      sweepRuns(runs, [TENANT]),
      sweepRuns(runs, [TENANT]),
    ]);
    expect([...workflows.runs.keys()]).toEqual([world.run.name, world.run.name.replace('promotion', 'rollback')]);
    expect(await world.claims.byRun(world.run.name)).toMatchObject({ status: 'failed', error: 'TargetUnreachable' });
    expect((await world.kinds()).filter((kind) => kind === 'fault')).toHaveLength(1);
  });

  it('is started by the sweep when whoever claimed it died before', async () => {
    const { world, failed, name } = await failedWorld();
    const dead = async () => Promise.reject(new Error('killed'));
    const killed = { ...world.deps, workflows: { ...world.deps.workflows, start: dead } };
    await expect(startRollback(killed, failed)).rejects.toThrow('killed');
    const workflows = memoryWorkflows();
    const runs = { ...world.deps, workflows, compensate: async () => {} };
    expect(await sweepRuns(runs, [TENANT])).toEqual({ recorded: 0, started: 1, takenUp: 0 });
    expect([...workflows.runs.keys()]).toEqual([name]);
  });

  it.each([
    ['before', 'claim'],
    ['after', 'claim'],
    ['before', 'start'],
    ['after', 'start'],
  ] as const)('is made good by the next starter when one dies %s its %s', async (when, which) => {
    const { world, failed, name } = await failedWorld();
    const plan: FailurePlan = { at: which === 'claim' ? 0 : 1, when, calls: 0 };
    const claims = failing(world.claims, plan);
    const workflows = failing(world.deps.workflows, plan);
    await expect(startRollback({ ...world.deps, claims, workflows }, failed)).rejects.toThrow('planned');
    await startRollback(world.deps, failed);
    expect(world.started).toEqual([name]);
  });

  it('is not started again once it has ended', async () => {
    const { world, failed, name } = await failedWorld();
    await startRollback(world.deps, failed);
    const row = await world.claims.byRun(name);
    if (!row) throw new Error('no claim');
    await world.claims.replace({ ...row, status: 'passed' }, row);
    world.started.length = 0;
    await startRollback(world.deps, failed);
    expect(world.started).toEqual([]);
  });

  it('is nothing that another machine has', async () => {
    const { world, failed } = await failedWorld();
    for (const machine of ['rollback', 'image-release']) {
      await compensateRun(world.deps, { ...failed, machine });
      await expect(startRollback(world.deps, { ...failed, machine })).rejects.toThrow(
        expect.objectContaining({ name: 'InputInvalid' }),
      );
    }
    expect(world.started).toEqual([]);
  });

  it('is InputInvalid for a run that nobody claimed', async () => {
    const { world } = await failedWorld();
    const run = { ...world.run, name: 'promotion-unknown' };
    await expect(world.step(startRollbackTask, { run })).rejects.toThrow(
      expect.objectContaining({ name: 'InputInvalid' }),
    );
  });
});
