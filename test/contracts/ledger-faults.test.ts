import { cpSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { fileWormStore } from '../../adapters/embedded/file-worm-store.ts';
import { openSqlite, type Sqlite } from '../../adapters/embedded/sqlite.ts';
import { sqliteLedgerStore } from '../../adapters/embedded/sqlite-ledger-store.ts';
import { faulty, PORT_FAULTS, planOf, settleLate } from '../fakes/faulty.ts';
import { TENANT } from './ledger-drafts.ts';
import { checkLedger, growBase, type LedgerPorts, live } from './ledger-faults.contract.ts';

/** Every call is tried where there is time for it; elsewhere some, and with each fault other ones. */
const STRIDE = Number(process.env.RELSEAL_KILLS ?? 20) >= 200 ? 1 : 5;
let root = '';
const template = () => join(root, 'template');
beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), 'relseal-ledger-faults-'));
  mkdirSync(template());
  const { ports, close } = processesOf(template());
  await growBase(ports(), TENANT);
  close();
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

/** Processes that come one after the other on one data folder. */
function processesOf(folder: string) {
  const opened: Sqlite[] = [];
  const ports = (): LedgerPorts => {
    const worm = fileWormStore(join(folder, 'worm'));
    const database = openSqlite(join(folder, 'ledger.sqlite'));
    opened.push(database);
    return { ledger: sqliteLedgerStore(database), worm };
  };
  const close = () => {
    for (const database of opened.splice(0)) database.close();
  };
  return { ports, close };
}

/** The history with a fault in call number `at`; answers how many calls its first process made. */
async function disturbed(at: number, fault: (typeof PORT_FAULTS)[number]): Promise<number> {
  const folder = join(root, 'disturbed');
  cpSync(template(), folder, { recursive: true });
  const { ports, close } = processesOf(folder);
  try {
    const plan = planOf(at, fault);
    const { ledger, worm } = ports();
    const first = { ledger: faulty(ledger, plan), worm: faulty(worm, plan) };
    const acknowledged = await live({ first, plan, next: ports }, TENANT);
    await settleLate(plan);
    await checkLedger(ports(), TENANT, acknowledged);
    return plan.calls;
  } catch (error) {
    throw new Error(`call ${at} ${fault.name}`, { cause: error });
  } finally {
    close();
    rmSync(folder, { recursive: true });
  }
}

describe('a ledger on SQLite and a folder', () => {
  it.each(PORT_FAULTS)('keeps every entry once whichever storage call $name', { timeout: 120_000 }, async (fault) => {
    const calls = await disturbed(-1, fault);
    expect(calls).toBeGreaterThan(30);
    for (let at = PORT_FAULTS.indexOf(fault) % STRIDE; at < calls; at += STRIDE) await disturbed(at, fault);
  });
});
