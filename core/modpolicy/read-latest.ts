import * as z from 'zod';
import { H1Digest, ModulePath, ModuleVersion } from '../brands.ts';
import { Fault, isFault } from '../faults.ts';
import { mapBounded } from '../gosum/bounded.ts';
import { h1OfGoMod } from '../gosum/dirhash.ts';
import { parseDependencyGoMod } from '../gosum/go-mod.ts';
import { isCanonicalVersion } from '../gosum/go-version.ts';
import { matchesPathMajor, splitPathVersion } from '../gosum/module-path.ts';
import type { ModuleIndex, ModuleSource } from '../ports/module-source.ts';
import type { Refusal } from '../verdict.ts';
import type { GoModProofs } from './go-mod-proof.ts';
import { latestOfList, newestListedCommit } from './latest-version.ts';
import type { LatestModule } from './module-facts.ts';

/** The highest version of each module and what its go.mod says, with the bytes that said so. */

const MAX_IN_FLIGHT = 10;
/** Of lists and go.mod files together; those of a thousand modules are a few MiB. */
const MAX_EVIDENCE_CHARACTERS = 64 * 1024 * 1024;
const MAX_SHOWN = 1024;

const Base64 = z.base64();

/** Evidence of kind `latest-modules`: the answers of the module proxy, byte by byte. */
export const LatestEvidence = z.strictObject({
  schema: z.literal('relseal.latest-modules/1'),
  modules: z.array(
    z.strictObject({
      path: ModulePath,
      /** Absent: the proxy says that there is none. */
      list: Base64.optional(),
      /** `@latest`, where the list decides nothing. */
      latest: Base64.optional(),
      version: ModuleVersion.optional(),
      goMod: Base64.optional(),
      goModH1: H1Digest.optional(),
      /** `private`: the public database was not asked. */
      proved: z.enum(['database', 'private', 'refused']).optional(),
      /** Number of its record. */
      record: z.int().nonnegative().optional(),
    }),
  ),
});
export type LatestEvidence = z.infer<typeof LatestEvidence>;
type Pinned = LatestEvidence['modules'][number];

export interface ReadLatestDeps {
  readonly modules: Pick<ModuleSource, 'goMod'>;
  readonly index: Pick<ModuleIndex, 'versions' | 'latest'>;
  readonly proofs: GoModProofs;
}

export interface LatestModules {
  readonly latest: LatestModule[];
  readonly contradictions: Refusal[];
  readonly evidence: LatestEvidence;
}

interface Reading {
  readonly latest: LatestModule;
  readonly pinned: Pinned;
  readonly contradiction?: Refusal;
}

/** Ends the reading of one module; never leaves this file. */
class Unread extends Error {
  override readonly name = 'Unread';
}

const base64 = (bytes: Uint8Array) => Buffer.from(bytes).toString('base64');

async function highestVersion(
  { modules, index }: ReadLatestDeps,
  path: ModulePath,
  pinned: Pinned,
): Promise<string | undefined> {
  const listed = await index.versions(path);
  if (!listed) throw new Unread('the module proxy has no list of versions');
  pinned.list = base64(listed.bytes);
  const ofList = await latestOfList(listed.versions, async (version) => {
    const goMod = await modules.goMod(path, ModuleVersion.parse(version));
    if (!goMod) throw new Unread(`the module proxy lists ${version} and has no go.mod of it`);
    return Buffer.from(goMod).toString('utf8') !== `module ${path}\n`;
  });
  if (ofList !== undefined) return ofList;
  const latest = await index.latest(path);
  if (!latest) return newestListedCommit(Buffer.from(listed.bytes).toString('utf8'));
  pinned.latest = base64(latest.bytes);
  return latest.version;
}

/** A proxy may name anything its latest; only a version that can be the module's is asked for. */
function versionOf(path: ModulePath, text: string): ModuleVersion {
  const major = splitPathVersion(path)?.major;
  if (major !== undefined && isCanonicalVersion(text) && matchesPathMajor(text, major))
    return ModuleVersion.parse(text);
  throw new Unread(`the highest version is ${text}, which is no version of the module`.slice(0, MAX_SHOWN));
}

function readGoMod(path: string, version: string, bytes: Uint8Array): LatestModule {
  const parsed = parseDependencyGoMod(Buffer.from(bytes).toString('utf8'));
  if (parsed.kind === 'malformed') {
    const { line, column, expected } = parsed.problem;
    throw new Unread(`go.mod of ${version}, ${line}:${column}: expected ${expected}`.slice(0, MAX_SHOWN));
  }
  const { retractions, deprecated } = parsed.file;
  const shown = (text: string) => text.slice(0, MAX_SHOWN);
  return {
    kind: 'read',
    path,
    version,
    retractions: retractions.map(({ low, high, rationale }) => ({
      low: shown(low),
      high: shown(high),
      ...(rationale === undefined ? {} : { rationale: shown(rationale) }),
    })),
    ...(deprecated === undefined ? {} : { deprecated: shown(deprecated) }),
  };
}

async function readOne(deps: ReadLatestDeps, path: ModulePath, pinned: Pinned): Promise<Omit<Reading, 'pinned'>> {
  const highest = await highestVersion(deps, path, pinned);
  if (highest === undefined) return { latest: { kind: 'none', path } };
  const version = versionOf(path, highest);
  pinned.version = version;
  const bytes = await deps.modules.goMod(path, version);
  if (!bytes) throw new Unread(`the module proxy has no go.mod of ${version}`);
  pinned.goMod = base64(bytes);
  pinned.goModH1 = h1OfGoMod(bytes);
  const proof = await deps.proofs.prove(path, version, pinned.goModH1);
  pinned.proved = proof.kind;
  if (proof.kind === 'database') pinned.record = proof.record;
  if (proof.kind !== 'refused') return { latest: readGoMod(path, version, bytes) };
  const { reason } = proof;
  const latest = { kind: 'not-checked', path, why: `${reason.code}: go.mod of ${version} is not proved` } as const;
  // A version that the database does not know contradicts nothing; everything else does.
  return reason.code === 'sumdb.unknown-module' ? { latest } : { latest, contradiction: reason };
}

const isUnavailable = (error: unknown): error is Fault =>
  isFault(error, 'ModuleProxyUnreachable') || isFault(error, 'ChecksumDatabaseUnavailable');

/** `tolerant`: a proxy or a database that cannot be asked leaves the module unchecked instead of ending the run. */
async function read(deps: ReadLatestDeps, path: ModulePath, tolerant: boolean): Promise<Reading> {
  const pinned: Pinned = { path };
  try {
    return { ...(await readOne(deps, path, pinned)), pinned };
  } catch (error) {
    if (!(error instanceof Unread) && !(tolerant && isUnavailable(error))) throw error;
    const why = error instanceof Unread ? error.message : error.name;
    return { latest: { kind: 'not-checked', path, why }, pinned };
  }
}

/**
 * Reads what the highest version of each module says of all of them, at most ten at a time. Faults as those of the proxy
 * and of the database, unless `tolerant`; `LimitExceeded` when there is more to pin than any real build has.
 */
export async function readLatestModules(
  deps: ReadLatestDeps,
  paths: readonly ModulePath[],
  { tolerant }: { readonly tolerant: boolean },
): Promise<LatestModules> {
  const readings = await mapBounded([...new Set(paths)], MAX_IN_FLIGHT, (path) => read(deps, path, tolerant));
  await deps.proofs.saveHead();
  const characters = readings.reduce(
    (sum, { pinned }) => sum + (pinned.list?.length ?? 0) + (pinned.goMod?.length ?? 0),
    0,
  );
  if (characters > MAX_EVIDENCE_CHARACTERS)
    throw new Fault('LimitExceeded', 'lists of versions and go.mod files: too much');
  // One broken database contradicts every module in the same words.
  const contradictions = new Map(
    readings.flatMap(({ contradiction }) =>
      contradiction ? [[JSON.stringify(contradiction), contradiction] as const] : [],
    ),
  );
  return {
    latest: readings.map(({ latest }) => latest),
    contradictions: [...contradictions.values()],
    evidence: { schema: 'relseal.latest-modules/1', modules: readings.map(({ pinned }) => pinned) },
  };
}
