import { expect, it } from 'vitest';
import type { HeadStore, KeptHead } from '../../core/ports/head-store.ts';

const LOG = 'sumdb.test.example+00000000';
const head = (size: number, seenAt?: string): KeptHead => ({
  ...{ size, note: `go.sum database tree\n${size}\n` },
  ...(seenAt === undefined ? {} : { seenAt }),
});
const MONDAY = '2026-11-23T10:00:00.000Z';
const TUESDAY = '2026-11-24T10:00:00.000Z';

/** What every store of foreign heads must do. */
export function headStoreContract(make: () => HeadStore | Promise<HeadStore>): void {
  it('has no head before one is saved, and keeps logs apart', async () => {
    const store = await make();
    await store.save(LOG, head(5, MONDAY));
    expect(await store.load('another')).toBeUndefined();
    expect(await store.load(LOG)).toEqual(head(5, MONDAY));
  });

  it('goes forward and never back', async () => {
    const store = await make();
    for (const size of [5, 9, 7]) await store.save(LOG, head(size, MONDAY));
    expect(await store.load(LOG)).toEqual(head(9, MONDAY));
  });

  it('keeps the time of the first sight of a size', async () => {
    const store = await make();
    await store.save(LOG, head(5, MONDAY));
    await store.save(LOG, head(5, TUESDAY));
    expect(await store.load(LOG)).toEqual(head(5, MONDAY));
    await store.save(LOG, head(6, TUESDAY));
    expect(await store.load(LOG)).toEqual(head(6, TUESDAY));
  });

  it('gives a head without a time that of its next sight', async () => {
    const store = await make();
    await store.save(LOG, head(5));
    expect(await store.load(LOG)).toEqual(head(5));
    await store.save(LOG, head(5, TUESDAY));
    expect(await store.load(LOG)).toEqual(head(5, TUESDAY));
  });
}
