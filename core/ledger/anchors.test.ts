import { describe, expect, it } from 'vitest';
import { draftOf, TENANT } from '../../test/contracts/ledger-drafts.ts';
import { fixedClock } from '../../test/fakes/fixed-clock.ts';
import { memoryLedgerStore } from '../../test/fakes/memory-ledger-store.ts';
import { memoryNoteSigner } from '../../test/fakes/memory-signers.ts';
import { memoryWormStore } from '../../test/fakes/memory-worm-store.ts';
import { appendEntries } from './append.ts';
import { publishCheckpoint } from './publish.ts';

const ORIGIN = 'ledger.example.com/acme';
const ANCHORS = `t/${TENANT}/anchors/`;

function world(worm = memoryWormStore(), clock = fixedClock()) {
  const deps = { ledger: memoryLedgerStore(), worm, clock, noteSigner: memoryNoteSigner(), originOf: () => ORIGIN };
  let written = 0;
  return {
    ...deps,
    async grow(count: number, prefix = 'e') {
      const drafts = Array.from({ length: count }, () => draftOf(`${prefix}${written++}`));
      await appendEntries(deps, TENANT, drafts);
    },
    publish: () => publishCheckpoint(deps, TENANT),
    anchors: () =>
      [...worm.objects.keys()]
        .filter((name) => name.startsWith(ANCHORS))
        .map((name) => Number(name.slice(ANCHORS.length)))
        .sort((a, b) => a - b),
  };
}

describe('copies of checkpoints in write-once storage', () => {
  it('are made of the first, then once a minute at most, and of what nothing followed', async () => {
    const { clock, ledger, worm, anchors, grow, publish } = world();
    await grow(1);
    await publish();
    expect(anchors()).toEqual([1]);
    expect(Buffer.from(worm.objects.get(`${ANCHORS}0000000000000001`) ?? []).toString()).toBe(
      (await ledger.published(TENANT))?.note,
    );
    for (let size = 2; size <= 4; size += 1) {
      clock.advance(19_000);
      await grow(1);
      await publish();
    }
    expect(anchors()).toEqual([1]);
    clock.advance(3_000);
    await publish();
    expect(anchors()).toEqual([1, 4]);
    clock.advance(600_000);
    await publish();
    expect(anchors()).toEqual([1, 4]);
  });

  it('keep a database that was put back from an older copy from being signed', async () => {
    const { worm, clock, grow, publish } = world();
    await grow(5);
    await publish();
    const old = world(worm, clock);
    await old.grow(3);
    await expect(old.publish()).rejects.toMatchObject({
      name: 'LedgerInconsistent',
      message: expect.stringContaining('3 entries, and a checkpoint of 5 was published: it is an older copy'),
    });
    await old.grow(5, 'other');
    await expect(old.publish()).rejects.toMatchObject({ name: 'LedgerInconsistent' });
    expect(await old.ledger.published(TENANT)).toBeUndefined();
  });

  it('agree with a database that only did not come to know of one', async () => {
    const { worm, clock, grow, publish } = world();
    await grow(5);
    await publish();
    const same = world(worm, clock);
    await same.grow(5);
    expect(await same.publish()).toEqual({ size: 5 });
    expect((await same.ledger.published(TENANT))?.anchored).toEqual({ size: 5, at: clock.now() });
  });

  it('are believed under their own size alone', async () => {
    for (const bytes of [Buffer.from('no note'), Buffer.alloc(0)]) {
      const { worm, grow, publish } = world();
      worm.objects.set(`${ANCHORS}0000000000000001`, bytes);
      await grow(2);
      await expect(publish()).rejects.toMatchObject({ name: 'LedgerInconsistent' });
    }
    const { worm, grow, publish } = world();
    await grow(2);
    await publish();
    worm.objects.set(`${ANCHORS}0000000000000003`, worm.objects.get(`${ANCHORS}0000000000000002`) ?? Buffer.alloc(0));
    await grow(2);
    await expect(publish()).rejects.toMatchObject({ name: 'LedgerInconsistent' });
  });
});
