import { describe, expect, it } from 'vitest';
import { NEXT, OTHER, type PromotionWorld, promotionWorld, STABLE, TENANT } from '../../test/fakes/promotion-world.ts';
import { loadReport } from '../check.ts';
import { loadJsonEvidence } from '../evidence.ts';
import { PromotionPlan } from './plan.ts';
import { planPromotion } from './plan-promotion.ts';

async function planned(world: PromotionWorld) {
  const { check } = await world.step(planPromotion);
  return loadReport(world.worm, TENANT, check);
}

describe('plan-promotion', () => {
  it('pins the revision to return to, and the rules as they are now', async () => {
    const world = await promotionWorld({ environment: { approvals: 2, tickSeconds: 30 } });
    const { evidence, outcome } = await planned(world);
    expect(outcome).toBe('pass');
    expect(evidence).toMatchObject([{ kind: 'promotion-plan' }]);
    const [ref] = evidence;
    if (!ref) throw new Error('no plan');
    const plan = await loadJsonEvidence(world.worm, TENANT, ref, PromotionPlan);
    expect(plan).toMatchObject({ subject: world.subject, stable: STABLE, rules: { approvals: 2, tickSeconds: 30 } });
    expect(plan.rules.stages.map(({ weight }) => weight)).toEqual([10, 100]);
  });

  it('pins nothing at a target that runs nothing yet', async () => {
    const world = await promotionWorld({ empty: true });
    const [ref] = (await planned(world)).evidence;
    if (!ref) throw new Error('no plan');
    expect(await loadJsonEvidence(world.worm, TENANT, ref, PromotionPlan)).not.toHaveProperty('stable');
  });

  it.each([
    ['a canary that somebody else has there', { stable: STABLE, canary: OTHER, weight: 5 }, 'promotion.target-busy'],
    ['a canary without traffic', { stable: STABLE, canary: NEXT, weight: 0 }, 'promotion.target-busy'],
    ['a target that runs the digest already', { stable: NEXT, weight: 0 }, 'promotion.already-running'],
  ] as const)('refuses %s, and plans nothing', async (_what, state, code) => {
    const world = await promotionWorld();
    await world.target.set(state, (await world.target.read()).version);
    expect(await planned(world)).toMatchObject({ outcome: 'refuse', reasons: [{ code }], evidence: [] });
    expect((await world.decide()).passed).toBe(false);
  });

  it('is TargetUnreachable while the target is, and ConfigurationInvalid when its environment is gone', async () => {
    const world = await promotionWorld();
    world.target.down = true;
    await expect(planned(world)).rejects.toThrow(expect.objectContaining({ name: 'TargetUnreachable' }));
    const elsewhere = await promotionWorld({ environment: { name: 'staging' } });
    await expect(planned(elsewhere)).rejects.toThrow(expect.objectContaining({ name: 'ConfigurationInvalid' }));
  });
});
