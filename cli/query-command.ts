import { VIEW_FIELDS, type ViewField } from '../core/ports/views.ts';
import { projectEntries } from '../core/query/project.ts';
import { type FoundEntry, queryEntries } from '../core/query/query.ts';
import { GitSha, OciDigest } from '../events/fields.ts';
import { type Command, DATA_OPTION, EXIT, type Given, JSON_OPTION, UsageError } from './command.ts';
import { TENANT_OPTION, withTenantStores } from './tenant-of.ts';

const HELP: Readonly<Record<ViewField, readonly [value: string, help: string]>> = {
  release: ['ID', 'all entries of a release, HOST/REPO@TAG or HOST/REPO@sha256:…'],
  commit: ['SHA', 'a whole commit id'],
  tag: ['TAG', 'a tag of a source or an image'],
  digest: ['sha256:HEX', 'an image digest'],
  module: ['PATH@VERSION', 'a module version'],
  actor: ['ID', 'who did it, by pseudonym'],
  run: ['NAME', 'a run, as relseal runs lists it'],
  trace: ['ID', 'a trace id, 32 hex digits'],
  delivery: ['PROVIDER/INSTANCE/ID', 'a delivery'],
  repository: ['HOST/REPO', 'all releases of a repository'],
  kind: ['KIND', 'delivery, check, verdict, signature, fault, …'],
  outcome: ['OUTCOME', 'pass, refuse, fault or info'],
};

/** What would silently find nothing is said instead. */
const SHAPES: Partial<Record<ViewField, { matches(value: string): boolean; shape: string }>> = {
  commit: {
    matches: (value) => GitSha.safeParse(value).success,
    shape: 'a whole commit id: 40 or 64 lower-case hex digits',
  },
  digest: { matches: (value) => OciDigest.safeParse(value).success, shape: 'sha256: and 64 lower-case hex digits' },
  trace: { matches: (value) => /^[0-9a-f]{32}$/.test(value), shape: '32 lower-case hex digits' },
  outcome: { matches: (value) => /^(?:pass|refuse|fault|info)$/.test(value), shape: 'pass, refuse, fault or info' },
};

function searchIn(given: Given): { field: ViewField; value: string } {
  const named = VIEW_FIELDS.filter((field) => given.text(field) !== undefined);
  const [field, ...more] = named;
  if (field === undefined || more.length > 0)
    throw new UsageError(`search by exactly one of ${VIEW_FIELDS.map((each) => `--${each}`).join(', ')}`);
  const value = given.required(field);
  const shape = SHAPES[field];
  if (shape && !shape.matches(value)) throw new UsageError(`--${field} takes ${shape.shape}`);
  return { field, value };
}

function countIn(given: Given, option: string, least: number, most: number): number | undefined {
  const text = given.text(option);
  if (text === undefined) return undefined;
  const value = Number(text);
  if (!/^\d{1,15}$/.test(text) || value < least || value > most)
    throw new UsageError(`--${option} is a number from ${least} to ${most}`);
  return value;
}

function* linesOf({ index, leaf, entry }: FoundEntry): Generator<string> {
  yield [String(index).padStart(7), leaf, entry.kind.padEnd(9), entry.outcome.padEnd(6), entry.release?.id ?? '']
    .join('  ')
    .trimEnd();
  const { reasons = [], reasonsTotal = 0 } = entry;
  for (const { code, where } of reasons) yield `${' '.repeat(9)}${code}${where === undefined ? '' : ` at ${where}`}`;
  if (reasonsTotal > reasons.length) yield `${' '.repeat(9)}and ${reasonsTotal - reasons.length} more, in the evidence`;
}

export const queryCommand: Command = {
  name: 'query',
  summary: 'find ledger entries by one fact, newest first; finding none is not an error',
  positionals: '',
  options: {
    ...DATA_OPTION,
    ...TENANT_OPTION,
    ...Object.fromEntries(
      VIEW_FIELDS.map((field) => [field, { type: 'string' as const, value: HELP[field][0], help: HELP[field][1] }]),
    ),
    limit: { type: 'string', value: 'N', help: 'at most so many entries, up to 1000; 100 when not given' },
    before: { type: 'string', value: 'INDEX', help: 'only entries below this index: the next page' },
    ...JSON_OPTION,
  },
  run: async (given, io) => {
    if (given.positionals.length > 0) throw new UsageError('a search is given by options only');
    const search = searchIn(given);
    const limit = countIn(given, 'limit', 1, 1000) ?? 100;
    const before = countIn(given, 'before', 0, Number.MAX_SAFE_INTEGER);
    const answer = await withTenantStores(given, async ({ stores, tenant }) => {
      // What was committed before the question is found, whether or not a server is running.
      await projectEntries(stores, tenant);
      return queryEntries(stores, tenant, { ...search, limit, ...(before === undefined ? {} : { before }) });
    });
    const last = answer.entries.length === limit ? answer.entries.at(-1)?.index : undefined;
    if (given.flag('json')) io.out(JSON.stringify({ ...answer, ...(last === undefined ? {} : { before: last }) }));
    else {
      for (const found of answer.entries) for (const line of linesOf(found)) io.out(line);
      io.note(`${answer.entries.length} of the ${answer.asOfIndex} entries of the log`);
      if (last !== undefined) io.note(`there may be more: --before ${last}`);
    }
    return EXIT.done;
  },
};
