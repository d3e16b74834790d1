import * as z from 'zod';
import type { TenantId } from '../../events/fields.ts';
import { CheckRecord, keepReport, type Subject } from '../check.ts';
import type { FetchConfig } from '../config.ts';
import { EvidenceRef, keepEvidence, keepJsonEvidence } from '../evidence.ts';
import { h1Hex } from '../gosum/dirhash.ts';
import type { SourceFile, SourceHost } from '../ports/source-host.ts';
import type { WormStore } from '../ports/worm-store.ts';
import { ChangeSubject, releaseIdOf, SourceSubject } from '../runs/run-input.ts';
import { defineTask, RunContext } from '../task.ts';
import type { Refusal } from '../verdict.ts';
import { changedModules, type ModuleRelease, releaseOf } from './module-release.ts';
import { parseReleaseTag } from './release-tag.ts';
import type { SourceSnapshot } from './snapshot.ts';
import { type SourceFacts, sourceFactsOf } from './source-facts.ts';

export interface FetchSourceDeps {
  readonly worm: WormStore;
  /** Where a configured repository is read; throws `ConfigurationInvalid` for one that is not configured. */
  sourceHosts(tenant: TenantId, host: string, repository: string): { host: SourceHost; fetch: FetchConfig };
}

const FetchSourceInput = z.strictObject({
  step: z.literal('fetch-source'),
  run: RunContext,
  subject: z.discriminatedUnion('kind', [SourceSubject, ChangeSubject]),
});
type FetchSourceInput = z.infer<typeof FetchSourceInput>;
type FetchedSubject = FetchSourceInput['subject'];

const FetchSourceOutput = z.strictObject({
  /** False: refused, and there is no snapshot. */
  fetched: z.boolean(),
  check: CheckRecord,
  /** One of a release, one for each module of a change. */
  snapshot: z.array(EvidenceRef).max(50),
});
type FetchSourceOutput = z.infer<typeof FetchSourceOutput>;

interface Fetched {
  readonly kind: 'fetched';
  readonly resolution: 'resolved' | 'claimed';
  readonly files: readonly SourceFile[];
  /** At least one. */
  readonly modules: readonly ModuleRelease[];
  /** Modules of the tree that are left out. */
  readonly warnings: readonly Refusal[];
}
interface Refused {
  readonly kind: 'refused';
  readonly reasons: readonly Refusal[];
}

const refused = (
  code: string,
  where: string,
  fix: string,
  more: Pick<Refusal, 'expected' | 'found'> = {},
): Refused => ({
  kind: 'refused',
  reasons: [{ code, where, ...more, fix }],
});

/** The tree of the subject's commit, after the tag was resolved again: a tag can move between delivery and run. */
async function fetchTree(host: SourceHost, subject: SourceSubject, fetch: FetchConfig): Promise<Fetched | Refused> {
  const { tag, commit } = subject;
  const release = parseReleaseTag(tag);
  if (!release)
    return refused(
      'source.tag-not-semver',
      tag,
      'Tag releases as vX.Y.Z, or <folder>/vX.Y.Z for a module in a folder.',
    );
  const resolved = await host.resolveTag(tag, commit);
  if (!resolved) return refused('source.tag-missing', tag, 'Push the tag again: its source does not have it any more.');
  if (resolved.commit !== commit)
    return refused('source.tag-moved', tag, 'Never move a release tag: release the new commit under a new version.', {
      expected: commit,
      found: resolved.commit,
    });
  const files = await host.files(commit, tag);
  if (!files) return refused('source.commit-missing', commit, 'Push the commit that the tag names.');
  const found = releaseOf(files, release, fetch);
  if (found.kind === 'refused') return found;
  return { kind: 'fetched', resolution: resolved.resolution, files, modules: [found.module], warnings: [] };
}

/** The tree of a change's head, as its source names it now: a newer head has a run of its own. */
async function fetchChange(
  host: SourceHost,
  { number, commit }: ChangeSubject,
  fetch: FetchConfig,
): Promise<Fetched | Refused> {
  const head = await host.resolveChange(number);
  if (head !== commit)
    return refused('change.head-moved', `#${number}`, 'Look at the check of the newest commit.', {
      expected: commit,
      found: head ?? 'no such change',
    });
  const files = await host.files(commit, number);
  if (!files) return refused('source.commit-missing', commit, 'Push the commit that the change names.');
  const found = changedModules(files, commit, fetch);
  if (found.kind === 'refused') return found;
  return { kind: 'fetched', resolution: 'resolved', files, modules: found.modules, warnings: found.skipped };
}

/** What people call it: the tag, or the number of the change. */
const nameOf = (subject: FetchedSubject): string => (subject.kind === 'source' ? subject.tag : `#${subject.number}`);

async function keepSnapshot(
  worm: WormStore,
  { run: { tenant }, subject }: FetchSourceInput,
  source: SourceHost['kind'],
  { resolution }: Fetched,
  { directory, path, version, goMod, goSum, zipH1, goModH1 }: ModuleRelease,
  facts: SourceFacts,
): Promise<{ snapshot: EvidenceRef; evidence: EvidenceRef[] }> {
  const goModRef = await keepEvidence(worm, tenant, 'go-mod', 'text/plain', goMod);
  const goSumRef = goSum && (await keepEvidence(worm, tenant, 'go-sum', 'text/plain', goSum));
  const factsRef = await keepJsonEvidence(worm, tenant, 'source-facts', facts);
  const document: SourceSnapshot = {
    schema: 'relseal.source-snapshot/1',
    repository: { host: subject.host, name: subject.repository },
    tag: nameOf(subject),
    commit: subject.commit,
    commitResolution: resolution,
    source,
    module: { path, version },
    directory,
    zipH1,
    goModH1,
    goMod: goModRef,
    ...(goSumRef ? { goSum: goSumRef } : {}),
    facts: factsRef,
  };
  const snapshot = await keepJsonEvidence(worm, tenant, 'source-snapshot', document);
  return { snapshot, evidence: [snapshot, goModRef, ...(goSumRef ? [goSumRef] : []), factsRef] };
}

const commitSubject = (subject: FetchedSubject): Subject => ({
  name: releaseIdOf(subject),
  digest: { gitCommit: subject.commit },
});

/** Keeps the refusal as a report; nothing is fetched. */
async function refuse(
  deps: FetchSourceDeps,
  input: FetchSourceInput,
  { reasons }: Refused,
): Promise<FetchSourceOutput> {
  const { run, subject } = input;
  const check = await keepReport(deps.worm, run.tenant, {
    check: 'fetch-source',
    subjects: [commitSubject(subject)],
    reasons: [...reasons],
    evidence: [],
    change: { commit: subject.commit, tag: nameOf(subject) },
    details: {},
  });
  return { fetched: false, check, snapshot: [] };
}

interface Kept {
  readonly snapshots: EvidenceRef[];
  readonly evidence: EvidenceRef[];
}

/** Keeps a snapshot of each module. What is known of the tree is found out once, and refused where it cannot be kept. */
async function keepModules(
  deps: FetchSourceDeps,
  input: FetchSourceInput,
  source: SourceHost['kind'],
  tree: Fetched,
): Promise<Kept | Refused> {
  const made = sourceFactsOf(tree.files, '');
  if (made.kind === 'refused') return made;
  const kept: Kept = { snapshots: [], evidence: [] };
  for (const module of tree.modules) {
    const facts = { ...made.facts, directory: module.directory };
    const { snapshot, evidence } = await keepSnapshot(deps.worm, input, source, tree, module, facts);
    kept.snapshots.push(snapshot);
    kept.evidence.push(...evidence);
  }
  return kept;
}

const detailsOf = ({ directory, files, zipH1, goModH1 }: ModuleRelease) => ({ directory, files, zipH1, goModH1 });

async function run(deps: FetchSourceDeps, input: FetchSourceInput): Promise<FetchSourceOutput> {
  const { run, subject } = input;
  const { host, fetch } = deps.sourceHosts(run.tenant, subject.host, subject.repository);
  const tree =
    subject.kind === 'source' ? await fetchTree(host, subject, fetch) : await fetchChange(host, subject, fetch);
  if (tree.kind === 'refused') return refuse(deps, input, tree);
  const kept = await keepModules(deps, input, host.kind, tree);
  if ('kind' in kept) return refuse(deps, input, kept);
  const [first, ...more] = tree.modules;
  const name = ({ path, version }: ModuleRelease) => `${path}@${version}`;
  const [warning, ...warnings] = tree.warnings;
  const check = await keepReport(deps.worm, run.tenant, {
    check: 'fetch-source',
    subjects: [
      commitSubject(subject),
      ...tree.modules.map((module) => ({ name: name(module), digest: { goModuleH1: h1Hex(module.zipH1) } })),
    ],
    reasons: [],
    ...(warning ? { warnings: [warning, ...warnings] } : {}),
    evidence: kept.evidence,
    change: {
      commit: subject.commit,
      tag: nameOf(subject),
      ...(first && more.length === 0 ? { module: name(first) } : {}),
    },
    details: {
      source: host.kind,
      commitResolution: tree.resolution,
      ...(first && more.length === 0 ? detailsOf(first) : { modules: tree.modules.map(detailsOf) }),
    },
  });
  return { fetched: true, check, snapshot: kept.snapshots };
}

/**
 * Reads the tree of a tag, or of a change's head, and keeps what later checks need of it. Tag and head are resolved again
 * at their source: a moved or missing one is a refusal, an unreachable source a fault.
 */
export const fetchSource = defineTask<FetchSourceDeps, FetchSourceInput, FetchSourceOutput>({
  step: 'fetch-source',
  input: FetchSourceInput,
  output: FetchSourceOutput,
  run,
});
