import { describe, expect, it } from 'vitest';
import { type TestRecord, testChecksumDatabase } from '../../test/fakes/test-checksum-database.ts';
import { ModulePath, ModuleVersion } from '../brands.ts';
import { Fault, type FaultName } from '../faults.ts';
import { h1OfGoMod } from '../gosum/dirhash.ts';
import type { KeptHead } from '../ports/head-store.ts';
import { askedDatabase } from './asked-database.ts';
import { openGoModProofs } from './go-mod-proof.ts';
import { latestOfList, newestListedCommit } from './latest-version.ts';
import { type ReadLatestDeps, readLatestModules } from './read-latest.ts';

const A = ModulePath.parse('example.com/a');
const H1 = `h1:${'A'.repeat(43)}=`;

/** What a module proxy holds of one module: versions with their go.mod, and how it answers otherwise. */
interface Served {
  readonly goMods: Readonly<Record<string, string>>;
  readonly list?: string | FaultName;
  readonly latest?: string;
}

function proxyOf(served: Served): Omit<ReadLatestDeps, 'proofs'> & { readonly asked: string[] } {
  const asked: string[] = [];
  const factsOf = (version: string) => ({ version: ModuleVersion.parse(version), bytes: Buffer.from(version) });
  return {
    asked,
    modules: {
      goMod: async (_path, version) => {
        asked.push(version);
        const text = served.goMods[version];
        return text === undefined ? undefined : Buffer.from(text);
      },
    },
    index: {
      versions: async () => {
        const { list } = served;
        if (list === 'ModuleProxyUnreachable') throw new Fault(list, 'down');
        if (list === undefined) return undefined;
        const versions = list.split('\n').filter((row) => row !== '' && !row.includes('-2026'));
        return { versions: versions.map((version) => ModuleVersion.parse(version)), bytes: Buffer.from(list) };
      },
      latest: async () => (served.latest === undefined ? undefined : factsOf(served.latest)),
    },
  };
}

const recordsOf = ({ goMods }: Served): TestRecord[] =>
  Object.entries(goMods).map(([version, text]) => ({
    ...{ module: A, version, zipH1: H1 },
    goModH1: h1OfGoMod(Buffer.from(text)),
  }));

async function read(served: Served, more: { records?: TestRecord[]; private?: string[]; tolerant?: boolean } = {}) {
  const kept = new Map<string, KeptHead>();
  const database = testChecksumDatabase(more.records ?? recordsOf(served));
  const asked = askedDatabase({
    database,
    heads: {
      load: async (log) => kept.get(log),
      save: async (log, head) => {
        kept.set(log, head);
      },
    },
  });
  const proofs = openGoModProofs(asked, more.private ?? []);
  const proxy = proxyOf(served);
  const found = await readLatestModules({ ...proxy, proofs }, [A, A], { tolerant: more.tolerant ?? false });
  const [latest] = found.latest;
  return { ...found, latest, kept, asked: proxy.asked, database };
}

const MOD = 'module example.com/a\n';

describe('the highest version of a module', () => {
  const none = async () => false;
  it.each<[string[], string | undefined]>([
    [[], undefined],
    [['v1.0.0', 'v1.10.0', 'v1.9.0'], 'v1.10.0'],
    [['v1.0.0', 'v1.1.0-rc.1'], 'v1.0.0'],
    [['v1.0.0-beta', 'v1.0.0-rc.1'], 'v1.0.0-rc.1'],
    [['v0.9.0', 'v0.0.0-20260101000000-abcdefabcdef'], 'v0.9.0'],
    [['v1.0.0', 'v2.0.0+incompatible'], 'v2.0.0+incompatible'],
    [['v2.0.0+incompatible'], 'v2.0.0+incompatible'],
  ])('of %j is %s, where none has a go.mod', async (versions, latest) => {
    expect(await latestOfList(versions, none)).toBe(latest);
  });

  it.each<[string[], string]>([
    [['v1.0.0', 'v2.0.0+incompatible'], 'v1.0.0'],
    [['v1.0.0', 'v1.1.0-rc.1', 'v3.0.0+incompatible'], 'v1.0.0'],
    [['v1.1.0-rc.1', 'v3.0.0+incompatible'], 'v1.1.0-rc.1'],
  ])('of %j is %s, where the one below has a go.mod', async (versions, latest) => {
    const asked: string[] = [];
    const found = await latestOfList(versions, async (version) => asked.push(version) > 0);
    expect([found, asked]).toEqual([latest, [versions.at(-2)]]);
  });

  it('is the newest commit that a list names, for want of anything else', () => {
    const [older, newer] = ['v0.0.0-20260101000000-abcdefabcdef', 'v0.0.0-20260201000000-abcdefabcdef'];
    expect(newestListedCommit(`${newer}\n${older}\n`)).toBe(newer);
    expect(newestListedCommit(`${newer}\n${older} 2026-03-01T00:00:00Z\n`)).toBe(older);
    expect(newestListedCommit('v1.0.0\nnonsense\n\n')).toBeUndefined();
  });
});

describe('what the highest version says', () => {
  const retracting = `// Deprecated: use b.\nmodule example.com/a\n\nretract v1.0.0 // lost keys\n`;

  it('is read, proved in the checksum database, and pinned byte by byte', async () => {
    const served = { list: 'v1.0.0\nv1.1.0\n', goMods: { 'v1.0.0': MOD, 'v1.1.0': retracting } };
    const { latest, evidence, kept, contradictions } = await read(served);
    expect(latest).toEqual({
      ...{ kind: 'read', path: A, version: 'v1.1.0', deprecated: 'use b.' },
      retractions: [{ low: 'v1.0.0', high: 'v1.0.0', rationale: 'lost keys' }],
    });
    expect(evidence.modules).toEqual([
      {
        ...{ path: A, version: 'v1.1.0', proved: 'database', record: 1 },
        list: Buffer.from(served.list).toString('base64'),
        goMod: Buffer.from(retracting).toString('base64'),
        goModH1: h1OfGoMod(Buffer.from(retracting)),
      },
    ]);
    expect([kept.size, contradictions]).toEqual([1, []]);
  });

  it('may itself retract itself: it still decides', async () => {
    const served = {
      list: 'v1.0.0\nv1.1.0\n',
      goMods: { 'v1.0.0': MOD, 'v1.1.0': `${MOD}retract [v1.0.0, v1.1.0]\n` },
    };
    expect((await read(served)).latest).toMatchObject({
      version: 'v1.1.0',
      retractions: [{ low: 'v1.0.0', high: 'v1.1.0' }],
    });
  });

  it('is of the latest commit where nothing is tagged', async () => {
    const version = 'v0.0.0-20260201000000-abcdefabcdef';
    const goMods = { [version]: retracting };
    expect((await read({ list: '', latest: version, goMods })).latest).toMatchObject({ kind: 'read', version });
    expect((await read({ list: `${version}\n`, goMods })).latest).toMatchObject({ kind: 'read', version });
    expect((await read({ list: '', goMods })).latest).toEqual({ kind: 'none', path: A });
  });

  it('of a private module is read without asking the public database', async () => {
    const { latest, database } = await read(
      { list: 'v1.0.0\n', goMods: { 'v1.0.0': MOD } },
      { private: ['example.com'] },
    );
    expect(latest).toMatchObject({ kind: 'read' });
    expect(database.asked).toEqual([]);
  });

  it.each<[string, Served, string]>([
    ['has no list', { goMods: {} }, 'no list of versions'],
    ['has a list and not its go.mod', { list: 'v1.0.0\n', goMods: {} }, 'no go.mod of v1.0.0'],
    ['lists a version of another major', { list: 'v2.0.0\n', goMods: { 'v2.0.0': MOD } }, 'no version of the module'],
    ['names a latest that is none', { list: '', latest: 'v1.0', goMods: {} }, 'no version of the module'],
    ['serves what is no go.mod', { list: 'v1.0.0\n', goMods: { 'v1.0.0': 'require (\n' } }, 'go.mod of v1.0.0, 1'],
    ['cannot show whether v1 has a go.mod', { list: 'v1.0.0\nv2.0.0+incompatible\n', goMods: {} }, 'no go.mod of it'],
  ])('is not known when the proxy %s, and the run goes on', async (_what, served, why) => {
    const { latest, contradictions } = await read(served);
    expect(latest).toEqual({ kind: 'not-checked', path: A, why: expect.stringContaining(why) });
    expect(contradictions).toEqual([]);
  });

  it('is a fault when the proxy is down, and not known where nothing would refuse', async () => {
    const served: Served = { list: 'ModuleProxyUnreachable', goMods: {} };
    await expect(read(served)).rejects.toMatchObject({ name: 'ModuleProxyUnreachable' });
    const { latest } = await read(served, { tolerant: true });
    expect(latest).toEqual({ kind: 'not-checked', path: A, why: 'ModuleProxyUnreachable' });
  });

  it('is not known, and no contradiction, when the database has no record of it', async () => {
    const { latest, contradictions } = await read(
      { list: 'v1.0.0\n', goMods: { 'v1.0.0': MOD } },
      { records: recordsOf({ goMods: { 'v0.1.0': MOD } }) },
    );
    expect(latest).toMatchObject({ kind: 'not-checked', why: expect.stringContaining('sumdb.unknown-module') });
    expect(contradictions).toEqual([]);
  });

  it('is a contradiction when the proxy serves another go.mod than is recorded', async () => {
    const { latest, contradictions } = await read(
      { list: 'v1.0.0\n', goMods: { 'v1.0.0': MOD } },
      { records: recordsOf({ goMods: { 'v1.0.0': retracting } }) },
    );
    expect(latest).toMatchObject({ kind: 'not-checked' });
    expect(contradictions).toMatchObject([
      { code: 'gosum.mismatch', where: `${A}@v1.0.0`, found: h1OfGoMod(Buffer.from(MOD)) },
    ]);
  });
});
