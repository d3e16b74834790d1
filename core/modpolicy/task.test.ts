import { zipSync } from 'fflate';
import { describe, expect, it } from 'vitest';
import { GitSha, TenantId } from '../../events/fields.ts';
import { failing } from '../../test/fakes/failing.ts';
import { fixedClock } from '../../test/fakes/fixed-clock.ts';
import { memoryLedgerStore } from '../../test/fakes/memory-ledger-store.ts';
import { memoryModuleCache } from '../../test/fakes/memory-module-cache.ts';
import { memoryViews } from '../../test/fakes/memory-views.ts';
import { memoryWormStore } from '../../test/fakes/memory-worm-store.ts';
import { testChecksumDatabase } from '../../test/fakes/test-checksum-database.ts';
import { testSshKey } from '../../test/fakes/test-ssh-key.ts';
import { H1Digest, ModulePath, ModuleVersion } from '../brands.ts';
import { keepReport, loadReport } from '../check.ts';
import { keepEvidence, keepJsonEvidence, loadEvidence } from '../evidence.ts';
import { Fault } from '../faults.ts';
import { decideGate } from '../gate/decide-gate.ts';
import { h1OfGoMod } from '../gosum/dirhash.ts';
import { hashModuleZip } from '../gosum/module-zip.ts';
import { accessOf } from '../gosum/zip-hashing.ts';
import { appendEntries } from '../ledger/append.ts';
import { entryKeyOf } from '../ledger/entry.ts';
import type { KeptHead } from '../ports/head-store.ts';
import type { ModuleIndex, ModuleSource } from '../ports/module-source.ts';
import type { Reviews } from '../ports/reviews.ts';
import { projectEntries } from '../query/project.ts';
import { businessKeyOf, releaseIdOf, SourceSubject } from '../runs/run-input.ts';
import { sourceFactsOf } from '../source/source-facts.ts';
import { RunContext, runTask } from '../task.ts';
import { type CheckModulePolicyDeps, checkModulePolicy, recomputeModulePolicy } from './task.ts';

const TENANT = TenantId.parse('acme');
const H1 = `h1:${'A'.repeat(43)}=`;
const REPOSITORY = { host: 'git.test', name: 'acme/m' };
const DOCUMENT = 'schema: relseal.policy/1\nname: p\n';
const GATES = 'gates: {source: {rules: [{id: a, requires: fetch-source, message: m, fix: f, severity: high}]}}\n';

const subjectOf = (tag: string, commit: string) =>
  SourceSubject.parse({
    ...{ kind: 'source', host: REPOSITORY.host, repository: REPOSITORY.name, tag, commit },
    ...{ resolution: 'resolved', generation: 0 },
  });

interface Release {
  readonly tag: string;
  readonly files: Readonly<Record<string, string>>;
  /** Module path; example.com/m when not given. */
  readonly module?: string;
}

/** A module proxy with what `goMods` holds, `path@version` to text; every version is listed. */
function proxyOf(goMods: Readonly<Record<string, string>>): ModuleSource & ModuleIndex {
  return {
    goMod: async (path, version) => {
      const text = goMods[`${path}@${version}`];
      return text === undefined ? undefined : Buffer.from(text);
    },
    zip: async () => undefined,
    info: async () => undefined,
    latest: async () => undefined,
    versions: async (path) => {
      const names = Object.keys(goMods).filter((name) => name.startsWith(`${path}@`));
      const versions = names.map((name) => ModuleVersion.parse(name.slice(path.length + 1)));
      return { versions, bytes: Buffer.from(versions.join('\n')) };
    },
  };
}

function world(goMods: Readonly<Record<string, string>> = {}, changes: Partial<CheckModulePolicyDeps> = {}) {
  const worm = memoryWormStore();
  const ledger = memoryLedgerStore();
  const views = memoryViews();
  const heads = new Map<string, KeptHead>();
  const proxy = proxyOf(goMods);
  const records = Object.entries(goMods).map(([name, text]) => {
    const [module = '', version = ''] = name.split('@');
    return { module, version, zipH1: H1, goModH1: h1OfGoMod(Buffer.from(text)) };
  });
  const deps: CheckModulePolicyDeps = {
    ...{ worm, ledger, views, modules: proxy, index: proxy },
    clock: fixedClock('2026-03-01T12:00:00.000Z'),
    policies: async () => undefined,
    database: testChecksumDatabase([...records, { module: 'x.test/x', version: 'v1.0.0', zipH1: H1, goModH1: H1 }]),
    heads: {
      load: async (log) => heads.get(log),
      save: async (log, head) => {
        heads.set(log, head);
      },
    },
    settings: { private: [] },
    ...changes,
  };
  const keep = (kind: string, text: string) => keepEvidence(worm, TENANT, kind, 'text/plain', Buffer.from(text));

  async function snapshotOf({ tag, files, module = 'example.com/m' }: Release) {
    const commit = GitSha.parse(Buffer.from(tag).toString('hex').padEnd(40, '1').slice(0, 40));
    const made = sourceFactsOf(
      Object.entries(files).map(([path, text]) => ({ path, bytes: Buffer.from(text) })),
      '',
    );
    if (made.kind !== 'made') throw new Error(JSON.stringify(made.reasons));
    const goSum = files['go.sum'];
    const snapshot = await keepJsonEvidence(worm, TENANT, 'source-snapshot', {
      ...{ schema: 'relseal.source-snapshot/1', repository: REPOSITORY, tag, commit, commitResolution: 'resolved' },
      ...{ source: 'git', module: { path: module, version: tag }, directory: '', zipH1: H1, goModH1: H1 },
      goMod: await keep('go-mod', files['go.mod'] ?? ''),
      ...(goSum === undefined ? {} : { goSum: await keep('go-sum', goSum) }),
      facts: await keepJsonEvidence(worm, TENANT, 'source-facts', made.facts),
    });
    return { commit, snapshot };
  }

  /** Decides a release as the workflow does; its verdict is on the ledger. */
  async function release(of: Release, reasons: { code: string }[] = []) {
    const { commit, snapshot } = await snapshotOf(of);
    const subject = subjectOf(of.tag, commit);
    const businessKey = businessKeyOf(TENANT, subject);
    const run = RunContext.parse({ tenant: TENANT, businessKey, machine: 'source-release', name: 'source-release-1' });
    const fetched = await keepReport(worm, TENANT, {
      ...{ check: 'fetch-source', subjects: [], reasons, evidence: [snapshot], details: {} },
    });
    const { verdict, passed } = await runTask(
      decideGate,
      { worm, policies: async () => `${DOCUMENT}${GATES}` },
      { step: 'decide-gate', run, gate: 'source', subject, checks: [fetched] },
    );
    const key = entryKeyOf(TENANT, { businessKey, machine: 'm', step: 's', replay: 0, kind: 'verdict', ordinal: 0 });
    const content = {
      ...{ kind: 'verdict', outcome: passed ? ('pass' as const) : ('refuse' as const), evidence: [verdict] },
      release: { kind: 'source', id: releaseIdOf(subject) },
      ...(passed ? {} : { reasons: [{ code: 'a.b' }], reasonsTotal: 1 }),
    };
    await appendEntries(deps, TENANT, [{ key, content }]);
    await projectEntries(deps, TENANT);
  }

  async function check(of: Release, policy?: string, stores: Partial<CheckModulePolicyDeps> = {}) {
    const { commit, snapshot } = await snapshotOf(of);
    const businessKey = businessKeyOf(TENANT, subjectOf(of.tag, commit));
    const run = RunContext.parse({ tenant: TENANT, businessKey, machine: 'source-release', name: 'source-release-2' });
    const policies = policy === undefined ? deps.policies : async () => `${DOCUMENT}gates: {}\nmodules: ${policy}\n`;
    const payload = { step: 'check-module-policy', run, snapshot };
    const { check: record } = await runTask(checkModulePolicy, { ...deps, policies, ...stores }, payload);
    const report = await loadReport(worm, TENANT, record);
    const codes = (all: typeof report.reasons = []) => all.map(({ code, where }) => `${code} ${where}`);
    return { report, refused: codes(report.reasons), warned: codes(report.warnings), commit };
  }
  return { deps, worm, heads, ledger, views, release, check };
}

const MOD = 'module example.com/m\n\ngo 1.22\n';
const REQUIRING = `${MOD}\nrequire example.com/a v1.0.0\n`;
const A = 'module example.com/a\n';
const A_PATH = ModulePath.parse('example.com/a');
const first = { tag: 'v1.0.0', files: { 'go.mod': MOD } };
const zipOf = (version: string, names: readonly string[]) =>
  zipSync(Object.fromEntries(names.map((name) => [`${A_PATH}@${version}/${name}`, Buffer.from('package a\n')])));
/** Rules that want what this world does not make. */
const QUIET = '{unused-requirement: {severity: off}}';

describe('checking the module policy of a release', () => {
  it('passes a release that breaks no rule, and keeps what it was judged by', async () => {
    const { check, worm } = world();
    const { report, refused, warned } = await check(first, QUIET);
    expect([report.outcome, refused, warned]).toEqual(['pass', [], []]);
    expect(report.evidence.map(({ kind }) => kind)).toEqual([
      'source-snapshot',
      'go-mod',
      'module-policy',
      'source-facts',
    ]);
    const record = report.evidence.find(({ kind }) => kind === 'module-policy');
    expect(record && (await recomputeModulePolicy(worm, TENANT, record))).toEqual({ reasons: [], warnings: [] });
  });

  it('judges by every default without a policy, or without its section', async () => {
    const commit = { tag: 'v1.0.0', files: { 'go.mod': `${MOD}replace example.com/a => ./a\n` } };
    const { check } = world();
    expect((await check(commit)).refused).toEqual(['modpolicy.replace-directory go.mod:4']);
    const others = world({}, { policies: async () => `${DOCUMENT}${GATES}` });
    expect((await others.check(commit)).refused).toEqual(['modpolicy.replace-directory go.mod:4']);
    expect((await check(commit, '{replace-directory: {allow: [./a]}}')).refused).toEqual([]);
  });

  it('refuses a policy section with an unknown rule, and stops', async () => {
    await expect(world().check(first, '{no-such-rule: {severity: off}}')).rejects.toMatchObject({
      name: 'ConfigurationInvalid',
    });
  });

  it('refuses a retracted version by the go.mod of the highest one, and pins that', async () => {
    const { check, worm, heads } = world({
      'example.com/a@v1.0.0': A,
      'example.com/a@v1.1.0': `${A}retract v1.0.0 // lost keys\n`,
    });
    const { report, refused } = await check({ tag: 'v1.0.0', files: { 'go.mod': REQUIRING } });
    expect(refused).toEqual(['modpolicy.retracted go.mod:5']);
    expect(report.evidence.map(({ kind }) => kind)).toContain('latest-modules');
    expect(heads.size).toBe(1);
    const record = report.evidence.find(({ kind }) => kind === 'module-policy');
    const again = record && (await recomputeModulePolicy(worm, TENANT, record));
    expect(again?.reasons).toEqual(report.reasons);
  });

  it('keeps what shows that the database contradicts itself, each piece once', async () => {
    const { check, deps } = world({ 'example.com/a@v1.0.0': A, 'example.com/b@v1.0.0': 'module example.com/b\n' });
    const { database } = deps;
    const lying = {
      ...database,
      lookup: async (...of: Parameters<typeof database.lookup>) =>
        (await database.lookup(...of))?.replace(/(?<=go\.mod h1:)./, '0'),
    };
    const goMod = `${MOD}require (\n\texample.com/a v1.0.0\n\texample.com/b v1.0.0\n)\n`;
    const release = { tag: 'v1.0.0', files: { 'go.mod': goMod } };
    const { report, refused } = await check(release, '{}', { database: lying });
    expect(refused.filter((each) => each.startsWith('sumdb.'))).toHaveLength(2);
    const kinds = report.evidence.map(({ kind }) => kind).filter((kind) => /^(?:sumdb-|tree-head)/.test(kind));
    expect(kinds.toSorted()).toEqual(['sumdb-lookup', 'sumdb-lookup', 'sumdb-proof', 'sumdb-proof', 'tree-head']);
    const other = testChecksumDatabase([], { seedByte: 8 });
    const forged = await check(release, '{}', { database: { ...database, verifierKey: other.verifierKey } });
    expect(forged.report.evidence.map(({ kind }) => kind)).toContain('sumdb-proof');
  });

  it('says nothing of retraction while the proxy is down: a fault, unless no rule would refuse', async () => {
    const down = proxyOf({ 'example.com/a@v1.0.0': A });
    const index: ModuleIndex = {
      ...down,
      versions: async () => {
        throw new Fault('ModuleProxyUnreachable', 'down');
      },
    };
    const { check } = world({ 'example.com/a@v1.0.0': A }, { index });
    const release = { tag: 'v1.0.0', files: { 'go.mod': REQUIRING } };
    await expect(check(release)).rejects.toMatchObject({ name: 'ModuleProxyUnreachable' });
    const { report, warned } = await check(release, '{retracted: {severity: warn}}');
    expect([report.outcome, warned]).toEqual(['pass', expect.arrayContaining(['retract.not-checked go.mod:5'])]);
    expect((await check(release, '{retracted: {severity: off}, deprecated: {severity: off}}')).refused).toEqual([]);
  });

  it('judges the versions that are built, above those that go.mod names', async () => {
    const { check } = world({
      'example.com/a@v1.0.0': `${A}require example.com/b v1.5.0\n`,
      'example.com/b@v1.0.0': 'module example.com/b\n',
      'example.com/b@v1.5.0': 'module example.com/b\n',
    });
    const goMod = `${MOD}require (\n\texample.com/a v1.0.0\n\texample.com/b v1.0.0\n)\n`;
    const policy = '{denied: {modules: [{path: example.com/b, versions: [v1.5.0], reason: bad}]}}';
    expect((await check({ tag: 'v1.0.0', files: { 'go.mod': goMod } }, policy)).refused).toEqual([
      'modpolicy.denied go.mod:6',
    ]);
  });

  it('refuses with what the build list says where there is none', async () => {
    const { check } = world();
    const { refused } = await check({ tag: 'v1.0.0', files: { 'go.mod': REQUIRING } });
    expect(refused[0]).toMatch(/^gosum\./);
  });

  it('refuses a go.mod that was never one with what to write instead', async () => {
    const { refused } = await world().check({ tag: 'v1.0.0', files: { 'go.mod': `${MOD}[direct]\n` } });
    expect(refused).toEqual([
      'modpolicy.foreign-syntax go.mod:4',
      expect.stringMatching(/^gosum\.go-mod-malformed go\.mod:4/),
    ]);
  });
});

describe('what is new since the last release', () => {
  const SUM = `example.com/a v1.0.0 ${H1}\n`;
  const next = (files: object = {}) => ({ tag: 'v1.1.0', files: { 'go.mod': MOD, 'go.sum': SUM, ...files } });
  const changed = 'modpolicy.go-sum-changed go.sum';

  it('is compared with the newest release that passed', async () => {
    const { release, check } = world();
    await release(first);
    await release({ tag: 'v1.0.1', files: { 'go.mod': MOD, 'go.sum': SUM } });
    expect(await check(next(), QUIET)).toMatchObject({ warned: [], report: { details: { comparedWith: 'v1.0.1' } } });
    await release({ tag: 'v1.0.2', files: { 'go.mod': MOD, 'go.sum': '' } }, [{ code: 'a.b' }]);
    expect((await check(next(), QUIET)).warned).toEqual([]);
    expect((await check(next({ 'go.sum': '' }), QUIET)).warned).toEqual([changed]);
  });

  it('is not compared with itself, with another module or with a refused release', async () => {
    const { release, check } = world();
    await release({ ...next(), files: { 'go.mod': MOD } });
    await release({ ...first, tag: 'v1.0.5', module: 'example.com/m/v2' });
    await release({ ...first, tag: 'v1.0.6' }, [{ code: 'a.b' }]);
    const { report, warned } = await check(next(), QUIET);
    expect([report.details, warned]).toMatchObject([{ requirements: 0 }, []]);
    expect(report.details).not.toHaveProperty('comparedWith');
  });

  it('needs a reviewer of the source host or of the policy when the policy refuses it', async () => {
    const refusing = 'go-sum-changed: {severity: refuse}, unused-requirement: {severity: off}';
    const { release, check } = world();
    await release(first);
    const { commit, refused } = await check(next(), `{${refusing}}`);
    expect(refused).toEqual([changed]);
    const reviewed = `reviewed: [{commit: ${commit}, reviewer: ann, reason: read it}]`;
    expect((await check(next(), `{${refusing}, ${reviewed}}`)).refused).toEqual([]);
    const hosted = { reviews: { of: async (_repository: object, at: GitSha) => [{ reviewer: 'bob', commit: at }] } };
    expect((await check(next(), `{${refusing}}`, hosted)).refused).toEqual([]);
    expect((await check(next(), `{${refusing}, reviewers: [ann]}`, hosted)).refused).toEqual([changed]);
    const none = { reviews: { of: async () => undefined } };
    expect((await check(next(), `{${refusing}}`, none)).refused).toEqual([changed]);
  });

  it('keeps the account of a reviewer only where the policy names it', async () => {
    const { release, check, worm } = world();
    await release(first);
    const reviews = { of: async (_repository: object, commit: GitSha) => [{ reviewer: 'bob', commit }] };
    const recordOf = async (policy: string) => {
      const { report, refused } = await check(next(), policy, { reviews });
      const record = report.evidence.find(({ kind }) => kind === 'module-policy');
      const text = record && Buffer.from(await loadEvidence(worm, TENANT, record)).toString('utf8');
      return { refused, names: text?.includes('"bob"') };
    };
    const refusing = 'go-sum-changed: {severity: refuse}, unused-requirement: {severity: off}';
    expect(await recordOf(`{${refusing}}`)).toEqual({ refused: [], names: false });
    expect(await recordOf(`{${refusing}, reviewers: [bob]}`)).toEqual({ refused: [], names: true });
  });

  it('asks no source host for reviews that no rule wants, and fails with one that is away', async () => {
    const { check } = world();
    const down: Reviews = {
      of: async () => {
        throw new Fault('SourceUnreachable', 'down');
      },
    };
    await expect(check(next(), QUIET, { reviews: down })).rejects.toMatchObject({ name: 'SourceUnreachable' });
    const off =
      '{go-sum-changed: {severity: off}, binary-object: {severity: off}, unused-requirement: {severity: off}}';
    expect((await check(next(), off, { reviews: down })).refused).toEqual([]);
  });

  it('shows an object for the first time only', async () => {
    const { release, check } = world();
    const files = { 'a.s': 'TEXT' };
    await release({ tag: 'v1.0.0', files: { 'go.mod': MOD, 'go.sum': SUM } });
    expect((await check(next(files), QUIET)).warned).toEqual(['modpolicy.binary-object the release']);
    await release({ tag: 'v1.0.1', files: { 'go.mod': MOD, 'go.sum': SUM, ...files } });
    expect((await check(next(files), QUIET)).warned).toEqual([]);
  });

  it('is read from the cache where a go.sum states it, of both releases', async () => {
    const versions = { 'v1.0.0': zipOf('v1.0.0', ['a.go']), 'v1.1.0': zipOf('v1.1.0', ['a.go', 'a.s']) };
    const proxy = proxyOf({ 'example.com/a@v1.0.0': A, 'example.com/a@v1.1.0': A });
    const asked: string[] = [];
    const zip: ModuleSource['zip'] = async (_path, version) => {
      asked.push(version);
      return { ...accessOf(Object(versions)[version]), release: async () => {} };
    };
    const goMods = { 'example.com/a@v1.0.0': A, 'example.com/a@v1.1.0': A };
    const { release, check } = world(goMods, { modules: { ...proxy, zip }, cache: memoryModuleCache() });
    const releaseOf = async (version: 'v1.0.0' | 'v1.1.0') => {
      const hashed = await hashModuleZip(accessOf(versions[version]), A_PATH, ModuleVersion.parse(version));
      const h1 = hashed.kind === 'hashed' ? hashed.h1 : hashed.why;
      const goMod = `${MOD}\nrequire example.com/a ${version}\n`;
      return { tag: version, files: { 'go.mod': goMod, 'go.sum': `example.com/a ${version} ${h1}\n` } };
    };
    await release(await releaseOf('v1.0.0'));
    const next = await releaseOf('v1.1.0');
    const { warned } = await check(next, QUIET);
    expect([warned, asked.sort()]).toEqual([
      expect.arrayContaining(['modpolicy.binary-object example.com/a@v1.1.0']),
      ['v1.0.0', 'v1.1.0'],
    ]);
    expect([(await check(next, QUIET)).warned, asked]).toEqual([warned, ['v1.0.0', 'v1.1.0']]);
  });

  it('believes no view: a row for an entry that the log does not hold is LedgerInconsistent', async () => {
    const { release, check, views } = world();
    await release(first);
    const [row] = await views.find(TENANT, 'repository', 'git.test/acme/m', { limit: 1 });
    if (!row) throw new Error('no row');
    const terms = [{ field: 'repository' as const, value: 'git.test/acme/m' }];
    await views.put(TENANT, [{ tenant: TENANT, ...row, index: row.index + 1, terms }], 2);
    await expect(check(next(), QUIET)).rejects.toMatchObject({ name: 'LedgerInconsistent' });
  });
});

describe('the origins of modules', () => {
  const tagged = H1Digest.parse(`h1:${'B'.repeat(42)}A=`);
  const asked: string[] = [];
  const origins = {
    zip: async (path: string, version: string) => {
      asked.push(`${path}@${version}`);
      return { kind: 'hashed' as const, h1: tagged };
    },
  };
  const release = (h1: string) => ({
    tag: 'v1.0.0',
    files: { 'go.mod': REQUIRING, 'go.sum': `example.com/a v1.0.0 ${h1}\n` },
  });
  const COMPARING = '{origin-diverged: {compare: true}, unused-requirement: {severity: off}}';

  it('refuse a module whose tag holds something else than go.sum says, when the policy compares', async () => {
    const { check } = world({ 'example.com/a@v1.0.0': A }, { origins });
    expect((await check(release(H1), COMPARING)).refused).toEqual(['modpolicy.origin-diverged example.com/a@v1.0.0']);
    expect((await check(release(tagged), COMPARING)).refused).toEqual([]);
    expect(asked).toEqual(['example.com/a@v1.0.0', 'example.com/a@v1.0.0']);
    expect((await check(release(H1), QUIET)).refused).toEqual([]);
    expect(asked).toHaveLength(2);
  });

  it('are not known to whoever has none, and then nothing passes', async () => {
    const { check } = world({ 'example.com/a@v1.0.0': A });
    expect((await check(release(H1), COMPARING)).refused).toEqual(['modpolicy.not-checked modpolicy.origin-diverged']);
  });
});

describe('private modules', () => {
  const goMods = { 'example.com/a@v1.0.0': A };
  const settings = { private: ['example.com/a'] };
  const lines = (h1: string) =>
    `example.com/a v1.0.0 ${h1}\nexample.com/a v1.0.0/go.mod ${h1OfGoMod(Buffer.from(A))}\n`;
  const release = { tag: 'v1.0.0', files: { 'go.mod': REQUIRING, 'go.sum': lines(H1) } };
  const tofu = 'modpolicy.first-use go.mod:5';
  const key = testSshKey();
  const QUIETLY = 'unused-requirement: {severity: off}';
  const publisher = (more = '') =>
    `publisher-signature: {publishers: [{modules: [example.com], kind: ssh, keys: ["ana ${key.line}"], ` +
    `url: "https://sig.test/{path}/@v/{version}.sig"${more}}]}`;
  const signedBy = (text: string) => Buffer.from(key.sign(Buffer.from(text), 'file'));
  const served = (answer: () => Promise<Uint8Array | undefined>, asked: string[] = []) => ({
    ...{ settings },
    trust: {
      signature: (url: URL) => {
        asked.push(url.href);
        return answer();
      },
    },
  });
  const down = async () => {
    throw new Fault('SourceUnreachable', 'sig.test is down');
  };

  it('are shown as tofu until their publisher signs their lines of go.sum, which is judged again from the record', async () => {
    expect((await world(goMods, { settings }).check(release, QUIET)).warned).toEqual([tofu]);
    const asked: string[] = [];
    const { check, worm } = world(
      goMods,
      served(async () => signedBy(lines(H1)), asked),
    );
    const { report, refused, warned } = await check(release, `{${QUIETLY}, ${publisher()}}`);
    expect([refused, warned, asked]).toEqual([[], [], ['https://sig.test/example.com/a/@v/v1.0.0.sig']]);
    const record = report.evidence.find(({ kind }) => kind === 'module-policy');
    expect(record && (await recomputeModulePolicy(worm, TENANT, record))).toEqual({ reasons: [], warnings: [] });
    const unsigned = world(
      goMods,
      served(async () => undefined),
    );
    expect(await unsigned.check(release, `{${QUIETLY}, ${publisher()}}`)).toMatchObject({
      refused: [],
      warned: [tofu],
    });
  });

  it('are refused by a signature of something else, and by none that is required', async () => {
    const { check, worm } = world(
      goMods,
      served(async () => signedBy(lines('h1:other'))),
    );
    const { report, refused } = await check(release, `{${QUIETLY}, first-use: {severity: off}, ${publisher()}}`);
    expect(refused).toEqual(['modpolicy.signature-bad go.mod:5']);
    const record = report.evidence.find(({ kind }) => kind === 'module-policy');
    expect(record && (await recomputeModulePolicy(worm, TENANT, record)).reasons).toEqual(report.reasons);
    const unsigned = world(
      goMods,
      served(async () => undefined),
    );
    const required = publisher(', required: true');
    expect((await unsigned.check(release, `{${QUIETLY}, ${required}}`)).refused).toEqual([
      'modpolicy.publisher-signature go.mod:5',
    ]);
    expect((await world(goMods, { settings }).check(release, `{${QUIETLY}, ${required}}`)).refused).toEqual([
      'modpolicy.not-checked modpolicy.publisher-signature',
      'modpolicy.not-checked modpolicy.signature-bad',
    ]);
  });

  it('wait for a host of signatures that is down where its answer decides, and else are shown', async () => {
    const { check } = world(goMods, served(down));
    for (const policy of [publisher(', required: true'), `first-use: {severity: refuse}, ${publisher()}`])
      await expect(check(release, `{${QUIETLY}, ${policy}}`)).rejects.toMatchObject({ name: 'SourceUnreachable' });
    expect(await check(release, `{${QUIETLY}, ${publisher()}}`)).toMatchObject({ refused: [], warned: [tofu] });
    const refusing = async () => {
      throw new Fault('EgressRefused', 'sig.test is not a listed host');
    };
    await expect(world(goMods, served(refusing)).check(release, `{${QUIETLY}, ${publisher()}}`)).rejects.toMatchObject({
      name: 'EgressRefused',
    });
  });

  it('are asked for while they are new, and only where go.sum has their zip', async () => {
    const asked: string[] = [];
    const { release: decided, check } = world(
      goMods,
      served(async () => undefined, asked),
    );
    const required = `{${QUIETLY}, ${publisher(', required: true')}}`;
    const [zip = '', goMod = ''] = lines(H1).split('\n');
    const withSum = (goSum: string) => ({ tag: 'v1.0.0', files: { 'go.mod': REQUIRING, 'go.sum': goSum } });
    expect((await check(withSum(`${goMod}\n`), required)).refused).toEqual([]);
    expect((await check(withSum(`${zip}\n`), required)).refused).toEqual(['modpolicy.publisher-signature go.mod:5']);
    await decided(release);
    expect((await check({ ...release, tag: 'v1.1.0' }, required)).refused).toEqual([]);
    expect(asked).toEqual([]);
  });

  it('rest on two sources where a proxy and the origin, each asked for itself, hold what go.sum says', async () => {
    const bytes = zipOf('v1.0.0', ['a.go']);
    const hashed = await hashModuleZip(accessOf(bytes), A_PATH, ModuleVersion.parse('v1.0.0'));
    if (hashed.kind !== 'hashed') throw new Error(hashed.why);
    const proxied = { zip: async () => ({ ...accessOf(bytes), release: async () => {} }) };
    const origins = { zip: async () => hashed };
    const two = { tag: 'v1.0.0', files: { 'go.mod': REQUIRING, 'go.sum': lines(hashed.h1) } };
    const policy = `{${QUIETLY}, first-use: {twoSources: true}}`;
    const warnedOf = async (changes: Partial<CheckModulePolicyDeps>) =>
      (await world(goMods, { settings, origins, ...changes }).check(two, policy)).warned;
    expect(await warnedOf({ proxied })).toEqual([]);
    expect(await warnedOf({})).toEqual([tofu]);
    expect(await warnedOf({ proxied: { zip: async () => undefined } })).toEqual([tofu]);
    expect(await warnedOf({ proxied, settings: { private: [] } })).toEqual([]);
    const direct = async () => {
      throw new Fault('ModuleProxyUnreachable', 'GOPROXY leads to "direct"');
    };
    expect(await warnedOf({ proxied: { zip: direct } })).toEqual([tofu]);
  });
});

describe('a check that fails at a store', () => {
  const goMods = { 'example.com/a@v1.0.0': A };
  const release = { tag: 'v1.0.0', files: { 'go.mod': REQUIRING } };
  it.each(['before', 'after'] as const)(
    '%s any write took effect, says the same when it is made again',
    async (when) => {
      const { report } = await world(goMods).check(release);
      let passed = false;
      for (let at = 0; at < 30 && !passed; at += 1) {
        const { check, deps } = world(goMods);
        const plan = { at, when, calls: 0 };
        const stores = { worm: failing(deps.worm, plan), heads: failing(deps.heads, plan) };
        passed = await check(release, undefined, stores).then(
          () => true,
          (error: unknown) => {
            expect(error).toMatchObject({ name: 'StoreUnavailable' });
            return false;
          },
        );
        expect((await check(release)).report).toEqual(report);
      }
      expect(passed).toBe(true);
    },
  );
});
