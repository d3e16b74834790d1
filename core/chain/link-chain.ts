import * as z from 'zod';
import { type TenantId, UtcInstant } from '../../events/fields.ts';
import { CheckRecord, keepReport, loadReport } from '../check.ts';
import { EvidenceRef, loadEvidence, loadJsonEvidence } from '../evidence.ts';
import { Fault } from '../faults.ts';
import { loadReports, recomputeVerdict, VerdictRecord } from '../gate/verdict.ts';
import { parseEntry } from '../ledger/entry.ts';
import { ImageRecord } from '../oci/image.ts';
import { ImageInspection } from '../oci/inspect-binaries.ts';
import { refusalOf } from '../oci/refused.ts';
import type { Clock } from '../ports/clock.ts';
import type { LedgerStore } from '../ports/ledger-store.ts';
import type { Views } from '../ports/views.ts';
import type { WormStore } from '../ports/worm-store.ts';
import { ImageSubject } from '../runs/run-input.ts';
import { committedEntry } from '../signing/committed-entry.ts';
import { SourceSnapshot } from '../source/snapshot.ts';
import { defineTask, RunContext } from '../task.ts';
import type { Refusal } from '../verdict.ts';
import { type ChainSource, comparePlatform } from './compare.ts';

/** How long a source release may take to be decided. */
const PATIENCE_MS = 30 * 60 * 1000;
const PAGE = 100;
const MAX_PAGES = 100;

export interface LinkChainDeps {
  readonly worm: WormStore;
  readonly ledger: LedgerStore;
  readonly views: Views;
  readonly clock: Clock;
  /** The source repository whose releases an image repository's are made of; `undefined` when none is set. */
  sourceOf(tenant: TenantId, image: { host: string; name: string }): { host: string; name: string } | undefined;
}

const LinkChainInput = z.strictObject({
  step: z.literal('link-chain'),
  run: RunContext,
  subject: ImageSubject,
  image: EvidenceRef,
  inspections: z.array(CheckRecord).max(256),
  since: UtcInstant,
});
type LinkChainInput = z.infer<typeof LinkChainInput>;

/** The newest source verdict of a release, shown to lie in the committed log; views only say where to look. */
async function newestVerdict(
  { ledger, views, worm }: LinkChainDeps,
  tenant: TenantId,
  release: string,
): Promise<VerdictRecord | undefined> {
  let before: number | undefined;
  for (let page = 0; page < MAX_PAGES; page += 1) {
    const rows = await views.find(tenant, 'release', release, {
      limit: PAGE,
      ...(before === undefined ? {} : { before }),
    });
    for (const { index, leaf } of rows) {
      const entry = parseEntry(await committedEntry(ledger, tenant, index, leaf));
      const evidence = entry.evidence?.find(({ kind }) => kind === 'verdict');
      if (entry.kind !== 'verdict' || entry.release?.id !== release || !evidence) continue;
      const record = await loadJsonEvidence(worm, tenant, evidence, VerdictRecord);
      if (record.gate === 'source') return record;
    }
    before = rows.at(-1)?.index;
    if (rows.length < PAGE) return undefined;
  }
  return undefined;
}

type Found =
  | { readonly kind: 'waiting' }
  | { readonly kind: 'refused'; readonly refusal: Refusal }
  | { readonly kind: 'source'; readonly source: ChainSource; readonly release: string; readonly evidence: EvidenceRef };

async function findSource(deps: LinkChainDeps, { run: { tenant }, subject, since }: LinkChainInput): Promise<Found> {
  const repository = deps.sourceOf(tenant, { host: subject.host, name: subject.repository });
  const missing = (where: string, fix: string): Found => ({
    kind: 'refused',
    refusal: refusalOf('chain.source-missing', { where, expected: 'a decided source release', found: 'none', fix }),
  });
  const place = `${subject.host}/${subject.repository}`;
  if (!repository) return missing(place, 'Name the source repository of this image repository in the configuration.');
  if (subject.tag === undefined) return missing(place, 'Push the image under the tag of its source release.');
  const release = `${repository.host}/${repository.name}@${subject.tag}`;
  const verdict = await newestVerdict(deps, tenant, release);
  if (!verdict) {
    if (deps.clock.now() < Date.parse(since) + PATIENCE_MS) return { kind: 'waiting' };
    return missing(release, 'Push the tag to its source repository, then replay this run.');
  }
  const { verdict: recomputed } = await recomputeVerdict(deps.worm, tenant, verdict);
  if (verdict.outcome !== 'pass' || recomputed.kind !== 'pass')
    return { kind: 'refused', refusal: refusalOf('chain.source-refused', { where: release, found: 'refused' }) };
  return { ...(await loadSource(deps.worm, tenant, verdict)), kind: 'source', release };
}

/** The snapshot that the passed verdict rests on, and its go.sum. */
async function loadSource(worm: WormStore, tenant: TenantId, verdict: VerdictRecord) {
  const reports = await loadReports(worm, tenant, verdict.checks);
  const evidence = reports
    .filter(({ check }) => check === 'fetch-source')
    .flatMap((report) => report.evidence)
    .find(({ kind }) => kind === 'source-snapshot');
  if (!evidence) throw new Fault('EvidenceMissing', 'a passed source verdict names no source snapshot');
  const snapshot = await loadJsonEvidence(worm, tenant, evidence, SourceSnapshot);
  const { subject } = verdict;
  if (subject.kind !== 'source' || snapshot.commit !== subject.commit || snapshot.tag !== subject.tag)
    throw new Fault('EvidenceMissing', 'the source snapshot is of another commit than its verdict');
  const goSum = snapshot.goSum ? Buffer.from(await loadEvidence(worm, tenant, snapshot.goSum)).toString('utf8') : '';
  return { source: { snapshot, goSum }, evidence };
}

/** One inspection per platform of the image; what is missing or doubled is refused by `Fault`, it cannot happen. */
async function loadInspections(worm: WormStore, { run: { tenant }, subject, image, inspections }: LinkChainInput) {
  const record = await loadJsonEvidence(worm, tenant, image, ImageRecord);
  if (record.digest !== subject.digest) throw new Fault('InputInvalid', 'the image record is of another digest');
  const reports = await Promise.all(inspections.map((inspection) => loadReport(worm, tenant, inspection)));
  if (reports.some(({ check }) => check !== 'inspect-binaries'))
    throw new Fault('InputInvalid', 'a record is not of inspect-binaries');
  const found = reports.map(({ details, outcome }) => ({ ...ImageInspection.parse(details), outcome }));
  return record.platforms.map(({ name, digest }) => {
    const [only, ...more] = found.filter((inspection) => inspection.platform === name && inspection.digest === digest);
    if (!only || more.length > 0) throw new Fault('InputInvalid', `platform ${name} was not inspected exactly once`);
    return only;
  });
}

type Inspections = Awaited<ReturnType<typeof loadInspections>>;

/** A platform that could not be read is not compared: nothing of it is known. */
const judge = (source: ChainSource, inspections: Inspections): Refusal[] =>
  inspections.flatMap(({ outcome, ...inspection }) =>
    outcome === 'pass'
      ? comparePlatform(source, inspection)
      : [refusalOf('chain.uninspected', { where: inspection.platform, found: 'the inspection was refused' })],
  );

const linksOf = ({ snapshot }: ChainSource, inspections: Inspections) =>
  inspections.flatMap(({ platform, digest, binaries }) =>
    binaries
      .filter(({ main }) => main?.path === snapshot.module.path)
      .map(({ path, sha256, deps }) => ({ platform, digest, path, sha256, modules: deps.length })),
  );

/** Links the image to the source release of the same tag. The link is `claimed`: it rests on build info alone. */
export const linkChain = defineTask({
  step: 'link-chain',
  input: LinkChainInput,
  output: z.strictObject({ waiting: z.boolean(), check: z.array(CheckRecord).max(1) }),
  async run(deps: LinkChainDeps, input) {
    const { run, subject, image } = input;
    const found = await findSource(deps, input);
    if (found.kind === 'waiting') return { waiting: true, check: [] };
    const inspections = await loadInspections(deps.worm, input);
    const report = {
      check: 'link-chain',
      subjects: [
        { name: `${subject.host}/${subject.repository}`, digest: { sha256: subject.digest.slice('sha256:'.length) } },
      ],
    };
    if (found.kind === 'refused') {
      const reasons = [found.refusal];
      const check = await keepReport(deps.worm, run.tenant, { ...report, reasons, evidence: [image], details: {} });
      return { waiting: false, check: [check] };
    }
    const { source, release, evidence } = found;
    const { commit, tag, module } = source.snapshot;
    const check = await keepReport(deps.worm, run.tenant, {
      ...report,
      reasons: judge(source, inspections),
      evidence: [image, evidence],
      change: { commit, tag, module: `${module.path}@${module.version}` },
      details: { strength: 'claimed', source: release, commit, links: linksOf(source, inspections) },
    });
    return { waiting: false, check: [check] };
  },
});
