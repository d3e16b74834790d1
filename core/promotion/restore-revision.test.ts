import { describe, expect, it } from 'vitest';
import {
  NEXT,
  OTHER,
  type PromotionDeps,
  type PromotionWorld,
  type PromotionWorldOptions,
  promotionWorld,
  STABLE,
  TENANT,
} from '../../test/fakes/promotion-world.ts';
import { sha256Hex } from '../evidence.ts';
import { Fault } from '../faults.ts';
import { lockNameOf } from './claim-promotion.ts';
import { closePromotion } from './close-promotion.ts';
import { restoreRevision } from './restore-revision.ts';
import { shiftTraffic } from './shift-traffic.ts';

const fault = (name: string) => expect.objectContaining({ name });
const FIRST = { stage: 0, approvals: [] };
const BEFORE = { stable: STABLE, weight: 0 };
const ANOTHER = sha256Hex('another promotion');

async function decidedWorld(options: PromotionWorldOptions = {}) {
  const world = await promotionWorld(options);
  expect((await world.decide()).passed).toBe(true);
  return world;
}

async function shiftedWorld(options: PromotionWorldOptions = {}) {
  const world = await decidedWorld(options);
  await world.step(shiftTraffic, FIRST);
  return world;
}

/** The target is down for the first `ms` of the clock. */
function downFor(world: PromotionWorld, ms: number): PromotionDeps {
  const end = world.clock.now() + ms;
  const whileUp =
    <Args extends unknown[], Answer>(call: (...args: Args) => Promise<Answer>) =>
    (...args: Args) => {
      world.target.down = world.clock.now() < end;
      return call(...args);
    };
  const target = { ...world.target, read: whileUp(world.target.read), set: whileUp(world.target.set) };
  return { ...world.deps, targets: async () => target };
}

describe('restore-revision', () => {
  it('takes the target back to what the plan pinned, says so, and frees it', async () => {
    const world = await shiftedWorld();
    expect(await world.step(restoreRevision)).toEqual({ restored: true });
    expect(world.target.changes.at(-1)).toEqual(BEFORE);
    const [started, completed] = (await world.entries()).slice(-2);
    expect(started).toMatchObject({
      kind: 'rollback.started',
      run: { workflow: 'rollback' },
      environment: 'production',
    });
    expect(completed).toMatchObject({ kind: 'rollback.completed', outcome: 'pass' });
    expect(completed?.evidence).toMatchObject([{ kind: 'promotion-plan' }]);
    expect(await world.locks.acquire(TENANT, lockNameOf(world.subject), ANOTHER)).toBe(ANOTHER);
  });

  it('goes back to the pinned revision whatever the target shows, and says it once however often it runs', async () => {
    const world = await shiftedWorld();
    await world.target.set({ stable: OTHER, canary: NEXT, weight: 50 }, (await world.target.read()).version);
    for (let time = 0; time < 2; time += 1) await world.step(restoreRevision);
    expect(world.target.changes.at(-1)).toEqual(BEFORE);
    expect((await world.kinds()).filter((kind) => kind.startsWith('rollback.'))).toHaveLength(2);
  });

  it('returns a target that ran nothing to nothing', async () => {
    const world = await shiftedWorld({ empty: true });
    await world.step(restoreRevision);
    expect(world.target.changes.at(-1)).toEqual({ weight: 0 });
  });

  it('leaves a target alone that no traffic was shifted at, and frees it', async () => {
    const world = await decidedWorld();
    expect(await world.step(restoreRevision)).toEqual({ restored: false });
    expect(world.target.changes).toEqual([BEFORE]);
    expect((await world.kinds()).slice(-2)).toEqual(['rollback.started', 'rollback.unneeded']);
    expect(await world.locks.acquire(TENANT, lockNameOf(world.subject), ANOTHER)).toBe(ANOTHER);
  });

  it('restores after an intent whose effect nobody knows', async () => {
    const world = await decidedWorld();
    const shift = { ...world.target, read: async () => Promise.reject(new Error('killed')) };
    const deps = { ...world.deps, targets: async () => shift };
    await expect(world.step(shiftTraffic, FIRST, deps)).rejects.toThrow('killed');
    expect(await world.step(restoreRevision)).toEqual({ restored: true });
    // Set though it was in force: the new version is what stops a shift that is under way.
    expect(world.target.changes).toEqual([BEFORE, BEFORE]);
  });

  it('tries each second until a target that was down for 10 s is back', async () => {
    const world = await shiftedWorld();
    const start = world.clock.now();
    await world.step(restoreRevision, {}, downFor(world, 10_000));
    expect(world.target.changes.at(-1)).toEqual(BEFORE);
    expect(world.clock.now() - start).toBe(10_000);
  });

  it('is TargetUnreachable when it cannot within 18 s, and goes on when it is tried again', async () => {
    const world = await shiftedWorld();
    const start = world.clock.now();
    const deps = downFor(world, 30_000);
    await expect(world.step(restoreRevision, {}, deps)).rejects.toThrow(fault('TargetUnreachable'));
    expect(world.clock.now() - start).toBe(18_000);
    expect(await world.kinds()).not.toContain('rollback.completed');
    expect(await world.locks.acquire(TENANT, lockNameOf(world.subject), ANOTHER)).toBe(world.run.businessKey);
    await world.step(restoreRevision, {}, deps);
    expect(world.target.changes.at(-1)).toEqual(BEFORE);
  });

  it('is TargetUnreachable when the target keeps showing something else', async () => {
    const world = await shiftedWorld();
    const stubborn = { ...world.target, set: async () => world.target.read() };
    const deps = { ...world.deps, targets: async () => stubborn };
    await expect(world.step(restoreRevision, {}, deps)).rejects.toThrow(fault('TargetUnreachable'));
  });

  it('is TargetRefused at once when the target no longer knows the revision', async () => {
    const world = await shiftedWorld();
    const start = world.clock.now();
    const set = async () => Promise.reject(new Fault('TargetRefused', 'unknown revision'));
    const deps = { ...world.deps, targets: async () => ({ ...world.target, set }) };
    await expect(world.step(restoreRevision, {}, deps)).rejects.toThrow(fault('TargetRefused'));
    expect(world.clock.now()).toBe(start);
  });

  it('is EvidenceMissing when the plan is gone: nothing is guessed', async () => {
    const world = await shiftedWorld();
    const changes = world.target.changes.length;
    for (const name of world.worm.objects.keys())
      if (Buffer.from(world.worm.objects.get(name) ?? []).includes('relseal.promotion-plan/1'))
        world.worm.objects.delete(name);
    await expect(world.step(restoreRevision)).rejects.toThrow(fault('EvidenceMissing'));
    expect(world.target.changes).toHaveLength(changes);
  });
});

/** Stops at one call of a port until it is let go; counts the calls. */
function pausing(at: number) {
  let letGo = () => {};
  let reach = () => {};
  const gate = new Promise<void>((resolve) => {
    letGo = resolve;
  });
  const reached = new Promise<void>((resolve) => {
    reach = resolve;
  });
  let calls = 0;
  const paused =
    <Args extends unknown[], Answer>(call: (...args: Args) => Promise<Answer>) =>
    async (...args: Args) => {
      if (calls++ === at) {
        reach();
        await gate;
      }
      return call(...args);
    };
  return { paused, reached, letGo, count: () => calls };
}
type Pausing = ReturnType<typeof pausing>;

/** A process whose calls that matter between a shift and a rollback can be stopped. */
const slow = ({ deps, target, ledger }: PromotionWorld, { paused }: Pausing): PromotionDeps => ({
  ...deps,
  ledger: { ...ledger, storedKeys: paused(ledger.storedKeys) },
  append: paused(deps.append),
  targets: async () => ({ ...target, read: paused(target.read), set: paused(target.set) }),
});

const ended = (work: Promise<unknown>) => work.then(() => undefined).catch((error: unknown) => error);

describe('a step that was given up and still runs', () => {
  const STEPS = [
    [
      'shift',
      (world: PromotionWorld, deps: PromotionDeps) => world.step(shiftTraffic, { stage: 1, approvals: [] }, deps),
    ],
    ['first shift', (world: PromotionWorld, deps: PromotionDeps) => world.step(shiftTraffic, FIRST, deps)],
    ['close', (world: PromotionWorld, deps: PromotionDeps) => world.step(closePromotion, {}, deps)],
  ] as const;
  const WORLDS = {
    shift: () => shiftedWorld(),
    'first shift': () => decidedWorld(),
    close: async () => {
      const world = await shiftedWorld();
      await world.step(shiftTraffic, { stage: 1, approvals: [] });
      return world;
    },
  };

  it.each(STEPS)('cannot undo a rollback: %s stopped at each call, then let go', async (name, act) => {
    for (let at = 0; ; at += 1) {
      const world = await WORLDS[name]();
      const pause = pausing(at);
      const work = ended(act(world, slow(world, pause)));
      await Promise.race([pause.reached, work]);
      const closed = (await world.kinds()).includes('promotion.closed');
      await world.step(restoreRevision);
      pause.letGo();
      await work;
      const after = closed ? { stable: NEXT, weight: 0 } : BEFORE;
      expect(world.target.changes.at(-1), `${name} stopped at ${at}`).toEqual(after);
      if (pause.count() <= at) return;
    }
  });

  it.each(STEPS)(
    'cannot undo a rollback that it overtakes: %s while the rollback stands at each call',
    async (name, act) => {
      for (let at = 0; ; at += 1) {
        const world = await WORLDS[name]();
        const pause = pausing(at);
        const rollback = ended(world.step(restoreRevision, {}, slow(world, pause)));
        await Promise.race([pause.reached, rollback]);
        await ended(act(world, world.deps));
        const closed = (await world.links('promotion.closed'))[0]?.index ?? Number.POSITIVE_INFINITY;
        const begun = (await world.links('rollback.started'))[0]?.index ?? Number.POSITIVE_INFINITY;
        pause.letGo();
        expect(await rollback).toBeUndefined();
        const after = closed < begun ? { stable: NEXT, weight: 0 } : BEFORE;
        expect(world.target.changes.at(-1), `${name} at ${at}`).toEqual(after);
        if (pause.count() <= at) return;
      }
    },
  );
});
