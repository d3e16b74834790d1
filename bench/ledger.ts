import { execFile, spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import * as z from 'zod';
import { fileWormStore } from '../adapters/embedded/file-worm-store.ts';
import { createKeyFile } from '../adapters/embedded/key-file.ts';
import { keyFileNoteSigner } from '../adapters/embedded/key-file-note-signer.ts';
import { openSqlite } from '../adapters/embedded/sqlite.ts';
import { sqliteLedgerStore } from '../adapters/embedded/sqlite-ledger-store.ts';
import { systemClock } from '../adapters/embedded/system-clock.ts';
import { groupCommit } from '../core/ledger/group-commit.ts';
import { publishCheckpoint } from '../core/ledger/publish.ts';
import { encodeBundle } from '../core/tlog/tile.ts';
import { each, shown } from './figures.ts';
import { draftOf, entriesOf, ORIGIN, TENANT, writeLog } from './ledger-log.ts';

/** Appends for each number of callers: some seconds each. */
const LOADS = [
  { callers: 1, appends: 1500 },
  { callers: 32, appends: 15_000 },
  { callers: 256, appends: 40_000 },
];
/** Every so many an append repeats one that was answered before. */
const REPEAT_EVERY = 10;
const PUBLISH_EVERY_MS = 100;
const CHECKED = 200_000;
const PEER_CALLERS = 256;
const CHECK = fileURLToPath(new URL('ledger-check.ts', import.meta.url));
const execute = promisify(execFile);
const print = (line: string) => process.stdout.write(`${line}\n`);

interface Appends {
  readonly perSecond: number;
  readonly cpuUs: number;
  /** Milliseconds until answered: durable, in write-once storage, integrated into the tree. */
  readonly acknowledged: readonly number[];
  /** Until a signed checkpoint covered it. */
  readonly published: readonly number[];
  readonly bytesPerEntry: number;
}

function bytesBelow(folder: string): number {
  return readdirSync(folder, { withFileTypes: true }).reduce((sum, entry) => {
    const path = join(folder, entry.name);
    return sum + (entry.isDirectory() ? bytesBelow(path) : statSync(path).size);
  }, 0);
}

/** What waits for a checkpoint that covers it. */
function publicationTimes() {
  const waiting: { readonly index: number; readonly asked: number }[] = [];
  const times: number[] = [];
  return {
    times,
    wait: (index: number, asked: number) => waiting.push({ index, asked }),
    covered(size: number): void {
      const now = performance.now();
      for (let at = waiting.length - 1; at >= 0; at -= 1) {
        const { index, asked } = waiting[at] ?? { index: size, asked: now };
        if (index >= size) continue;
        times.push(now - asked);
        waiting.splice(at, 1);
      }
    },
  };
}

const idOf = (at: number) => (at % REPEAT_EVERY === REPEAT_EVERY - 1 ? Math.max(0, at - 5000 - (at % 7)) : at);

/** Callers of one process that append and wait, while a publisher signs what came ten times a second. */
async function append(folder: string, key: string, callers: number, appends: number): Promise<Appends> {
  const database = openSqlite(join(folder, 'ledger.sqlite'));
  const ports = { ledger: sqliteLedgerStore(database), worm: fileWormStore(join(folder, 'worm')), clock: systemClock };
  const publisher = { ...ports, noteSigner: await keyFileNoteSigner(key, PASSPHRASE), originOf: () => ORIGIN };
  const commit = groupCommit(ports);
  const publication = publicationTimes();
  let isOver = false;
  const publish = async (): Promise<void> => {
    for (let last = false; !last; ) {
      last = isOver;
      publication.covered((await publishCheckpoint(publisher, TENANT)).size);
      if (!last) await delay(PUBLISH_EVERY_MS);
    }
  };
  const acknowledged: number[] = [];
  const drafts = Array.from({ length: appends }, (_, at) => draftOf(idOf(at)));
  const [began, cpu] = [performance.now(), process.cpuUsage()];
  const publishing = publish();
  await each(drafts, callers, async (draft) => {
    const start = performance.now();
    const { entries } = await commit(TENANT, [draft]);
    acknowledged.push(performance.now() - start);
    for (const { index, existed } of entries) if (!existed) publication.wait(index, start);
  });
  const seconds = (performance.now() - began) / 1000;
  const { user, system } = process.cpuUsage(cpu);
  isOver = true;
  await publishing;
  const { size } = await ports.ledger.head(TENANT);
  database.close();
  return {
    perSecond: appends / seconds,
    cpuUs: (user + system) / appends,
    acknowledged,
    published: publication.times,
    bytesPerEntry: bytesBelow(folder) / size,
  };
}

const PASSPHRASE = 'a passphrase for the bench';
const Checked = z.object({ entries: z.number(), seconds: z.number(), cpuUs: z.number(), peakMib: z.number() });

async function check(folder: string, key: string, count: number): Promise<z.infer<typeof Checked>> {
  const vkey = await writeLog(folder, count, key, PASSPHRASE);
  const { stdout } = await execute(process.execPath, ['--import', 'tsx', CHECK, folder, vkey]);
  return Checked.parse(JSON.parse(stdout));
}

const Written = z.object({
  Seconds: z.number(),
  Acknowledged: z.array(z.number()),
  Published: z.array(z.number()),
});

/** Tessera's POSIX driver on the same disk, as many callers, the same entries; `undefined` where it is not installed. */
async function peer(folder: string, count: number): Promise<z.infer<typeof Written> | undefined> {
  const tools = process.env.RELSEAL_TOOLS_DIR ?? join(homedir(), '.cache', 'relseal-tools');
  const program = join(tools, 'bin', 'ledger-judge');
  if (!existsSync(program)) return undefined;
  const { stdout: skey } = await execute(program, ['key', ORIGIN]);
  const distinct = [...entriesOf(count)];
  const entries = distinct.map((_, at) => distinct[idOf(at)] ?? new Uint8Array());
  const child = spawn(program, ['write', folder, skey.trim(), String(PEER_CALLERS)], {
    stdio: ['pipe', 'pipe', 'ignore'],
  });
  child.stdin.end(encodeBundle(entries));
  const chunks: Buffer[] = [];
  for await (const chunk of child.stdout) chunks.push(Buffer.from(chunk));
  return Written.parse(JSON.parse(Buffer.concat(chunks).toString()));
}

/**
 * Durable appends of entries of 1 KiB, one in ten repeated, and the full check of a log; beside it Tessera's POSIX driver.
 * `entries` to check are 200,000 unless asked otherwise.
 */
export async function ledgerBench([entries = String(CHECKED)]: readonly string[]): Promise<void> {
  const root = mkdtempSync(join(tmpdir(), 'relseal-ledger-'));
  const folderOf = (name: string) => {
    mkdirSync(join(root, name));
    return join(root, name);
  };
  try {
    const key = join(root, 'log.pem');
    await createKeyFile(key, 'note', PASSPHRASE);
    let ours = Number.NaN;
    for (const { callers, appends } of LOADS) {
      const load = await append(folderOf(`callers-${callers}`), key, callers, appends);
      ours = load.perSecond;
      print(`ledger: ${callers} callers: ${ours.toFixed(0)} appends/s, ${load.cpuUs.toFixed(0)} us of CPU for each`);
      print(`  to acknowledged and integrated: ${shown(load.acknowledged)}`);
      print(`  to published, every ${PUBLISH_EVERY_MS} ms: ${shown(load.published)}`);
      print(`  ${load.bytesPerEntry.toFixed(0)} bytes for an entry, in the database and in write-once files together`);
    }
    const tessera = await peer(folderOf('tessera'), LOADS.at(-1)?.appends ?? 0);
    if (!tessera) print('  peer (Tessera, POSIX driver): not installed, see test/conformance/install-tools.sh');
    else {
      const perSecond = tessera.Acknowledged.length / tessera.Seconds;
      const ratio = (ours / perSecond).toFixed(2);
      print(`  peer (Tessera, POSIX driver, ${PEER_CALLERS} callers): ${perSecond.toFixed(0)}/s, ratio ${ratio}`);
      print(`    to acknowledged: ${shown(tessera.Acknowledged)}; to published: ${shown(tessera.Published)}`);
    }
    const { seconds, cpuUs, peakMib, ...checked } = await check(folderOf('log'), key, Number(entries));
    print(`  full check of ${checked.entries} entries: ${(checked.entries / seconds).toFixed(0)}/s`);
    print(`    ${cpuUs.toFixed(1)} us of CPU for each, ${peakMib.toFixed(0)} MiB at the peak`);
  } finally {
    rmSync(root, { recursive: true });
  }
}
