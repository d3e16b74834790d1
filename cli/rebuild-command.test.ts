import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cp, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import * as z from 'zod';
import { openSqlite } from '../adapters/embedded/sqlite.ts';
import { appendEntries } from '../core/ledger/append.ts';
import { publishCheckpoint } from '../core/ledger/publish.ts';
import { projectEntries } from '../core/query/project.ts';
import { draftOf, TENANT } from '../test/contracts/ledger-drafts.ts';
import { runCommand } from '../test/fakes/fake-io.ts';
import { fixedClock } from '../test/fakes/fixed-clock.ts';
import { memoryNoteSigner } from '../test/fakes/memory-signers.ts';
import { smallDataFolder } from '../test/fakes/small-data-folder.ts';
import { writeServerFile } from './control.ts';
import { type DataFolder, dataFolder } from './data-folder.ts';
import { ledgerExportCommand } from './ledger-command.ts';
import { verifyLedgerCommand } from './ledger-verify-commands.ts';
import { rebuildCommand } from './rebuild-command.ts';
import { openStores, type Stores } from './stores.ts';

const PROGRAM = fileURLToPath(new URL('relseal.mjs', import.meta.url));
const Json = z.object({
  outcome: z.string(),
  reasons: z.array(z.object({ code: z.string(), where: z.string().optional(), fix: z.string() })),
  warnings: z.array(z.looseObject({ code: z.string() })),
  logs: z.array(z.object({ tenant: z.string(), size: z.int(), replayed: z.int() })),
  views: z.object({ differing: z.int(), behind: z.int() }).optional(),
});

let root: string;
let made: Awaited<ReturnType<typeof smallDataFolder>>;
const original = () => dataFolder(join(root, 'data'));
const EARLIER = ['a', 'b', 'c'];
const LATER = ['d', 'e', 'f', 'g'];
const draftsOf = (names: readonly string[]) =>
  names.map((name, at) => draftOf(name, `git.example.com/acme/sample@v1.0.${at}`));

async function within<T>(folder: DataFolder, work: (stores: Stores) => Promise<T>): Promise<T> {
  const stores = openStores(folder);
  try {
    return await work(stores);
  } finally {
    stores.close();
  }
}

/** What a publisher does an hour later: it copies its checkpoint to write-once storage again. */
const publish = (folder: DataFolder) =>
  within(folder, (stores) =>
    publishCheckpoint(
      {
        ...{ ...stores, noteSigner: memoryNoteSigner(), originOf: () => 'ledger.example.com/acme' },
        clock: fixedClock('2026-01-02T04:04:05.000Z'),
      },
      TENANT,
    ),
  );

/** A database is three files, of which the last two may be missing. */
const DATABASE = ['relseal.db', 'relseal.db-wal', 'relseal.db-shm'];
const lose = (folder: DataFolder) => Promise.all(DATABASE.map((name) => rm(join(folder.root, name), { force: true })));
const keep = (folder: DataFolder, backup: string) =>
  cp(folder.root, backup, {
    recursive: true,
    filter: (path) => path === folder.root || /relseal\.db[^/]*$/.test(path),
  });
async function putBack(folder: DataFolder, backup: string): Promise<void> {
  await lose(folder);
  await cp(backup, folder.root, { recursive: true });
}

/** A data folder whose database was copied to `backup`, and which went on from there. */
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'relseal-rebuild-'));
  const folder = original();
  made = await smallDataFolder(folder.root, draftsOf(EARLIER));
  await within(folder, (stores) => projectEntries(stores, TENANT));
  await keep(folder, join(root, 'backup'));
  await within(folder, async (stores) => {
    for (const name of LATER) await appendEntries({ ...stores, clock: fixedClock() }, TENANT, draftsOf([name]));
    await projectEntries(stores, TENANT);
  });
  await publish(folder);
});
afterAll(() => rm(root, { recursive: true, force: true }));

/** The folder again, with its database as it is, as it was when it was copied, or without. */
async function copied(name: string, database: 'current' | 'older' | 'none' = 'current'): Promise<DataFolder> {
  const folder = dataFolder(join(root, name));
  await cp(original().root, folder.root, { recursive: true });
  if (database === 'older') await putBack(folder, join(root, 'backup'));
  if (database === 'none') await lose(folder);
  return folder;
}

const rebuild = (folder: DataFolder, ...args: string[]) => runCommand(rebuildCommand, ['--data', folder.root, ...args]);
async function asked(folder: DataFolder, ...args: string[]) {
  const ran = await rebuild(folder, '--json', ...args);
  return { code: ran.code, ...Json.parse(ran.json()) };
}

function rowsOf(folder: DataFolder, table: string): unknown[] {
  const database = openSqlite(folder.database);
  try {
    return database.prepare(`SELECT * FROM ${table} ORDER BY 1, 2`).all();
  } finally {
    database.close();
  }
}
/** Everything that is made again: the log with its keys and releases, and what it is found by. */
const REBUILT = ['ledger_head', 'ledger_batch', 'ledger_entry', 'ledger_key', 'ledger_release', 'view_terms'];

const exportAndVerify = async (folder: DataFolder, ...from: string[]) => {
  const target = join(folder.root, 'log');
  await runCommand(ledgerExportCommand, [target, '--data', folder.root]);
  return (await runCommand(verifyLedgerCommand, [target, '--key', made.verifierKey, ...from])).code;
};

describe.each([
  ['an older copy of the database', 'older', LATER.length],
  ['no database', 'none', EARLIER.length + LATER.length],
] as const)('a restore drill with %s', (name, database, replayed) => {
  it('brings everything back that was acknowledged, and goes on from there', async () => {
    const folder = await copied(`drill-${name.length}`, database);
    if (database === 'older')
      await expect(publish(folder)).rejects.toMatchObject({
        name: 'LedgerInconsistent',
        message: expect.stringContaining('an older copy'),
      });
    expect(await asked(folder, '--check')).toMatchObject({ code: 1, reasons: [{ code: 'ledger.behind' }] });
    expect(await asked(folder)).toMatchObject({
      ...{ code: 0, outcome: 'pass', warnings: [], logs: [{ tenant: TENANT, size: 7, replayed }] },
      views: { differing: 0, behind: replayed },
    });
    for (const table of [...REBUILT, 'view_watermarks'])
      expect(rowsOf(folder, table), table).toEqual(rowsOf(original(), table));
    expect(await asked(folder, '--check')).toMatchObject({ code: 0, logs: [{ size: 7, replayed: 0 }] });

    const again = await within(folder, (stores) =>
      appendEntries({ ...stores, clock: fixedClock() }, TENANT, draftsOf(EARLIER)),
    );
    expect(again.entries.map(({ index, existed }) => [index, existed])).toEqual(EARLIER.map((_, at) => [at, true]));
    await within(folder, (stores) => appendEntries({ ...stores, clock: fixedClock() }, TENANT, draftsOf(['g', 'new'])));
    expect(await publish(folder)).toEqual({ size: 8 });
    const before = join(root, `seen-${replayed}`);
    await runCommand(ledgerExportCommand, [before, '--data', original().root]);
    expect(await exportAndVerify(folder, '--from', join(before, 'checkpoint'))).toBe(0);
  });
});

describe('relseal rebuild', () => {
  it('finds nothing to do in a whole folder', async () => {
    const folder = await copied('whole');
    for (const args of [['--check'], []])
      expect((await rebuild(folder, ...args)).out).toEqual([
        `pass  ${folder.root}`,
        '  7 entries of acme',
        '  views as the entries say',
      ]);
    for (const table of REBUILT) expect(rowsOf(folder, table)).toEqual(rowsOf(original(), table));
  });

  it('makes views again that were lost or changed, and tells which', async () => {
    const folder = await copied('views');
    await within(folder, async ({ database }) => {
      database.exec("DELETE FROM view_terms WHERE field = 'commit' AND at = 1");
      database.exec("UPDATE view_terms SET value = 'check-ed' WHERE field = 'kind' AND at = 2");
    });
    const found = [
      { code: 'views.missing', where: 'acme 1', found: `commit ${'a'.repeat(40)}` },
      { code: 'views.missing', where: 'acme 2', found: 'kind check' },
      { code: 'views.unfounded', where: 'acme 2', found: 'kind check-ed' },
    ];
    expect(await asked(folder, '--check')).toMatchObject({ code: 1, reasons: found.map(({ code }) => ({ code })) });
    expect(await asked(folder)).toMatchObject({ code: 0, reasons: [], warnings: found, views: { differing: 3 } });
    expect(rowsOf(folder, 'view_terms')).toEqual(rowsOf(original(), 'view_terms'));
    expect(await asked(folder, '--check')).toMatchObject({ code: 0, views: { differing: 0, behind: 0 } });
  });

  it('refuses a database that contradicts its segments, and leaves it and its views as they are', async () => {
    const folder = await copied('contradicts');
    await within(folder, async ({ database }) => {
      database.exec("UPDATE ledger_entry SET bytes = x'7b7d' WHERE position = 1; DELETE FROM view_terms");
    });
    const before = REBUILT.map((table) => rowsOf(folder, table));
    for (const args of [['--check'], []])
      expect(await asked(folder, ...args)).toMatchObject({
        ...{ code: 1, outcome: 'refuse' },
        reasons: [{ code: 'ledger.entry-differs', fix: expect.stringContaining('move relseal.db away') }],
      });
    expect(REBUILT.map((table) => rowsOf(folder, table))).toEqual(before);
    await lose(folder);
    expect((await asked(folder)).code).toBe(0);
    expect(rowsOf(folder, 'ledger_entry')).toEqual(rowsOf(original(), 'ledger_entry'));
  });

  it('refuses a log that went on from an older copy of its database', async () => {
    const folder = await copied('forked', 'older');
    await within(folder, (stores) => appendEntries({ ...stores, clock: fixedClock() }, TENANT, draftsOf(['other'])));
    const size = rowsOf(folder, 'ledger_entry').length;
    expect(await asked(folder)).toMatchObject({ code: 1, reasons: [{ code: 'ledger.fork' }] });
    expect(rowsOf(folder, 'ledger_entry')).toHaveLength(size);
  });

  it('takes the receipt of a caller where two segments may be the last', async () => {
    const folder = await copied('contested');
    const append = (name: string) =>
      within(folder, (stores) => appendEntries({ ...stores, clock: fixedClock() }, TENANT, draftsOf([name])));
    const before = join(root, 'before-the-race');
    await keep(folder, before);
    await append('loser');
    await putBack(folder, before);
    const { entries } = await append('winner');
    const expected = rowsOf(folder, 'ledger_entry');
    await lose(folder);
    const { code, reasons } = await asked(folder);
    expect([code, reasons[0]?.code, reasons[0]?.where?.split(' ').length]).toEqual([1, 'ledger.contested', 2]);
    expect((await asked(folder, '--receipt', entries[0]?.leaf ?? '')).code).toBe(0);
    expect(rowsOf(folder, 'ledger_entry')).toEqual(expected);
  });

  it('goes on where one that was killed had come to', { timeout: 60_000 }, async () => {
    const folder = await copied('killed');
    const names = Array.from({ length: 300 }, (_, at) => `entry-${at}`);
    await within(folder, async (stores) => {
      for (const name of names) await appendEntries({ ...stores, clock: fixedClock() }, TENANT, [draftOf(name)]);
      await projectEntries(stores, TENANT);
    });
    const expected = REBUILT.map((table) => rowsOf(folder, table));
    await lose(folder);
    const sizes: number[] = [];
    for (const most of [30, 150]) {
      const child = spawn(process.execPath, [PROGRAM, 'rebuild', '--data', folder.root], { stdio: 'ignore' });
      const ended = once(child, 'exit');
      await within(folder, async ({ ledger }) => {
        while (child.exitCode === null && (await ledger.head(TENANT)).size < most) await delay(1);
      });
      child.kill('SIGKILL');
      expect(await ended).toEqual([null, 'SIGKILL']);
      const { code, reasons } = await asked(folder, '--check');
      expect([code, reasons.map((reason) => reason.code)]).toEqual([1, ['ledger.behind']]);
      sizes.push(rowsOf(folder, 'ledger_entry').length);
    }
    const [first = 0, second = 0] = sizes;
    expect([first >= 30, second >= 150, second < 307]).toEqual([true, true, true]);
    expect(await asked(folder)).toMatchObject({ code: 0, logs: [{ size: 307, replayed: 307 - second }] });
    expect(REBUILT.map((table) => rowsOf(folder, table))).toEqual(expected);
  });

  it('refuses to work beside a server, and does not mind what a killed one left', async () => {
    const folder = await copied('served');
    const server = createServer((_request, response) => response.end('{"ok":true}'));
    await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
    const { port } = server.address() as AddressInfo;
    await writeServerFile(folder, { url: `http://127.0.0.1:${port}`, token: 't'.repeat(43) });
    await expect(rebuild(folder)).rejects.toMatchObject({ name: 'UsageError', message: /a server runs on this/ });
    server.closeAllConnections();
    await new Promise((closed) => server.close(closed));
    expect((await rebuild(folder)).code).toBe(0);
  });

  it('does not overwrite what is no database', async () => {
    const folder = await copied('garbage', 'none');
    await writeFile(folder.database, 'no database at all\n'.repeat(100));
    await expect(rebuild(folder)).rejects.toMatchObject({ name: 'UsageError', message: /move it away/ });
    expect(await readFile(folder.database, 'utf8')).toContain('no database at all');
  });

  it('stops when it is interrupted, with everything as it was', async () => {
    const folder = await copied('interrupted', 'older');
    const signal = AbortSignal.abort();
    await expect(runCommand(rebuildCommand, ['--data', folder.root], { signal })).rejects.toThrow();
    expect(rowsOf(folder, 'ledger_entry')).toHaveLength(EARLIER.length);
    expect((await asked(folder)).code).toBe(0);
  });

  it.each([
    ['an argument', ['folder']],
    ['a receipt that is no leaf hash', ['--receipt', 'abc']],
  ])('refuses %s as wrong usage', async (_what, args) => {
    await expect(rebuild(original(), ...args)).rejects.toMatchObject({ name: 'UsageError' });
  });

  it('makes no data folder where there is none', async () => {
    await expect(rebuild(dataFolder(join(root, 'none')))).rejects.toThrow(/relseal init/);
    expect(await readdir(root)).not.toContain('none');
  });
});
