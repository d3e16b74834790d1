import { userInfo } from 'node:os';
import { localSecrets } from '../adapters/embedded/local-secrets.ts';
import { systemClock } from '../adapters/embedded/system-clock.ts';
import { MAX_REASON_CHARACTERS, MOST_LISTED, type ReplayAsk } from '../core/desk/asks.ts';
import { type ListedRun, listRuns, RUN_STATUSES, type RunFilter } from '../core/desk/list-runs.ts';
import { assertNever, isFault } from '../core/faults.ts';
import { groupCommit } from '../core/ledger/group-commit.ts';
import { replayRun } from '../core/runs/replay.ts';
import type { TakeUpDeps } from '../core/runs/take-up.ts';
import { MACHINES } from '../statemachines/catalog.ts';
import { type Command, DATA_OPTION, EXIT, type Given, JSON_OPTION, UsageError } from './command.ts';
import { readConfigFile } from './config-file.ts';
import { askForReplay, askForRuns, byWhom, findServer, type ReplayAnswer } from './control.ts';
import { type DataFolder, dataFolder } from './data-folder.ts';
import { deploymentIn, SERVER_OPTION } from './deployment.ts';
import { engineView } from './engine-view.ts';
import { operatorOf } from './serve.ts';
import { openStores } from './stores.ts';

const MOST_RUNS = 10_000;

/** One of the words that an option takes, or undefined when it is not given. */
function oneOf<Word extends string>(given: Given, option: string, words: readonly Word[]): Word | undefined {
  const text = given.text(option);
  const word = words.find((each) => each === text);
  if (text !== undefined && word === undefined) throw new UsageError(`--${option} is one of ${words.join(', ')}`);
  return word;
}

function limitIn(given: Given, most: number): number {
  const limit = Number(given.text('limit') ?? 100);
  if (!Number.isInteger(limit) || limit < 1 || limit > most) throw new UsageError(`--limit is 1 to ${most}`);
  return limit;
}

async function runsOf(folder: DataFolder, filter: RunFilter): Promise<readonly ListedRun[]> {
  const config = await readConfigFile(folder.config);
  const stores = openStores(folder);
  try {
    const tenants = config.tenants.map(({ id }) => id);
    return await listRuns(stores.claims, tenants, filter, MOST_RUNS);
  } finally {
    stores.close();
  }
}

export const runsListCommand: Command = {
  name: 'runs list',
  summary: 'list runs, newest first: what they are about and how they ended',
  positionals: '',
  options: {
    ...DATA_OPTION,
    ...SERVER_OPTION,
    status: { type: 'string', value: 'STATUS', help: `only ${RUN_STATUSES.join(', ')}` },
    machine: { type: 'string', value: 'NAME', help: 'only runs of this machine' },
    limit: { type: 'string', value: 'N', help: 'at most so many of each tenant; 100 when not given' },
    ...JSON_OPTION,
  },
  run: async (given, io) => {
    if (given.positionals.length > 0) throw new UsageError('runs are listed by options; runs show RUN shows one');
    const deployment = deploymentIn(given, io);
    const status = oneOf(given, 'status', RUN_STATUSES);
    const machine = oneOf(given, 'machine', MACHINES);
    const limit = limitIn(given, deployment ? MOST_LISTED : MOST_RUNS);
    const filter = { limit, ...(status ? { status } : {}), ...(machine ? { machine } : {}) };
    const runs = deployment
      ? await askForRuns(deployment, filter)
      : await runsOf(dataFolder(given.required('data')), filter);
    if (given.flag('json')) io.out(JSON.stringify({ runs }));
    else
      for (const { run, status: state, release, claimedAt, error } of runs)
        io.out([claimedAt, state.padEnd(7), run, release, error ?? ''].join('  ').trimEnd());
    return EXIT.done;
  },
};

/** The list is what is asked for most. */
export const runsCommand: Command = {
  ...runsListCommand,
  name: 'runs',
  summary: 'the same as runs list',
};

/**
 * Without a server the claim and the entry are written here, and the next server does what is claimed: it starts a run
 * that there is none of, and makes one go on that was redriven less often than its claim says.
 */
async function replayOffline(
  folder: DataFolder,
  environment: NodeJS.ProcessEnv,
  { run, ...how }: ReplayAsk,
): Promise<ReplayAnswer> {
  const config = await readConfigFile(folder.config);
  const stores = openStores(folder);
  try {
    const secrets = localSecrets(environment, folder.root);
    const actor = await operatorOf(stores, config, secrets, run, userInfo().username);
    const { claims, worm, ledger, database } = stores;
    const view = engineView(database);
    const workflows: TakeUpDeps['workflows'] = {
      start: async () => 'exists',
      describe: async (machine, name) => view(machine, name)?.description,
      redrive: async () => 'redriven',
    };
    const append = groupCommit({ ledger, worm, clock: systemClock });
    // Promotions alone are compensated, and a replay of one records no end.
    const compensate = async () => undefined;
    return await replayRun({ claims, worm, workflows, clock: systemClock, append, compensate }, run, { ...how, actor });
  } catch (error) {
    if (!isFault(error, 'InputInvalid')) throw error;
    return { kind: 'refused', code: 'replay.unknown', runName: run };
  } finally {
    stores.close();
  }
}

const REFUSED: Readonly<Record<string, string>> = {
  'replay.not-failed': 'did not fail, so there is nothing to repair',
  'replay.superseded': 'was replayed already; the newest run is',
  'replay.unknown': 'is not a run of this data folder or deployment; relseal runs lists them',
};

function answerText(run: string, answer: ReplayAnswer, online: boolean): string {
  const { kind, runName } = answer;
  switch (kind) {
    case 'refused':
      return `${run} ${REFUSED[answer.code]}${answer.code === 'replay.superseded' ? ` ${runName}` : ''}`;
    case 'redriven':
      return `${runName} ${online ? 'goes on where it failed' : 'goes on where it failed when the server runs'}`;
    case 'started':
      return `${runName} ${online ? 'started' : 'is claimed; the server starts it when it runs'}`;
    default:
      return assertNever(kind);
  }
}

export const replayCommand: Command = {
  name: 'replay',
  summary:
    'make a failed run go on, without doubling an effect\n\n' +
    'It goes on where it failed when the engine still can; else, and with --from start, a new run does the work again.\n' +
    'A promotion is never taken up again: its replay is a new attempt.',
  positionals: 'RUN',
  options: {
    ...DATA_OPTION,
    ...SERVER_OPTION,
    from: { type: 'string', value: 'WHERE', help: 'failure (when not given) or start' },
    reason: { type: 'string', value: 'TEXT', help: 'why; kept as evidence beside the ledger' },
    ...JSON_OPTION,
  },
  run: async (given, io) => {
    const [run, ...more] = given.positionals;
    if (run === undefined || more.length > 0) throw new UsageError('name one run');
    const deployment = deploymentIn(given, io);
    const from = oneOf(given, 'from', ['failure', 'start']) ?? 'failure';
    const reason = given.text('reason');
    if (reason !== undefined && (reason.length === 0 || reason.length > MAX_REASON_CHARACTERS))
      throw new UsageError(`--reason takes 1 to ${MAX_REASON_CHARACTERS} characters`);
    const ask = { run, from, ...(reason === undefined ? {} : { reason }) };
    const server = deployment ?? (await findServer(dataFolder(given.required('data'))));
    const answer = server
      ? await askForReplay(server, { ...ask, ...byWhom(server) })
      : await replayOffline(dataFolder(given.required('data')), io.environment, ask);
    if (given.flag('json')) io.out(JSON.stringify(answer));
    else io.out(answerText(run, answer, server !== undefined));
    return answer.kind === 'refused' ? EXIT.refused : EXIT.done;
  },
};
