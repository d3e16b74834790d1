import type { ModulePath, ModuleVersion } from '../brands.ts';
import type { ChecksumDatabase } from '../ports/checksum-database.ts';
import type { HeadStore, KeptHead } from '../ports/head-store.ts';
import type { ModuleSource } from '../ports/module-source.ts';
import { openSumdbProver, type SumdbProver } from '../sumdb/prove.ts';
import { parseVerifierKey } from '../tlog/note.ts';
import type { Refusal } from '../verdict.ts';
import { type GoModFile, parseGoMod, replacedModule } from './go-mod.ts';
import { type GoSumFile, goSumKey, parseGoSum } from './go-sum.ts';
import { matchesPathPatterns } from './module-path.ts';
import { askRecords, type JudgedLine, judgeLines, missingLines, type RecordOf } from './verify-lines.ts';

/** Go module truth of one release: its go.mod, its go.sum and its own two hashes. */

/** The released module itself. `published`: it came from the proxy, so a lookup reveals nothing new. */
export interface ReleasedModule {
  readonly path: ModulePath;
  readonly version: ModuleVersion;
  readonly zipH1: string;
  readonly goModH1: string;
  readonly published: boolean;
}

export interface ModuleInputs {
  readonly goMod: Uint8Array;
  /** Absent: the tree has no such file. */
  readonly goSum: Uint8Array | undefined;
  readonly released: ReleasedModule | undefined;
}

export interface VerifyModulesDeps {
  readonly modules: ModuleSource;
  readonly database: ChecksumDatabase;
  readonly heads: HeadStore;
  /** Patterns, as GOPRIVATE, of modules that the public database is never asked for. */
  readonly settings: { readonly private: readonly string[] };
}

export interface ModuleVerification {
  readonly reasons: readonly Refusal[];
  readonly lines: readonly JudgedLine[];
  /** How the release's own hashes were proved; absent when there is no released module. */
  readonly release?: { readonly proved: 'database' | 'private' | 'not-asked' | 'refused'; readonly record?: number };
  /** The head that the records were proved in; absent when the database was not asked. */
  readonly head?: KeptHead & { readonly log: string };
}

type Read<T> = { readonly file: T; readonly reasons: readonly Refusal[] } | { readonly refusal: Refusal };

function textOf(bytes: Uint8Array, name: 'go.mod' | 'go.sum'): { text: string } | { refusal: Refusal } {
  try {
    return { text: new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes) };
  } catch {
    return {
      refusal: {
        code: name === 'go.mod' ? 'gosum.go-mod-malformed' : 'gosum.malformed',
        where: name,
        expected: 'UTF-8 text',
      },
    };
  }
}

function readGoMod(bytes: Uint8Array): Read<GoModFile> {
  const decoded = textOf(bytes, 'go.mod');
  if ('refusal' in decoded) return decoded;
  const parsed = parseGoMod(decoded.text);
  if (parsed.kind === 'parsed') return { file: parsed.file, reasons: [] };
  const { line, column, expected, found } = parsed.problem;
  return {
    refusal: {
      code: 'gosum.go-mod-malformed',
      where: `go.mod:${line}:${column}`,
      expected,
      found,
      fix: 'Correct the line; `go mod edit -fmt` shows the same fault.',
    },
  };
}

function readGoSum(bytes: Uint8Array | undefined, goMod: GoModFile): Read<GoSumFile> {
  if (bytes) {
    const decoded = textOf(bytes, 'go.sum');
    if ('refusal' in decoded) return decoded;
    const file = parseGoSum(decoded.text);
    return { file, reasons: file.problems };
  }
  const needed = goMod.requirements.find((required) => replacedModule(goMod, required));
  if (!needed) return { file: { lines: [], problems: [] }, reasons: [] };
  return {
    refusal: {
      code: 'gosum.file-missing',
      where: 'go.sum',
      expected: `the lines of ${needed.path} ${needed.version} (go.mod:${needed.line})`.slice(0, 1024),
      found: 'no go.sum beside go.mod',
      fix: 'Run `go mod tidy` and commit go.sum.',
    },
  };
}

/** The record of the release itself must hold the hashes of the tree that was tagged. */
function judgeRelease(released: ReleasedModule, isPrivate: boolean, recordOf: RecordOf) {
  const where = `${released.path}@${released.version}`;
  if (isPrivate) return { release: { proved: 'private' as const }, reasons: [] };
  if (!released.published) return { release: { proved: 'not-asked' as const }, reasons: [] };
  const answer = recordOf(released.path, released.version);
  if (answer.kind !== 'proved') return { release: { proved: 'refused' as const }, reasons: [] };
  const { record } = answer;
  const reasons = ([['zip', released.zipH1] as const, ['go.mod', released.goModH1] as const] as const)
    .map(([kind, found]) => ({
      key: goSumKey(released.path, released.version, kind),
      found,
    }))
    .filter(({ key, found }) => record.hashes.get(key) !== found)
    .map(({ key, found }) => ({
      code: 'source.tag-moved',
      where: where.slice(0, 1024),
      expected: `${key} ${record.hashes.get(key) ?? '(no line)'}`.slice(0, 1024),
      found,
      fix: 'The version was published with other content: release under a new version, never move a tag.',
    }));
  return {
    release: { proved: reasons.length === 0 ? ('database' as const) : ('refused' as const), record: record.id },
    reasons,
  };
}

type OpenedDatabase = {
  readonly log: string;
  readonly prover: SumdbProver | undefined;
  readonly reasons: readonly Refusal[];
};

/** Opens the database only when something is to be asked of it. */
async function openDatabase({ database, heads }: VerifyModulesDeps, needed: boolean): Promise<OpenedDatabase> {
  const { name, id } = parseVerifierKey(database.verifierKey);
  const log = `${name}+${id}`;
  if (!needed) return { log, prover: undefined, reasons: [] };
  const opened = await openSumdbProver(database, await heads.load(log));
  return opened.kind === 'opened'
    ? { log, prover: opened.prover, reasons: [] }
    : { log, prover: undefined, reasons: [opened.reason] };
}

/**
 * Judges everything and names every reason, in a fixed order: go.mod, go.sum, missing lines, lines, database, release.
 * Faults (`ModuleProxyUnreachable`, `ChecksumDatabaseUnavailable`, …) are thrown: what could not be checked is no answer.
 */
export async function verifyModuleHashes(deps: VerifyModulesDeps, inputs: ModuleInputs): Promise<ModuleVerification> {
  const goMod = readGoMod(inputs.goMod);
  if ('refusal' in goMod) return { reasons: [goMod.refusal], lines: [] };
  const goSum = readGoSum(inputs.goSum, goMod.file);
  const missing =
    'refusal' in goSum ? [goSum.refusal] : [...goSum.reasons, ...missingLines(goMod.file, goSum.file.lines)];
  const lines = 'refusal' in goSum ? [] : goSum.file.lines;
  const isPrivate = (path: string) => matchesPathPatterns(deps.settings.private, path);
  const { released } = inputs;
  const asked = lines.filter(({ module }) => !isPrivate(module)).map(({ module, version }) => ({ module, version }));
  if (released?.published && !isPrivate(released.path))
    asked.push({ module: released.path, version: released.version });
  const { log, prover, reasons: unopened } = await openDatabase(deps, asked.length > 0);
  const records = await askRecords(prover, asked);
  // Saved before the report: a run that dies in between only knows more than it said.
  if (prover) await deps.heads.save(log, prover.head());
  const recordOf: RecordOf = (module, version) =>
    unopened[0] && !isPrivate(module) ? { kind: 'refused', reason: unopened[0] } : records.recordOf(module, version);
  const judged = await judgeLines(deps.modules, lines, recordOf);
  const own = released && judgeRelease(released, isPrivate(released.path), recordOf);
  return {
    reasons: [...missing, ...judged.reasons, ...unopened, ...records.reasons, ...(own?.reasons ?? [])],
    lines: judged.lines,
    ...(own ? { release: own.release } : {}),
    ...(prover ? { head: { log, ...prover.head() } } : {}),
  };
}
