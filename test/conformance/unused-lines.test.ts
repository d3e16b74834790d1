import { cp, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { unusedLines } from '../../core/buildlist/unused-lines.ts';
import { parseGoMod } from '../../core/gosum/go-mod.ts';
import { goSumKey, parseGoSum } from '../../core/gosum/go-sum.ts';
import { sourceFactsOf } from '../../core/source/source-facts.ts';
import { go, randomOf } from './module-world.ts';
import { type Files, modulesOf, publish, writeFiles } from './vendor-world.ts';

/** Trees of packages made from a seed, untidied at random: what the go command's tidy takes away is what we call unused. */

const WORLDS = 80;
const BATCH = 10;
const GO_LINES = ['1.13', '1.15', '1.16', '1.17', '1.18', '1.20', '1.21', '1.21.0', '1.22.3', '1.24.0'] as const;
const FOLDERS = ['', 'x', 'y'] as const;
const VERSIONS = ['v1.0.0', 'v1.1.0', 'v1.2.0'] as const;

type Random = ReturnType<typeof randomOf>;

interface World {
  readonly seed: number;
  /** Files by `path@version`. */
  readonly published: ReadonlyMap<string, Files>;
  readonly tree: Files;
  /** Module paths that may be required besides. */
  readonly paths: readonly string[];
}

const importing = (paths: readonly string[]) => `package p\n${paths.map((path) => `\nimport _ "${path}"\n`).join('')}`;

const some = (random: Random, all: readonly string[], probability: number) =>
  all.filter(() => random.chance(probability));

const packagesOf = (path: string) => FOLDERS.map((folder) => (folder === '' ? path : `${path}/${folder}`));

/** One version: its packages import what `later` may have, and now and then its go.mod does not say so. */
function versionOf(random: Random, path: string, paths: readonly string[], later: readonly string[]): Files {
  const files: Record<string, string> = {};
  // The folder that a module of its own lies in is not part of this one, most of the time.
  const own = FOLDERS.filter((folder) => !paths.includes(`${path}/${folder}`) || random.chance(0.1));
  for (const folder of own) {
    files[join(folder, 'p.go')] = importing(some(random, later.flatMap(packagesOf), 0.08));
    if (random.chance(0.4)) files[join(folder, 'p_test.go')] = importing(some(random, later.flatMap(packagesOf), 0.12));
  }
  const requires = paths
    .filter((each) => each !== path && Object.values(files).some((text) => text.includes(`"${each}`)))
    .filter(() => !random.chance(0.05))
    .map((each) => `require ${each} ${random.pick(VERSIONS)}\n`);
  const line = random.chance(0.1) ? '' : `go ${random.pick(GO_LINES)}\n`;
  return { ...files, 'go.mod': `module ${path}\n${line}${requires.join('')}` };
}

function treeOf(random: Random, prefix: string, packages: readonly string[]): Files {
  const target = random.pick([`${prefix}/d v1.1.0`, './local'] as const);
  const replaced = random.chance(0.3) ? `replace ${prefix}/d => ${target}\n` : '';
  return {
    'go.mod': `module ${prefix}/main\n\ngo ${random.pick(GO_LINES)}\n${replaced}`,
    'm.go': importing(some(random, packages, 0.15)),
    'm_test.go': importing(some(random, packages, 0.06)),
    'sub/s.go': importing([`${prefix}/main`, ...some(random, packages, 0.05)]),
    'on_windows.go': importing(some(random, packages, 0.04)),
    'local/go.mod': `module ${prefix}/d\n\ngo 1.20\n\nrequire ${prefix}/f v1.1.0\n`,
    ...Object.fromEntries(FOLDERS.map((folder) => [join('local', folder, 'p.go'), importing([`${prefix}/f`])])),
  };
}

/** Modules with paths that are prefixes of others' among them; each may import from those behind it. */
function worldOf(seed: number): World {
  const random = randomOf(seed);
  const prefix = `example.com/u${seed}`;
  const paths = ['a', 'b', 'b/x', 'c', 'd', 'e', 'e/y', 'f'].map((name) => `${prefix}/${name}`);
  const published = new Map<string, Files>();
  for (const [at, path] of paths.entries()) {
    const later = paths.slice(at + 1).filter((each) => !each.startsWith(path));
    for (const version of VERSIONS) published.set(`${path}@${version}`, versionOf(random, path, paths, later));
  }
  return { seed, published, tree: treeOf(random, prefix, paths.flatMap(packagesOf)), paths };
}

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'relseal-unused-lines-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const proxy = () => join(folder, 'proxy');

/** The tree with a go.mod that builds and is not tidy; `undefined` where the go command finds no such thing. */
async function untidy({ seed, published, tree, paths }: World): Promise<string | undefined> {
  for (const [key, files] of published) {
    const [path = '', version = ''] = key.split('@');
    publish(proxy(), path, version, files);
  }
  const root = join(folder, `tree-${seed}`);
  writeFiles(root, tree);
  const random = randomOf(seed + 1_000_000);
  if (!(await go(folder, root, ['mod', 'tidy'])).ok) return undefined;
  const more = paths.filter(() => random.chance(0.3)).map((path) => `-require=${path}@${random.pick(VERSIONS)}`);
  if (more.length > 0) await go(folder, root, ['mod', 'edit', ...more]);
  const listed = await go(folder, root, ['list', '-mod=mod', '-deps', '-test', './...']);
  if (!listed.ok) return undefined;
  if (random.chance(0.5)) await go(folder, root, ['mod', 'download', 'all']);
  return root;
}

const read = (root: string, name: string) => readFile(join(root, name), 'utf8').catch(() => '');

async function filesOf(root: string) {
  const goMod = parseGoMod(await read(root, 'go.mod'));
  if (goMod.kind === 'malformed') throw new Error(JSON.stringify(goMod.problem));
  return { goMod: goMod.file, lines: parseGoSum(await read(root, 'go.sum')).lines };
}

/** What tidy takes away: paths of requirements, and lines of go.sum; `undefined` where it fails. */
async function takenByTidy(root: string) {
  const before = await filesOf(root);
  const copy = `${root}-tidy`;
  await cp(root, copy, { recursive: true });
  if (!(await go(folder, copy, ['mod', 'tidy'])).ok) return undefined;
  const after = await filesOf(copy);
  const paths = new Set(after.goMod.requirements.map(({ path }) => path));
  const kept = new Set(after.lines.map(({ module, version, kind }) => goSumKey(module, version, kind)));
  return {
    requirements: before.goMod.requirements.map(({ path }) => path).filter((path) => !paths.has(path)),
    sums: before.lines
      .map(({ module, version, kind }) => goSumKey(module, version, kind))
      .filter((key) => !kept.has(key)),
  };
}

async function unused(world: World, root: string) {
  const { goMod, lines } = await filesOf(root);
  const tree = { ...world.tree, 'go.mod': await read(root, 'go.mod') };
  const made = sourceFactsOf(
    Object.entries(tree).map(([path, text]) => ({ path, bytes: Buffer.from(text) })),
    '',
  );
  if (made.kind !== 'made') throw new Error(JSON.stringify(made.reasons));
  const found = await unusedLines({ facts: made.facts, goMod, lines, modules: modulesOf(proxy()) });
  return (
    found && {
      requirements: found.requirements.map(({ path }) => path),
      sums: found.sums.map(({ module, version, kind }) => goSumKey(module, version, kind)),
    }
  );
}

describe('lines that nothing needs, judged by the go command', () => {
  const batches = Array.from({ length: WORLDS / BATCH }, (_, at) => at * BATCH);
  const seen = { compared: 0, requirements: 0, sums: 0, tidy: 0, unknown: 0 };

  it.each(batches)(
    'are what tidy takes away in the worlds from seed %i on',
    async (first) => {
      for (let seed = first; seed < first + BATCH; seed += 1) {
        const world = worldOf(seed);
        const root = await untidy(world);
        const theirs = root === undefined ? undefined : await takenByTidy(root);
        if (root === undefined || !theirs) continue;
        const ours = await unused(world, root);
        if (!ours) {
          seen.unknown += 1;
          continue;
        }
        expect({ seed, ...ours }).toEqual({ seed, ...theirs });
        seen.compared += 1;
        if (ours.requirements.length > 0) seen.requirements += 1;
        if (ours.sums.length > 0) seen.sums += 1;
        if (ours.requirements.length + ours.sums.length === 0) seen.tidy += 1;
      }
    },
    240_000,
  );

  it('were of every kind, and known in most worlds', () => {
    expect(Object.entries(seen).filter(([, count]) => count < 3)).toEqual([]);
    expect(seen.unknown).toBeLessThan(seen.compared / 4);
  });
});
