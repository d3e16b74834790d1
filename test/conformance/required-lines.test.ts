import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { needKey, requiredLines } from '../../core/buildlist/required-lines.ts';
import { openZipPackages } from '../../core/buildlist/zip-packages.ts';
import { parseGoMod } from '../../core/gosum/go-mod.ts';
import { goSumKey, parseGoSum } from '../../core/gosum/go-sum.ts';
import { sourceFactsOf } from '../../core/source/source-facts.ts';
import { PUBLISHED, publishedSource, sourceTree, TREE, TREE_WITH_PREFIX, zipOf } from './module-tree.ts';
import { go } from './module-world.ts';

const PLATFORMS = ['linux', 'windows', 'darwin'] as const;

let folder = '';
let tree = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'relseal-required-lines-'));
  tree = join(folder, 'tree');
  const write = async (file: string, content: string | Uint8Array) => {
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, content);
  };
  for (const module of PUBLISHED) {
    const base = join(folder, 'proxy', module.path, '@v', module.version);
    await write(`${base}.mod`, module.files['go.mod'] ?? '');
    await write(`${base}.info`, JSON.stringify({ Version: module.version, Time: '2024-01-02T03:04:05Z' }));
    await write(`${base}.zip`, zipOf(module));
  }
  for (const [path, text] of Object.entries(TREE)) await write(join(tree, path), text);
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function ours(files: typeof TREE) {
  const facts = sourceFactsOf(sourceTree(files), '');
  const goModIn = (directory: string) => files[directory === '' ? 'go.mod' : `${directory}/go.mod`];
  const goMod = parseGoMod(goModIn('') ?? '');
  if (facts.kind !== 'made' || goMod.kind !== 'parsed') throw new Error('the tree of this test is no good');
  const reader = openZipPackages(publishedSource);
  const outcome = await requiredLines({
    mains: { mains: [{ directory: '', file: goMod.file }], goModIn },
    facts: facts.facts,
    source: publishedSource,
    reader,
  });
  await reader.close();
  if (outcome.kind === 'refused') throw new Error(JSON.stringify(outcome.reasons));
  return outcome;
}

/** Whether the go command, which may change nothing, can load everything. */
async function loads(platform: string, args: readonly string[]): Promise<boolean> {
  const answer = await go(folder, tree, ['list', '-mod=readonly', ...args], { GOOS: platform, CGO_ENABLED: '1' });
  return answer.ok;
}

describe('the lines that go.sum must have, judged by the go command', () => {
  it('are with those that tidy keeps besides all that it writes, and nothing else is untidy', async () => {
    await go(folder, tree, ['mod', 'tidy']);
    expect(await readFile(join(tree, 'go.mod'), 'utf8')).toBe(TREE['go.mod']);
    const { lines } = parseGoSum(await readFile(join(tree, 'go.sum'), 'utf8'));
    const { required, tidy: besides, problems } = await ours(TREE);
    expect([...required, ...besides].map(needKey).sort()).toEqual(
      lines.map(({ module, version, kind }) => goSumKey(module, version, kind)).sort(),
    );
    expect(problems).toEqual([]);
  });

  it('are those whose lack stops a build for some platform or tag, each of them', async () => {
    await writeFile(join(tree, 'go.mod'), TREE_WITH_PREFIX['go.mod'] ?? '');
    await go(folder, tree, ['list', '-mod=mod', '-deps', '-test', './...']);
    const text = await readFile(join(tree, 'go.sum'), 'utf8');
    const rows = text.split('\n').filter((row) => row !== '');
    const { required } = await ours(TREE_WITH_PREFIX);
    const needed = new Set(required.map(needKey));
    const builds = [
      ...PLATFORMS.map((platform) => [platform, ['-deps', '-test', './...']] as const),
      ['linux', ['-deps', '-test', '-tags', 'special', './...']] as const,
      ['linux', ['-deps', 'tool']] as const,
    ];
    for (const [platform, args] of builds)
      expect(await loads(platform, args), `${platform} ${args.join(' ')}`).toBe(true);
    const verdicts: [string, boolean, boolean][] = [];
    for (const row of rows) {
      await writeFile(
        join(tree, 'go.sum'),
        rows
          .filter((each) => each !== row)
          .map((each) => `${each}\n`)
          .join(''),
      );
      const results = await Promise.all(builds.map(([platform, args]) => loads(platform, args)));
      const key = row.split(' ').slice(0, 2).join(' ');
      verdicts.push([key, needed.has(key), results.includes(false)]);
    }
    await writeFile(join(tree, 'go.sum'), text);
    expect(verdicts.filter(([, weNeedIt, goNeedsIt]) => weNeedIt !== goNeedsIt)).toEqual([]);
    expect(verdicts).toContainEqual(['example.com/t/deep v1.0.0', true, true]);
    expect(verdicts).toContainEqual(['example.com/t/onlytest v1.0.0', false, false]);
  }, 120_000);
});
