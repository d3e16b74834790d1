import { createHash } from 'node:crypto';
import { zipSync } from 'fflate';
import { describe, expect, it } from 'vitest';
import { GitSha } from '../../events/fields.ts';
import { memoryHeadStore } from '../../test/fakes/memory-head-store.ts';
import { type TestRecord, testChecksumDatabase } from '../../test/fakes/test-checksum-database.ts';
import { Fault } from '../faults.ts';
import { h1OfFiles } from '../gosum/dirhash.ts';
import { parseGoMod } from '../gosum/go-mod.ts';
import { plainZipHasher } from '../gosum/zip-hashing.ts';
import type { ChecksumDatabase } from '../ports/checksum-database.ts';
import { askedDatabase } from './asked-database.ts';
import { judgeModulePolicy } from './judge.ts';
import { ModulePolicy } from './module-policy.ts';
import { publicSightings } from './public-sightings.ts';
import { proveToolchains } from './toolchain-proofs.ts';

const H1 = `h1:${'A'.repeat(43)}=`;
const toolchainRecord = (name: string, zipH1 = H1): TestRecord => ({
  ...{ module: 'golang.org/toolchain', version: `v0.0.1-${name}`, zipH1, goModH1: H1 },
});
const records = [
  { module: 'example.com/private', version: 'v1.0.0', zipH1: H1, goModH1: H1 },
  toolchainRecord('go1.22.3.linux-amd64'),
  toolchainRecord('go1.22.3.darwin-arm64'),
  toolchainRecord('go1.23.0.linux-amd64'),
];
const goModOf = (...lines: string[]) => {
  const text = `module example.com/m\n${lines.join('\n')}\n`;
  const parsed = parseGoMod(text);
  if (parsed.kind !== 'parsed') throw new Error(JSON.stringify(parsed.problem));
  return { text, file: parsed.file };
};
const silent: ChecksumDatabase = {
  ...testChecksumDatabase(records),
  latest: () => Promise.reject(new Fault('ChecksumDatabaseUnavailable', 'down')),
};

/** A zip of Go that holds one file, and its hash. */
function zipFor(name: string, content = 'Go\n') {
  const file = `golang.org/toolchain@v0.0.1-${name}/VERSION`;
  const sha256 = createHash('sha256').update(content).digest('hex');
  return { bytes: zipSync({ [file]: Buffer.from(content) }), h1: h1OfFiles([{ name: file, sha256 }]) };
}

interface Asked {
  readonly toolchain: object;
  readonly zip?: Uint8Array;
  readonly database?: ChecksumDatabase;
}

/** What is found of a go.mod, gathered and judged, `where: expected: found`. */
async function findings(lines: readonly string[], { toolchain, zip, database }: Asked) {
  const { text, file } = goModOf(...lines);
  const policy = ModulePolicy.parse({ toolchain });
  const released: string[] = [];
  const modules = {
    zip: async () =>
      zip && {
        size: zip.length,
        read: async (at: number, length: number) => zip.subarray(at, at + length),
        release: async () => void released.push('released'),
      },
  };
  const used = database ?? testChecksumDatabase(records);
  const asked = askedDatabase({ database: used, heads: memoryHeadStore() });
  const deps = { asked, modules, hasher: plainZipHasher };
  const { toolchains, refusals } = await proveToolchains(deps, policy, file);
  const { reasons } = judgeModulePolicy(policy, {
    ...{ goModText: text, goMod: file, goSum: '', day: 0, directory: '', latest: [], changed: [] },
    ...{ module: { path: 'example.com/m', version: 'v1.0.0' }, repository: { host: 'git.test', name: 'm' } },
    ...{ commit: GitSha.parse('1'.repeat(40)), privatePatterns: [], publicSightings: [], refusals: [...refusals] },
    ...(toolchains ? { toolchains: [...toolchains] } : {}),
  });
  const shown = reasons
    .filter(({ code }) => code !== 'modpolicy.not-checked')
    .map(({ code, where, expected, found }) => `${code} ${where}: ${expected}: ${found}`);
  return { shown, toolchains, released };
}

const PROVED = { proved: ['linux/amd64'] };
const NONE = 'a record of go1.22.4 for linux/amd64 in the checksum database: none';

describe('the Go that go.mod has fetched', () => {
  it.each<[string, string[], object, string[]]>([
    ['is recorded', ['go 1.22.3'], PROVED, []],
    [
      'is recorded for every platform that is asked for',
      ['go 1.22.3'],
      { proved: ['linux/amd64', 'darwin/arm64'] },
      [],
    ],
    ['is what the toolchain line names', ['go 1.21', 'toolchain go1.22.3'], PROVED, []],
    ['is not recorded', ['go 1.22.4'], PROVED, [`modpolicy.toolchain go.mod:2: ${NONE}`]],
    [
      'is not recorded, by its toolchain line',
      ['go 1.21', 'toolchain go1.22.4'],
      PROVED,
      [`modpolicy.toolchain go.mod:3: ${NONE}`],
    ],
    [
      'is not recorded for one platform',
      ['go 1.22.3'],
      { proved: ['linux/amd64', 'plan9/386'] },
      ['modpolicy.toolchain go.mod:2: a record of go1.22.3 for plan9/386 in the checksum database: none'],
    ],
    [
      'is the first release of a language version',
      ['go 1.22'],
      PROVED,
      ['modpolicy.toolchain go.mod:2: a record of go1.22.0 for linux/amd64 in the checksum database: none'],
    ],
    ['is recorded for a language version', ['go 1.23'], PROVED, []],
    ['is none for a language version before Go fetched itself', ['go 1.20'], PROVED, []],
    ['is none before Go fetched itself', ['go 1.20.3'], PROVED, []],
    ['is none for the default', ['go 1.22', 'toolchain default'], PROVED, []],
    ['is nobody’s business where the policy does not ask', ['go 1.22.4'], {}, []],
    ['is nobody’s business where the rule is off', ['go 1.22.4'], { ...PROVED, severity: 'off' }, []],
  ])('%s', async (_, lines, toolchain, expected) => {
    expect((await findings(lines, { toolchain })).shown).toEqual(expected);
  });

  it('has no record under a name of its own, which is told to nobody', async () => {
    const database = testChecksumDatabase(records);
    const { shown } = await findings(['go 1.21', 'toolchain go1.22.4-acme'], { toolchain: PROVED, database });
    expect(shown.at(-1)).toMatch(/a record of go1\.22\.4-acme for linux\/amd64 in the checksum database: none$/);
    expect(database.asked).toEqual([]);
  });

  it('is a fault while the database is down, and a refusal where it contradicts itself', async () => {
    const down = findings(['go 1.22.3'], { toolchain: PROVED, database: silent });
    await expect(down).rejects.toMatchObject({ name: 'ChecksumDatabaseUnavailable' });
    const honest = testChecksumDatabase(records);
    const lying: ChecksumDatabase = {
      ...honest,
      lookup: async (path, version) => (await honest.lookup(path, version))?.replace(H1, `h1:${'C'.repeat(43)}=`),
    };
    const { shown } = await findings(['go 1.22.3'], { toolchain: PROVED, database: lying });
    expect(shown.map((each) => each.split(' ')[0])).toEqual(['sumdb.proof-invalid', 'modpolicy.toolchain']);
  });

  const COMPARED = { ...PROVED, zips: true };
  const good = zipFor('go1.22.3.linux-amd64');
  const recorded = testChecksumDatabase([toolchainRecord('go1.22.3.linux-amd64', good.h1)]);
  it.each<[string, Uint8Array | undefined, RegExp[]]>([
    ['is served as recorded', good.bytes, []],
    [
      'is served changed',
      zipFor('go1.22.3.linux-amd64', 'other\n').bytes,
      [/^gosum\.mismatch golang\.org\/toolchain@/],
    ],
    ['is not served', undefined, [/^modpolicy\.toolchain go\.mod:2: .*says that there is none$/]],
    ['is served as no zip', Buffer.from('<html>'), [/^modpolicy\.toolchain go\.mod:2: .*an invalid zip: /]],
  ])('%s, when zips are compared', async (_, zip, expected) => {
    const asked = { toolchain: COMPARED, database: recorded, ...(zip ? { zip } : {}) };
    const { shown, released } = await findings(['go 1.22.3'], asked);
    expect(shown).toEqual(expected.map((each) => expect.stringMatching(each)));
    expect(released).toHaveLength(zip ? 1 : 0);
  });

  it('is not fetched where only its record is asked for', async () => {
    const { toolchains } = await findings(['go 1.22.3'], { toolchain: PROVED, zip: Buffer.from('<html>') });
    expect(toolchains).toEqual([{ platform: 'linux/amd64', release: '1.22.3', recorded: { record: 1, h1: H1 } }]);
  });

  it.each(['linux', 'linux/amd64/v3', '../x', 'Linux/amd64', ''])(
    'refuses the platform "%s" in a policy',
    (platform) => {
      expect(ModulePolicy.safeParse({ toolchain: { proved: [platform] } }).success).toBe(false);
    },
  );
});

describe('private modules in the public database', () => {
  const built = ['example.com/private', 'example.com/private/none', 'example.net/public'].map((path) => ({
    ...{ path, version: 'v1.0.0' },
  }));
  const ask = (policy: object, database: ChecksumDatabase = testChecksumDatabase(records)) =>
    publicSightings(
      askedDatabase({ database, heads: memoryHeadStore() }),
      ModulePolicy.parse({ 'private-from-public': policy }),
      { built, privatePatterns: ['example.com'] },
    );

  it('are seen by their record, where the policy asks; public ones are not asked for', async () => {
    const database = testChecksumDatabase(records);
    expect(await ask({ ask: true }, database)).toEqual({
      sightings: [
        {
          module: { path: 'example.com/private', version: 'v1.0.0' },
          seenAt: 'the checksum database sumdb.test.example, record 0',
        },
      ],
      refusals: [],
    });
    expect(database.asked.filter((each) => each.startsWith('lookup'))).toEqual([
      'lookup example.com/private@v1.0.0',
      'lookup example.com/private/none@v1.0.0',
    ]);
  });

  it('are not asked for otherwise', async () => {
    const database = testChecksumDatabase(records);
    expect(await ask({}, database)).toEqual({ sightings: [], refusals: [] });
    expect(database.asked).toEqual([]);
  });

  it('are unknown, and a fault, while the database is down', async () => {
    await expect(ask({ ask: true }, silent)).rejects.toMatchObject({ name: 'ChecksumDatabaseUnavailable' });
  });

  it('refuse with a database that contradicts itself', async () => {
    const other = testChecksumDatabase(records, { seedByte: 8 });
    const forged = { ...testChecksumDatabase(records), latest: other.latest };
    expect(await ask({ ask: true }, forged)).toMatchObject({
      sightings: [],
      refusals: [{ code: 'sumdb.proof-invalid' }],
    });
  });
});
