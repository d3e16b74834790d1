import { userInfo } from 'node:os';
import { localSecrets } from '../adapters/embedded/local-secrets.ts';
import { systemClock } from '../adapters/embedded/system-clock.ts';
import { isFault } from '../core/faults.ts';
import { groupCommit } from '../core/ledger/group-commit.ts';
import type { ClaimRow, ClaimStatus } from '../core/ports/claim-store.ts';
import { replayRun } from '../core/runs/replay.ts';
import { RunInput, releaseIdOf } from '../core/runs/run-input.ts';
import { type Command, DATA_OPTION, EXIT, JSON_OPTION, UsageError } from './command.ts';
import { readConfigFile } from './config-file.ts';
import { askForReplay, findServer, type ReplayAnswer } from './control.ts';
import { type DataFolder, dataFolder } from './data-folder.ts';
import { operatorOf } from './serve.ts';
import { openStores } from './stores.ts';

const STATUSES: readonly string[] = ['running', 'passed', 'refused', 'failed'] satisfies ClaimStatus[];
const isStatus = (text: string): text is ClaimStatus => STATUSES.includes(text);

const shownRun = ({ runName, machine, status, claimedAt, input, error, replay }: ClaimRow) => {
  const read = RunInput.safeParse(input);
  return {
    run: runName,
    machine,
    status,
    release: read.success ? releaseIdOf(read.data.subject) : '',
    claimedAt,
    replay,
    ...(error === undefined ? {} : { error }),
  };
};

export const runsCommand: Command = {
  name: 'runs',
  summary: 'list runs, newest first: what they are about and how they ended',
  positionals: '',
  options: {
    ...DATA_OPTION,
    status: { type: 'string', value: 'STATUS', help: `only ${STATUSES.join(', ')}` },
    limit: { type: 'string', value: 'N', help: 'at most so many of each tenant; 100 when not given' },
    ...JSON_OPTION,
  },
  run: async (given, io) => {
    const folder = dataFolder(given.required('data'));
    const status = given.text('status');
    if (status !== undefined && !isStatus(status)) throw new UsageError(`--status is one of ${STATUSES.join(', ')}`);
    const limit = Number(given.text('limit') ?? 100);
    if (!Number.isInteger(limit) || limit < 1 || limit > 10_000) throw new UsageError('--limit is 1 to 10000');
    const config = await readConfigFile(folder.config);
    const stores = openStores(folder);
    try {
      const lists = config.tenants.map(({ id }) => stores.claims.list(id, { limit, ...(status ? { status } : {}) }));
      const runs = (await Promise.all(lists)).flat().map(shownRun);
      if (given.flag('json')) io.out(JSON.stringify({ runs }));
      else
        for (const { run, status: state, release, claimedAt, error } of runs)
          io.out([claimedAt, state.padEnd(7), run, release, error ?? ''].join('  ').trimEnd());
      return EXIT.done;
    } finally {
      stores.close();
    }
  },
};

/** Without a server the claim and the entry are written here, and the next server starts what is claimed. */
async function replayOffline(folder: DataFolder, environment: NodeJS.ProcessEnv, run: string, name: string) {
  const config = await readConfigFile(folder.config);
  const stores = openStores(folder);
  try {
    const operator = await operatorOf(stores, config, localSecrets(environment, folder.root), run, name);
    const append = groupCommit({ ledger: stores.ledger, worm: stores.worm, clock: systemClock });
    const workflows = { start: async () => 'exists' as const };
    return await replayRun({ claims: stores.claims, workflows, clock: systemClock, append }, run, operator);
  } catch (error) {
    if (!isFault(error, 'InputInvalid')) throw error;
    return { kind: 'refused', code: 'replay.unknown', runName: run } satisfies ReplayAnswer;
  } finally {
    stores.close();
  }
}

const REFUSED: Readonly<Record<string, string>> = {
  'replay.not-failed': 'did not fail, so there is nothing to repair',
  'replay.superseded': 'was replayed already; the newest run is',
  'replay.unknown': 'is not a run of this data folder; relseal runs lists them',
};

export const replayCommand: Command = {
  name: 'replay',
  summary: 'run a failed run again from its input, without doubling an effect',
  positionals: 'RUN',
  options: { ...DATA_OPTION, ...JSON_OPTION },
  run: async (given, io) => {
    const [run, ...more] = given.positionals;
    if (run === undefined || more.length > 0) throw new UsageError('name one run');
    const folder = dataFolder(given.required('data'));
    const operator = userInfo().username;
    const server = await findServer(folder);
    const answer: ReplayAnswer = server
      ? await askForReplay(server, run, operator)
      : await replayOffline(folder, io.environment, run, operator);
    if (given.flag('json')) io.out(JSON.stringify(answer));
    else if (answer.kind === 'refused')
      io.out(`${run} ${REFUSED[answer.code]}${answer.runName === run ? '' : ` ${answer.runName}`}`);
    else io.out(`${answer.runName} ${server ? 'started' : 'is claimed; the server starts it when it runs'}`);
    return answer.kind === 'started' ? EXIT.done : EXIT.refused;
  },
};
