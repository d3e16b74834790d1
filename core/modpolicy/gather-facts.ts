import type { TenantId } from '../../events/fields.ts';
import { ModulePath } from '../brands.ts';
import { loadBuildList } from '../buildlist/build-list.ts';
import { compareGoVersions } from '../buildlist/module-order.ts';
import { type EvidenceRef, keepJsonEvidence, loadJsonEvidence } from '../evidence.ts';
import { modulesByLines } from '../gosum/cached-modules.ts';
import type { GoModFile, ModuleAt } from '../gosum/go-mod.ts';
import { parseGoSum } from '../gosum/go-sum.ts';
import { plainZipHasher } from '../gosum/zip-hashing.ts';
import type { Clock } from '../ports/clock.ts';
import type { ModuleCache } from '../ports/module-cache.ts';
import type { ModuleOrigins } from '../ports/module-origins.ts';
import type { ModuleIndex, ModuleSource } from '../ports/module-source.ts';
import type { ModuleTrust } from '../ports/module-trust.ts';
import type { Reviews } from '../ports/reviews.ts';
import type { ZipHasher } from '../ports/zip-hasher.ts';
import type { SourceSnapshot } from '../source/snapshot.ts';
import { SourceFacts } from '../source/source-facts.ts';
import { keepContradictions, type SumdbEvidence } from '../sumdb/evidence.ts';
import type { ProverOptions } from '../sumdb/prove.ts';
import { type AskedDatabase, type AskedDatabaseDeps, askedDatabase } from './asked-database.ts';
import { asksLatest } from './author-rules.ts';
import { changedSince, readChangedModules } from './changed-modules.ts';
import { compareOrigins, originsOf } from './compare-origins.ts';
import { openGoModProofs } from './go-mod-proof.ts';
import { firstUsedModules, takesTwoSources } from './history-rules.ts';
import { type FoundRelease, findLastRelease, type LastReleaseDeps } from './last-release.ts';
import type { ModulePolicyRecord } from './module-facts.ts';
import type { ModulePolicy } from './module-policy.ts';
import { publicSightings } from './public-sightings.ts';
import { type PublishedModule, publishedModules } from './published-modules.ts';
import { readLatestModules } from './read-latest.ts';
import { readSignatures } from './read-signatures.ts';
import { asksForReviews, recordReviews } from './reviewed.ts';
import { accountableModules, builtModules } from './selected-modules.ts';
import { proveToolchains } from './toolchain-proofs.ts';
import { treeFactsOf } from './tree-facts.ts';
import { unusedFacts } from './unused-facts.ts';

export interface GatherFactsDeps extends LastReleaseDeps, Pick<AskedDatabaseDeps, 'database' | 'heads'> {
  readonly clock: Clock;
  /** Patterns, as GOPRIVATE, of modules that are private. */
  readonly settings: { readonly private: readonly string[] };
  readonly modules: ModuleSource;
  readonly index: ModuleIndex;
  /** Time, recorded answers and a second way to the database, at the time of each run. */
  readonly proving?: () => ProverOptions;
  /** Keeps what was fetched, by its h1; absent: everything is fetched each time. */
  readonly cache?: ModuleCache;
  /** Absent: zips are hashed in this thread. */
  readonly hasher?: ZipHasher;
  /** Absent: no source host is asked for reviews, and only those of the policy count. */
  readonly reviews?: Reviews;
  /** Absent: what origins hold is not known, which a policy that compares them refuses. */
  readonly origins?: ModuleOrigins;
  /** Absent: what publishers signed is not known, which refuses where one answers for a module. */
  readonly trust?: ModuleTrust;
  /** What proxies hold themselves, never fetched from an origin; absent: there is no second source. */
  readonly proxied?: Pick<ModuleSource, 'zip'>;
}

/** What is judged: one release, its two files read. */
export interface GatheredFor {
  readonly tenant: TenantId;
  readonly policy: ModulePolicy;
  readonly snapshot: SourceSnapshot;
  readonly goMod: GoModFile;
  readonly goSum: string;
}

export interface GatheredFacts {
  readonly record: ModulePolicyRecord;
  /** What the record was made of, itself left out. */
  readonly evidence: readonly EvidenceRef[];
}

const DAY_MS = 24 * 60 * 60 * 1000;

type Known = Pick<ModulePolicyRecord, 'buildList' | 'lastRelease'>;

const firstUses = ({ settings }: GatherFactsDeps, { goMod }: GatheredFor, known: Known) =>
  firstUsedModules({ goMod, ...known, privatePatterns: [...settings.private] });

/** Faults of proxy and database pass when no rule would refuse for want of an answer. */
const tolerates = ({ retracted, deprecated }: ModulePolicy): boolean =>
  retracted.severity !== 'refuse' && deprecated.severity !== 'refuse';

async function latestFacts(
  deps: GatherFactsDeps,
  asked: AskedDatabase,
  { tenant, policy }: GatheredFor,
  modules: readonly ModuleAt[],
) {
  const paths = modules.filter(({ path }) => asksLatest(policy, path)).map(({ path }) => ModulePath.parse(path));
  if (paths.length === 0) return { latest: [], refusals: [], evidence: [] };
  const { modules: source, index } = deps;
  const proofs = openGoModProofs(asked, deps.settings.private);
  const read = await readLatestModules({ modules: source, index, proofs }, paths, { tolerant: tolerates(policy) });
  const evidence = await keepJsonEvidence(deps.worm, tenant, 'latest-modules', read.evidence);
  return { latest: read.latest, refusals: read.contradictions, evidence: [evidence] };
}

/** What vouches for modules that are new: their publishers, and proxies that are asked for themselves. */
async function vouchingFacts(deps: GatherFactsDeps, given: GatheredFor, known: Known) {
  const { trust, proxied } = deps;
  const { policy, goMod, goSum } = given;
  const { 'publisher-signature': signature, 'first-use': use } = policy;
  const first = firstUses(deps, given, known);
  const unused = new Set(first.map(({ path }) => path));
  // Where a rule would refuse for want of the answer, a host that is down is asked again.
  const isNeeded = ({ path, publisher }: PublishedModule): boolean =>
    (publisher.required && signature.severity === 'refuse') || (use.severity === 'refuse' && unused.has(path));
  const published = publishedModules({ goMod, goSum, ...known }, policy);
  return {
    ...(trust ? { publisherSignatures: await readSignatures(trust, published, isNeeded) } : {}),
    ...(proxied && takesTwoSources(policy) ? { proxied: await compareOrigins(originsOf(proxied), goSum, first) } : {}),
  };
}

/** Which of the modules that are new the origins are asked for; `undefined`: for none. */
function soughtAtOrigins(deps: GatherFactsDeps, given: GatheredFor, known: Known) {
  if (given.policy['origin-diverged'].compare) return () => true;
  if (!takesTwoSources(given.policy)) return undefined;
  const first = new Set(firstUses(deps, given, known).map(({ path }) => path));
  return ({ path }: ModuleAt) => first.has(path);
}

async function changeFacts(deps: GatherFactsDeps, given: GatheredFor, { buildList, lastRelease }: Known) {
  const { modules, origins } = deps;
  const { policy, goMod, goSum } = given;
  const built = builtModules({ goMod, buildList });
  const compares = policy['binary-object'].severity !== 'off' && lastRelease !== undefined;
  const changed = compares ? await readChangedModules(modules, lastRelease.modules, built) : [];
  const isSought = soughtAtOrigins(deps, given, { buildList, lastRelease });
  if (!origins || !isSought) return { changed };
  const sought = changedSince(lastRelease?.modules ?? [], built).filter(isSought);
  return { changed, origins: await compareOrigins(origins, goSum, sought) };
}

/** The go line from which on go.mod names every module that provides a package. */
const COMPLETE_SINCE = '1.17';

/** The modules that are built: of the whole list only those of go.mod where go.mod names all that provide packages. */
async function buildFacts({ modules }: GatherFactsDeps, { goMod }: GatheredFor, facts: SourceFacts | undefined) {
  if (!facts) return { refusals: [] };
  const texts = new Map(facts.texts.map(({ path, text }) => [path, text]));
  const goModIn = (directory: string) => texts.get(directory === '' ? 'go.mod' : `${directory}/go.mod`);
  const loaded = await loadBuildList({ mains: [{ directory: facts.directory, file: goMod }], goModIn }, modules);
  if (loaded.kind === 'refused') return { refusals: [...loaded.reasons] };
  const isComplete = compareGoVersions(goMod.go ?? '1.16', COMPLETE_SINCE) >= 0;
  const named = new Set(goMod.requirements.map(({ path }) => path));
  const buildList = loaded.modules.filter(({ path }) => path !== goMod.module && (!isComplete || named.has(path)));
  return { refusals: [], buildList: buildList.map(({ path, version }) => ({ path, version })) };
}

/** What the checksum database is asked for besides: Go itself, and private modules where the policy says so. */
async function recordFacts(
  { modules, hasher = plainZipHasher, settings }: GatherFactsDeps,
  asked: AskedDatabase,
  { policy, goMod }: GatheredFor,
  { buildList }: Known,
) {
  const { toolchains, refusals } = await proveToolchains({ asked, modules, hasher }, policy, goMod);
  const built = builtModules({ goMod, buildList });
  const seen = await publicSightings(asked, policy, { built, privatePatterns: settings.private });
  return {
    refusals: [...refusals, ...seen.refusals],
    found: { ...(toolchains ? { toolchains: [...toolchains] } : {}), publicSightings: seen.sightings },
  };
}

/** Modules by what both go.sum files state: of one module that they disagree on, by this one. */
function cached(deps: GatherFactsDeps, last: FoundRelease | undefined, { goSum }: GatheredFor): GatherFactsDeps {
  const lines = [last?.goSum ?? '', goSum].flatMap((text) => parseGoSum(text).lines);
  const { modules } = modulesByLines({ ...deps, hasher: deps.hasher ?? plainZipHasher }, lines);
  return { ...deps, modules };
}

/**
 * Gathers what the rules that are on judge by. Faults: those of the ledger, of the stores, of the module proxy, of the
 * checksum database and of the source host; an answer that is missing is never an answer.
 */
export async function gatherFacts(deps: GatherFactsDeps, given: GatheredFor): Promise<GatheredFacts> {
  const { tenant, policy, snapshot, goMod } = given;
  const { repository, module, tag, directory, commit } = snapshot;
  const facts = snapshot.facts && (await loadJsonEvidence(deps.worm, tenant, snapshot.facts, SourceFacts));
  const last = await findLastRelease(deps, tenant, { repository, module: module.path, tag });
  const reading = cached(deps, last, given);
  const { refusals, ...built } = await buildFacts(reading, given, facts);
  const known = { ...built, ...(last ? { lastRelease: last.release } : {}) };
  const contradictions: SumdbEvidence[] = [];
  const asked = askedDatabase({
    ...{ database: deps.database, heads: deps.heads },
    ...(deps.proving ? { options: deps.proving() } : {}),
    contradicted: (shown) => void contradictions.push(...shown),
  });
  const latest = await latestFacts(deps, asked, given, accountableModules({ goMod, ...built }));
  const records = await recordFacts(deps, asked, given, known);
  const reviews = asksForReviews(policy) ? await deps.reviews?.of(repository, commit) : undefined;
  const record: ModulePolicyRecord = {
    schema: 'relseal.module-policy/1',
    policy,
    ...{ module, repository, directory, commit },
    day: Math.floor(deps.clock.now() / DAY_MS),
    goMod: snapshot.goMod,
    ...(snapshot.goSum ? { goSum: snapshot.goSum } : {}),
    ...known,
    ...(await unusedFacts(reading.modules, policy, { goMod, goSum: given.goSum, facts })),
    ...(facts ? { tree: treeFactsOf(facts) } : {}),
    latest: latest.latest,
    refusals: [...refusals, ...latest.refusals, ...records.refusals],
    ...(await changeFacts(reading, given, known)),
    privatePatterns: [...deps.settings.private],
    ...(await vouchingFacts(deps, given, known)),
    ...records.found,
    ...(reviews ? { reviews: recordReviews(reviews, policy) } : {}),
  };
  const shown = await keepContradictions(deps.worm, tenant, contradictions);
  const of = snapshot.facts ? [snapshot.facts] : [];
  return { record, evidence: [...of, ...latest.evidence, ...(last?.evidence ?? []), ...shown] };
}
