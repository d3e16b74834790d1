import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { appendEntries } from '../../core/ledger/append.ts';
import { publishCheckpoint } from '../../core/ledger/publish.ts';
import { formatVerifierKey, verifierKeyOf } from '../../core/tlog/note.ts';
import { draftOf, TENANT } from '../contracts/ledger-drafts.ts';
import { fixedClock } from '../fakes/fixed-clock.ts';
import { memoryLedgerStore } from '../fakes/memory-ledger-store.ts';
import { memoryNoteSigner } from '../fakes/memory-signers.ts';
import { memoryWormStore } from '../fakes/memory-worm-store.ts';
import { acceptedByFsck, exportLog, fsck } from './ledger-judges.ts';

const ORIGIN = 'ledger.example.com/acme';
const ENTRIES = 1100;
const signer = memoryNoteSigner();
let folder = '';

/** Publishes a log and exports it. */
async function publishTo(target: string): Promise<void> {
  const deps = { ledger: memoryLedgerStore(), worm: memoryWormStore(), clock: fixedClock() };
  for (let at = 0; at < ENTRIES; at += 90)
    await appendEntries(
      deps,
      TENANT,
      Array.from({ length: Math.min(90, ENTRIES - at) }, (_, offset) => draftOf(`e${at + offset}`, `r${offset % 5}`)),
    );
  await publishCheckpoint({ ...deps, noteSigner: signer, originOf: () => ORIGIN }, TENANT);
  await exportLog(deps, TENANT, target);
}

const judged = (log: string, key: string) => acceptedByFsck(`file://${log}/`, key);

describe.skipIf(!fsck)('tessera fsck', () => {
  const log = () => join(folder, 'log');
  const ours = () => join(folder, 'ours.vkey');
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'relseal-tessera-'));
    await publishTo(log());
    await writeFile(ours(), formatVerifierKey(verifierKeyOf(ORIGIN, await signer.publicKey())));
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  it(`accepts a published log of ${ENTRIES} entries`, async () => {
    expect(await judged(log(), ours())).toBe(true);
  });

  it('does not accept it under another key', async () => {
    const other = join(folder, 'other.vkey');
    const key = verifierKeyOf(ORIGIN, await memoryNoteSigner('another key').publicKey());
    await writeFile(other, formatVerifierKey(key));
    expect(await judged(log(), other)).toBe(false);
  });

  it.each([
    ['an edited entry', 'tile/entries/001'],
    ['an edited entry of the partial bundle', 'tile/entries/004.p/76'],
    ['an edited tile', 'tile/0/002'],
    ['an edited checkpoint', 'checkpoint'],
  ])('does not accept %s', async (_, path) => {
    const file = join(log(), path);
    const bytes = await readFile(file);
    const changed = Buffer.from(bytes);
    changed[60] = (changed[60] ?? 0) ^ 1;
    await writeFile(file, changed);
    try {
      expect(await judged(log(), ours())).toBe(false);
    } finally {
      await writeFile(file, bytes);
    }
    expect(await judged(log(), ours())).toBe(true);
  });

  it('does not accept a log without one of its bundles', async () => {
    const file = join(log(), 'tile/entries/003');
    const bytes = await readFile(file);
    await rm(file);
    expect(await judged(log(), ours())).toBe(false);
    await writeFile(file, bytes);
  });
});
