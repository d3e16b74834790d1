import { META_LOG } from '../core/ledger/meta-log.ts';
import { type LogRebuild, type RebuildAsk, rebuildLogs } from '../core/ledger/rebuild.ts';
import type { ViewDifference } from '../core/ports/views.ts';
import { rebuildViews, type ViewsRebuild } from '../core/query/rebuild.ts';
import type { Refusal } from '../core/verdict.ts';
import { Sha256Hex, type TenantId } from '../events/fields.ts';
import { type Command, DATA_OPTION, type Given, type Io, JSON_OPTION, UsageError } from './command.ts';
import { readConfigFile } from './config-file.ts';
import { findServer } from './control.ts';
import { type DataFolder, dataFolder } from './data-folder.ts';
import { orUnchecked, type Report, showReport } from './report.ts';
import { openStores, type Stores } from './stores.ts';

const CONTRADICTS =
  'Nothing was changed. If write-once storage is right, move relseal.db away, with its -wal and -shm, and rebuild.';
const CHANGED = 'Nothing was changed. Write-once storage was changed: put it back from a copy of its own.';
const FIXES: Readonly<Record<string, string>> = {
  'ledger.behind':
    'The database is lost or an older copy, or a writer died before its commit: relseal rebuild, without --check, commits what is missing.',
  'ledger.contested':
    'Two writers raced for the end, and nothing tells who won: name with --receipt the leaf hash that a caller got. If nobody got one, the next entry settles it.',
  'ledger.fork':
    'The log went two ways, as when a server ran on an older copy of its database. Keep everything as it is and find out which way was published.',
  'ledger.truncated': CHANGED,
  'ledger.segment-changed': CHANGED,
  'ledger.segment-missing': CHANGED,
  'views.missing': 'relseal rebuild, without --check, makes the views again.',
  'views.unfounded': 'relseal rebuild, without --check, makes the views again.',
  'views.beyond': 'relseal rebuild, without --check, makes the views again.',
};
const withFix = (reason: Refusal): Refusal => ({ ...reason, fix: FIXES[reason.code] ?? CONTRADICTS });

const differenceOf = ({ kind, tenant, index, field, value }: ViewDifference): Refusal => ({
  code: `views.${kind}`,
  where: `${tenant} ${index}`,
  found: `${field} ${value}`.slice(0, 1024),
});

const viewReasons = ({ first, beyond }: ViewsRebuild): Refusal[] => [
  ...beyond.map((tenant) => ({ code: 'views.beyond', where: tenant })),
  ...first.map(differenceOf),
];

const erasedAgain = ({ tenant, erasures }: LogRebuild): Refusal[] =>
  erasures.map((index) => ({
    code: 'ledger.erased-before',
    where: `${tenant} ${index}`,
    fix: 'The copy of the database is older than this erasure and knows the person again: relseal erase them again.',
  }));

function receiptIn(given: Given): Sha256Hex | undefined {
  const text = given.text('receipt');
  if (text === undefined) return undefined;
  const receipt = Sha256Hex.safeParse(text);
  if (!receipt.success) throw new UsageError('--receipt takes the leaf hash of an entry: 64 lower-case hex digits');
  return receipt.data;
}

/** The stores of a folder whose database may be gone; one that is no database is not overwritten. */
function openDatabase(folder: DataFolder): Stores {
  try {
    return openStores(folder);
  } catch (error) {
    const why = error instanceof Error ? error.message : 'unreadable';
    throw new UsageError(`${folder.database}: ${why}; move it away, with its -wal and -shm, and rebuild`);
  }
}

function viewLine({ differing, behind }: ViewsRebuild): string {
  const right =
    differing === 0 ? 'views as the entries say' : `${differing} terms of views were not as the entries say`;
  return behind === 0 ? right : `${right}, ${behind} entries were not projected yet`;
}

async function rebuild(
  stores: Stores,
  tenants: readonly TenantId[],
  ask: RebuildAsk,
  io: Io,
): Promise<Omit<Report, 'target'>> {
  const show = (line: string) => {
    io.signal.throwIfAborted();
    io.progress(line);
  };
  const logs = await rebuildLogs(stores, tenants, ask, (tenant, what, entries) =>
    show(`${tenant}: ${entries} entries ${what}`),
  );
  const logReasons = logs.flatMap(({ reasons }) => reasons.map(withFix));
  const lines = logs.map(
    ({ tenant, size, replayed }) =>
      `${size} entries of ${tenant}${replayed > 0 ? `, ${replayed} of them came back` : ''}`,
  );
  const details = { logs: logs.map(({ tenant, size, replayed }) => ({ tenant, size, replayed })) };
  // Views of a log that is in doubt are neither right nor wrong.
  if (logReasons.length > 0) return { reasons: logReasons, unchecked: [], lines, details };
  // Nobody searches the log of logs.
  const searched = logs.map(({ tenant }) => tenant).filter((tenant) => tenant !== META_LOG);
  const views = await rebuildViews(stores, searched, {
    isCheck: ask.isCheck,
    progress: (entries) => show(`${entries} entries projected`),
  });
  const found = viewReasons(views).map(withFix);
  return {
    reasons: ask.isCheck ? found : [],
    warnings: [...logs.flatMap(erasedAgain), ...(ask.isCheck ? [] : found.map(({ fix: _done, ...seen }) => seen))],
    unchecked: [],
    lines: [...lines, viewLine(views)],
    details: { ...details, views: { differing: views.differing, behind: views.behind } },
  };
}

const BUSY = 'Somebody wrote meanwhile: end what uses the data folder, and run again.';

export const rebuildCommand: Command = {
  name: 'rebuild',
  summary:
    'make a lost or older ledger database again from write-once storage, and the views from its entries\n\n' +
    'What contradicts write-once storage is refused and left as it is. Claims, deliveries and runs are not made again:\n' +
    'they are in the database only.',
  positionals: '',
  options: {
    ...DATA_OPTION,
    check: { type: 'boolean', help: 'only compare; exit code 1 when something differs' },
    receipt: {
      type: 'string',
      value: 'LEAF',
      help: 'the leaf hash that a caller got, where the last segment is in doubt',
    },
    ...JSON_OPTION,
  },
  run: async (given, io) => {
    if (given.positionals.length > 0) throw new UsageError('a rebuild is given by options only');
    const folder = dataFolder(given.required('data'));
    const ask = { isCheck: given.flag('check'), receipt: receiptIn(given) };
    const { tenants: configured } = await readConfigFile(folder.config);
    const running = await findServer(folder);
    if (running) throw new UsageError(`a server runs on this folder: stop it first (${running.url})`);
    const stores = openDatabase(folder);
    try {
      const tenants = configured.map(({ id }) => id);
      const done = orUnchecked(rebuild(stores, tenants, ask, io), folder.root, { LedgerConflict: BUSY }, io);
      return showReport({ target: folder.root, ...(await done) }, given.flag('json'), io);
    } finally {
      stores.close();
    }
  },
};
