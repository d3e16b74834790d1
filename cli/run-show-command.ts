import { canonicalBytes } from '../core/canonical-json.ts';
import { type EvidenceRef, sha256Hex } from '../core/evidence.ts';
import type { ClaimRow } from '../core/ports/claim-store.ts';
import { projectEntries } from '../core/query/project.ts';
import { type FoundEntry, queryEntries } from '../core/query/query.ts';
import { RunInput, releaseIdOf } from '../core/runs/run-input.ts';
import { type Command, DATA_OPTION, EXIT, JSON_OPTION, UsageError } from './command.ts';
import { readConfigFile } from './config-file.ts';
import { dataFolder } from './data-folder.ts';
import { engineView, type ViewedRun } from './engine-view.ts';
import { openStores, type Stores } from './stores.ts';

const MOST_ENTRIES = 1000;

/** Everything that is known of one run. Absent means that nobody knows. */
interface ShownRun {
  readonly run: string;
  readonly release: string;
  /** As the claim has it: what was recorded from outside. */
  readonly claim: Pick<
    ClaimRow,
    'runName' | 'machine' | 'status' | 'replay' | 'redrives' | 'claimedAt' | 'error' | 'cause'
  >;
  readonly input: EvidenceRef;
  readonly engine?: ViewedRun;
  readonly entries: readonly { readonly index: number; readonly kind: string; readonly codes: readonly string[] }[];
  readonly next: string;
}

/** The reference under which a fault keeps the input. */
function inputReference(input: unknown): EvidenceRef {
  const bytes = canonicalBytes(input);
  return { kind: 'run-input', sha256: sha256Hex(bytes), size: bytes.length, mediaType: 'application/json' };
}

function nextStep(run: string, { runName, status }: ClaimRow): string {
  if (runName !== run) return `it was replayed: relseal runs show ${runName}`;
  const steps = {
    running: 'wait: it goes on by itself',
    passed: 'nothing: it passed',
    refused: `see why it was refused: relseal query --run ${run} --outcome refuse`,
    failed: `repair what failed, then: relseal replay ${run}`,
  };
  return steps[status];
}

const shownEntry = ({ index, entry: { kind, reasons = [] } }: FoundEntry) => ({
  index,
  kind,
  codes: reasons.map(({ code }) => code),
});

async function lookUp(stores: Stores, run: string): Promise<ShownRun | undefined> {
  const row = await stores.claims.byRun(run);
  if (!row) return undefined;
  // What was committed before the question is found, whether or not a server is running.
  await projectEntries(stores, row.tenant);
  const search = { field: 'run', value: run, limit: MOST_ENTRIES } as const;
  const { entries } = await queryEntries(stores, row.tenant, search);
  const { runName, machine, status, replay, redrives, claimedAt, error, cause } = row;
  const engine = engineView(stores.database)(machine, run);
  return {
    run,
    release: releaseIdOf(RunInput.parse(row.input).subject),
    claim: {
      runName,
      machine,
      status,
      replay,
      redrives,
      claimedAt,
      ...(error === undefined ? {} : { error }),
      ...(cause === undefined ? {} : { cause }),
    },
    input: inputReference(row.input),
    ...(engine ? { engine } : {}),
    entries: entries.map(shownEntry).reverse(),
    next: nextStep(run, row),
  };
}

/** Others may have written it: nothing in it is to move a terminal's cursor. */
const oneLine = (text: string): string => text.replace(/\p{Cc}+/gu, ' ');

function* engineLines({ description, codeVersion, definition, states }: ViewedRun): Generator<string> {
  const { status, startedAt, stoppedAt, redriveCount, state, error, cause } = description;
  yield `engine    ${status}, redriven ${redriveCount} times`;
  yield `started   ${startedAt}${stoppedAt === undefined ? '' : `  stopped ${stoppedAt}`}`;
  yield `code      ${codeVersion}, machine ${definition}`;
  if (state !== undefined) yield `state     ${state}`;
  if (error !== undefined) yield `error     ${oneLine(error)}`;
  if (cause !== undefined) yield `cause     ${oneLine(cause)}`;
  for (const { state: visited, enteredAt, exitedAt = '' } of states)
    yield `          ${enteredAt}  ${exitedAt.padEnd(enteredAt.length)}  ${visited}`;
}

function* linesOf({ run, release, claim, input, engine, entries, next }: ShownRun): Generator<string> {
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
  options: { ...DATA_OPTION, ...JSON_OPTION },
  run: async (given, io) => {
    const [run, ...more] = given.positionals;
    if (run === undefined || more.length > 0) throw new UsageError('name one run');
    const folder = dataFolder(given.required('data'));
    await readConfigFile(folder.config);
    const stores = openStores(folder);
    try {
      const shown = await lookUp(stores, run);
      if (given.flag('json')) io.out(JSON.stringify(shown ?? { kind: 'refused', code: 'run.unknown', run }));
      else if (shown) for (const line of linesOf(shown)) io.out(line);
      else io.out(`${oneLine(run)} is not a run of this data folder; relseal runs lists them`);
      return shown ? EXIT.done : EXIT.refused;
    } finally {
      stores.close();
    }
  },
};
