import { describe, expect, it } from 'vitest';
import { NEXT, OTHER, type PromotionWorld, promotionWorld, STABLE, TENANT } from '../../test/fakes/promotion-world.ts';
import { sha256Hex } from '../evidence.ts';
import { lockNameOf } from './claim-promotion.ts';
import { closePromotion, freeTarget } from './close-promotion.ts';
import { restoreRevision } from './restore-revision.ts';
import { shiftTraffic } from './shift-traffic.ts';

const fault = (name: string) => expect.objectContaining({ name });
const ANOTHER = sha256Hex('another promotion');

/** A promotion whose last stage has all the traffic. */
async function shiftedWorld() {
  const world = await promotionWorld();
  await world.decide();
  for (const stage of [0, 1]) await world.step(shiftTraffic, { stage, approvals: [] });
  return world;
}

const nextHolder = (world: PromotionWorld) => world.locks.acquire(TENANT, lockNameOf(world.subject), ANOTHER);

describe('close-promotion', () => {
  it('makes the digest what the target runs, says so, and frees the target', async () => {
    const world = await shiftedWorld();
    await world.step(closePromotion);
    expect(world.target.changes.at(-1)).toEqual({ stable: NEXT, weight: 0 });
    expect((await world.entries()).at(-1)).toMatchObject({ kind: 'promotion.closed', outcome: 'pass' });
    expect(await nextHolder(world)).toBe(ANOTHER);
  });

  it('leaves the target to the next promotion when it runs again', async () => {
    const world = await shiftedWorld();
    await world.step(closePromotion);
    await nextHolder(world);
    await world.target.set({ stable: NEXT, canary: OTHER, weight: 10 }, (await world.target.read()).version);
    expect(await world.step(closePromotion)).toEqual({ closed: true });
    expect(await world.target.read()).toMatchObject({ canary: OTHER, weight: 10 });
    expect((await world.kinds()).filter((kind) => kind === 'promotion.closed')).toHaveLength(1);
    expect(await nextHolder(world)).toBe(ANOTHER);
  });

  it('is not undone by a rollback that begins later', async () => {
    const world = await shiftedWorld();
    await world.step(closePromotion);
    expect(await world.step(restoreRevision)).toEqual({ restored: false });
    expect(world.target.changes.at(-1)).toEqual({ stable: NEXT, weight: 0 });
    expect((await world.kinds()).slice(-2)).toEqual(['rollback.started', 'rollback.unneeded']);
  });

  it('begins only when the last stage has the traffic', async () => {
    const world = await promotionWorld();
    await world.decide();
    await world.step(shiftTraffic, { stage: 0, approvals: [] });
    await expect(world.step(closePromotion)).rejects.toThrow(fault('TargetRefused'));
    expect(await nextHolder(world)).toBe(world.run.businessKey);
  });

  it('is PromotionEnded once a rollback has begun', async () => {
    const world = await shiftedWorld();
    await world.step(restoreRevision);
    await expect(world.step(closePromotion)).rejects.toThrow(fault('PromotionEnded'));
    expect(world.target.changes.at(-1)).toEqual({ stable: STABLE, weight: 0 });
  });

  it('frees nothing when the rollback began between its change and its entry', async () => {
    const world = await shiftedWorld();
    const append: typeof world.deps.append = async (tenant, drafts) => {
      await world.step(restoreRevision);
      await world.locks.acquire(TENANT, lockNameOf(world.subject), world.run.businessKey);
      return world.deps.append(tenant, drafts);
    };
    await expect(world.step(closePromotion, {}, { ...world.deps, append })).rejects.toThrow(fault('PromotionEnded'));
    expect(world.target.changes.at(-1)).toEqual({ stable: STABLE, weight: 0 });
    expect(await nextHolder(world)).toBe(world.run.businessKey);
  });
});

describe('free-target', () => {
  it('frees what this promotion holds, and nothing that another does', async () => {
    const world = await shiftedWorld();
    await world.step(freeTarget);
    expect(await nextHolder(world)).toBe(ANOTHER);
    await world.step(freeTarget);
    expect(await world.locks.acquire(TENANT, lockNameOf(world.subject), world.run.businessKey)).toBe(ANOTHER);
  });
});
