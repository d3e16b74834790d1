import { describe, expect, it } from 'vitest';
import { OciDigest, Sha256Hex, TenantId } from '../../events/fields.ts';
import { fixedClock } from '../../test/fakes/fixed-clock.ts';
import { memoryLedgerStore } from '../../test/fakes/memory-ledger-store.ts';
import { memoryViews } from '../../test/fakes/memory-views.ts';
import { memoryWormStore } from '../../test/fakes/memory-worm-store.ts';
import { keepReport, loadReport } from '../check.ts';
import { keepEvidence, keepJsonEvidence } from '../evidence.ts';
import { decideGate } from '../gate/decide-gate.ts';
import { appendEntries } from '../ledger/append.ts';
import { type EntryContent, entryKeyOf } from '../ledger/entry.ts';
import { projectEntries } from '../query/project.ts';
import { businessKeyOf, ImageSubject, RunSubject, releaseIdOf } from '../runs/run-input.ts';
import { RunContext, runTask } from '../task.ts';
import { linkChain } from './link-chain.ts';

const TENANT = TenantId.parse('acme');
const COMMIT = '1'.repeat(40);
const H1 = (letter: string) => `h1:${letter.repeat(42)}A=`;
const SOURCE = { host: 'git.test', name: 'acme/sample' };
const IMAGE = { host: 'r.test', name: 'acme/app' };
const DIGEST = OciDigest.parse(`sha256:${'d'.repeat(64)}`);
const subject = ImageSubject.parse({
  kind: 'image',
  host: IMAGE.host,
  repository: IMAGE.name,
  tag: 'v1.0.0',
  digest: DIGEST,
  generation: 0,
});
const sourceSubject = RunSubject.parse({
  kind: 'source',
  host: SOURCE.host,
  repository: SOURCE.name,
  tag: 'v1.0.0',
  commit: COMMIT,
  resolution: 'resolved',
  generation: 0,
});
const run = RunContext.parse({
  tenant: TENANT,
  businessKey: businessKeyOf(TENANT, subject),
  machine: 'image-release',
  name: 'image-release-1',
});
const RULES = (check: string) => `
schema: relseal.policy/1
name: p
gates:
  source:
    rules:
      - {id: fetched, requires: ${check}, message: m, fix: f, severity: high}
`;
const SINCE = '2026-01-02T03:04:05.000Z';

async function world() {
  const worm = memoryWormStore();
  const ledger = memoryLedgerStore();
  const views = memoryViews();
  const clock = fixedClock(SINCE);
  const deps = { worm, ledger, views, clock, sourceOf: (): typeof SOURCE | undefined => SOURCE };
  const image = await keepJsonEvidence(worm, TENANT, 'image-manifest', {
    schema: 'relseal.image/1',
    repository: IMAGE,
    tag: 'v1.0.0',
    digest: DIGEST,
    mediaType: 'application/vnd.oci.image.manifest.v1+json',
    platforms: [{ name: 'linux/amd64', digest: DIGEST, mediaType: 'm', size: 1 }],
  });
  const inspection = (changes: object = {}, reasons: { code: string }[] = []) =>
    keepReport(worm, TENANT, {
      check: 'inspect-binaries',
      subjects: [{ name: 'r.test/acme/app', digest: { sha256: 'd'.repeat(64) } }],
      reasons,
      evidence: [],
      details: {
        platform: 'linux/amd64',
        digest: DIGEST,
        binaries: [
          {
            path: 'app',
            sha256: 'a'.repeat(64),
            size: 1,
            goVersion: 'go1.26.8',
            package: 'git.test/acme/sample',
            main: { path: 'git.test/acme/sample', version: 'v1.0.0' },
            deps: [{ path: 'example.test/dep', version: 'v1.2.3', h1: H1('D') }],
            settings: { 'vcs.revision': COMMIT },
          },
        ],
        unlinked: [],
        entrypoint: ['/app'],
        entrypointFile: 'app',
        environment: [],
        ...changes,
      },
    });
  let appended = 0;
  const append = async (content: EntryContent) => {
    appended += 1;
    const { businessKey, machine } = run;
    const key = entryKeyOf(TENANT, {
      businessKey,
      machine,
      step: 's',
      replay: 0,
      kind: content.kind,
      ordinal: appended,
    });
    await appendEntries(deps, TENANT, [{ key, content }]);
  };
  /** Fetches and decides a source release; its verdict is on the ledger. */
  const decideSource = async ({ requires = 'fetch-source', snapshotCommit = COMMIT } = {}) => {
    const goSum = await keepEvidence(
      worm,
      TENANT,
      'go-sum',
      'text/plain',
      Buffer.from(`example.test/dep v1.2.3 ${H1('D')}\n`),
    );
    const snapshot = await keepJsonEvidence(worm, TENANT, 'source-snapshot', {
      schema: 'relseal.source-snapshot/1',
      repository: SOURCE,
      tag: 'v1.0.0',
      commit: snapshotCommit,
      commitResolution: 'resolved',
      source: 'git',
      module: { path: 'git.test/acme/sample', version: 'v1.0.0' },
      directory: '',
      zipH1: H1('Z'),
      goModH1: H1('M'),
      goMod: goSum,
      goSum,
    });
    const fetched = await keepReport(worm, TENANT, {
      check: 'fetch-source',
      subjects: [],
      reasons: [],
      evidence: [snapshot],
      details: {},
    });
    const { verdict, passed } = await runTask(
      decideGate,
      { worm, policies: async () => RULES(requires) },
      { step: 'decide-gate', run, gate: 'source', subject: sourceSubject, checks: [fetched] },
    );
    await append({
      kind: 'verdict',
      outcome: passed ? 'pass' : 'refuse',
      release: { kind: 'source', id: releaseIdOf(sourceSubject) },
      evidence: [verdict],
      ...(passed ? {} : { reasons: [{ code: 'policy.check-missing' }], reasonsTotal: 1 }),
    });
    await projectEntries(deps, TENANT);
  };
  const link = async (over: object = {}, changes: Partial<typeof deps> = {}) => {
    const inspections = [await inspection()];
    const payload = { step: 'link-chain', run, subject, image, inspections, since: SINCE, ...over };
    const { waiting, check } = await runTask(linkChain, { ...deps, ...changes }, payload);
    const report = check[0] && (await loadReport(worm, TENANT, check[0]));
    return { waiting, codes: report?.reasons.map(({ code }) => code), report };
  };
  return { deps, clock, views, ledger, worm, append, decideSource, inspection, link };
}

describe('linking an image to its source release', () => {
  it('passes by the release of the same tag, and claims no more than build info can', async () => {
    const all = await world();
    await all.decideSource();
    const { waiting, report } = await all.link();
    expect([waiting, report?.outcome]).toEqual([false, 'pass']);
    expect(report).toMatchObject({
      change: { commit: COMMIT, tag: 'v1.0.0', module: 'git.test/acme/sample@v1.0.0' },
      details: { strength: 'claimed', source: 'git.test/acme/sample@v1.0.0', links: [{ path: 'app', modules: 1 }] },
    });
  });

  it('waits for a release that is not decided, and refuses it after 30 minutes', async () => {
    const all = await world();
    expect(await all.link()).toEqual({ waiting: true, codes: undefined, report: undefined });
    all.clock.advance(30 * 60_000 - 1);
    expect(await all.link()).toMatchObject({ waiting: true });
    all.clock.advance(1);
    expect(await all.link()).toMatchObject({ waiting: false, codes: ['chain.source-missing'] });
    await all.decideSource();
    expect(await all.link()).toMatchObject({ waiting: false, codes: [] });
  });

  it('refuses at once where no source is configured or the image has no tag', async () => {
    const all = await world();
    await all.decideSource();
    expect((await all.link({}, { sourceOf: () => undefined })).codes).toEqual(['chain.source-missing']);
    const { tag: _tag, ...untagged } = subject;
    expect((await all.link({ subject: untagged })).codes).toEqual(['chain.source-missing']);
  });

  it('refuses a release that was refused, and follows the newest verdict', async () => {
    const all = await world();
    await all.decideSource({ requires: 'verify-go-sum' });
    expect((await all.link()).codes).toEqual(['chain.source-refused']);
    await all.decideSource();
    expect((await all.link()).codes).toEqual([]);
    await all.decideSource({ requires: 'verify-go-sum' });
    expect((await all.link()).codes).toEqual(['chain.source-refused']);
  });

  it('does not take another entry of the release, or a verdict without its evidence, for its verdict', async () => {
    const all = await world();
    const release = { kind: 'source', id: releaseIdOf(sourceSubject) };
    const evidence = [await keepJsonEvidence(all.worm, TENANT, 'sbom', {})];
    await all.append({ kind: 'check', outcome: 'pass', release, evidence });
    await all.append({ kind: 'verdict', outcome: 'pass', release, evidence });
    await projectEntries(all.deps, TENANT);
    expect(await all.link()).toMatchObject({ waiting: true });
  });

  it('believes no view: a row for an entry that the log does not hold is LedgerInconsistent', async () => {
    const all = await world();
    await all.decideSource();
    const [row] = await all.views.find(TENANT, 'release', releaseIdOf(sourceSubject), { limit: 1 });
    if (!row) throw new Error('nothing was projected');
    const otherLeaf = Sha256Hex.parse('0'.repeat(64));
    for (const forged of [
      { ...row, leaf: otherLeaf },
      { ...row, index: 99 },
    ]) {
      const views = { ...all.views, find: async () => [forged] };
      await expect(all.link({}, { views })).rejects.toThrow(expect.objectContaining({ name: 'LedgerInconsistent' }));
    }
  });

  it('does not find another release by a view row that points to it', async () => {
    const all = await world();
    await all.append({
      kind: 'verdict',
      outcome: 'pass',
      release: { kind: 'source', id: 'git.test/acme/sample@v0.9.0' },
    });
    await projectEntries(all.deps, TENANT);
    const [row] = await all.views.find(TENANT, 'release', 'git.test/acme/sample@v0.9.0', { limit: 1 });
    const views = { ...all.views, find: async () => (row ? [row] : []) };
    expect(await all.link({}, { views })).toMatchObject({ waiting: true });
  });

  it('refuses a platform whose inspection was refused, and never compares it', async () => {
    const all = await world();
    await all.decideSource();
    const refused = await all.inspection({ binaries: [] }, [{ code: 'oci.layer-invalid' }]);
    expect((await all.link({ inspections: [refused] })).codes).toEqual(['chain.uninspected']);
  });

  it('refuses a program without build info', async () => {
    const all = await world();
    await all.decideSource();
    const other = await all.inspection({ binaries: [], unlinked: [{ path: 'app', sha256: 'a'.repeat(64), size: 1 }] });
    expect((await all.link({ inspections: [other] })).codes).toEqual(['chain.unlinked']);
  });

  it('faults where a platform was not inspected exactly once, or the image is another', async () => {
    const all = await world();
    await all.decideSource();
    const one = await all.inspection();
    const invalid = expect.objectContaining({ name: 'InputInvalid' });
    for (const inspections of [[], [one, one]]) await expect(all.link({ inspections })).rejects.toThrow(invalid);
    const elsewhere = await all.inspection({ platform: 'linux/arm64' });
    await expect(all.link({ inspections: [elsewhere] })).rejects.toThrow(invalid);
    await expect(all.link({ subject: { ...subject, digest: `sha256:${'0'.repeat(64)}` } })).rejects.toThrow(invalid);
  });

  it('faults where the snapshot of a passed verdict is of another commit', async () => {
    const all = await world();
    await all.decideSource({ snapshotCommit: '2'.repeat(40) });
    await expect(all.link()).rejects.toThrow(expect.objectContaining({ name: 'EvidenceMissing' }));
  });
});
