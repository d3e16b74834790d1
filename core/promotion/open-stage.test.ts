import { describe, expect, it } from 'vitest';
import { type PromotionWorld, promotionWorld } from '../../test/fakes/promotion-world.ts';
import { openStageTask } from './open-stage.ts';
import { stageWaitOf } from './stage-wait.ts';

const fault = (name: string) => expect.objectContaining({ name });

async function decidedWorld(environment = {}) {
  const world = await promotionWorld({ environment });
  await world.decide();
  return world;
}

async function waitOf({ waits, run: { tenant, businessKey } }: PromotionWorld, ordinal = 0) {
  const row = await waits.get({ tenant, businessKey, kind: 'stage', ordinal });
  if (!row) throw new Error(`stage ${ordinal} is not waited for`);
  return { row, wait: stageWaitOf(row) };
}

describe('open-stage', () => {
  it('waits for the verdict on a stage under the plan, from the next tick on', async () => {
    const world = await decidedWorld();
    expect(await world.step(openStageTask, { stage: 0, token: 't1' })).toEqual({ waiting: true });
    const { row, wait } = await waitOf(world);
    expect(row).toMatchObject({ token: 't1', version: 0, open: true, runName: world.run.name });
    expect(wait.canary).toMatchObject({ lastTick: Math.floor(world.clock.now() / 60_000), ticks: 0, allowedTicks: 2 });
  });

  it.each([
    [0, 0, 1],
    [0, 59, 1],
    [30, 0, 1],
    [30, 30, 1],
    [30, 31, 2],
    [120, 0, 2],
    [120, 1, 3],
  ])('judges nothing that was measured before it opened: lag %d s, %d s into a tick', async (lag, into, ticks) => {
    const metrics = { kind: 'prometheus', url: 'https://metrics.example.com', lagSeconds: lag } as const;
    const world = await decidedWorld({ metrics });
    const now = world.clock.now();
    world.clock.advance(60_000 - (now % 60_000) + into * 1000);
    await world.step(openStageTask, { stage: 0, token: 't1' });
    const first = (await waitOf(world)).wait.canary.lastTick + 1;
    expect(first).toBe(Math.floor(world.clock.now() / 60_000) + ticks);
    expect(first * 60 - lag).toBeGreaterThanOrEqual(world.clock.now() / 1000);
  });

  it('goes on with what was judged when it runs again with another token', async () => {
    const world = await decidedWorld();
    await world.step(openStageTask, { stage: 0, token: 't1' });
    const { row, wait } = await waitOf(world);
    const judged = { ...wait, canary: { ...wait.canary, ticks: 1, lastTick: wait.canary.lastTick + 1 } };
    await world.waits.replace({ ...row, version: 1, open: false, state: judged });
    await world.step(openStageTask, { stage: 0, token: 't2' });
    expect((await waitOf(world)).row).toMatchObject({ token: 't2', open: true, version: 2, state: judged });
  });

  it('carries streaks and latches from the stage before, and counts the rest anew', async () => {
    const world = await decidedWorld();
    await world.step(openStageTask, { stage: 0, token: 't1' });
    const { row, wait } = await waitOf(world);
    const { lastTick } = wait.canary;
    const signals = wait.canary.signals.map((signal) => ({ ...signal, ok: 2, latched: true, breaches: [lastTick] }));
    await world.waits.replace({ ...row, version: 1, state: { ...wait, canary: { ...wait.canary, signals } } });
    await world.step(openStageTask, { stage: 1, token: 't2' });
    expect((await waitOf(world, 1)).wait.canary).toMatchObject({
      allowedTicks: 3,
      signals: signals.map(({ name }) => ({ name, latched: true, breaches: [lastTick], ok: 0 })),
    });
  });

  it('is InputInvalid without a verdict that passed, and for a stage that the plan does not have', async () => {
    const undecided = await promotionWorld();
    await expect(undecided.step(openStageTask, { stage: 0, token: 't1' })).rejects.toThrow(fault('InputInvalid'));
    const world = await decidedWorld();
    await expect(world.step(openStageTask, { stage: 2, token: 't1' })).rejects.toThrow(fault('InputInvalid'));
  });
});
