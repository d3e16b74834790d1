import { type EngineView, type ShownRun, showRun } from '../core/desk/show-run.ts';
import type { StateVisit } from '../core/ports/run-history.ts';
import { projectEntries } from '../core/query/project.ts';
import { type Command, DATA_OPTION, EXIT, JSON_OPTION, UsageError } from './command.ts';
import { readConfigFile } from './config-file.ts';
import { askForRun } from './control.ts';
import { type DataFolder, dataFolder } from './data-folder.ts';
import { deploymentIn, SERVER_OPTION } from './deployment.ts';
import { engineView } from './engine-view.ts';
import { openStores, type Stores } from './stores.ts';

const MOST_ENTRIES = 1000;

/** The log of a deployment is not searched from here. */
function nextStep({ run, claim: { runName, status } }: ShownRun, deployed: boolean): string {
  if (runName !== run) return `it was replayed: relseal runs show ${runName}`;
  const steps = {
    running: 'wait: it goes on by itself',
    passed: 'nothing: it passed',
    refused: `see why it was refused: ${deployed ? 'the codes of its entries' : `relseal query --run ${run} --outcome refuse`}`,
    failed: `repair what failed, then: relseal replay ${run}`,
  };
  return steps[status];
}

async function lookUp(stores: Stores, run: string): Promise<ShownRun | undefined> {
  const row = await stores.claims.byRun(run);
  if (!row) return undefined;
  // What was committed before the question is found, whether or not a server is running.
  await projectEntries(stores, row.tenant);
  const engine = engineView(stores.database)(row.machine, run);
  return showRun(stores, run, row, engine, MOST_ENTRIES);
}

async function lookUpIn(folder: DataFolder, run: string): Promise<ShownRun | undefined> {
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

/** One stay in a state; what went as it should needs no word. */
function visitLine({ state, enteredAt, exitedAt = '', outcome, retries, error }: StateVisit): string {
  const words = [
    `          ${enteredAt}  ${exitedAt.padEnd(enteredAt.length)}  ${state}`,
    ...(outcome === 'succeeded' ? [] : [outcome]),
    ...(retries === 0 ? [] : [`tried again ${retries} times`]),
    ...(error === undefined ? [] : [oneLine(error)]),
  ];
  return words.join('  ');
}

function* engineLines({
  description,
  codeVersion,
  definition,
  functions = [],
  states = [],
}: EngineView): Generator<string> {
  const { status, startedAt, stoppedAt, redriveCount, state, error, cause } = description;
  yield `engine    ${status}, redriven ${redriveCount} times`;
  yield `started   ${startedAt}${stoppedAt === undefined ? '' : `  stopped ${stoppedAt}`}`;
  if (definition !== undefined) yield `code      ${codeVersion ?? 'version not told'}, machine ${definition}`;
  for (const name of functions) yield `function  ${name}`;
  if (state !== undefined) yield `state     ${state}`;
  if (error !== undefined) yield `error     ${oneLine(error)}`;
  if (cause !== undefined) yield `cause     ${oneLine(cause)}`;
  for (const visit of states) yield visitLine(visit);
}

/** What it means that the engine has no such run. */
const silence = ({ run, claim: { runName, status } }: ShownRun): string =>
  status === 'running' && runName === run
    ? 'knows nothing of this run yet'
    : 'has forgotten it, as Step Functions does 90 days after an end: what follows is what the ledger holds';

function* linesOf(shown: ShownRun, next: string): Generator<string> {
  const { run, release, claim, input, engine, entries } = shown;
  yield `${run}  ${claim.status}`;
  yield `release   ${release}`;
  yield `machine   ${claim.machine}, replay ${claim.replay}, redrives ${claim.redrives}`;
  yield `input     ${input.kind} ${input.sha256}, ${input.size} bytes`;
  if (engine) yield* engineLines(engine);
  else yield `engine    ${silence(shown)}`;
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
