import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { zipSync } from 'fflate';
import { afterAll, describe, expect, it } from 'vitest';
import * as z from 'zod';
import { openEgress } from '../../adapters/network/egress.ts';
import { openModuleProxy } from '../../adapters/network/module-proxy.ts';
import { ModulePath } from '../../core/brands.ts';
import { escapeModulePath, escapeModuleVersion } from '../../core/gosum/module-path.ts';
import { rationalesOf } from '../../core/modpolicy/author-rules.ts';
import { readLatestModules } from '../../core/modpolicy/read-latest.ts';

/** What authors say of their versions, judged by `go list -m -u -retracted` over a module proxy in a folder. */

const folder = mkdtempSync(join(tmpdir(), 'relseal-retractions-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

interface Version {
  readonly goMod?: string;
  readonly time?: string;
  /** Served, and not in the list. */
  readonly unlisted?: boolean;
}
interface Case {
  readonly what: string;
  /** Last element of the module's path. */
  readonly name: string;
  readonly versions: Readonly<Record<string, Version>>;
  readonly latest?: string;
  readonly used: string;
}

const [OLD, NEW] = ['v0.0.0-20250101000000-abcdefabcdef', 'v0.0.0-20260101000000-abcdefabcdef'];
const at = (stamp: string) => ({ time: stamp, unlisted: true });
const plain = {};

const CASES: readonly Case[] = [
  { what: 'nothing', name: 'quiet', versions: { 'v1.0.0': plain, 'v1.1.0': plain }, used: 'v1.0.0' },
  {
    what: 'one version, with a reason',
    name: 'one',
    versions: { 'v1.0.0': plain, 'v1.1.0': { goMod: 'retract v1.0.0 // lost keys' } },
    used: 'v1.0.0',
  },
  {
    what: 'another version',
    name: 'other',
    versions: { 'v1.0.0': plain, 'v1.1.0': { goMod: 'retract v1.0.1 // no' } },
    used: 'v1.0.0',
  },
  {
    what: 'the lower end of an interval',
    name: 'low',
    versions: { 'v1.0.0': plain, 'v1.9.0': { goMod: 'retract [v1.0.0, v1.5.0]' } },
    used: 'v1.0.0',
  },
  {
    what: 'the upper end of an interval',
    name: 'high',
    versions: { 'v1.5.0': plain, 'v1.9.0': { goMod: 'retract [v1.0.0, v1.5.0]' } },
    used: 'v1.5.0',
  },
  {
    what: 'just beyond it',
    name: 'beyond',
    versions: { 'v1.5.1': plain, 'v1.9.0': { goMod: 'retract [v1.0.0, v1.5.0]' } },
    used: 'v1.5.1',
  },
  {
    what: 'a pre-release at the end of an interval',
    name: 'prerelease',
    versions: { 'v1.5.0-rc.1': plain, 'v1.9.0': { goMod: 'retract [v1.0.0, v1.5.0]' } },
    used: 'v1.5.0-rc.1',
  },
  {
    what: 'the highest version, by itself',
    name: 'self',
    versions: { 'v1.0.0': plain, 'v1.1.0': { goMod: 'retract [v1.0.0, v1.1.0] // start again' } },
    used: 'v1.1.0',
  },
  {
    what: 'a version by an older one only',
    name: 'stale',
    versions: { 'v1.0.0': plain, 'v1.1.0': { goMod: 'retract v1.0.0' }, 'v1.2.0': plain },
    used: 'v1.0.0',
  },
  {
    what: 'a release by a higher pre-release',
    name: 'notyet',
    versions: { 'v1.0.0': plain, 'v1.1.0-rc.1': { goMod: 'retract v1.0.0' } },
    used: 'v1.0.0',
  },
  {
    what: 'a pre-release where there are only such',
    name: 'beta',
    versions: { 'v1.0.0-a': plain, 'v1.0.0-b': { goMod: 'retract v1.0.0-a // soon' } },
    used: 'v1.0.0-a',
  },
  {
    what: 'several reasons',
    name: 'twice',
    versions: { 'v1.0.0': plain, 'v1.1.0': { goMod: 'retract v1.0.0 // first\nretract [v1.0.0, v1.0.5] // second' } },
    used: 'v1.0.0',
  },
  {
    what: 'a reason above the line',
    name: 'above',
    versions: { 'v1.0.0': plain, 'v1.1.0': { goMod: '// Two\n// lines.\nretract v1.0.0' } },
    used: 'v1.0.0',
  },
  {
    what: 'a reason above the block',
    name: 'block',
    versions: { 'v1.0.0': plain, 'v1.1.0': { goMod: '// All of them.\nretract (\n\tv1.0.0\n\tv1.0.1 // this\n)' } },
    used: 'v1.0.0',
  },
  {
    what: 'in a form of a later Go',
    name: 'later',
    versions: {
      'v1.0.0': plain,
      'v1.1.0': { goMod: 'retract [v1.0.0, v1.0.5] because\nretract v1.0.0 why\nfuture x' },
    },
    used: 'v1.0.0',
  },
  {
    what: 'a deprecated module',
    name: 'old',
    versions: { 'v1.0.0': plain, 'v1.1.0': { goMod: '// Deprecated: use new.\nmodule example.com/old' } },
    used: 'v1.0.0',
  },
  {
    what: 'a module deprecated at its line',
    name: 'inline',
    versions: { 'v1.0.0': plain, 'v1.1.0': { goMod: 'module example.com/inline // Deprecated: gone' } },
    used: 'v1.0.0',
  },
  {
    what: 'a word that is no deprecation',
    name: 'word',
    versions: { 'v1.0.0': plain, 'v1.1.0': { goMod: '// Not Deprecated: it lives.\nmodule example.com/word' } },
    used: 'v1.0.0',
  },
  {
    what: 'a second paragraph that is one',
    name: 'second',
    versions: {
      'v1.0.0': plain,
      'v1.1.0': { goMod: '// A module.\n//\n// Deprecated: use other.\nmodule example.com/second' },
    },
    used: 'v1.0.0',
  },
  {
    what: 'a commit by the latest commit',
    name: 'commits',
    versions: {
      [OLD]: at('2025-01-01T00:00:00Z'),
      [NEW]: { ...at('2026-01-01T00:00:00Z'), goMod: `retract ${OLD} // broken` },
    },
    latest: NEW,
    used: OLD,
  },
  {
    what: 'a commit that a list alone names',
    name: 'listed',
    versions: {
      [OLD]: { time: '2025-01-01T00:00:00Z' },
      [NEW]: { time: '2026-01-01T00:00:00Z', goMod: `retract ${OLD} // broken` },
    },
    used: OLD,
  },
  {
    what: 'a commit by a tagged version',
    name: 'tagged',
    versions: { [OLD]: at('2025-01-01T00:00:00Z'), 'v0.0.1': { goMod: `retract [v0.0.0-0, v0.0.0] // early` } },
    used: OLD,
  },
  {
    what: 'by a version without a go.mod of its own',
    name: 'wild',
    versions: { 'v1.0.0': plain, 'v2.0.0+incompatible': { goMod: 'retract v1.0.0 // two' } },
    used: 'v1.0.0',
  },
  {
    what: 'past a version without a go.mod',
    name: 'mixed',
    versions: {
      'v1.0.0': { goMod: 'retract v0.9.0' },
      'v0.9.0': plain,
      'v2.0.0+incompatible': { goMod: 'retract v0.9.0 // two' },
    },
    used: 'v0.9.0',
  },
  {
    what: 'in a major version of its own',
    name: 'major/v2',
    versions: { 'v2.0.0': plain, 'v2.1.0': { goMod: 'retract v2.0.0 // two' } },
    used: 'v2.0.0',
  },
  {
    what: 'in a path with capitals',
    name: 'Capital',
    versions: { 'v1.0.0-RC1': plain, 'v1.1.0': { goMod: 'retract v1.0.0-RC1 // loud' } },
    used: 'v1.0.0-RC1',
  },
];

const goModOf = (path: string, { goMod = '' }: Version) =>
  /^(?:.*\n)*module /.test(goMod) || goMod.startsWith('module ')
    ? `${goMod}\n`
    : `module ${path}\n${goMod === '' ? '' : `\n${goMod}\n`}`;

const escaped = (path: string) => escapeModulePath(path) ?? path;

function serve({ name, versions, latest }: Case): void {
  const path = `example.com/${name}`;
  const module = join(folder, 'proxy', escaped(path));
  mkdirSync(join(module, '@v'), { recursive: true });
  const infoOf = (version: string) =>
    JSON.stringify({ Version: version, Time: versions[version]?.time ?? '2026-01-01T00:00:00Z' });
  for (const [version, facts] of Object.entries(versions)) {
    const file = join(module, '@v', escapeModuleVersion(version) ?? version);
    const goMod = goModOf(path, facts);
    writeFileSync(`${file}.info`, infoOf(version));
    writeFileSync(`${file}.mod`, goMod);
    writeFileSync(`${file}.zip`, zipSync({ [`${path}@${version}/go.mod`]: Buffer.from(goMod) }));
  }
  const listed = Object.keys(versions).filter((version) => !versions[version]?.unlisted);
  writeFileSync(join(module, '@v', 'list'), listed.map((version) => `${version}\n`).join(''));
  if (latest) writeFileSync(join(module, '@latest'), infoOf(latest));
}

const Listed = z.object({
  Path: z.string(),
  Retracted: z.array(z.string()).default([]),
  Deprecated: z.string().default(''),
  Error: z.unknown().optional(),
});

/** The documents of a stream of JSON objects, each of which ends with a brace in the first column. */
const documentsOf = (stream: string) =>
  stream
    .split(/^(?=\{)/m)
    .filter((text) => text.trim() !== '')
    .map((text) => Listed.parse(JSON.parse(text)));

const proxy = pathToFileURL(join(folder, 'proxy')).href;

function listedByGo() {
  const main = join(folder, 'main');
  mkdirSync(main);
  const lines = CASES.map(({ name, used }) => `\texample.com/${name} ${used}\n`);
  writeFileSync(join(main, 'go.mod'), `module example.com/main\n\ngo 1.17\n\nrequire (\n${lines.join('')})\n`);
  const stream = execFileSync('go', ['list', '-mod=mod', '-m', '-u', '-retracted', '-json', 'all'], {
    cwd: main,
    encoding: 'utf8',
    maxBuffer: 16 * 1024 * 1024,
    env: {
      ...process.env,
      ...{ GOFLAGS: '-modcacherw', GOMODCACHE: join(folder, 'cache'), GOPROXY: proxy, GOSUMDB: 'off' },
      ...{ GONOSUMDB: '', GOPRIVATE: '', GONOPROXY: '', GOTOOLCHAIN: 'local', GOWORK: 'off' },
    },
  });
  return new Map(documentsOf(stream).map((listed) => [listed.Path, listed]));
}

async function readByUs() {
  const modules = openModuleProxy({ proxy, egress: openEgress([]) });
  const proofs = { prove: async () => ({ kind: 'private' as const }), saveHead: async () => {} };
  const paths = CASES.map(({ name }) => ModulePath.parse(`example.com/${name}`));
  const { latest } = await readLatestModules({ modules, index: modules, proofs }, paths, { tolerant: false });
  return new Map(latest.map((each) => [each.path, each]));
}

for (const each of CASES) serve(each);
const theirs = listedByGo();
const ours = await readByUs();

describe('what authors say of their versions, judged by the go command', () => {
  it.each(CASES)('is the same for $what ($name)', ({ name, used }) => {
    const listed = theirs.get(`example.com/${name}`);
    const latest = ours.get(`example.com/${name}`);
    expect(listed?.Error).toBeUndefined();
    if (latest?.kind !== 'read') throw new Error(JSON.stringify(latest));
    const rationales = rationalesOf(latest, used);
    const said = rationales.filter(Boolean);
    const retracted = rationales.length > 0 && said.length === 0 ? ['retracted by module author'] : said;
    expect({ retracted, deprecated: latest.deprecated ?? '' }).toEqual({
      retracted: listed?.Retracted,
      deprecated: listed?.Deprecated,
    });
  });

  it('has cases of each kind', () => {
    const all = [...theirs.values()];
    expect(all.filter(({ Retracted }) => Retracted.length > 0).length).toBeGreaterThan(10);
    expect(all.filter(({ Deprecated }) => Deprecated !== '').length).toBe(3);
  });
});
