import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { systemClock } from '../adapters/embedded/system-clock.ts';
import { logsOf } from '../core/config.ts';
import { type ImportOutcome, importLog, readTwice } from '../core/ledger/import.ts';
import { readLogResource } from '../core/ledger/read.ts';
import { type LedgerReport, verifyLog } from '../core/ledger/verify.ts';
import { parseCheckpoint } from '../core/tlog/checkpoint.ts';
import { formatVerifierKey, openNote, type VerifierKey } from '../core/tlog/note.ts';
import type { TenantId } from '../events/fields.ts';
import { type Command, DATA_OPTION, type Given, type Io, JSON_OPTION, UsageError } from './command.ts';
import { readConfigFile } from './config-file.ts';
import { findServer } from './control.ts';
import { type DataFolder, dataFolder } from './data-folder.ts';
import { type LogReader, openLog, readVerifierKey, refusalsOf } from './ledger-verify-commands.ts';
import { isMissing } from './missing.ts';
import { orUnchecked, type Report, showReport } from './report.ts';
import { openStores, type Stores } from './stores.ts';
import { TENANT_OPTION, tenantOf } from './tenant-of.ts';
import { onlyArgument } from './verify-commands.ts';

type Code = Extract<ImportOutcome, { kind: 'refused' }>['code'];

const FIXES: Readonly<Record<Code | 'import.other-log' | 'import.other-key', string>> = {
  'import.empty-log': 'There is nothing to import: get the log again once it holds an entry.',
  'import.other-log': 'Name the tenant whose origin is the name of the key, or set that origin in the configuration.',
  'import.other-key': 'The folder has the key of another log under this name: import into a folder of its own.',
  'import.other-tenant': 'The entries are of another tenant than this folder has: give its tenant the same id.',
  'import.not-a-prefix': 'The folder holds another log of this name: keep both, and import into an empty folder.',
  'import.target-longer': 'The folder holds more than is to be imported: get the log again, or use an empty folder.',
  'import.target-not-empty': 'The folder holds segments of a log whose database is gone: make it again from those.',
  'import.source-changed': 'The log was changed while it was read: run it again.',
};

const refusal = (code: keyof typeof FIXES, where: string) => ({ code, where, fix: FIXES[code] });

interface Target {
  readonly folder: DataFolder;
  readonly tenant: TenantId;
  readonly origin: string;
}

/** The tenant of a data folder that no server runs on: it would publish what is half imported. */
async function targetOf(given: Given): Promise<Target> {
  const folder = dataFolder(given.required('data'));
  const tenant = await tenantOf(given, folder);
  const logs = logsOf(await readConfigFile(folder.config));
  const origin = logs.find(({ id }) => id === tenant)?.origin ?? '';
  if (await findServer(folder)) throw new UsageError(`a server runs on ${folder.root}: end it first`);
  return { folder, tenant, origin };
}

const keyFileOf = ({ folder, tenant }: Target) => join(folder.keys, `${tenant}.vkey`);

/** Whether the log is the one that this folder's tenant has, by its name and, where it is known, its key. */
async function wrongLog(
  target: Target,
  key: VerifierKey,
): Promise<'import.other-log' | 'import.other-key' | undefined> {
  if (target.origin !== key.name) return 'import.other-log';
  const known = await readFile(keyFileOf(target), 'utf8').catch((error: unknown) => {
    if (!isMissing(error)) throw error;
    return undefined;
  });
  return known === undefined || known.trim() === formatVerifierKey(key) ? undefined : 'import.other-key';
}

interface Importing {
  readonly target: Target;
  readonly key: VerifierKey;
  readonly log: LogReader;
  readonly io: Io;
  /** Whether what was written is read back and verified too. */
  readonly readBack: boolean;
}

type Made = Pick<Report, 'reasons' | 'unchecked' | 'lines' | 'details'>;
const refused = (reasons: Report['reasons']): Made => ({ reasons, unchecked: [] });

function progressOf(io: Io, what: string) {
  return (entries: number) => {
    io.signal.throwIfAborted();
    io.progress(`${entries} entries ${what}`);
  };
}

/** The log as the folder serves it now. */
const readBackOf = (stores: Stores, { target: { tenant }, key, io }: Importing): Promise<LedgerReport> =>
  verifyLog(async (path) => (await readLogResource(stores, tenant, path))?.bytes, key, {
    progress: progressOf(io, 'read back'),
  });

async function importInto(stores: Stores, importing: Importing): Promise<Made> {
  const { target, key, log, io, readBack } = importing;
  // Read once: a log that grows meanwhile has another by then.
  const signed = await log.read('checkpoint');
  const { first, again } = readTwice(async (path) => (path === 'checkpoint' ? signed : log.read(path)));
  const report = await verifyLog(first, key, { progress: progressOf(io, 'verified') });
  const note = new TextDecoder().decode(signed);
  const opened = openNote(note, [key]);
  const checkpoint = opened.kind === 'opened' ? parseCheckpoint(opened.text) : undefined;
  if (report.problems.length > 0 || !checkpoint) return refused(refusalsOf(report));
  const source = { checkpoint, note, again };
  const done = await importLog({ ...stores, clock: systemClock }, target.tenant, source, progressOf(io, 'imported'));
  if (done.kind === 'refused') return refused([refusal(done.code, log.name)]);
  await writeFile(keyFileOf(target), `${formatVerifierKey(key)}\n`);
  const back = readBack ? await readBackOf(stores, importing) : undefined;
  if (back && back.problems.length > 0) return refused(refusalsOf(back));
  const { size, added } = done;
  return {
    ...{ reasons: [], unchecked: [] },
    lines: [`${added} of ${size} entries of ${key.name} imported${back ? ', and read back' : ''}, root ${report.root}`],
    details: { tenant: target.tenant, origin: key.name, size, added, root: report.root },
  };
}

async function importWhole(importing: Importing): Promise<Made> {
  const { target, key, log } = importing;
  const wrong = await wrongLog(target, key);
  if (wrong) return refused([refusal(wrong, log.name)]);
  const stores = openStores(target.folder);
  try {
    return await importInto(stores, importing);
  } finally {
    stores.close();
  }
}

export const ledgerImportCommand: Command = {
  name: 'ledger import',
  summary:
    'make a log again in a data folder from what it published, once all of it is verified\n\n' +
    'The folder is one that relseal init made, whose tenant has the id and the origin of the log. It serves the copy, and\n' +
    'finds and proves its entries. Only with the key of the log (keys/log.pem) can anything be appended. It may be\n' +
    'interrupted, and is finished by running it again.',
  positionals: 'DIR|URL',
  options: {
    ...DATA_OPTION,
    ...TENANT_OPTION,
    key: { type: 'string', value: 'VKEY', help: 'the verifier key name+hash+key of the log, or a file that holds it' },
    verify: { type: 'boolean', help: 'verify what was written too, as the folder serves it' },
    ...JSON_OPTION,
  },
  run: async (given, io) => {
    const argument = onlyArgument(given, 'one folder or URL');
    const key = await readVerifierKey(given.required('key'));
    const target = await targetOf(given);
    const log = await openLog(argument, io);
    try {
      const made = importWhole({ target, key, log, io, readBack: given.flag('verify') });
      const shown = await orUnchecked(made, log.name, {}, io);
      return showReport({ target: log.name, ...shown }, given.flag('json'), io);
    } finally {
      log.close();
    }
  },
};
