import { execFileSync } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { unzipSync } from 'fflate';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { folderModuleCache } from '../../adapters/embedded/folder-module-cache.ts';
import { type Egress, openEgress } from '../../adapters/network/egress.ts';
import { goModuleCache } from '../../adapters/network/go-module-cache.ts';
import { openModuleProxy } from '../../adapters/network/module-proxy.ts';
import { ModulePath, ModuleVersion } from '../../core/brands.ts';
import { cachedModules, inOrder, statedH1 } from '../../core/gosum/cached-modules.ts';
import { parseGoSum } from '../../core/gosum/go-sum.ts';
import { verifyModuleHashes } from '../../core/gosum/verify-modules.ts';
import { hashingOnce, plainZipHasher } from '../../core/gosum/zip-hashing.ts';
import type { ModuleSource } from '../../core/ports/module-source.ts';
import type { SourceFile } from '../../core/ports/source-host.ts';
import { sourceFactsOf } from '../../core/source/source-facts.ts';
import { TenantId } from '../../events/fields.ts';
import { memoryHeadStore } from '../fakes/memory-head-store.ts';
import { testChecksumDatabase } from '../fakes/test-checksum-database.ts';
import { REAL_TREES, TRUE_REFUSALS } from './real-trees.ts';

/** Where the go command of this machine fetches modules, and where it keeps them. */
const [PROXIES = '', CACHE = ''] = execFileSync('go', ['env', 'GOPROXY', 'GOMODCACHE'], { encoding: 'utf8' }).split(
  '\n',
);
const [PROXY = ''] = PROXIES.split(/[,|]/);
/** They come from a module proxy, hundreds of modules where nothing is cached: judged where that is asked for. */
const asked = process.env.RELSEAL_REAL_TREES === '1';

let folder = '';
let egress: Egress;
let upstream: ModuleSource;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'relseal-real-trees-'));
  egress = openEgress([{ host: new URL(PROXY).host, private: true }]);
  upstream = inOrder(goModuleCache(CACHE), openModuleProxy({ proxy: PROXY, egress, temporaryFolder: folder }));
});
afterAll(async () => {
  egress.close();
  await rm(folder, { recursive: true, force: true });
});

/** The tree that was tagged, as far as its zip has it: older zips list vendored packages that they do not hold. */
async function treeOf(path: ModulePath, version: ModuleVersion): Promise<SourceFile[]> {
  const zip = await upstream.zip(path, version);
  if (!zip) throw new Error(`no zip of ${path}@${version}`);
  try {
    const prefix = `${path}@${version}/`;
    const files = Object.entries(unzipSync(await zip.read(0, zip.size)));
    return files
      .map(([name, bytes]) => ({ path: name.slice(prefix.length), bytes }))
      .filter(({ path: file }) => !file.endsWith('vendor/modules.txt'));
  } finally {
    await zip.release();
  }
}

/** Every reason against one released tree. No database is asked: what is judged here are lines and hashes. */
async function reasonsAgainst(tree: string): Promise<string[]> {
  const [path, version] = tree.split('@');
  const files = await treeOf(ModulePath.parse(path), ModuleVersion.parse(version));
  const made = sourceFactsOf(files, '');
  if (made.kind === 'refused') return made.reasons.map(({ code, where }) => `${code} ${where}`);
  const bytesOf = (name: string) => files.find((file) => file.path === name)?.bytes;
  const goSum = bytesOf('go.sum');
  const hasher = hashingOnce(plainZipHasher);
  const { lines } = parseGoSum(Buffer.from(goSum ?? []).toString('utf8'));
  const modules = cachedModules({
    ...{ source: upstream, hasher, stated: statedH1(lines) },
    cache: folderModuleCache(folder, TenantId.parse('real-trees')),
  });
  const hashes = await verifyModuleHashes(
    { modules, hasher, database: testChecksumDatabase([]), heads: memoryHeadStore(), settings: { private: ['*'] } },
    { goMod: bytesOf('go.mod') ?? Buffer.from(`module ${path}\n`), goSum, released: undefined, facts: made.facts },
  );
  return hashes.reasons.map(({ code, expected }) => `${code} ${expected}`);
}

if (!asked) console.warn('real trees are not judged: RELSEAL_REAL_TREES=1 fetches some hundred modules and does');

describe.skipIf(!asked)('released trees of the world', () => {
  it('are more than forty', () => {
    expect(new Set(REAL_TREES).size).toBeGreaterThanOrEqual(40);
  });

  it.for(REAL_TREES)('%s is refused for nothing but what is known to be wrong with it', async (tree) => {
    expect(await reasonsAgainst(tree)).toEqual(TRUE_REFUSALS.get(tree) ?? []);
  });
});
