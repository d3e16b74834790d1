import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ModulePath, ModuleVersion } from '../../core/brands.ts';
import { Fault, type FaultName, isFault } from '../../core/faults.ts';
import { h1OfGoMod } from '../../core/gosum/dirhash.ts';
import { hashModuleZip } from '../../core/gosum/module-zip.ts';
import { verifyModuleHashes } from '../../core/gosum/verify-modules.ts';
import { accessOf, hashingOnce, plainZipHasher } from '../../core/gosum/zip-hashing.ts';
import type { ChecksumDatabase } from '../../core/ports/checksum-database.ts';
import type { KeptHead } from '../../core/ports/head-store.ts';
import type { ModuleSource, ModuleZip } from '../../core/ports/module-source.ts';
import { sourceFactsOf } from '../../core/source/source-facts.ts';
import { parseVerifierKey } from '../../core/tlog/note.ts';
import { verifyVendored } from '../../core/vendoring/verify-vendored.ts';
import { memoryHeadStore } from '../fakes/memory-head-store.ts';
import { type TestRecord, testChecksumDatabase } from '../fakes/test-checksum-database.ts';
import { goIn, mustGo, treeOf, writeFiles } from './vendor-world.ts';

/** A release that needs real modules, all that is asked about it, and what is answered: the world that mutations change. */

/** The modules, as a module proxy of files. */
const FIXTURES = fileURLToPath(new URL('../fixtures/modules/', import.meta.url));
/** Records beside those of the modules, so that the tree of the database has tiles of two levels. */
const FILLERS = 600;

const APP: Readonly<Record<string, string>> = {
  'go.mod': `module git.example.com/acme/corpus

go 1.24

require (
	github.com/aymanbagabas/go-osc52/v2 v2.0.1
	github.com/blang/semver v3.5.1+incompatible
	github.com/cenkalti/backoff/v5 v5.0.3
	github.com/cespare/xxhash/v2 v2.3.0
	github.com/mattn/go-runewidth v0.0.16
	github.com/mitchellh/go-homedir v1.1.0
	github.com/mitchellh/go-wordwrap v1.0.1
	github.com/pkg/errors v0.9.1
	github.com/ryanuber/go-glob v1.0.0
	github.com/xeipuuv/gojsonreference v0.0.0-20180127040603-bd5ef7bd5415
)

require (
	github.com/rivo/uniseg v0.2.0 // indirect
	github.com/xeipuuv/gojsonpointer v0.0.0-20190905194746-02993c407bfb // indirect
)
`,
  'main.go': `package main

import (
	_ "git.example.com/acme/corpus/inner"
	_ "github.com/aymanbagabas/go-osc52/v2"
	_ "github.com/blang/semver"
	_ "github.com/cenkalti/backoff/v5"
	_ "github.com/cespare/xxhash/v2"
	_ "github.com/mattn/go-runewidth"
	_ "github.com/mitchellh/go-homedir"
	_ "github.com/mitchellh/go-wordwrap"
	_ "github.com/xeipuuv/gojsonreference"
)

func main() {}
`,
  'inner/inner.go': 'package inner\n\nimport _ "github.com/pkg/errors"\n',
  'inner/inner_test.go': 'package inner\n\nimport _ "github.com/ryanuber/go-glob"\n',
};

/** What the module proxy answers: bytes, nothing, or the fault of an unreachable one. */
export type Answer = Uint8Array | FaultName | undefined;

export interface Release {
  /** Files by path, go.mod, go.sum and vendored ones among them. */
  readonly tree: ReadonlyMap<string, Uint8Array>;
  /** Answers by `path@version.zip` and `path@version.mod`. */
  readonly proxy: ReadonlyMap<string, Answer>;
  readonly database: ChecksumDatabase;
  /** The head that earlier runs kept. */
  readonly kept?: KeptHead;
}

export interface CorpusModule {
  readonly path: ModulePath;
  readonly version: ModuleVersion;
  readonly record: TestRecord;
}

export interface Corpus {
  readonly plain: Release;
  readonly vendored: Release;
  /** Those that the release needs. */
  readonly modules: readonly CorpusModule[];
  /** A version that nothing needs, of a module that the release needs in another one. */
  readonly other: CorpusModule;
  readonly records: readonly TestRecord[];
  /** Whether the go command, which may change nothing, can load all packages and tests of a tree with this go.sum and go.mod. */
  loads(files: { readonly goSum: string; readonly goMod?: string }): boolean;
}

async function readModules(proxy: Map<string, Answer>): Promise<CorpusModule[]> {
  const found: CorpusModule[] = [];
  for (const file of readdirSync(FIXTURES, { recursive: true, encoding: 'utf8' }).sort()) {
    const [, folder, name] = /^(.+)\/@v\/(.+)\.zip$/.exec(file) ?? [];
    if (folder === undefined || name === undefined) continue;
    const [path, version] = [ModulePath.parse(folder), ModuleVersion.parse(name)];
    const [zip, goMod] = ['zip', 'mod'].map((kind) => readFileSync(join(FIXTURES, folder, '@v', `${name}.${kind}`)));
    if (!zip || !goMod) throw new Error(`half a module: ${file}`);
    const hashed = await hashModuleZip(accessOf(zip), path, version);
    if (hashed.kind !== 'hashed') throw new Error(hashed.why);
    proxy.set(`${path}@${version}.zip`, zip).set(`${path}@${version}.mod`, goMod);
    found.push({ path, version, record: { module: path, version, zipH1: hashed.h1, goModH1: h1OfGoMod(goMod) } });
  }
  return found;
}

const fillerRecord = (at: number): TestRecord => ({
  ...{ module: `example.com/filler${at}`, version: 'v1.0.0' },
  ...{ zipH1: `h1:${'A'.repeat(43)}=`, goModH1: `h1:${'B'.repeat(43)}=` },
});

function once<A extends readonly unknown[], T>(ask: (...args: A) => Promise<T>): (...args: A) => Promise<T> {
  const known = new Map<string, Promise<T>>();
  return (...args) => {
    const answer = known.get(args.join(' ')) ?? ask(...args);
    known.set(args.join(' '), answer);
    return answer;
  };
}

/** Answers once computed are the same for every mutation. */
function remembering(database: ChecksumDatabase): ChecksumDatabase {
  const lookup = once(database.lookup);
  const latest = once(database.latest);
  const tile = once(database.tile);
  return { verifierKey: database.verifierKey, lookup, latest, tile };
}

/** Lets the go command write go.sum and the vendor folder, in a folder that the caller removes. */
export async function openCorpus(folder: string): Promise<Corpus> {
  const app = join(folder, 'app');
  const go = (args: readonly string[]) => mustGo(app, FIXTURES, join(folder, 'cache'), args);
  writeFiles(app, APP);
  go(['mod', 'tidy']);
  const goMod = readFileSync(join(app, 'go.mod'), 'utf8');
  if (goMod !== APP['go.mod']) throw new Error('go.mod of the corpus is not tidy');
  const plainTree = new Map(treeOf(app).map(({ path, bytes }) => [path, bytes]));
  go(['mod', 'vendor']);
  const vendoredTree = new Map(treeOf(app).map(({ path, bytes }) => [path, bytes]));
  const proxy = new Map<string, Answer>();
  const all = await readModules(proxy);
  const modules = all.filter(({ path, version }) => goMod.includes(`${path} ${version}`));
  const other = all.find((module) => !modules.includes(module));
  if (!other) throw new Error('no module of the corpus is needless');
  const records = [...[...Array(FILLERS).keys()].map(fillerRecord), ...all.map(({ record }) => record)];
  const database = remembering(testChecksumDatabase(records));
  return {
    plain: { tree: plainTree, proxy, database },
    vendored: { tree: vendoredTree, proxy, database },
    ...{ modules, other, records },
    loads: goLoader(folder),
  };
}

function goLoader(folder: string): Corpus['loads'] {
  const tree = join(folder, 'loaded');
  return ({ goSum, goMod = APP['go.mod'] ?? '' }) => {
    writeFiles(tree, { ...APP, 'go.mod': goMod, 'go.sum': goSum });
    return goIn(tree, FIXTURES, join(folder, 'cache'), ['list', '-mod=readonly', '-deps', '-test', './...']).ok;
  };
}

/** One reader for the same bytes, so that what most mutations leave alone is hashed once. */
const readers = new WeakMap<Uint8Array, ModuleZip>();
const hasher = hashingOnce(plainZipHasher);

function readerOf(bytes: Uint8Array): ModuleZip {
  const reader = readers.get(bytes) ?? { ...accessOf(bytes), release: async () => undefined };
  readers.set(bytes, reader);
  return reader;
}

function sourceOf(proxy: Release['proxy']): ModuleSource {
  const answer = (path: ModulePath, version: ModuleVersion, kind: 'zip' | 'mod') => {
    const found = proxy.get(`${path}@${version}.${kind}`);
    if (typeof found === 'string') throw new Fault(found, 'the module proxy of this test is down');
    return found;
  };
  return {
    goMod: async (path, version) => answer(path, version, 'mod'),
    zip: async (path, version) => {
      const bytes = answer(path, version, 'zip');
      return bytes && readerOf(bytes);
    },
  };
}

/** What became of a release: codes of reasons, each once; or the fault that ended it. */
export interface Outcome {
  readonly codes: readonly string[];
  readonly fault?: FaultName;
}

/** Judges hashes and vendored bytes as a run does. */
export async function judge({ tree, proxy, database, kept }: Release): Promise<Outcome> {
  const files = [...tree].map(([path, bytes]) => ({ path, bytes }));
  const made = sourceFactsOf(files, '');
  if (made.kind === 'refused') return { codes: codesOf(made.reasons) };
  const heads = memoryHeadStore();
  if (kept) await heads.save(logOf(database), kept);
  const modules = sourceOf(proxy);
  const goMod = tree.get('go.mod') ?? new Uint8Array();
  try {
    const hashes = await verifyModuleHashes(
      { modules, hasher, database, heads, settings: { private: [] } },
      { goMod, goSum: tree.get('go.sum'), released: undefined, facts: made.facts },
    );
    const vendored = await verifyVendored({ modules, hasher }, made.facts);
    return { codes: codesOf([...hashes.reasons, ...vendored.reasons]) };
  } catch (error) {
    if (!isFault(error)) throw error;
    return { codes: [], fault: error.name };
  }
}

const codesOf = (reasons: readonly { readonly code: string }[]) => [...new Set(reasons.map(({ code }) => code))].sort();

function logOf({ verifierKey }: ChecksumDatabase): string {
  const { name, id } = parseVerifierKey(verifierKey);
  return `${name}+${id}`;
}
