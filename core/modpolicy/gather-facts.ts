import type { TenantId } from '../../events/fields.ts';
import { ModulePath, ModuleVersion } from '../brands.ts';
import { loadBuildList } from '../buildlist/build-list.ts';
import { compareGoVersions } from '../buildlist/module-order.ts';
import { type EvidenceRef, keepJsonEvidence, loadJsonEvidence } from '../evidence.ts';
import { mapBounded } from '../gosum/bounded.ts';
import type { GoModFile, ModuleAt } from '../gosum/go-mod.ts';
import type { Clock } from '../ports/clock.ts';
import type { ModuleOrigins } from '../ports/module-origins.ts';
import type { ModuleIndex, ModuleSource } from '../ports/module-source.ts';
import type { ModuleTrust } from '../ports/module-trust.ts';
import type { Reviews } from '../ports/reviews.ts';
import type { SourceSnapshot } from '../source/snapshot.ts';
import { SourceFacts } from '../source/source-facts.ts';
import { asksLatest } from './author-rules.ts';
import { changedSince, readChangedModules } from './changed-modules.ts';
import { compareOrigins } from './compare-origins.ts';
import { type GoModProofDeps, openGoModProofs } from './go-mod-proof.ts';
import { firstUsedModules } from './history-rules.ts';
import { findLastRelease, type LastReleaseDeps } from './last-release.ts';
import type { ModulePolicyRecord } from './module-facts.ts';
import type { ModulePolicy } from './module-policy.ts';
import { readLatestModules } from './read-latest.ts';
import { accountableModules, builtModules } from './selected-modules.ts';
import { treeFactsOf } from './tree-facts.ts';

export interface GatherFactsDeps extends LastReleaseDeps, GoModProofDeps {
  readonly clock: Clock;
  readonly modules: ModuleSource;
  readonly index: ModuleIndex;
  /** Absent: no source host is asked for reviews, and only those of the policy count. */
  readonly reviews?: Reviews;
  /** Absent: what origins hold is not known, which a policy that compares them refuses. */
  readonly origins?: ModuleOrigins;
  /** Absent: nothing vouches for a private module that was never used. */
  readonly trust?: ModuleTrust;
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
const MAX_TRUST_QUESTIONS = 10;

const isOn = (policy: ModulePolicy, name: 'binary-object' | 'first-use'): boolean => policy[name].severity !== 'off';

/** Faults of proxy and database pass when no rule would refuse for want of an answer. */
const tolerates = ({ retracted, deprecated }: ModulePolicy): boolean =>
  retracted.severity !== 'refuse' && deprecated.severity !== 'refuse';

async function latestFacts(deps: GatherFactsDeps, { tenant, policy }: GatheredFor, modules: readonly ModuleAt[]) {
  const paths = modules.filter(({ path }) => asksLatest(policy, path)).map(({ path }) => ModulePath.parse(path));
  if (paths.length === 0) return { latest: [], refusals: [], evidence: [] };
  const { modules: source, index } = deps;
  const proofs = openGoModProofs(deps);
  const read = await readLatestModules({ modules: source, index, proofs }, paths, { tolerant: tolerates(policy) });
  const evidence = await keepJsonEvidence(deps.worm, tenant, 'latest-modules', read.evidence);
  return { latest: read.latest, refusals: read.contradictions, evidence: [evidence] };
}

async function firstUseFacts(
  { trust, settings }: GatherFactsDeps,
  { tenant, policy, goMod }: GatheredFor,
  known: Pick<ModulePolicyRecord, 'buildList' | 'lastRelease'>,
) {
  if (!trust || !isOn(policy, 'first-use')) return {};
  const modules = firstUsedModules({ goMod, ...known, privatePatterns: [...settings.private] });
  const firstUses = await mapBounded(modules, MAX_TRUST_QUESTIONS, async ({ path, version }) => ({
    module: { path, version },
    basis: [...(await trust.basisOf(tenant, ModulePath.parse(path), ModuleVersion.parse(version)))],
  }));
  return { firstUses };
}

async function changeFacts(
  { modules, origins }: GatherFactsDeps,
  { policy, goMod, goSum }: GatheredFor,
  { buildList, lastRelease }: Pick<ModulePolicyRecord, 'buildList' | 'lastRelease'>,
) {
  const built = builtModules({ goMod, buildList });
  const compares = isOn(policy, 'binary-object') && lastRelease !== undefined;
  const changed = compares ? await readChangedModules(modules, lastRelease.modules, built) : [];
  if (!origins || !policy['origin-diverged'].compare) return { changed };
  const sought = changedSince(lastRelease?.modules ?? [], built);
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

/**
 * Gathers what the rules that are on judge by. Faults: those of the ledger, of the stores, of the module proxy, of the
 * checksum database and of the source host; an answer that is missing is never an answer.
 */
export async function gatherFacts(deps: GatherFactsDeps, given: GatheredFor): Promise<GatheredFacts> {
  const { tenant, policy, snapshot, goMod } = given;
  const { repository, module, tag, directory, commit } = snapshot;
  const facts = snapshot.facts && (await loadJsonEvidence(deps.worm, tenant, snapshot.facts, SourceFacts));
  const { refusals, ...built } = await buildFacts(deps, given, facts);
  const last = await findLastRelease(deps, tenant, { repository, module: module.path, tag });
  const known = { ...built, ...(last ? { lastRelease: last.release } : {}) };
  const latest = await latestFacts(deps, given, accountableModules({ goMod, ...built }));
  const reviews = await deps.reviews?.of(repository, commit);
  const record: ModulePolicyRecord = {
    schema: 'relseal.module-policy/1',
    policy,
    ...{ module, repository, directory, commit },
    day: Math.floor(deps.clock.now() / DAY_MS),
    goMod: snapshot.goMod,
    ...(snapshot.goSum ? { goSum: snapshot.goSum } : {}),
    ...known,
    ...(facts ? { tree: treeFactsOf(facts) } : {}),
    latest: latest.latest,
    refusals: [...refusals, ...latest.refusals],
    ...(await changeFacts(deps, given, known)),
    privatePatterns: [...deps.settings.private],
    ...(await firstUseFacts(deps, given, known)),
    publicSightings: [],
    ...(reviews ? { reviews: [...reviews] } : {}),
  };
  const evidence = [...(snapshot.facts ? [snapshot.facts] : []), ...latest.evidence, ...(last?.evidence ?? [])];
  return { record, evidence };
}
