import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { fileWormStore } from '../../adapters/embedded/file-worm-store.ts';
import { openSqlite } from '../../adapters/embedded/sqlite.ts';
import { sqliteLedgerStore } from '../../adapters/embedded/sqlite-ledger-store.ts';
import { appendEntries } from '../../core/ledger/append.ts';
import { parseEntry } from '../../core/ledger/entry.ts';
import { groupCommit } from '../../core/ledger/group-commit.ts';
import { publishCheckpoint } from '../../core/ledger/publish.ts';
import { readLogResource } from '../../core/ledger/read.ts';
import { verifyLog } from '../../core/ledger/verify.ts';
import { verifierKeyOf } from '../../core/tlog/note.ts';
import { fixedClock } from '../fakes/fixed-clock.ts';
import { memoryNoteSigner } from '../fakes/memory-signers.ts';
import { draftOf, TENANT } from './ledger-drafts.ts';

const folders: string[] = [];
afterAll(async () => {
  for (const folder of folders) await rm(folder, { recursive: true, force: true });
});

/** Eight connections to one database and one folder, as eight processes have. */
async function writers() {
  const folder = await mkdtemp(join(tmpdir(), 'relseal-append-'));
  folders.push(folder);
  const clock = fixedClock();
  return Array.from({ length: 8 }, () => ({
    ledger: sqliteLedgerStore(openSqlite(join(folder, 'ledger.db'))),
    worm: fileWormStore(join(folder, 'worm')),
    clock,
  }));
}

describe('eight writers on SQLite and a folder', () => {
  it.each(['alone', 'in groups'])('append every entry once, %s, and the whole log verifies', async (how) => {
    const all = await writers();
    const answers = await Promise.all(
      all.flatMap((deps, writer) => {
        const append = how === 'alone' ? appendEntries.bind(undefined, deps) : groupCommit(deps);
        return Array.from({ length: 5 }, (_, at) =>
          append(TENANT, [draftOf(`w${writer}-${at}`, `r${at}`), draftOf(`shared-${at}`, 'shared')]),
        );
      }),
    );
    expect(answers.flatMap(({ entries }) => entries).filter(({ existed }) => !existed)).toHaveLength(45);
    const [deps] = all;
    if (!deps) throw new Error('no writer');
    const names = (await deps.ledger.entries(TENANT, 0, 100)).map((bytes) => parseEntry(bytes).subjects?.[0]?.name);
    expect(names).toHaveLength(45);
    expect(new Set(names).size).toBe(45);
    const noteSigner = memoryNoteSigner();
    const origin = 'ledger.example.com/acme';
    await publishCheckpoint({ ...deps, noteSigner, originOf: () => origin }, TENANT);
    const read = async (path: string) => (await readLogResource(deps, TENANT, path))?.bytes;
    const report = await verifyLog(read, verifierKeyOf(origin, await noteSigner.publicKey()));
    expect(report).toMatchObject({ size: 45, entries: 45, problems: [] });
  });
});
