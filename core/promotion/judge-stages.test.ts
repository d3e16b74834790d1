import { describe, expect, it } from 'vitest';
import { type FailurePlan, failing } from '../../test/fakes/failing.ts';
import { type PromotionWorld, promotionWorld, TENANT } from '../../test/fakes/promotion-world.ts';
import { ERRORS, LOGS, SEED_SIGNALS } from '../../test/fakes/seed-signals.ts';
import { TickRecord } from '../canary/tick-record.ts';
import { loadJsonEvidence } from '../evidence.ts';
import { type JudgeStagesDeps, judgeStages } from './judge-stages.ts';
import { openStageTask } from './open-stage.ts';
import { stageWaitOf } from './stage-wait.ts';

const TICK_MS = 60_000;

/** A promotion whose stage waits with a token of its own. */
async function stageWorld(stage = 0) {
  const world = await promotionWorld();
  await world.decide();
  world.waiting.add('t1');
  await world.step(openStageTask, { stage, token: 't1' });
  return world;
}

const judge = (world: PromotionWorld, deps: JudgeStagesDeps = world.deps) => judgeStages(deps, [TENANT]);

/** One tick later, judged. */
async function tick(world: PromotionWorld, deps: JudgeStagesDeps = world.deps) {
  world.clock.advance(TICK_MS);
  return judge(world, deps);
}

async function ticksOn(world: PromotionWorld) {
  const entries = (await world.entries()).filter(({ kind }) => kind === 'tick');
  return Promise.all(
    entries.map(async ({ outcome, evidence: [ref] = [] }) => {
      if (!ref) throw new Error('a tick without a record');
      return { outcome, ...(await loadJsonEvidence(world.worm, TENANT, ref, TickRecord)) };
    }),
  );
}

const open = (world: PromotionWorld) => world.waits.listOpen(TENANT, 'stage', 10);

describe('judging a stage that waits', () => {
  it('passes it after its ticks, each asked at its own instant, and says whether more follow', async () => {
    const world = await stageWorld();
    const first = Math.floor(world.clock.now() / TICK_MS) + 1;
    expect(await tick(world)).toEqual({ waiting: 1 });
    expect(world.beats).toEqual(['t1']);
    expect(world.answers).toEqual([]);
    await tick(world);
    expect(world.answers).toEqual([{ token: 't1', output: { passed: true, more: true, next: 1 } }]);
    expect(await open(world)).toEqual([]);
    expect(await ticksOn(world)).toMatchObject([
      { tick: first, instant: new Date(first * TICK_MS).toISOString(), decision: 'continue', outcome: 'info' },
      { tick: first + 1, decision: 'pass', outcome: 'pass', score: 100 },
    ]);
    expect(await judge(world)).toEqual({ waiting: 0 });
  });

  it('passes the last stage without more to follow', async () => {
    const world = await stageWorld(1);
    for (let count = 0; count < 3; count += 1) await tick(world);
    expect(world.answers).toEqual([{ token: 't1', output: { passed: true, more: false, next: 2 } }]);
  });

  it('blocks at a breach before the stage is over, and the entry says why', async () => {
    const world = await stageWorld();
    world.metrics.script(LOGS.query, [['0.9']]);
    await tick(world);
    expect(world.answers).toEqual([{ token: 't1', output: { passed: false, more: true, next: 1 } }]);
    const [entry] = (await world.entries()).filter(({ kind }) => kind === 'tick');
    expect(entry).toMatchObject({ outcome: 'refuse', reasons: [{ code: 'stage.breach', where: 'logs' }] });
  });

  it('holds a stage that nothing is known of once, then blocks it: no data never passes', async () => {
    const world = await stageWorld();
    for (const { query } of SEED_SIGNALS) world.metrics.script(query, [[]]);
    for (let count = 0; count < 10 && world.answers.length === 0; count += 1) await tick(world);
    expect(world.answers).toMatchObject([{ output: { passed: false } }]);
    const ticks = await ticksOn(world);
    expect(ticks.some(({ extended, decision }) => extended && decision === 'continue')).toBe(true);
    expect(ticks.at(-1)).toMatchObject({ decision: 'inconclusive', outcome: 'refuse' });
  });

  it('says that it is there while no tick is due', async () => {
    const world = await stageWorld();
    await judge(world);
    expect(world.beats).toEqual(['t1']);
    expect(await world.kinds()).not.toContain('tick');
    expect((await open(world))[0]?.version).toBe(0);
  });

  it('judges late ticks each at its own instant, and does not ask about those more than five back', async () => {
    const world = await stageWorld(1);
    const first = Math.floor(world.clock.now() / TICK_MS) + 1;
    world.clock.advance(7 * TICK_MS);
    await judge(world);
    const asked = [...new Set(world.metrics.asked.map(({ at }) => at))];
    expect(asked).toEqual([1, 2, 3, 4, 5, 6].map((later) => (first + later) * 60));
    const [missed, ...seen] = await ticksOn(world);
    expect(missed?.signals.map((signal) => signal.class)).toEqual(['MISSING', 'MISSING', 'MISSING']);
    expect(seen.flatMap(({ signals }) => signals).every((signal) => signal.class === 'OK')).toBe(true);
  });

  it('decides each tick once, also when two judge at once', async () => {
    const world = await stageWorld(1);
    for (let count = 0; count < 3; count += 1) {
      world.clock.advance(TICK_MS);
      await Promise.all([judge(world), judge(world)]);
      // Whoever lost the swap has decided nothing and looks again.
      await judge(world);
    }
    expect(world.answers).toHaveLength(1);
    expect((await ticksOn(world)).map(({ decision }) => decision)).toEqual(['continue', 'continue', 'pass']);
  });

  it.each(['its first tick', 'the time before it'])('closes a wait whose token is gone, at %s', async (when) => {
    const world = await stageWorld();
    world.waiting.clear();
    if (when === 'its first tick') world.clock.advance(TICK_MS);
    await judge(world);
    expect(await open(world)).toEqual([]);
    expect(await judge(world)).toEqual({ waiting: 0 });
  });

  it('answers what was decided for a dead token to the one that came after it', async () => {
    const world = await stageWorld();
    await tick(world);
    world.waiting.clear();
    await tick(world);
    expect(world.answers).toEqual([]);
    world.waiting.add('t2');
    await world.step(openStageTask, { stage: 0, token: 't2' });
    await judge(world);
    expect(world.answers).toEqual([{ token: 't2', output: { passed: true, more: true, next: 1 } }]);
    expect(await ticksOn(world)).toHaveLength(2);
  });

  it('goes on behind a stage that it cannot judge, and says so', async () => {
    const world = await stageWorld();
    const [row] = await open(world);
    if (!row) throw new Error('no wait');
    await world.waits.open({ ...row, ordinal: 1, state: 'not a wait of ours' });
    world.clock.advance(TICK_MS);
    await expect(judge(world)).rejects.toThrow();
    expect(await ticksOn(world)).toHaveLength(1);
    expect(world.beats).toEqual(['t1']);
  });

  it('lets no heartbeat go out while the ledger cannot be written', async () => {
    const world = await stageWorld();
    const append = async () => Promise.reject(new Error('the ledger is full'));
    await expect(tick(world, { ...world.deps, append })).rejects.toThrow('full');
    expect(world.beats).toEqual([]);
    await judge(world);
    expect(world.beats).toEqual(['t1']);
    expect(await ticksOn(world)).toHaveLength(1);
  });

  it('asks once more about what failed, within the tick and at the same instant', async () => {
    const world = await stageWorld();
    world.metrics.script(ERRORS.query, [{ error: 'HTTP 503' }, ['0.01']]);
    await tick(world);
    const [{ signals } = { signals: [] }] = await ticksOn(world);
    expect(signals.map((signal) => signal.class)).toEqual(['OK', 'OK', 'OK']);
  });
});

describe('a judge that dies', () => {
  const mortal = (world: PromotionWorld, plan: FailurePlan): JudgeStagesDeps => ({
    ...world.deps,
    append: failing({ append: world.deps.append }, plan).append,
    waits: failing(world.waits, plan),
    worm: failing(world.worm, plan),
    workflows: failing(world.deps.workflows, plan),
  });

  async function judgedBy(plan: FailurePlan) {
    const world = await stageWorld();
    for (let count = 0; count < 2; count += 1) {
      await tick(world, mortal(world, plan)).catch((error: Error) => expect(error.message).toContain('planned'));
      // The next judge finds the same tick and what is left of it.
      await judge(world);
    }
    const waits = await world.waits.get({ ...world.run, kind: 'stage', ordinal: 0 });
    return { world, wait: waits && stageWaitOf(waits) };
  }

  it.each(['before', 'after'] as const)('leaves the same ticks and one answer, %s each call', async (when) => {
    const counting = { at: -1, when, calls: 0 };
    const undisturbed = await judgedBy(counting);
    const expected = await ticksOn(undisturbed.world);
    expect(expected).toHaveLength(2);
    expect(counting.calls).toBeGreaterThan(20);
    for (let at = 0; at < counting.calls; at += 1) {
      const { world, wait } = await judgedBy({ at, when, calls: 0 });
      expect(await ticksOn(world), `call ${at}`).toEqual(expected);
      expect(world.answers, `call ${at}`).toEqual(undisturbed.world.answers);
      expect(wait, `call ${at}`).toMatchObject({ unrecorded: [] });
      expect(await open(world), `call ${at}`).toEqual([]);
    }
  });
});
