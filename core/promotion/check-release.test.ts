import { describe, expect, it } from 'vitest';
import {
  NEXT,
  type PromotionWorld,
  promotionWorld,
  releaseImage,
  seeSignature,
  TENANT,
} from '../../test/fakes/promotion-world.ts';
import { loadReport } from '../check.ts';
import { parseEntry } from '../ledger/entry.ts';
import { checkRelease } from './check-release.ts';

async function checked(world: PromotionWorld) {
  const { check } = await world.step(checkRelease);
  return loadReport(world.worm, TENANT, check);
}

describe('check-release', () => {
  it('passes a digest that our gate let be signed and whose signature was seen, and names the verdict', async () => {
    const world = await promotionWorld();
    const verdict = (await world.entries()).findIndex(({ kind }) => kind === 'verdict');
    expect(await checked(world)).toMatchObject({ outcome: 'pass', details: { verdict: { index: verdict } } });
  });

  it.each([
    ['a digest that the ledger does not know', false, 'promotion.release-missing'],
    ['one that our gate refused', { refused: true }, 'promotion.release-refused'],
    ['one whose signature nobody has seen', { signature: 'unseen' }, 'promotion.signature-missing'],
    ['one whose signature was seen to be bad', { signature: 'bad' }, 'promotion.signature-missing'],
  ] as const)('refuses %s', async (_what, release, code) => {
    const world = await promotionWorld({ release });
    expect(await checked(world)).toMatchObject({ outcome: 'refuse', reasons: [{ code }] });
  });

  it.each([
    [true, 'pass'],
    [false, 'refuse'],
  ] as const)('goes by the newest look at the signature: %s is %s', async (good, outcome) => {
    const world = await promotionWorld({ release: { signature: good ? 'bad' : 'verified' } });
    await seeSignature(world.deps, NEXT, good, 1);
    expect(await checked(world)).toMatchObject({ outcome });
  });

  it.each([
    ['one that refuses', { refused: true, replay: 1 }, 'promotion.release-refused'],
    ['one whose signature is not seen yet', { signature: 'unseen', replay: 1 }, 'promotion.signature-missing'],
  ] as const)('goes by the newest verdict: %s counts, and not what was before it', async (_what, newest, code) => {
    const world = await promotionWorld();
    await releaseImage(world.deps, NEXT, newest);
    expect(await checked(world)).toMatchObject({ outcome: 'refuse', reasons: [{ code }] });
  });

  it('is EvidenceMissing when what the verdict was made of is gone', async () => {
    const world = await promotionWorld();
    const release = (await world.entries()).find(({ kind }) => kind === 'verdict');
    const [verdict] = release?.evidence ?? [];
    const stored = Buffer.from((await world.worm.get(`t/${TENANT}/evidence/${verdict?.sha256}`)) ?? []);
    const reports = stored
      .toString()
      .matchAll(/"check-report","mediaType":"application\/json","sha256":"([0-9a-f]{64})"/g);
    for (const [, sha256] of reports) world.worm.objects.delete(`t/${TENANT}/evidence/${sha256}`);
    await expect(world.step(checkRelease)).rejects.toThrow(expect.objectContaining({ name: 'EvidenceMissing' }));
  });

  it('is LedgerInconsistent when an entry of the release is not the one that the log committed', async () => {
    const world = await promotionWorld({ release: { refused: true } });
    const forge = (bytes: Uint8Array) => {
      const text = Buffer.from(bytes).toString();
      return parseEntry(bytes).kind === 'verdict' ? Buffer.from(text.replace('"refuse"', '"pass"')) : bytes;
    };
    const entries: typeof world.ledger.entries = async (...range) => (await world.ledger.entries(...range)).map(forge);
    Object.assign(world.deps, { ledger: { ...world.ledger, entries } });
    await expect(world.step(checkRelease)).rejects.toThrow(expect.objectContaining({ name: 'LedgerInconsistent' }));
  });
});
