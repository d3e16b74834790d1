import { describe, expect, it } from 'vitest';
import { TenantId } from '../../events/fields.ts';
import { draftOf } from '../../test/contracts/ledger-drafts.ts';
import { failing } from '../../test/fakes/failing.ts';
import { fixedClock } from '../../test/fakes/fixed-clock.ts';
import { memoryLedgerStore } from '../../test/fakes/memory-ledger-store.ts';
import { memoryNoteSigner } from '../../test/fakes/memory-signers.ts';
import { memoryWormStore } from '../../test/fakes/memory-worm-store.ts';
import { parseCheckpoint } from '../tlog/checkpoint.ts';
import { openNote, type VerifierKey, verifierKeyOf } from '../tlog/note.ts';
import { appendEntries } from './append.ts';
import { type ImportDeps, importLog, readTwice, type VerifiedLog } from './import.ts';
import { publishCheckpoint } from './publish.ts';
import { readLogResource } from './read.ts';
import { type ReadLogFile, verifyLog } from './verify.ts';

const ACME = TenantId.parse('acme');
const ORIGIN = 'ledger.example.com/acme';

const storesOf = () => ({ ledger: memoryLedgerStore(), worm: memoryWormStore(), clock: fixedClock() });
type World = ReturnType<typeof storesOf>;

/** A log that published this many entries, and can publish more. */
async function published(size: number, prefix = 'entry') {
  const stores = storesOf();
  const noteSigner = memoryNoteSigner();
  const key = verifierKeyOf(ORIGIN, await noteSigner.publicKey());
  const grow = async (from: number, to: number) => {
    const drafts = Array.from({ length: to - from }, (_, at) =>
      draftOf(`${prefix}-${from + at}`, `r${(from + at) % 5}`),
    );
    await appendEntries(stores, ACME, drafts);
    await publishCheckpoint({ ...stores, noteSigner, originOf: () => ORIGIN }, ACME);
  };
  await grow(0, size);
  const read: ReadLogFile = async (path) => (await readLogResource(stores, ACME, path))?.bytes;
  return { stores, key, grow, read };
}

async function verified({ read, key }: { read: ReadLogFile; key: VerifierKey }): Promise<VerifiedLog> {
  const { first, again } = readTwice(read);
  expect((await verifyLog(first, key)).problems).toEqual([]);
  const note = new TextDecoder().decode(await first('checkpoint'));
  const opened = openNote(note, [key]);
  const checkpoint = opened.kind === 'opened' ? parseCheckpoint(opened.text) : undefined;
  if (!checkpoint) throw new Error('the log has no checkpoint');
  return { checkpoint, note, again };
}

/** What stores serve, verified as a stranger would. */
const servedBy = (stores: World, key: VerifierKey) =>
  verifyLog(async (path) => (await readLogResource(stores, ACME, path))?.bytes, key);

describe('importing a log', () => {
  it('makes a copy that verifies, entry by entry and link by link, under the same checkpoint', async () => {
    const log = await published(600);
    const target = storesOf();
    expect(await importLog(target, ACME, await verified(log))).toEqual({ kind: 'imported', size: 600, added: 600 });
    expect(await servedBy(target, log.key)).toMatchObject({ size: 600, problems: [] });
    expect(await target.ledger.entries(ACME, 0, 600)).toEqual(await log.stores.ledger.entries(ACME, 0, 600));
    expect((await target.ledger.head(ACME)).root).toBe((await log.stores.ledger.head(ACME)).root);
  });

  it('is done when it is done again, and brings an older copy up to date', async () => {
    const log = await published(300);
    const target = storesOf();
    await importLog(target, ACME, await verified(log));
    expect(await importLog(target, ACME, await verified(log))).toMatchObject({ added: 0 });
    await log.grow(300, 530);
    expect(await importLog(target, ACME, await verified(log))).toMatchObject({ added: 230 });
    expect(await servedBy(target, log.key)).toMatchObject({ size: 530, problems: [] });
  });

  it('is finished by being run again, wherever it was cut short', async () => {
    const log = await published(300);
    const source = await verified(log);
    const countIn = async (target: World) => {
      const plan = { at: -1, when: 'before' as const, calls: 0 };
      const counted = { ...target, ledger: failing(target.ledger, plan), worm: failing(target.worm, plan) };
      await importLog(counted, ACME, source);
      return plan.calls;
    };
    const calls = await countIn(storesOf());
    expect(calls).toBeGreaterThan(10);
    for (let at = 0; at < calls; at += 1)
      for (const when of ['before', 'after'] as const) {
        const [target, plan] = [storesOf(), { at, when, calls: 0 }];
        const dying: ImportDeps = { ...target, ledger: failing(target.ledger, plan), worm: failing(target.worm, plan) };
        await expect(importLog(dying, ACME, source)).rejects.toThrow(/planned/);
        expect(await importLog(target, ACME, source)).toMatchObject({ kind: 'imported', size: 300 });
        expect(await servedBy(target, log.key)).toMatchObject({ size: 300, problems: [] });
      }
  });

  it('refuses stores that hold another log, or more of this one, and changes nothing', async () => {
    const log = await published(300);
    const older = await verified(log);
    await log.grow(300, 310);
    for (const [stores, source, code] of [
      [(await published(5, 'other')).stores, await verified(log), 'import.not-a-prefix'],
      [(await published(256, 'other')).stores, await verified(log), 'import.not-a-prefix'],
      [(await published(310, 'other')).stores, await verified(log), 'import.not-a-prefix'],
      [log.stores, older, 'import.target-longer'],
    ] as const) {
      const before = await stores.ledger.head(ACME);
      expect(await importLog(stores, ACME, source)).toEqual({ kind: 'refused', code });
      expect(await stores.ledger.head(ACME)).toEqual(before);
    }
  });

  it('refuses stores whose database is gone: their segments, and what they published, are a log too', async () => {
    const log = await published(300);
    const source = await verified(log);
    const appended = { ...storesOf() };
    for (const id of ['a', 'b']) await appendEntries(appended, ACME, [draftOf(id)]);
    const lost = { ...storesOf(), worm: appended.worm };
    expect(await importLog(lost, ACME, source)).toEqual({ kind: 'refused', code: 'import.target-not-empty' });
    const longer = await published(400);
    const ahead = { ...storesOf(), worm: longer.stores.worm };
    expect(await importLog(ahead, ACME, source)).toEqual({ kind: 'refused', code: 'import.target-longer' });
  });

  it('refuses entries of another tenant, an empty log, and files that are not those that were verified', async () => {
    const log = await published(300);
    const source = await verified(log);
    const globex = TenantId.parse('globex');
    expect(await importLog(storesOf(), globex, source)).toEqual({ kind: 'refused', code: 'import.other-tenant' });
    const empty = { ...source, checkpoint: { ...source.checkpoint, size: 0 } };
    expect(await importLog(storesOf(), ACME, empty)).toEqual({ kind: 'refused', code: 'import.empty-log' });
    const other = await published(300, 'other');
    let reads = 0;
    const { first, again } = readTwice((path) => (reads++ < 20 ? log.read(path) : other.read(path)));
    for (const path of ['tile/entries/000', 'tile/entries/001.p/44']) await first(path);
    reads = 20;
    const changed = { ...source, again };
    const target = storesOf();
    expect(await importLog(target, ACME, changed)).toEqual({ kind: 'refused', code: 'import.source-changed' });
    expect((await target.ledger.head(ACME)).size).toBe(0);
  });

  it('appends on top of a copy, with links to the entries of the same release', async () => {
    const log = await published(7);
    const target = storesOf();
    await importLog(target, ACME, await verified(log));
    const drafts = [draftOf('later', 'r1')];
    await appendEntries(target, ACME, drafts);
    await appendEntries(log.stores, ACME, drafts);
    expect((await target.ledger.head(ACME)).root).toBe((await log.stores.ledger.head(ACME)).root);
  });
});
