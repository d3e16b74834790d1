import { describe, expect, it } from 'vitest';
import { countingIds } from '../../test/fakes/counting-ids.ts';
import { type FailurePlan, failing } from '../../test/fakes/failing.ts';
import {
  ANA,
  claimRowOf,
  type PromotionDeps,
  type PromotionWorldOptions,
  promotionWorld,
  TENANT,
} from '../../test/fakes/promotion-world.ts';
import { RunInput } from '../runs/run-input.ts';
import { requestPromotion } from './request-promotion.ts';

async function worldWithoutRun(options: PromotionWorldOptions = {}) {
  const world = await promotionWorld({ release: false, ...options });
  const { kind: _kind, attempt: _attempt, ...request } = world.subject;
  // The world's own promotion has ended: what is asked for is the next attempt.
  const end = async (runName: string, status: 'passed' | 'refused' | 'failed') => {
    const row = await world.claims.byRun(runName);
    if (!row) throw new Error(`no claim of ${runName}`);
    await world.claims.replace({ ...row, status }, row);
  };
  await end(world.run.name, 'passed');
  const ids = countingIds();
  const ask = (change = {}, deps: Partial<PromotionDeps> = {}) =>
    requestPromotion({ ...world.deps, ...deps, ids }, TENANT, { ...request, ...change }, ANA);
  return { world, ask, end, second: claimRowOf('promotion', { ...world.subject, attempt: 1 }).runName };
}

describe('a promotion that is asked for', () => {
  it('is started under a claim that says who asked for what', async () => {
    const { world, ask, second } = await worldWithoutRun();
    expect(await ask()).toEqual({ kind: 'started', runName: second });
    expect(world.started).toEqual([second]);
    const claim = await world.claims.byRun(second);
    expect(claim).toMatchObject({ status: 'running', actor: ANA, eventId: expect.stringMatching(/^request-/) });
    expect(RunInput.parse(claim?.input).subject).toEqual({ ...world.subject, attempt: 1 });
  });

  it('is known while it runs, and another attempt after it has ended in whatever way', async () => {
    const { world, ask, end } = await worldWithoutRun();
    const names: string[] = [];
    for (const status of ['passed', 'refused', 'failed'] as const) {
      const asked = await ask();
      if (asked.kind === 'refused') throw new Error(asked.code);
      expect(await ask()).toEqual({ kind: 'known', runName: asked.runName });
      names.push(asked.runName);
      await end(asked.runName, status);
    }
    expect(new Set(names).size).toBe(3);
    expect(world.started).toEqual(names);
  });

  it('is one run when two ask at once', async () => {
    const { world, ask, second } = await worldWithoutRun();
    const both = await Promise.all([ask(), ask()]);
    expect(both.map((outcome) => outcome.kind).sort()).toEqual(['known', 'started']);
    expect(world.started).toEqual([second]);
  });

  it.each([
    ['an environment that the tenant does not have', { environment: 'staging' }, 'promotion.environment-unknown'],
    ['a repository that does not go there', { repository: 'acme/other' }, 'promotion.repository-not-allowed'],
    ['the same repository of another host', { host: 'other.example.com' }, 'promotion.repository-not-allowed'],
  ])('is refused for %s, and nothing is claimed', async (_what, change, code) => {
    const { world, ask } = await worldWithoutRun();
    expect(await ask(change)).toEqual({ kind: 'refused', code });
    expect(world.started).toEqual([]);
    expect(await world.claims.list(TENANT, { limit: 10 })).toHaveLength(1);
  });

  it('is refused when the digest was tried too often', async () => {
    const { world, ask } = await worldWithoutRun();
    const row = { ...claimRowOf('promotion', world.subject), status: 'failed' as const };
    const claims = { ...world.claims, claim: async () => ({ claimed: false as const, row }) };
    expect(await ask({}, { claims })).toEqual({ kind: 'refused', code: 'promotion.too-many-attempts' });
  });

  it.each(['before', 'after'] as const)(
    'is made good by asking again when its starter dies %s its start',
    async (when) => {
      const { world, ask, second } = await worldWithoutRun();
      const plan: FailurePlan = { at: 0, when, calls: 0 };
      await expect(ask({}, { workflows: failing(world.deps.workflows, plan) })).rejects.toThrow('planned');
      expect(await ask()).toEqual({ kind: when === 'before' ? 'started' : 'known', runName: second });
      expect(world.started).toEqual([second]);
    },
  );
});
