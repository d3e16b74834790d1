import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { localPackagesOf } from '../../core/buildlist/local-packages.ts';
import { needKey, requiredLines } from '../../core/buildlist/required-lines.ts';
import { openZipPackages } from '../../core/buildlist/zip-packages.ts';
import { mapBounded } from '../../core/gosum/bounded.ts';
import { parseGoMod } from '../../core/gosum/go-mod.ts';
import type { SourceFile } from '../../core/ports/source-host.ts';
import { sourceFactsOf } from '../../core/source/source-facts.ts';
import { go } from './module-world.ts';
import {
  openRealModules,
  REAL_MODULES,
  type RealModules,
  realTree,
  whyUnreachable,
  writeTree,
} from './real-trees-world.ts';
import { treeOf } from './vendor-world.ts';

/** Every line of go.sum taken away from released trees of the world, and the go command asked what it says to that. */

/** A go command, and the settings that it runs with. */
interface Ask {
  readonly args: readonly string[];
  readonly env?: NodeJS.ProcessEnv;
}
interface Case {
  readonly tree: string;
  readonly go: string;
  /** Has a vendor folder, as `go mod vendor` makes it. */
  readonly vendored?: boolean;
  /** Lines that all builds of the three systems can do without, and what cannot. */
  readonly elsewhere?: ReadonlyMap<string, Ask>;
}

const LIST = ['list', '-mod=readonly', '-deps', '-test', './...'];
const loadingOn = (system: string, processor = 'amd64'): Ask => ({
  args: LIST,
  env: { GOOS: system, GOARCH: processor, CGO_ENABLED: '1' },
});
const SYSTEMS = ['linux', 'windows', 'darwin'] as const;
/** Each go command keeps a core busy. */
const AT_A_TIME = 2;

const PLAN9 = loadingOn('plan9');
const AIX = loadingOn('aix', 'ppc64');
/** No build of today has what only Go before 1.24 imports, or App Engine before modules; tidying counts it. */
const TIDYING: Ask = { args: ['mod', 'tidy', '-diff'] };

const CASES: readonly Case[] = [
  { tree: 'github.com/json-iterator/go@v1.1.12', go: '1.12' },
  {
    ...{ tree: 'github.com/prometheus/client_golang@v1.11.0', go: '1.13' },
    elsewhere: new Map([['google.golang.org/appengine v1.4.0', TIDYING]]),
  },
  { tree: 'github.com/spf13/cobra@v1.10.2', go: '1.15' },
  { tree: 'github.com/rs/zerolog@v1.34.0', go: '1.15' },
  {
    ...{ tree: 'github.com/shirou/gopsutil/v3@v3.24.5', go: '1.18' },
    elsewhere: new Map([
      ['github.com/google/go-cmp v0.6.0', PLAN9],
      ['github.com/google/go-cmp v0.6.0/go.mod', PLAN9],
      ['github.com/lufia/plan9stats v0.0.0-20211012122336-39d0f177ccd0', PLAN9],
      ['github.com/lufia/plan9stats v0.0.0-20211012122336-39d0f177ccd0/go.mod', PLAN9],
      ['github.com/power-devops/perfstat v0.0.0-20210106213030-5aafc221ea8c', AIX],
      ['github.com/power-devops/perfstat v0.0.0-20210106213030-5aafc221ea8c/go.mod', AIX],
    ]),
  },
  { tree: 'github.com/docker/docker-credential-helpers@v0.9.5', go: '1.21', vendored: true },
  {
    ...{ tree: 'github.com/hashicorp/vault/api@v1.22.0', go: '1.23.0' },
    elsewhere: new Map([
      ['golang.org/x/crypto v0.40.0', TIDYING],
      ['golang.org/x/crypto v0.40.0/go.mod', TIDYING],
    ]),
  },
  { tree: 'github.com/google/go-containerregistry@v0.22.1', go: '1.25.0' },
];

const unreachable = await whyUnreachable();
if (unreachable !== undefined) console.warn(`the lines of real trees are not judged: ${unreachable}`);

let folder = '';
let real: RealModules;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'relseal-real-lines-'));
  real = openRealModules(folder);
});
afterAll(async () => {
  real.close();
  await rm(folder, { recursive: true, force: true });
});

interface Tree {
  readonly root: string;
  readonly goMod: string;
  /** Lines of go.sum as they are written. */
  readonly rows: readonly string[];
}

const textOf = (files: readonly SourceFile[], name: string): string =>
  Buffer.from(files.find(({ path }) => path === name)?.bytes ?? []).toString('utf8');
const keyOf = (row: string): string => row.split(' ').slice(0, 2).join(' ');

async function openTree({ tree, vendored }: Case): Promise<{ files: readonly SourceFile[]; tree: Tree }> {
  const released = await realTree(real.modules, tree);
  const root = await writeTree(released, folder);
  if (vendored) {
    const { ok, stderr } = await go(folder, root, ['mod', 'vendor'], REAL_MODULES);
    if (!ok) throw new Error(stderr);
  }
  const files = vendored ? treeOf(root) : released;
  const rows = textOf(files, 'go.sum').split('\n');
  return { files, tree: { root, goMod: textOf(files, 'go.mod'), rows: rows.filter((row) => row !== '') } };
}

/** Our answer. */
async function requiredOf(files: readonly SourceFile[]): Promise<ReadonlySet<string>> {
  const made = sourceFactsOf(files, '');
  const goMod = parseGoMod(textOf(files, 'go.mod'));
  if (made.kind === 'refused' || goMod.kind === 'malformed') throw new Error('the tree of this test is no good');
  const { goModIn } = localPackagesOf(made.facts);
  const reader = openZipPackages(real.modules);
  const mains = { mains: [{ directory: '', file: goMod.file }], goModIn };
  const inputs = { mains, facts: made.facts, source: real.modules, reader };
  const outcome = await requiredLines(inputs).finally(() => reader.close());
  if (outcome.kind === 'refused') throw new Error(JSON.stringify(outcome.reasons));
  return new Set(outcome.required.map(needKey));
}

/** What the go command says to a go.sum of these rows; empty: it can do without the others. */
async function complaintOf({ root, goMod }: Tree, rows: readonly string[], { args, env }: Ask): Promise<string> {
  const own = await mkdtemp(join(folder, 'mod-'));
  await writeFile(join(own, 'go.mod'), goMod);
  await writeFile(join(own, 'go.sum'), rows.map((row) => `${row}\n`).join(''));
  const flags = { GOFLAGS: `-modcacherw -modfile=${join(own, 'go.mod')}` };
  const { ok, stderr, stdout } = await go(folder, root, args, { ...REAL_MODULES, ...env, ...flags });
  return ok ? '' : `${args.join(' ')}: ${stderr || stdout}`;
}

const without = ({ rows }: Tree, key: string): string[] => rows.filter((row) => keyOf(row) !== key);

/** The first of the three systems that nothing can be built for without a line. */
async function firstStopped(tree: Tree, key: string): Promise<string | undefined> {
  for (const system of SYSTEMS)
    if ((await complaintOf(tree, without(tree, key), loadingOn(system))) !== '') return system;
  return undefined;
}

describe.skipIf(unreachable !== undefined)('the lines that go.sum must have, judged by the go command', () => {
  const decided = new Map<string, number>();

  it.for(CASES)('are those of $tree, of go $go, that a build stops without, and no others', async (each) => {
    const { files, tree } = await openTree(each);
    expect(files.some(({ path }) => path === 'vendor/modules.txt')).toBe(each.vendored === true);
    expect(tree.goMod).toContain(`\ngo ${each.go}\n`);
    const required = await requiredOf(files);
    const present = tree.rows.filter((row) => required.has(keyOf(row)));
    expect(present.map(keyOf).sort()).toEqual([...required].sort());
    // That it can do without all others at once says that it can do without each.
    for (const system of SYSTEMS) {
      expect(await complaintOf(tree, tree.rows, loadingOn(system))).toBe('');
      expect(await complaintOf(tree, present, loadingOn(system))).toBe('');
    }
    const needless = await mapBounded([...required], AT_A_TIME, async (key) => {
      const system = await firstStopped(tree, key);
      decided.set(system ?? 'elsewhere', (decided.get(system ?? 'elsewhere') ?? 0) + 1);
      return system === undefined ? [key] : [];
    });
    expect(needless.flat().sort()).toEqual([...(each.elsewhere?.keys() ?? [])].sort());
    for (const [key, ask] of each.elsewhere ?? []) {
      expect(await complaintOf(tree, tree.rows, ask)).toBe('');
      expect(await complaintOf(tree, without(tree, key), ask)).not.toBe('');
    }
  });

  it('are more than three hundred, some of them needed on one system alone', () => {
    const counts = [...SYSTEMS, 'elsewhere'].map((system) => decided.get(system) ?? 0);
    expect(counts.reduce((sum, count) => sum + count, 0)).toBeGreaterThan(300);
    expect(Math.min(...counts)).toBeGreaterThan(0);
  });
});
