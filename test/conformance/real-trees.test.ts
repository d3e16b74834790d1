import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { folderModuleCache } from '../../adapters/embedded/folder-module-cache.ts';
import { cachedModules, statedH1 } from '../../core/gosum/cached-modules.ts';
import { parseGoSum } from '../../core/gosum/go-sum.ts';
import { verifyModuleHashes } from '../../core/gosum/verify-modules.ts';
import { hashingOnce, plainZipHasher } from '../../core/gosum/zip-hashing.ts';
import { sourceFactsOf } from '../../core/source/source-facts.ts';
import { verifyVendored } from '../../core/vendoring/verify-vendored.ts';
import { TenantId } from '../../events/fields.ts';
import { memoryHeadStore } from '../fakes/memory-head-store.ts';
import { testChecksumDatabase } from '../fakes/test-checksum-database.ts';
import { go } from './module-world.ts';
import { REAL_TREES, TRUE_REFUSALS, VENDORED_TREES } from './real-trees.ts';
import { openRealModules, REAL_MODULES, type RealModules, realTree, writeTree } from './real-trees-world.ts';
import { treeOf } from './vendor-world.ts';

const REASON =
  process.env.RELSEAL_REAL_TREES === '1' || process.env.RELSEAL_REQUIRE
    ? undefined
    : 'RELSEAL_REAL_TREES=1 fetches some hundred modules and judges them';

let folder = '';
let real: RealModules;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'relseal-real-trees-'));
  real = openRealModules(folder);
});
afterAll(async () => {
  real.close();
  await rm(folder, { recursive: true, force: true });
});

/** Every reason against one released tree. No database is asked: what is judged here are lines and hashes. */
async function reasonsAgainst(tree: string): Promise<string[]> {
  const [path] = tree.split('@');
  const files = await realTree(real.modules, tree);
  const made = sourceFactsOf(files, '');
  if (made.kind === 'refused') return made.reasons.map(({ code, where }) => `${code} ${where}`);
  const bytesOf = (name: string) => files.find((file) => file.path === name)?.bytes;
  const goSum = bytesOf('go.sum');
  const hasher = hashingOnce(plainZipHasher);
  const { lines } = parseGoSum(Buffer.from(goSum ?? []).toString('utf8'));
  const modules = cachedModules({
    ...{ source: real.modules, hasher, stated: statedH1(lines) },
    cache: folderModuleCache(folder, TenantId.parse('real-trees')),
  });
  const hashes = await verifyModuleHashes(
    { modules, hasher, database: testChecksumDatabase([]), heads: memoryHeadStore(), settings: { private: ['*'] } },
    {
      goMod: bytesOf('go.mod') ?? Buffer.from(`module ${path}\n`),
      goSum,
      released: undefined,
      facts: made.facts,
    },
  );
  return hashes.reasons.map(({ code, expected }) => `${code} ${expected}`);
}

if (REASON !== undefined) console.warn(`real trees are not judged: ${REASON}`);

describe.skipIf(REASON !== undefined)('released trees of the world', () => {
  it('are more than forty', () => {
    expect(new Set(REAL_TREES).size).toBeGreaterThanOrEqual(40);
  });

  it.for(REAL_TREES)('%s is refused for nothing but what is known to be wrong with it', async (tree) => {
    expect(await reasonsAgainst(tree)).toEqual(TRUE_REFUSALS.get(tree) ?? []);
  });

  it.for(VENDORED_TREES)('%s is refused for nothing that the go command vendors', async (tree) => {
    const root = await writeTree(await realTree(real.modules, tree), folder);
    const { ok, stderr } = await go(folder, root, ['mod', 'vendor'], REAL_MODULES);
    expect(ok, stderr).toBe(true);
    const made = sourceFactsOf(treeOf(root), '');
    if (made.kind === 'refused') throw new Error(JSON.stringify(made.reasons));
    const verified = await verifyVendored({ modules: real.modules, hasher: plainZipHasher }, made.facts);
    expect(verified.reasons).toEqual([]);
    expect(verified.folders).toMatchObject([{ folder: 'vendor' }]);
    expect(verified.folders[0]?.packages).toBeGreaterThan(0);
  });

  it.for([...TRUE_REFUSALS.keys()])('%s cannot be built by the go command either', async (tree) => {
    const root = await writeTree(await realTree(real.modules, tree), folder);
    const { ok } = await go(folder, root, ['list', '-mod=readonly', '-deps', '-test', './...'], REAL_MODULES);
    expect(ok).toBe(false);
  });
});
