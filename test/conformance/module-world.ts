import { execFile } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import type { ModuleSource } from '../../core/ports/module-source.ts';

/** Worlds of modules made from a seed, which the go command reads from a folder and we from memory. */

export interface World {
  readonly seed: number;
  /** Texts of the tree by path: go.mod files, and go.work where there is a workspace. */
  readonly tree: ReadonlyMap<string, string>;
  /** Texts of go.mod by `path@version`. */
  readonly published: ReadonlyMap<string, string>;
}

/** Mulberry32: small, and the same everywhere. */
export function randomOf(seed: number) {
  let state = seed >>> 0;
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  const below = (limit: number) => Math.floor(next() * limit);
  return {
    below,
    chance: (probability: number) => next() < probability,
    /** One of a list that is not empty. */
    pick: <T>(list: readonly [T, ...T[]]): T => list[below(list.length)] ?? list[0],
  };
}
type Random = ReturnType<typeof randomOf>;

const MAIN_GO_LINES = [
  '1.13',
  '1.16',
  '1.17',
  '1.18',
  '1.20',
  '1.21',
  '1.21.0',
  '1.22.3',
  '1.24.0',
  '1.25rc1',
] as const;
const GO_LINES = ['', ...MAIN_GO_LINES] as const;
const VERSIONS = ['v1.0.0', 'v1.1.0', 'v1.2.0-rc.1', 'v1.2.0', 'v1.3.1-0.20240102030405-0123456789ab'] as const;
const VERSIONS_2 = ['v2.0.0', 'v2.1.0'] as const;

interface Named {
  readonly path: string;
  readonly versions: readonly [string, ...string[]];
}

const goLine = (random: Random, lines: readonly [string, ...string[]]) => {
  const line = random.pick(lines);
  return line === '' ? '' : `go ${line}\n`;
};

function requirements(random: Random, modules: readonly Named[], probability: number): string {
  return modules
    .filter(() => random.chance(probability))
    .map(
      ({ path, versions }) => `require ${path} ${random.pick(versions)}${random.chance(0.4) ? ' // indirect' : ''}\n`,
    )
    .join('');
}

function replacements(random: Random, modules: readonly Named[], prefix: string): string {
  return modules
    .filter(() => random.chance(0.12))
    .map(({ path, versions }) => {
      const old = random.chance(0.5) ? path : `${path} ${random.pick(versions)}`;
      const target = random.pick([
        `${prefix}/fork v1.0.0`,
        `${path} ${random.pick(versions)}`,
        './local',
        './local/nested',
      ] as const);
      return `replace ${old} => ${target}\n`;
    })
    .join('');
}

const exclusions = (random: Random, modules: readonly Named[]) =>
  modules
    .filter(() => random.chance(0.15))
    .map(({ path, versions }) => `exclude ${path} ${random.pick(versions)}\n`)
    .join('');

function publish(random: Random, modules: readonly Named[], prefix: string, density: number): Map<string, string> {
  const published = new Map<string, string>();
  for (const { path, versions } of modules)
    for (const version of versions) {
      const others = modules.filter((each) => each.path !== path || random.chance(0.1));
      // What only counts in main modules is there to be overlooked.
      const noise = random.chance(0.2) ? `exclude ${prefix}/a v1.0.0\nreplace ${prefix}/b => ../b\nlater x\n` : '';
      const own = random.chance(0.05) ? `require ${prefix}/main v1.0.0\n` : '';
      const text = `module ${path}\n${goLine(random, GO_LINES)}${noise}${requirements(random, others, density)}${own}`;
      if (!random.chance(0.004)) published.set(`${path}@${version}`, text);
    }
  published.set(`${prefix}/fork@v1.0.0`, `module ${prefix}/fork\n\ngo 1.20\n${requirements(random, modules, density)}`);
  published.set(`${prefix}/main@v1.0.0`, `module ${prefix}/main\n${requirements(random, modules, density)}`);
  return published;
}

function mainGoMod(random: Random, path: string, modules: readonly Named[], prefix: string, replaced: boolean): string {
  const toolchain = random.chance(0.2) ? 'toolchain go1.25.3\n' : '';
  const twice = random.chance(0.1) ? requirements(random, modules, 0.3) : '';
  return [
    `module ${path}\n`,
    goLine(random, MAIN_GO_LINES),
    toolchain,
    requirements(random, modules, 0.5),
    twice,
    replaced ? replacements(random, modules, prefix) : '',
    exclusions(random, modules),
  ].join('');
}

/** A random world: 3 to 12 modules of up to seven versions, one main module or a workspace of up to three. */
export function worldOf(seed: number): World {
  const random = randomOf(seed);
  const prefix = `example.com/w${seed}`;
  const modules: Named[] = [...'abcdefghijkl'.slice(0, 3 + random.below(10))].flatMap((name) => [
    { path: `${prefix}/${name}`, versions: [...VERSIONS] },
    ...(random.chance(0.2) ? [{ path: `${prefix}/${name}/v2`, versions: [...VERSIONS_2] as const }] : []),
  ]);
  const published = publish(random, modules, prefix, random.pick([0.1, 0.2, 0.35]));
  const local = (name: string) => `module ${name}\n${goLine(random, GO_LINES)}${requirements(random, modules, 0.2)}`;
  const tree = new Map([
    ['local/go.mod', local(`${prefix}/local`)],
    ['local/nested/go.mod', random.chance(0.5) ? local(`${prefix}/nested`) : ''],
  ]);
  if (!random.chance(0.25)) {
    tree.set('go.mod', mainGoMod(random, `${prefix}/main`, modules, prefix, true));
    return { seed, tree, published };
  }
  const mains = ['main', 'second', 'third'].slice(0, 1 + random.below(3));
  for (const [at, name] of mains.entries())
    tree.set(
      `${name}/go.mod`,
      mainGoMod(random, `${prefix}/${name}`, modules, prefix, at === 0).replaceAll('./local', '../local'),
    );
  const uses = mains.map((name) => `use ./${name}\n`).join('');
  tree.set('go.work', `go 1.26.0\n${uses}${random.chance(0.4) ? replacements(random, modules, prefix) : ''}`);
  return { seed, tree, published };
}

export const sourceOf = ({ published }: Pick<World, 'published'>): Pick<ModuleSource, 'goMod'> => ({
  goMod: async (path, version) => {
    const text = published.get(`${path}@${version}`);
    return text === undefined ? undefined : new TextEncoder().encode(text);
  },
});

async function write(file: string, content: string | Uint8Array): Promise<void> {
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, content);
}

/** Writes the published modules as a GOPROXY folder, and the tree; gives the tree's folder. */
export async function writeWorld({ seed, tree, published }: World, folder: string): Promise<string> {
  for (const [key, text] of published) {
    const at = key.lastIndexOf('@');
    const base = join(folder, 'proxy', key.slice(0, at), '@v', key.slice(at + 1));
    await write(`${base}.mod`, text);
    await write(`${base}.info`, JSON.stringify({ Version: key.slice(at + 1), Time: '2024-01-02T03:04:05Z' }));
  }
  const root = join(folder, `tree-${seed}`);
  for (const [path, text] of tree) await write(join(root, path), text);
  return root;
}

const run = promisify(execFile);

export interface GoAnswer {
  readonly ok: boolean;
  readonly stdout: string;
  readonly stderr: string;
}

/** The go command with a cache of its own, one folder for a proxy and no checksum database. */
export async function go(
  folder: string,
  cwd: string,
  args: readonly string[],
  more: NodeJS.ProcessEnv = {},
): Promise<GoAnswer> {
  const env = {
    ...process.env,
    ...{ GOMODCACHE: join(folder, 'cache'), GOPROXY: pathToFileURL(join(folder, 'proxy')).href, GOSUMDB: 'off' },
    ...{ GOFLAGS: '-modcacherw', GOTOOLCHAIN: 'local', GONOPROXY: '', GOPRIVATE: '', GOWORK: '' },
    ...more,
  };
  try {
    const { stdout, stderr } = await run('go', [...args], { cwd, env, encoding: 'utf8', maxBuffer: 64 * 1024 * 1024 });
    return { ok: true, stdout, stderr };
  } catch (error) {
    const { stdout, stderr } = error as { stdout?: string; stderr?: string };
    return { ok: false, stdout: stdout ?? '', stderr: stderr ?? String(error) };
  }
}
