import { type ShownRun, showRun } from '../core/desk/show-run.ts';
import { projectEntries } from '../core/query/project.ts';
import { type Command, DATA_OPTION, EXIT, JSON_OPTION, UsageError } from './command.ts';
import { readConfigFile } from './config-file.ts';
import { askForRun } from './control.ts';
import { type DataFolder, dataFolder } from './data-folder.ts';
import { deploymentIn, SERVER_OPTION } from './deployment.ts';
import { engineView, type ViewedRun } from './engine-view.ts';
import { openStores, type Stores } from './stores.ts';

const MOST_ENTRIES = 1000;

/** The engine of a data folder is read itself, so it tells more than one that describes its runs. */
type SeenRun = ShownRun & { readonly engine?: Pick<ViewedRun, 'description'> & Partial<ViewedRun> };

/** The log of a deployment is not searched from here. */
function nextStep({ run, claim: { runName, status } }: SeenRun, deployed: boolean): string {
  if (runName !== run) return `it was replayed: relseal runs show ${runName}`;
  const steps = {
    running: 'wait: it goes on by itself',
    passed: 'nothing: it passed',
    refused: `see why it was refused: ${deployed ? 'the codes of its entries' : `relseal query --run ${run} --outcome refuse`}`,
    failed: `repair what failed, then: relseal replay ${run}`,
  };
  return steps[status];
}

async function lookUp(stores: Stores, run: string): Promise<SeenRun | undefined> {
  const row = await stores.claims.byRun(run);
  if (!row) return undefined;
  // What was committed before the question is found, whether or not a server is running.
  await projectEntries(stores, row.tenant);
  const engine = engineView(stores.database)(row.machine, run);
  return { ...(await showRun(stores, run, row, engine?.description, MOST_ENTRIES)), ...(engine ? { engine } : {}) };
}

async function lookUpIn(folder: DataFolder, run: string): Promise<SeenRun | undefined> {
  await readConfigFile(folder.config);
  const stores = openStores(folder);
  try {
    return await lookUp(stores, run);
  } finally {
    stores.close();
  }
}

/** Others may have written it: nothing in it is to move a terminal's cursor. */
const oneLine = (text: string): string => text.replace(/\p{Cc}+/gu, ' ');

function* engineLines({
  description,
  codeVersion,
  definition,
  states = [],
}: NonNullable<SeenRun['engine']>): Generator<string> {
  const { status, startedAt, stoppedAt, redriveCount, state, error, cause } = description;
  yield `engine    ${status}, redriven ${redriveCount} times`;
  yield `started   ${startedAt}${stoppedAt === undefined ? '' : `  stopped ${stoppedAt}`}`;
  if (codeVersion !== undefined) yield `code      ${codeVersion}, machine ${definition}`;
  if (state !== undefined) yield `state     ${state}`;
  if (error !== undefined) yield `error     ${oneLine(error)}`;
  if (cause !== undefined) yield `cause     ${oneLine(cause)}`;
  for (const { state: visited, enteredAt, exitedAt = '' } of states)
    yield `          ${enteredAt}  ${exitedAt.padEnd(enteredAt.length)}  ${visited}`;
}

function* linesOf({ run, release, claim, input, engine, entries }: SeenRun, next: string): Generator<string> {
  yield `${run}  ${claim.status}`;
  yield `release   ${release}`;
  yield `machine   ${claim.machine}, replay ${claim.replay}, redrives ${claim.redrives}`;
  yield `input     ${input.kind} ${input.sha256}, ${input.size} bytes`;
  if (engine) yield* engineLines(engine);
  else yield 'engine    knows nothing of this run yet';
  for (const { index, kind, codes } of entries)
    yield `entry     ${String(index).padStart(7)}  ${kind.padEnd(18)}  ${codes.join(' ')}`.trimEnd();
  yield `next      ${next}`;
}

export const runsShowCommand: Command = {
  name: 'runs show',
  summary: 'show one run: where it stands or failed and why, its states and its entries, and what to do next',
  positionals: 'RUN',
  options: { ...DATA_OPTION, ...SERVER_OPTION, ...JSON_OPTION },
  run: async (given, io) => {
    const [run, ...more] = given.positionals;
    if (run === undefined || more.length > 0) throw new UsageError('name one run');
    const deployment = deploymentIn(given, io);
    const seen = deployment
      ? await askForRun(deployment, { run })
      : await lookUpIn(dataFolder(given.required('data')), run);
    if (!seen) {
      const text = `${oneLine(run)} is not a run of this ${deployment ? 'deployment' : 'data folder'}; relseal runs lists them`;
      io.out(given.flag('json') ? JSON.stringify({ kind: 'refused', code: 'run.unknown', run }) : text);
      return EXIT.refused;
    }
    const next = nextStep(seen, deployment !== undefined);
    if (given.flag('json')) io.out(JSON.stringify({ ...seen, next }));
    else for (const line of linesOf(seen, next)) io.out(line);
    return EXIT.done;
  },
};
