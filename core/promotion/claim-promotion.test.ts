import { describe, expect, it } from 'vitest';
import { claimRowOf, OTHER, promotionWorld, TENANT } from '../../test/fakes/promotion-world.ts';
import { loadReport } from '../check.ts';
import { sha256Hex } from '../evidence.ts';
import { claimPromotion, lockNameOf } from './claim-promotion.ts';
import { freeTarget } from './close-promotion.ts';

const InputInvalid = expect.objectContaining({ name: 'InputInvalid' });
const ELSEWHERE = { host: 'registry.example.com', repository: 'acme/other' };

async function claimed(world: Awaited<ReturnType<typeof promotionWorld>>, more: object = {}) {
  const answer = await world.step(claimPromotion, more);
  return { ...answer, reasons: (await loadReport(world.worm, TENANT, answer.check)).reasons };
}

describe('claim-promotion', () => {
  it('takes the target for the run that has the claim, as often as it asks', async () => {
    const world = await promotionWorld();
    for (let time = 0; time < 2; time += 1)
      expect(await claimed(world)).toMatchObject({
        claimed: true,
        approvals: false,
        heartbeatSeconds: 180,
        reasons: [],
      });
    const holder = await world.locks.acquire(TENANT, lockNameOf(world.subject), sha256Hex('another'));
    expect(holder).toBe(world.run.businessKey);
  });

  it('says how long a judge may be silent, and whether persons must approve, as the environment does', async () => {
    const world = await promotionWorld({ environment: { approvals: 2, heartbeatSeconds: 7, tickSeconds: 5 } });
    expect(await claimed(world)).toMatchObject({ approvals: true, heartbeatSeconds: 7 });
    const shortTicks = await promotionWorld({ environment: { tickSeconds: 5 } });
    expect(await claimed(shortTicks)).toMatchObject({ heartbeatSeconds: 15 });
  });

  it('refuses while another promotion is under way at the target, of whatever repository, until it is freed', async () => {
    const world = await promotionWorld();
    const other = { ...world.subject, ...ELSEWHERE, digest: OTHER };
    const { businessKey } = claimRowOf('promotion', other);
    await world.locks.acquire(TENANT, lockNameOf(other), businessKey);
    expect(await claimed(world)).toMatchObject({
      claimed: false,
      reasons: [{ code: 'promotion.environment-busy', found: `promotion-${businessKey.slice(0, 40)}` }],
    });
    await world.step(freeTarget);
    expect(await claimed(world)).toMatchObject({ claimed: false });
    await world.locks.release(TENANT, lockNameOf(other), businessKey);
    expect(await claimed(world)).toMatchObject({ claimed: true });
  });

  it.each([
    ['an environment that is gone', { name: 'staging' }, 'promotion.environment-unknown'],
    [
      'an image of a repository that does not belong there',
      { repositories: [{ host: ELSEWHERE.host, name: ELSEWHERE.repository }] },
      'promotion.repository-not-allowed',
    ],
  ])('refuses %s and leaves the target free', async (_what, environment, code) => {
    const world = await promotionWorld({ environment });
    expect(await claimed(world)).toMatchObject({ claimed: false, reasons: [{ code }] });
    const other = sha256Hex('another');
    expect(await world.locks.acquire(TENANT, lockNameOf(world.subject), other)).toBe(other);
  });

  it('is InputInvalid for a run without the claim, one that has ended, and one about another promotion', async () => {
    const world = await promotionWorld();
    await expect(world.step(claimPromotion, { run: { ...world.run, name: 'promotion-other' } })).rejects.toThrow(
      InputInvalid,
    );
    const elsewhere = { subject: { ...world.subject, environment: 'staging' } };
    await expect(world.step(claimPromotion, elsewhere)).rejects.toThrow(InputInvalid);
    const row = claimRowOf('promotion', world.subject);
    await world.claims.replace({ ...row, status: 'failed' }, row);
    await expect(world.step(claimPromotion)).rejects.toThrow(InputInvalid);
  });
});
