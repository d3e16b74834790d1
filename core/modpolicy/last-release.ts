import type { RepositoryRef, TenantId } from '../../events/fields.ts';
import type { CheckReport } from '../check.ts';
import { type EvidenceRef, loadEvidence, loadJsonEvidence } from '../evidence.ts';
import { recomputeVerdict, VerdictRecord } from '../gate/verdict.ts';
import { type ModuleAt, parseGoMod } from '../gosum/go-mod.ts';
import { parseEntry } from '../ledger/entry.ts';
import type { LedgerStore } from '../ports/ledger-store.ts';
import type { Views } from '../ports/views.ts';
import type { WormStore } from '../ports/worm-store.ts';
import { committedEntry } from '../signing/committed-entry.ts';
import { SourceSnapshot } from '../source/snapshot.ts';
import { SourceFacts } from '../source/source-facts.ts';
import { type LastRelease, ModulePolicyRecord } from './module-facts.ts';
import { builtModules } from './selected-modules.ts';
import { treeFactsOf } from './tree-facts.ts';

/** The newest release of the same module that passed: what a new one is compared with. */

const PAGE = 100;
const MAX_PAGES = 100;

export interface LastReleaseDeps {
  readonly worm: WormStore;
  readonly ledger: LedgerStore;
  readonly views: Views;
}

export interface SoughtRelease {
  readonly repository: RepositoryRef;
  readonly module: string;
  /** Of the release that is judged: earlier runs of it are not its predecessor. */
  readonly tag: string;
}

export interface FoundRelease {
  readonly release: LastRelease;
  /** Its go.sum; empty where it had none. */
  readonly goSum: string;
  /** Its verdict and its snapshot. */
  readonly evidence: EvidenceRef[];
}

const evidenceOf = (reports: readonly CheckReport[], check: string, kind: string): EvidenceRef | undefined =>
  reports
    .filter((report) => report.check === check)
    .flatMap((report) => report.evidence)
    .find((evidence) => evidence.kind === kind);

const textOf = async (worm: WormStore, tenant: TenantId, file: EvidenceRef): Promise<string> =>
  Buffer.from(await loadEvidence(worm, tenant, file)).toString('utf8');

async function modulesOf(worm: WormStore, tenant: TenantId, goMod: EvidenceRef, record?: ModulePolicyRecord) {
  const parsed = parseGoMod(await textOf(worm, tenant, goMod));
  const built: readonly ModuleAt[] =
    parsed.kind === 'parsed' ? builtModules({ goMod: parsed.file, buildList: record?.buildList }) : [];
  return built.map(({ path, version }) => ({ path, version }));
}

/** What a passed verdict rests on, when it is of a release of the sought module. */
async function releaseOf(
  worm: WormStore,
  tenant: TenantId,
  sought: SoughtRelease,
  evidence: EvidenceRef,
): Promise<FoundRelease | undefined> {
  const verdict = await loadJsonEvidence(worm, tenant, evidence, VerdictRecord);
  const { subject } = verdict;
  if (verdict.gate !== 'source' || subject.kind !== 'source' || verdict.outcome !== 'pass') return undefined;
  if (subject.host !== sought.repository.host || subject.repository !== sought.repository.name) return undefined;
  if (subject.tag === sought.tag) return undefined;
  const { verdict: recomputed, reports } = await recomputeVerdict(worm, tenant, verdict);
  const reference = evidenceOf(reports, 'fetch-source', 'source-snapshot');
  if (recomputed.kind !== 'pass' || !reference) return undefined;
  const snapshot = await loadJsonEvidence(worm, tenant, reference, SourceSnapshot);
  const { module, tag, commit, goMod, goSum } = snapshot;
  if (module.path !== sought.module || commit !== subject.commit) return undefined;
  const facts = snapshot.facts && (await loadJsonEvidence(worm, tenant, snapshot.facts, SourceFacts));
  const policy = evidenceOf(reports, 'check-module-policy', 'module-policy');
  const record = policy && (await loadJsonEvidence(worm, tenant, policy, ModulePolicyRecord));
  const release = {
    tag,
    commit,
    modules: await modulesOf(worm, tenant, goMod, record),
    ...(goSum ? { goSumSha256: goSum.sha256 } : {}),
    ...(facts ? { tree: treeFactsOf(facts) } : {}),
  };
  return { release, goSum: goSum ? await textOf(worm, tenant, goSum) : '', evidence: [evidence, reference] };
}

/**
 * Looks through the verdicts on a repository, newest first; each is shown to lie in the committed log and computed again,
 * views only say where to look. `undefined` when no release of the module has passed.
 */
export async function findLastRelease(
  { worm, ledger, views }: LastReleaseDeps,
  tenant: TenantId,
  sought: SoughtRelease,
): Promise<FoundRelease | undefined> {
  const repository = `${sought.repository.host}/${sought.repository.name}`;
  let before: number | undefined;
  for (let page = 0; page < MAX_PAGES; page += 1) {
    const limits = { limit: PAGE, ...(before === undefined ? {} : { before }) };
    const rows = await views.find(tenant, 'repository', repository, limits);
    for (const { index, leaf } of rows) {
      const entry = parseEntry(await committedEntry(ledger, tenant, index, leaf));
      const evidence = entry.evidence?.find(({ kind }) => kind === 'verdict');
      if (entry.kind !== 'verdict' || entry.outcome !== 'pass' || !evidence) continue;
      const found = await releaseOf(worm, tenant, sought, evidence);
      if (found) return found;
    }
    before = rows.at(-1)?.index;
    if (rows.length < PAGE) return undefined;
  }
  return undefined;
}
