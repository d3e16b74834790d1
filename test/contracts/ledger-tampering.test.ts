import { beforeAll, describe, expect, it } from 'vitest';
import { appendEntries } from '../../core/ledger/append.ts';
import { publishCheckpoint } from '../../core/ledger/publish.ts';
import { readLogResource } from '../../core/ledger/read.ts';
import { verifyLog } from '../../core/ledger/verify.ts';
import { type Checkpoint, parseCheckpoint } from '../../core/tlog/checkpoint.ts';
import { openNote, type VerifierKey, verifierKeyOf } from '../../core/tlog/note.ts';
import { bundlePath, bundlesOf, tilePath, tilesOf } from '../../core/tlog/tile.ts';
import { type LogFiles, TAMPERINGS, type TamperedWith } from '../fakes/log-tampering.ts';
import { memoryLedgerStore } from '../fakes/memory-ledger-store.ts';
import { memoryWormStore } from '../fakes/memory-worm-store.ts';
import { randomOf } from '../fakes/seeded-random.ts';
import { draftOf, TENANT } from './ledger-drafts.ts';
import { depsOf, noteSigner, ORIGIN } from './ledger-faults.contract.ts';

/** Planted in all; 1,000 where there is time. */
const PLANTED = Number(process.env.RELSEAL_TAMPERINGS ?? 210);
const SEED = Number(process.env.RELSEAL_SEED ?? Date.now() % 1_000_000);
const [OLDER, SIZE] = [258, 290];

let log: TamperedWith;
let key: VerifierKey;
let seen: Checkpoint;
beforeAll(async () => {
  const deps = depsOf({ ledger: memoryLedgerStore(), worm: memoryWormStore() });
  const filesAt = async (size: number): Promise<LogFiles> => {
    const { size: before } = await deps.ledger.head(TENANT);
    const drafts = Array.from({ length: size - before }, (_, at) => draftOf(`e${before + at}`, `r${at % 5}`));
    await appendEntries(deps, TENANT, drafts);
    await publishCheckpoint(deps, TENANT);
    const tiles = [...tilesOf(size)].map((tile) => tilePath(tile));
    const paths = ['checkpoint', ...[...bundlesOf(size)].map(({ index, width }) => bundlePath(index, width)), ...tiles];
    const files = new Map<string, Uint8Array>();
    for (const path of paths) files.set(path, (await readLogResource(deps, TENANT, path))?.bytes ?? new Uint8Array());
    return files;
  };
  const older = { files: await filesAt(OLDER), size: OLDER };
  const files = await filesAt(SIZE);
  log = { files, size: SIZE, origin: ORIGIN, older };
  key = verifierKeyOf(ORIGIN, await noteSigner.publicKey());
  const opened = openNote(Buffer.from(files.get('checkpoint') ?? []).toString(), [key]);
  const checkpoint = opened.kind === 'opened' ? parseCheckpoint(opened.text) : undefined;
  if (!checkpoint) throw new Error('no checkpoint');
  seen = checkpoint;
});

/** As `verify ledger --from` does for somebody who kept the newest checkpoint. */
const problemsOf = async (files: LogFiles): Promise<readonly unknown[]> =>
  (await verifyLog(async (path) => files.get(path), key, { earlier: seen })).problems;

describe('a published log', () => {
  it('has no problem as it is', async () => {
    expect(await problemsOf(log.files)).toEqual([]);
  });

  it(`has each of ${PLANTED} planted tamperings found (seed ${SEED})`, { timeout: 120_000 }, async () => {
    const random = randomOf(SEED);
    const missed: string[] = [];
    const found = new Map<string, number>();
    for (let planted = 0, at = 0; planted < PLANTED; at += 1) {
      const { name, plant } = TAMPERINGS[at % TAMPERINGS.length] ?? { name: '', plant: () => undefined };
      const files = await plant(log, random);
      if (!files) continue;
      planted += 1;
      if ((await problemsOf(files)).length === 0) missed.push(`${at} ${name}`);
      else found.set(name, (found.get(name) ?? 0) + 1);
    }
    expect(missed).toEqual([]);
    expect([...found.values()].reduce((sum, count) => sum + count, 0)).toBe(PLANTED);
    expect([...found.keys()].toSorted()).toEqual(TAMPERINGS.map(({ name }) => name).toSorted());
  });
});
