import { beforeEach, describe, expect, it } from 'vitest';
import { GitSha, Sha256Hex, TenantId } from '../../events/fields.ts';
import { memorySourceHost } from '../../test/fakes/memory-source-host.ts';
import { memoryWormStore } from '../../test/fakes/memory-worm-store.ts';
import { loadReport } from '../check.ts';
import type { FetchConfig } from '../config.ts';
import { loadEvidence, loadJsonEvidence } from '../evidence.ts';
import type { SourceHost } from '../ports/source-host.ts';
import type { WormStore } from '../ports/worm-store.ts';
import type { RunContext } from '../task.ts';
import { runTask } from '../task.ts';
import { fetchSource } from './fetch-source.ts';
import { SourceSnapshot } from './snapshot.ts';
import { SourceFacts } from './source-facts.ts';

const tenant = TenantId.parse('acme');
const commit = GitSha.parse('a'.repeat(40));
const run: RunContext = {
  tenant,
  businessKey: Sha256Hex.parse('b'.repeat(64)),
  machine: 'source-release',
  name: 'run-1',
};
const utf8 = (text: string) => new TextEncoder().encode(text);
const tree = (files: Record<string, string>) =>
  Object.entries(files).map(([path, text]) => ({ path, bytes: utf8(text) }));

const GO_MOD = 'module example.com/m\n\ngo 1.21\n';
const GOOD = tree({ 'go.mod': GO_MOD, 'go.sum': '', 'm.go': 'package m\n' });

describe('fetch-source', () => {
  let worm = memoryWormStore();
  let host = memorySourceHost();
  beforeEach(() => {
    worm = memoryWormStore();
    host = memorySourceHost();
    host.tags.set('v1.0.0', { commit, resolution: 'resolved' });
    host.commits.set(commit, GOOD);
  });

  const fetchTag = (tag: string, fetch: FetchConfig = { kind: 'git', path: 'm.git' }) =>
    runTask(
      fetchSource,
      { worm, sourceHosts: () => ({ host, fetch }) },
      {
        step: 'fetch-source',
        run,
        subject: {
          kind: 'source',
          host: 'git.example.com',
          repository: 'acme/m',
          tag,
          commit,
          resolution: 'resolved',
          generation: 0,
        },
      },
    );
  const reasonsOf = async (tag: string, fetch?: FetchConfig) => {
    const { fetched, check, snapshot } = await fetchTag(tag, fetch);
    expect({ fetched, outcome: check.outcome, snapshot }).toEqual({ fetched: false, outcome: 'refuse', snapshot: [] });
    return (await loadReport(worm, tenant, check)).reasons;
  };
  const release = (tag: string, files: Record<string, string>) => {
    host.tags.set(tag, { commit, resolution: 'resolved' });
    host.commits.set(commit, tree(files));
  };

  it('keeps a snapshot with the hashes, go.mod and go.sum of the tree', async () => {
    const { fetched, check, snapshot } = await fetchTag('v1.0.0');
    expect([fetched, check.outcome, snapshot.length]).toEqual([true, 'pass', 1]);
    const [ref] = snapshot;
    if (!ref) return;
    const kept = await loadJsonEvidence(worm, tenant, ref, SourceSnapshot);
    expect(kept).toMatchObject({
      tag: 'v1.0.0',
      commit,
      commitResolution: 'resolved',
      source: 'git',
      module: { path: 'example.com/m', version: 'v1.0.0' },
      directory: '',
    });
    expect(new TextDecoder().decode(await loadEvidence(worm, tenant, kept.goMod))).toBe(GO_MOD);
    expect(kept.goSum).toMatchObject({ kind: 'go-sum', size: 0, mediaType: 'text/plain' });
    const report = await loadReport(worm, tenant, check);
    expect(report.evidence[0]).toEqual(ref);
    expect(report.change).toEqual({ commit, tag: 'v1.0.0', module: 'example.com/m@v1.0.0' });
  });

  it('keeps facts of the whole tree, not of the module alone', async () => {
    release('sub/v1.0.0', {
      'go.mod': GO_MOD,
      'sub/go.mod': 'module example.com/m/sub\n',
      'sub/x.go': 'package x\n',
      LICENSE: '',
    });
    const { snapshot, check } = await fetchTag('sub/v1.0.0');
    const [ref] = snapshot;
    const kept = ref && (await loadJsonEvidence(worm, tenant, ref, SourceSnapshot));
    expect(kept?.facts).toMatchObject({ kind: 'source-facts', mediaType: 'application/json' });
    const facts = kept?.facts && (await loadJsonEvidence(worm, tenant, kept.facts, SourceFacts));
    expect(facts).toMatchObject({ directory: 'sub', go: [{ path: 'sub/x.go', package: 'x' }] });
    expect(facts?.files.map(({ path }) => path)).toEqual(['LICENSE', 'go.mod', 'sub/go.mod', 'sub/x.go']);
    expect((await loadReport(worm, tenant, check)).evidence).toContainEqual(kept?.facts);
  });

  it('still reads a snapshot from before there were facts', async () => {
    const [ref] = (await fetchTag('v1.0.0')).snapshot;
    const kept = ref && (await loadJsonEvidence(worm, tenant, ref, SourceSnapshot));
    const { facts: _, ...old } = kept ?? {};
    expect(SourceSnapshot.parse(old)).not.toHaveProperty('facts');
  });

  it('refuses a tree whose module files are no UTF-8', async () => {
    host.commits.set(commit, [...GOOD, { path: 'tools/go.mod', bytes: Uint8Array.of(0xff) }]);
    expect(await reasonsOf('v1.0.0')).toMatchObject([{ code: 'source.encoding', where: 'tools/go.mod' }]);
  });

  it('says in the snapshot that there is no go.sum', async () => {
    release('v1.0.0', { 'go.mod': GO_MOD });
    const [ref] = (await fetchTag('v1.0.0')).snapshot;
    expect(ref && (await loadJsonEvidence(worm, tenant, ref, SourceSnapshot))).not.toHaveProperty('goSum');
  });

  it('keeps the same evidence when it runs again', async () => {
    const first = await fetchTag('v1.0.0');
    const names = [...worm.objects.keys()];
    expect(await fetchTag('v1.0.0')).toEqual(first);
    expect([...worm.objects.keys()]).toEqual(names);
  });

  it('changes the hash of the tree with any byte of it, and of go.mod only with go.mod', async () => {
    const hashes = async () => {
      const [ref] = (await fetchTag('v1.0.0')).snapshot;
      const kept = ref && (await loadJsonEvidence(worm, tenant, ref, SourceSnapshot));
      return [kept?.zipH1, kept?.goModH1];
    };
    const [zip, goMod] = await hashes();
    release('v1.0.0', { 'go.mod': GO_MOD, 'go.sum': '', 'm.go': 'package n\n' });
    const [otherZip, sameGoMod] = await hashes();
    expect([otherZip === zip, sameGoMod === goMod]).toEqual([false, true]);
  });

  it('refuses a tag that moved since the delivery, naming both commits', async () => {
    const moved = GitSha.parse('c'.repeat(40));
    host.tags.set('v1.0.0', { commit: moved, resolution: 'resolved' });
    expect(await reasonsOf('v1.0.0')).toMatchObject([{ code: 'source.tag-moved', expected: commit, found: moved }]);
  });

  it('refuses a tag or a commit that is gone', async () => {
    expect(await reasonsOf('v1.0.9')).toMatchObject([{ code: 'source.tag-missing', where: 'v1.0.9' }]);
    host.commits.clear();
    expect(await reasonsOf('v1.0.0')).toMatchObject([{ code: 'source.commit-missing', where: commit }]);
  });

  it('refuses a tag that is no Go version without asking the source', async () => {
    host.down = true;
    expect(await reasonsOf('release-1')).toMatchObject([{ code: 'source.tag-not-semver', where: 'release-1' }]);
  });

  it('refuses a tree without a go.mod where the tag says', async () => {
    release('v1.0.0', { 'm.go': 'package m\n', 'sub/go.mod': 'module example.com/m/sub\n' });
    expect(await reasonsOf('v1.0.0')).toMatchObject([{ code: 'source.no-go-mod', where: 'go.mod' }]);
  });

  it('refuses a module whose path is of another major version, another folder or no module path', async () => {
    for (const path of ['example.com/m/v2', 'example.com/m/v1', 'm', 'gopkg.in/m.v3']) {
      release('v1.0.0', { 'go.mod': `module ${path}\n` });
      expect(await reasonsOf('v1.0.0'), path).toMatchObject([{ code: 'source.module-mismatch', where: 'go.mod' }]);
    }
    release('sub/v1.0.0', { 'sub/go.mod': 'module example.com/other\n' });
    expect(await reasonsOf('sub/v1.0.0')).toMatchObject([{ code: 'source.module-mismatch', where: 'sub/go.mod' }]);
  });

  it('finds a second major version in its own folder, but not in two places at once', async () => {
    const v2 = 'module example.com/m/v2\n';
    release('v2.0.0', { 'go.mod': GO_MOD, 'v2/go.mod': v2 });
    expect((await fetchTag('v2.0.0')).fetched).toBe(true);
    release('v2.0.0', { 'go.mod': v2, 'v2/go.mod': v2 });
    expect(await reasonsOf('v2.0.0')).toMatchObject([{ code: 'source.module-mismatch', where: 'v2/go.mod' }]);
  });

  it('refuses a malformed go.mod at its line and column', async () => {
    release('v1.0.0', { 'go.mod': 'module example.com/m\n\nrequire (\n' });
    expect(await reasonsOf('v1.0.0')).toMatchObject([{ code: 'gomod.malformed', where: 'go.mod:3:1' }]);
  });

  it('refuses a tree that the go command would make no zip of', async () => {
    release('v1.0.0', { 'go.mod': GO_MOD, 'a.go': '', 'A.go': '', 'x:y': '' });
    const codes = (await reasonsOf('v1.0.0')).map(({ code }) => code);
    expect(codes).toEqual(['source.file-collision', 'source.file-name']);
  });

  it('takes the zip of a module proxy as it is, but only of the module that is configured', async () => {
    host.tags.set('sub/v1.0.0', { commit, resolution: 'claimed' });
    host.commits.set(commit, tree({ 'go.mod': 'module example.com/m/sub\n', 'vendor/a/a.go': '' }));
    const { fetched, snapshot } = await fetchTag('sub/v1.0.0', { kind: 'module-proxy', module: 'example.com/m/sub' });
    expect(fetched).toBe(true);
    const [ref] = snapshot;
    const kept = ref && (await loadJsonEvidence(worm, tenant, ref, SourceSnapshot));
    expect(kept).toMatchObject({ commitResolution: 'claimed', directory: '', module: { version: 'v1.0.0' } });
    const other: FetchConfig = { kind: 'module-proxy', module: 'example.com/other' };
    expect(await reasonsOf('sub/v1.0.0', other)).toMatchObject([
      { code: 'source.module-mismatch', expected: 'module example.com/other' },
    ]);
  });

  it('lets an unreachable source through as a fault and keeps nothing', async () => {
    host.down = true;
    await expect(fetchTag('v1.0.0')).rejects.toMatchObject({ name: 'SourceUnreachable' });
    expect(worm.objects.size).toBe(0);
  });
});

describe('fetch-source of a change', () => {
  const step = (host: SourceHost, worm: WormStore) =>
    runTask(
      fetchSource,
      { worm, sourceHosts: () => ({ host, fetch: { kind: 'git', path: 'm.git' } }) },
      {
        step: 'fetch-source',
        run: { ...run, machine: 'change-check' },
        subject: { kind: 'change', host: 'git.example.com', repository: 'acme/m', number: '7', base: 'main', commit },
      },
    );
  /** The source has the change at `commit`, with these files. */
  function changed(files: Record<string, string>) {
    const [host, worm] = [memorySourceHost(), memoryWormStore()];
    host.changes.set('7', commit);
    host.commits.set(commit, tree(files));
    return { host, worm };
  }
  const reasonsOf = async ({ host, worm }: ReturnType<typeof changed>) => {
    const { fetched, check, snapshot } = await step(host, worm);
    expect({ fetched, outcome: check.outcome, snapshot }).toEqual({ fetched: false, outcome: 'refuse', snapshot: [] });
    const report = await loadReport(worm, tenant, check);
    expect(report.change).toEqual({ commit, tag: '#7' });
    return report.reasons;
  };

  it.each([
    ['example.com/m', 'v0.0.0-00010101000000-aaaaaaaaaaaa'],
    ['example.com/m/v2', 'v2.0.0-00010101000000-aaaaaaaaaaaa'],
  ])('keeps a snapshot of %s at the version that nobody tagged', async (path, version) => {
    const { host, worm } = changed({ 'go.mod': `module ${path}\n`, 'm.go': 'package m\n' });
    const { fetched, check, snapshot } = await step(host, worm);
    expect([fetched, check.outcome]).toEqual([true, 'pass']);
    const [ref] = snapshot;
    expect(ref && (await loadJsonEvidence(worm, tenant, ref, SourceSnapshot))).toMatchObject({
      ...{ tag: '#7', commit, commitResolution: 'resolved', directory: '' },
      module: { path, version },
    });
    expect((await loadReport(worm, tenant, check)).change).toEqual({ commit, tag: '#7', module: `${path}@${version}` });
  });

  it('refuses one whose head moved, or that its source does not name any more', async () => {
    const all = changed({ 'go.mod': GO_MOD });
    const moved = GitSha.parse('c'.repeat(40));
    all.host.changes.set('7', moved);
    expect(await reasonsOf(all)).toMatchObject([
      { code: 'change.head-moved', where: '#7', expected: commit, found: moved },
    ]);
    all.host.changes.clear();
    expect(await reasonsOf(all)).toMatchObject([{ code: 'change.head-moved', found: 'no such change' }]);
  });

  it('refuses one whose commit is gone', async () => {
    const all = changed({});
    all.host.commits.clear();
    expect(await reasonsOf(all)).toMatchObject([{ code: 'source.commit-missing', where: commit }]);
  });

  it('keeps a snapshot of every module that could be released, by its folder', async () => {
    const { host, worm } = changed({
      'go.mod': 'module example.com/m\n',
      'api/v2/go.mod': 'module example.com/m/api/v2\n',
      'api/v2/go.sum': '',
      'cmd/go.mod': 'module example.com/m/cmd\n',
      'example/go.mod': 'module hello\n',
      'vendor/example.com/x/go.mod': 'module example.com/x\n',
      'cmd/testdata/t/go.mod': 'module (\n',
      '_old/go.mod': 'module (\n',
    });
    const { fetched, check, snapshot } = await step(host, worm);
    expect(fetched).toBe(true);
    const kept = await Promise.all(snapshot.map((ref) => loadJsonEvidence(worm, tenant, ref, SourceSnapshot)));
    expect(kept.map(({ module, directory }) => [directory, `${module.path}@${module.version}`])).toEqual([
      ['', 'example.com/m@v0.0.0-00010101000000-aaaaaaaaaaaa'],
      ['api/v2', 'example.com/m/api/v2@v2.0.0-00010101000000-aaaaaaaaaaaa'],
      ['cmd', 'example.com/m/cmd@v0.0.0-00010101000000-aaaaaaaaaaaa'],
    ]);
    const report = await loadReport(worm, tenant, check);
    expect(report).toMatchObject({
      change: { commit, tag: '#7' },
      warnings: [{ code: 'source.module-mismatch', where: 'example/go.mod', found: 'module hello' }],
      details: { modules: [{ directory: '' }, { directory: 'api/v2' }, { directory: 'cmd' }] },
    });
    expect(report.subjects).toHaveLength(4);
  });

  it('needs no module at the root', async () => {
    const { host, worm } = changed({ 'sub/go.mod': 'module example.com/m/sub\n', 'README.md': '' });
    const { check } = await step(host, worm);
    expect(await loadReport(worm, tenant, check)).toMatchObject({
      change: { module: 'example.com/m/sub@v0.0.0-00010101000000-aaaaaaaaaaaa' },
      details: { directory: 'sub' },
    });
  });

  it('refuses one without a module that could be released, with too many, or with a go.mod that cannot be read', async () => {
    expect(await reasonsOf(changed({ 'm.go': 'package m\n' }))).toMatchObject([{ code: 'source.no-go-mod' }]);
    expect(await reasonsOf(changed({ 'go.mod': 'module hello\n' }))).toMatchObject([
      { code: 'source.module-mismatch', where: 'go.mod' },
    ]);
    const many = Array.from({ length: 51 }, (_, at) => [`m${at}/go.mod`, `module example.com/m${at}\n`]);
    expect(await reasonsOf(changed(Object.fromEntries(many)))).toMatchObject([
      { code: 'source.too-many-modules', found: '51' },
    ]);
    expect(await reasonsOf(changed({ 'go.mod': 'module example.com/m\n\nrequire (\n' }))).toMatchObject([
      { code: 'gomod.malformed', where: 'go.mod:3:1' },
    ]);
  });

  it('lets an unreachable source through as a fault and keeps nothing', async () => {
    const { host, worm } = changed({ 'go.mod': GO_MOD });
    host.down = true;
    await expect(step(host, worm)).rejects.toMatchObject({ name: 'SourceUnreachable' });
    expect(worm.objects.size).toBe(0);
  });
});
