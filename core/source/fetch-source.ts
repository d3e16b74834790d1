import * as z from 'zod';
import type { TenantId } from '../../events/fields.ts';
import { CheckRecord, keepReport, type Subject } from '../check.ts';
import type { FetchConfig } from '../config.ts';
import { EvidenceRef, keepEvidence, keepJsonEvidence } from '../evidence.ts';
import { h1Hex } from '../gosum/dirhash.ts';
import type { SourceFile, SourceHost } from '../ports/source-host.ts';
import type { WormStore } from '../ports/worm-store.ts';
import { SourceSubject } from '../runs/run-input.ts';
import { defineTask, RunContext } from '../task.ts';
import type { Refusal } from '../verdict.ts';
import { type ModuleRelease, releaseOf } from './module-release.ts';
import { parseReleaseTag, type ReleaseTag } from './release-tag.ts';
import type { SourceSnapshot } from './snapshot.ts';

export interface FetchSourceDeps {
  readonly worm: WormStore;
  /** Where a configured repository is read; throws `ConfigurationInvalid` for one that is not configured. */
  sourceHosts(tenant: TenantId, host: string, repository: string): { host: SourceHost; fetch: FetchConfig };
}

const FetchSourceInput = z.strictObject({
  step: z.literal('fetch-source'),
  run: RunContext,
  subject: SourceSubject,
});
type FetchSourceInput = z.infer<typeof FetchSourceInput>;

const FetchSourceOutput = z.strictObject({
  /** False: refused, and there is no snapshot. */
  fetched: z.boolean(),
  check: CheckRecord,
  snapshot: z.array(EvidenceRef).max(1),
});
type FetchSourceOutput = z.infer<typeof FetchSourceOutput>;

interface Fetched {
  readonly kind: 'fetched';
  readonly resolution: 'resolved' | 'claimed';
  readonly tag: ReleaseTag;
  readonly files: readonly SourceFile[];
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
async function fetchTree(host: SourceHost, subject: SourceSubject): Promise<Fetched | Refused> {
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
  return { kind: 'fetched', resolution: resolved.resolution, tag: release, files };
}

async function keepSnapshot(
  worm: WormStore,
  { run: { tenant }, subject }: FetchSourceInput,
  source: SourceHost['kind'],
  { resolution, tag }: Fetched,
  { directory, path, goMod, goSum, zipH1, goModH1 }: ModuleRelease,
): Promise<{ snapshot: EvidenceRef; evidence: EvidenceRef[] }> {
  const goModRef = await keepEvidence(worm, tenant, 'go-mod', 'text/plain', goMod);
  const goSumRef = goSum && (await keepEvidence(worm, tenant, 'go-sum', 'text/plain', goSum));
  const document: SourceSnapshot = {
    schema: 'relseal.source-snapshot/1',
    repository: { host: subject.host, name: subject.repository },
    tag: subject.tag,
    commit: subject.commit,
    commitResolution: resolution,
    source,
    module: { path, version: tag.version },
    directory,
    zipH1,
    goModH1,
    goMod: goModRef,
    ...(goSumRef ? { goSum: goSumRef } : {}),
  };
  const snapshot = await keepJsonEvidence(worm, tenant, 'source-snapshot', document);
  return { snapshot, evidence: [snapshot, goModRef, ...(goSumRef ? [goSumRef] : [])] };
}

const commitSubject = ({ host, repository, tag, commit }: SourceSubject): Subject => ({
  name: `${host}/${repository}@${tag}`,
  digest: { gitCommit: commit },
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
    change: { commit: subject.commit, tag: subject.tag },
    details: {},
  });
  return { fetched: false, check, snapshot: [] };
}

async function run(deps: FetchSourceDeps, input: FetchSourceInput): Promise<FetchSourceOutput> {
  const { run, subject } = input;
  const { host, fetch } = deps.sourceHosts(run.tenant, subject.host, subject.repository);
  const tree = await fetchTree(host, subject);
  if (tree.kind === 'refused') return refuse(deps, input, tree);
  const release = releaseOf(tree.files, tree.tag, fetch);
  if (release.kind === 'refused') return refuse(deps, input, release);
  const { path, zipH1, goModH1, directory, files } = release.module;
  const { snapshot, evidence } = await keepSnapshot(deps.worm, input, host.kind, tree, release.module);
  const module = `${path}@${tree.tag.version}`;
  const check = await keepReport(deps.worm, run.tenant, {
    check: 'fetch-source',
    subjects: [commitSubject(subject), { name: module, digest: { goModuleH1: h1Hex(zipH1) } }],
    reasons: [],
    evidence,
    change: { commit: subject.commit, tag: subject.tag, module },
    details: { source: host.kind, commitResolution: tree.resolution, directory, files, zipH1, goModH1 },
  });
  return { fetched: true, check, snapshot: [snapshot] };
}

/**
 * Reads the tree of a tag and keeps what later checks need of it. The tag is resolved again at its source: a moved or
 * missing tag is a refusal, an unreachable source a fault.
 */
export const fetchSource = defineTask<FetchSourceDeps, FetchSourceInput, FetchSourceOutput>({
  step: 'fetch-source',
  input: FetchSourceInput,
  output: FetchSourceOutput,
  run,
});
