import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type BuildListOutcome, loadBuildList } from '../../core/buildlist/build-list.ts';
import type { MainModules } from '../../core/buildlist/main-modules.ts';
import { type ModuleAt, parseGoMod } from '../../core/gosum/go-mod.ts';
import { parseGoWork } from '../../core/gosum/go-work.ts';
import { folderAt } from '../../core/source/tree-path.ts';
import { go, sourceOf, type World, worldOf, writeWorld } from './module-world.ts';

const WORLDS = 200;

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'relseal-build-list-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

function mainsOf({ tree }: World): MainModules {
  const goModIn = (directory: string) => tree.get(directory === '' ? 'go.mod' : `${directory}/go.mod`);
  const main = (directory: string) => {
    const parsed = parseGoMod(goModIn(directory) ?? '');
    if (parsed.kind === 'malformed') throw new Error(JSON.stringify(parsed.problem));
    return { directory, file: parsed.file };
  };
  const text = tree.get('go.work');
  if (text === undefined) return { mains: [main('')], goModIn };
  const work = parseGoWork(text);
  if (work.kind === 'malformed') throw new Error(JSON.stringify(work.problem));
  const uses = work.file.uses.map(({ directory }) => main(folderAt('', directory) ?? ''));
  return { mains: uses, work: { directory: '', file: work.file }, goModIn };
}

const shown = ({ path, version }: ModuleAt) => (version === '' ? path : `${path}@${version}`);
const linesOf = (text: string) =>
  text
    .split('\n')
    .filter((line) => line !== '')
    .sort();

async function compare(world: World): Promise<{ ours: BuildListOutcome; theirs: boolean }> {
  const root = await writeWorld(world, folder);
  const ours = await loadBuildList(mainsOf(world), sourceOf(world));
  const inWorkspace = world.tree.has('go.work');
  const cwd = inWorkspace ? join(root, 'main') : root;
  const graph = await go(folder, cwd, ['mod', 'graph']);
  // Last, since it may raise what go.mod requires.
  const list = await go(folder, cwd, [
    'list',
    ...(inWorkspace ? [] : ['-mod=mod']),
    '-m',
    '-f',
    '{{.Path}} {{.Version}}',
    'all',
  ]);
  const why = `${JSON.stringify(ours, undefined, 1)}\n${graph.stderr}\n${list.stderr}`;
  expect(ours.kind === 'loaded', why).toBe(graph.ok);
  if (ours.kind !== 'loaded') return { ours, theirs: graph.ok };
  expect(ours.edges.map(({ from, to }) => `${shown(from)} ${shown(to)}`).sort()).toEqual(linesOf(graph.stdout));
  expect(list.ok, list.stderr).toBe(true);
  expect(ours.modules.map(({ path, version }) => `${path} ${version}`).sort()).toEqual(linesOf(list.stdout));
  return { ours, theirs: graph.ok };
}

describe('build lists, judged by the go command', () => {
  const batches = Array.from({ length: WORLDS / 20 }, (_, at) => at * 20);
  const seen = { workspace: 0, refused: 0, overruled: 0 };

  it.each(batches)(
    'are the same in the worlds from seed %i on',
    async (first) => {
      for (let seed = first; seed < first + 20; seed += 1) {
        const world = worldOf(seed);
        const { ours } = await compare(world).catch((error: unknown) => {
          throw new Error(`world ${seed}: ${error instanceof Error ? error.message : error}`, { cause: error });
        });
        if (world.tree.has('go.work')) seen.workspace += 1;
        if (ours.kind === 'refused') seen.refused += 1;
        else if (ours.overruled.length > 0) seen.overruled += 1;
      }
    },
    120_000,
  );

  it('were of every kind', () => {
    expect(Object.entries(seen).filter(([, count]) => count < 5)).toEqual([]);
  });
});
