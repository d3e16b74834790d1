import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import { fileWormStore } from '../../adapters/embedded/file-worm-store.ts';
import { openSqlite } from '../../adapters/embedded/sqlite.ts';
import { sqliteLedgerStore } from '../../adapters/embedded/sqlite-ledger-store.ts';
import { checkRace } from '../contracts/ledger-races.contract.ts';
import type { Answered } from '../fakes/racing-writer.ts';

const PROCESS = fileURLToPath(new URL('../fakes/racing-process.ts', import.meta.url));
const WRITERS = 8;
/** A multiple of ten, or the repeats are not one in ten. */
const EACH = Number(process.env.RELSEAL_APPENDS ?? 20);
const Answers = z.array(
  z.strictObject({
    id: z.string(),
    writer: z.int(),
    caller: z.int(),
    index: z.int(),
    leaf: z.string(),
    existed: z.boolean(),
    asked: z.string(),
    answered: z.string(),
  }),
);

interface Writer {
  readonly child: ChildProcess;
  nextLine(): Promise<string>;
}

function startWriter(folder: string, writer: number): Writer {
  const args = ['--import', 'tsx', PROCESS, folder, String(writer), String(EACH)];
  const child = spawn(process.execPath, args, { stdio: ['pipe', 'pipe', 'inherit'] });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const nextLine = async () => {
    const { value } = await lines.next();
    if (typeof value !== 'string') throw new Error(`writer ${writer} ended early`);
    return value;
  };
  return { child, nextLine };
}

describe('eight processes on one data folder', () => {
  it('append each entry once, in the order of their commits, with one in ten repeated', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'relseal-races-'));
    mkdirSync(join(folder, 'worm'));
    const writers = Array.from({ length: WRITERS }, (_, writer) => startWriter(folder, writer));
    try {
      for (const { nextLine } of writers) expect(await nextLine()).toBe('ready');
      for (const { child } of writers) child.stdin?.write('go\n');
      const answers: Answered[] = [];
      for (const { nextLine } of writers) answers.push(...Answers.parse(JSON.parse(await nextLine())));
      expect(answers).toHaveLength(WRITERS * 3 * EACH);
      expect(answers.filter(({ existed }) => existed).length).toBe(answers.length / 10);
      const database = openSqlite(join(folder, 'ledger.sqlite'));
      await checkRace({ ledger: sqliteLedgerStore(database), worm: fileWormStore(join(folder, 'worm')) }, answers);
      database.close();
    } finally {
      for (const { child } of writers) child.kill();
      rmSync(folder, { recursive: true, force: true });
    }
  });
});
