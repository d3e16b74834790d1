import { describe, expect, it } from 'vitest';
import { Sha256Hex, type TenantId } from '../../events/fields.ts';
import { draftOf, TENANT } from '../../test/contracts/ledger-drafts.ts';
import { fixedClock } from '../../test/fakes/fixed-clock.ts';
import { memoryLedgerStore } from '../../test/fakes/memory-ledger-store.ts';
import { memoryNoteSigner } from '../../test/fakes/memory-signers.ts';
import { memoryWormStore } from '../../test/fakes/memory-worm-store.ts';
import { Fault } from '../faults.ts';
import { policyOfLog } from '../tlog/log-policy.ts';
import { leafHash } from '../tlog/merkle.ts';
import { verifierKeyOf } from '../tlog/note.ts';
import { verifyLogProof } from '../tlog/tlog-proof.ts';
import { appendEntries } from './append.ts';
import { type EntryDraft, parseEntry } from './entry.ts';
import { checkpointDraft, META_LOG } from './meta-log.ts';
import { readNestedProof, verifyAnchored } from './nested-proof.ts';
import { publishCheckpoint } from './publish.ts';

const originOf = (tenant: TenantId) => `ledger.example.com/${tenant}`;

function world() {
  const stores = { ledger: memoryLedgerStore(), worm: memoryWormStore(), clock: fixedClock() };
  const deps = { ...stores, noteSigner: memoryNoteSigner(), originOf };
  const appendMeta = (drafts: readonly EntryDraft[]) => appendEntries(stores, META_LOG, drafts);
  let written = 0;
  return {
    ...stores,
    deps,
    appendMeta,
    grow: () => appendEntries(stores, TENANT, [draftOf(`e${written++}`)]),
    publish: (tenant = TENANT, append = appendMeta) => publishCheckpoint({ ...deps, appendMeta: append }, tenant),
    entries: async () => (await stores.ledger.entries(META_LOG, 0, 100)).map(parseEntry),
  };
}

describe('the log of logs', () => {
  it('takes checkpoints of the others once each, once a minute at most, and none of its own', async () => {
    const { clock, ledger, grow, publish, entries } = world();
    for (const pause of [0, 1_000, 59_000, 1_000]) {
      clock.advance(pause);
      await grow();
      await publish();
      await publish();
      await publish(META_LOG);
    }
    const [first, second, ...more] = await entries();
    expect(more).toEqual([]);
    expect([first?.subjects?.[0]?.name, second?.subjects?.[0]?.name]).toEqual([
      'ledger.example.com/acme@1',
      'ledger.example.com/acme@3',
    ]);
    expect(first).toMatchObject({ kind: 'checkpoint.anchored', outcome: 'info', tenant: META_LOG });
    expect(second?.prev?.index).toBe(0);
    expect((await ledger.published(META_LOG))?.size).toBe(2);
  });

  it('has a checkpoint once, though the publisher died before it knew', async () => {
    const { grow, publish, appendMeta, entries } = world();
    await grow();
    const dying = async (drafts: readonly EntryDraft[]) => {
      await appendMeta(drafts);
      throw new Fault('StoreUnavailable', 'planned');
    };
    await expect(publish(TENANT, dying)).rejects.toMatchObject({ name: 'StoreUnavailable' });
    await publish();
    expect(await entries()).toHaveLength(1);
  });

  it('takes no second checkpoint of one size: the log was forked', async () => {
    const { ledger, grow, publish, appendMeta } = world();
    await grow();
    await publish();
    const published = await ledger.published(TENANT);
    if (!published) throw new Error('it was published');
    const again = checkpointDraft(originOf(TENANT), published);
    expect(await appendMeta([again])).toMatchObject({ entries: [{ index: 0, existed: true }] });
    const forked = checkpointDraft(originOf(TENANT), { ...published, root: Sha256Hex.parse('f'.repeat(64)) });
    await expect(appendMeta([forked])).rejects.toMatchObject({ name: 'IdempotencyConflict' });
  });
});

describe('an entry under a checkpoint that the log of logs has', () => {
  const metaPolicy = async () => policyOfLog(verifierKeyOf(originOf(META_LOG), await memoryNoteSigner().publicKey()));
  const nested = (all: ReturnType<typeof world>, index: number) =>
    readNestedProof(all, TENANT, originOf(TENANT), index);

  it('is proved by two proofs, once that log shows it', async () => {
    const all = world();
    await all.grow();
    await all.publish();
    expect(await nested(all, 0)).toBeUndefined();
    await all.publish(META_LOG);
    const first = await nested(all, 0);
    all.clock.advance(60_000);
    await all.grow();
    await all.publish();
    // The newer one is committed there, and not shown yet.
    expect(await nested(all, 0)).toEqual(first);
    expect(await nested(all, 1)).toBeUndefined();
    await all.publish(META_LOG);
    const second = await nested(all, 1);
    const key = verifierKeyOf(originOf(TENANT), await memoryNoteSigner().publicKey());
    const [entry = new Uint8Array()] = await all.ledger.entries(TENANT, 1, 1);
    const proven = verifyLogProof(second?.proof ?? '', leafHash(entry), policyOfLog(key));
    if (proven.kind !== 'proven') throw new Error(proven.why);
    expect(verifyAnchored(proven.checkpoint, second?.meta ?? '', await metaPolicy())).toMatchObject({
      kind: 'proven',
      index: 1,
    });
    for (const [meta, why] of [
      [first?.meta, 'its entry is not the checkpoint ledger.example.com/acme@2 of the other proof'],
      [second?.proof, 'no signature is of a known key'],
      ['', 'no tlog-proof'],
    ])
      expect(verifyAnchored(proven.checkpoint, meta ?? '', await metaPolicy())).toMatchObject({
        kind: 'refused',
        why: expect.stringContaining(why ?? ''),
      });
    const otherRoot = { ...proven.checkpoint, root: new Uint8Array(32) };
    expect(verifyAnchored(otherRoot, second?.meta ?? '', await metaPolicy()).kind).toBe('refused');
  });
});
