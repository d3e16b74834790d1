import type { ModulePath, ModuleVersion } from '../brands.ts';
import { type JudgedNeeds, judgeNeeds } from '../buildlist/judge-lines.ts';
import type { ChecksumDatabase } from '../ports/checksum-database.ts';
import type { HeadStore, KeptHead } from '../ports/head-store.ts';
import type { ModuleCache } from '../ports/module-cache.ts';
import type { ModuleSource } from '../ports/module-source.ts';
import type { ZipHasher } from '../ports/zip-hasher.ts';
import type { SourceFacts } from '../source/source-facts.ts';
import type { SumdbEvidence, SumdbRefusal } from '../sumdb/evidence.ts';
import { type Privacy, undecidedHost } from '../sumdb/privacy.ts';
import { openSumdbProver, type ProverOptions, type SumdbProver } from '../sumdb/prove.ts';
import { logNameOf, parseVerifierKey } from '../tlog/note.ts';
import type { Refusal } from '../verdict.ts';
import { modulesByLines } from './cached-modules.ts';
import { type GoModFile, parseGoMod, replacedModule } from './go-mod.ts';
import { type GoSumFile, type GoSumLine, goSumKey, parseGoSum } from './go-sum.ts';
import { matchesPathPatterns } from './module-path.ts';
import { type PinPrivateModule, pinPrivateModules } from './private-lines.ts';
import { askRecords, type JudgedLine, judgeLines, missingLines, type RecordOf } from './verify-lines.ts';
import { plainZipHasher } from './zip-hashing.ts';

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
  /** The tree that go.mod lies in; without it only what go.mod requires directly must have lines. */
  readonly facts?: SourceFacts;
}

export interface VerifyModulesDeps {
  readonly modules: ModuleSource;
  readonly database: ChecksumDatabase;
  readonly heads: HeadStore;
  /** Time, recorded answers and a second way to the database, at the time of each run. */
  readonly proving?: () => ProverOptions;
  /** Absent: zips are hashed in this thread. */
  readonly hasher?: ZipHasher;
  /** Keeps what was fetched, by its h1; absent: everything is fetched each time. */
  readonly cache?: ModuleCache;
  /** Patterns, as GOPRIVATE, of modules that the public database is never asked for. */
  readonly settings: { readonly private: readonly string[] };
  /** The tenant's word on each path, where it gives one; a path without an answer is refused and never asked for. */
  readonly classify?: (path: string) => Privacy;
  /** Our own log of private modules; absent: nobody proves them. */
  readonly pin?: PinPrivateModule;
}

export interface ModuleVerification {
  readonly reasons: readonly Refusal[];
  /** What is untidy, and what the checksum database lets expect: refuses nothing. */
  readonly warnings: readonly Refusal[];
  /** What the missing lines were found by: all that is imported, or no more than go.mod. */
  readonly needs: { readonly of: 'packages' | 'direct-requirements' } & Pick<JudgedNeeds, 'counts'>;
  readonly lines: readonly JudgedLine[];
  /** How the release's own hashes were proved; absent when there is no released module. */
  readonly release?: { readonly proved: 'database' | 'private' | 'not-asked' | 'refused'; readonly record?: number };
  /** The head that the records were proved in; absent when the database was not asked. */
  readonly head?: KeptHead & { readonly log: string };
  /** Number of private modules that our own log holds as they are; absent where there is no log. */
  readonly pinned?: number;
  /** What shows that the checksum database contradicts itself. */
  readonly evidence: readonly SumdbEvidence[];
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

function readGoSum(bytes: Uint8Array): Read<GoSumFile> {
  const decoded = textOf(bytes, 'go.sum');
  if ('refusal' in decoded) return decoded;
  const file = parseGoSum(decoded.text);
  return { file, reasons: file.problems };
}

/** Without facts of the tree: the direct requirements after replacement, directories left out. */
function judgeDirect(goMod: GoModFile, lines: readonly GoSumLine[] | undefined): JudgedNeeds {
  if (lines) return { reasons: missingLines(goMod, lines), warnings: [] };
  const needed = goMod.requirements.find((required) => replacedModule(goMod, required));
  const refusal = needed && {
    code: 'gosum.file-missing',
    where: 'go.sum',
    expected: `the lines of ${needed.path} ${needed.version} (go.mod:${needed.line})`.slice(0, 1024),
    found: 'no go.sum beside go.mod',
    fix: 'Run `go mod tidy` and commit go.sum.',
  };
  return { reasons: refusal ? [refusal] : [], warnings: [] };
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

interface OpenedDatabase {
  readonly log: string;
  readonly prover?: SumdbProver;
  /** Why it was not opened; absent too where nothing is to be asked of it. */
  readonly refused?: SumdbRefusal;
}

/** Opens the database only when something is to be asked of it. */
async function openDatabase({ database, heads, proving }: VerifyModulesDeps, needed: boolean): Promise<OpenedDatabase> {
  const log = logNameOf(parseVerifierKey(database.verifierKey));
  if (!needed) return { log };
  const opened = await openSumdbProver(database, await heads.load(log), proving?.());
  return opened.kind === 'opened' ? { log, prover: opened.prover } : { log, refused: opened };
}

interface Proofs {
  readonly opened: OpenedDatabase;
  readonly recordOf: RecordOf;
  readonly reasons: readonly Refusal[];
  readonly evidence: readonly SumdbEvidence[];
}

/** Asks for the records of what may be asked for, and keeps the head they were proved in. */
async function proveLines(
  deps: VerifyModulesDeps,
  lines: readonly GoSumLine[],
  released: ReleasedModule | undefined,
  privacyOf: (path: string) => Privacy,
): Promise<Proofs> {
  const isPublic = (path: string) => privacyOf(path) === 'public';
  const asked = lines.filter(({ module }) => isPublic(module)).map(({ module, version }) => ({ module, version }));
  if (released?.published && isPublic(released.path)) asked.push({ module: released.path, version: released.version });
  const opened = await openDatabase(deps, asked.length > 0);
  const { log, prover, refused } = opened;
  const records = await askRecords(prover, asked);
  // Saved before the report: a run that dies in between only knows more than it said.
  if (prover) await deps.heads.save(log, prover.head());
  return {
    opened,
    recordOf(module, version) {
      const privacy = privacyOf(module);
      return privacy === 'public' ? (refused ?? records.recordOf(module, version)) : { kind: privacy };
    },
    reasons: [...(refused ? [refused.reason] : []), ...records.reasons],
    evidence: [...(refused?.evidence ?? []), ...records.evidence],
  };
}

/**
 * Judges everything and names every reason, in a fixed order: go.mod, go.sum, missing lines, lines, undecided hosts, our
 * own log, database, release.
 * Faults (`ModuleProxyUnreachable`, `ChecksumDatabaseUnavailable`, …) are thrown: what could not be checked is no answer.
 */
export async function verifyModuleHashes(deps: VerifyModulesDeps, inputs: ModuleInputs): Promise<ModuleVerification> {
  const { released, facts } = inputs;
  const of = facts ? 'packages' : 'direct-requirements';
  const goMod = readGoMod(inputs.goMod);
  if ('refusal' in goMod) return { reasons: [goMod.refusal], warnings: [], lines: [], needs: { of }, evidence: [] };
  const goSum = inputs.goSum && readGoSum(inputs.goSum);
  const unreadable = goSum && 'refusal' in goSum ? goSum.refusal : undefined;
  const file = goSum && 'file' in goSum ? goSum : undefined;
  const lines = file?.file.lines ?? [];
  const privacyOf = privacyIn(deps);
  const proofs = await proveLines(deps, lines, released, privacyOf);
  const { modules, hasher } = modulesByLines({ ...deps, hasher: deps.hasher ?? plainZipHasher }, lines);
  const judged = await judgeLines(modules, hasher, lines, proofs.recordOf);
  const pins = deps.pin && (await pinPrivateModules(deps.pin, modules, judged.lines));
  // Behind the hashes, so that what it reads of zips is at hand where there is a cache.
  const needs = await judgeLacking(modules, goMod.file, unreadable, file?.file.lines, facts);
  const own = released && judgeRelease(released, privacyOf(released.path) !== 'public', proofs.recordOf);
  const { log, prover } = proofs.opened;
  return {
    reasons: [
      ...(file?.reasons ?? []),
      ...needs.reasons,
      ...judged.reasons,
      ...undecidedHosts(lines, privacyOf),
      ...(pins?.reasons ?? []),
      ...proofs.reasons,
      ...(own?.reasons ?? []),
    ],
    warnings: [...needs.warnings, ...(prover?.warnings() ?? [])],
    lines: judged.lines,
    needs: { of, ...(needs.counts ? { counts: needs.counts } : {}) },
    ...(own ? { release: own.release } : {}),
    ...(pins ? { pinned: pins.pinned } : {}),
    ...(prover ? { head: { log, ...prover.head() } } : {}),
    evidence: proofs.evidence,
  };
}

const privacyIn = ({ settings, classify }: VerifyModulesDeps): ((path: string) => Privacy) =>
  classify ?? ((path) => (matchesPathPatterns(settings.private, path) ? 'private' : 'public'));

/** One refusal for each host that nobody said anything about: asking would tell the world that we use it. */
function undecidedHosts(lines: readonly GoSumLine[], privacyOf: (path: string) => Privacy): Refusal[] {
  const byHost = new Map<string | undefined, Refusal>();
  for (const { module, line } of lines.filter((each) => privacyOf(each.module) === 'undecided')) {
    const refusal = { ...undecidedHost(module), where: `go.sum:${line}` };
    if (!byHost.has(refusal.found)) byHost.set(refusal.found, refusal);
  }
  return [...byHost.values()];
}

/** Of a go.sum that cannot be read nobody can say what it lacks. */
async function judgeLacking(
  modules: ModuleSource,
  goMod: GoModFile,
  unreadable: Refusal | undefined,
  lines: readonly GoSumLine[] | undefined,
  facts: SourceFacts | undefined,
): Promise<JudgedNeeds> {
  if (unreadable) return { reasons: [unreadable], warnings: [] };
  return facts ? judgeNeeds({ facts, goMod, lines, modules }) : judgeDirect(goMod, lines);
}
