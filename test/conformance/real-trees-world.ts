import { execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { unzipSync } from 'fflate';
import { openEgress } from '../../adapters/network/egress.ts';
import { goModuleCache } from '../../adapters/network/go-module-cache.ts';
import { openModuleProxy } from '../../adapters/network/module-proxy.ts';
import { ModulePath, ModuleVersion } from '../../core/brands.ts';
import { inOrder } from '../../core/gosum/cached-modules.ts';
import type { ModuleSource } from '../../core/ports/module-source.ts';
import type { SourceFile } from '../../core/ports/source-host.ts';

/** Released modules of the world: from where the go command of this machine fetches them, and where it keeps them. */

const [PROXIES = '', CACHE = ''] = execFileSync('go', ['env', 'GOPROXY', 'GOMODCACHE'], { encoding: 'utf8' }).split(
  '\n',
);
const PROXY = PROXIES.split(/[,|]/).find((entry) => /^https?:/.test(entry));
const PROBE = 'golang.org/x/mod/@v/v0.37.0.info';
const PROBE_TIMEOUT_MS = 10_000;

/** The settings by which the go command finds the same modules. */
export const REAL_MODULES: NodeJS.ProcessEnv = { GOPROXY: PROXIES, GOMODCACHE: CACHE };

/** Why these modules cannot be had; `undefined`: they can, or `RELSEAL_REQUIRE` makes a failure of it. */
export async function whyUnreachable(): Promise<string | undefined> {
  if (process.env.RELSEAL_REQUIRE) return undefined;
  if (PROXY === undefined) return 'GOPROXY names no module proxy';
  try {
    const { ok } = await fetch(`${PROXY}/${PROBE}`, { signal: AbortSignal.timeout(PROBE_TIMEOUT_MS) });
    return ok ? undefined : 'the module proxy of the go command does not answer';
  } catch {
    return 'the module proxy of the go command cannot be reached';
  }
}

export interface RealModules {
  readonly modules: ModuleSource;
  close(): void;
}

/** `temporaryFolder` holds zips while they are read. */
export function openRealModules(temporaryFolder: string): RealModules {
  if (PROXY === undefined) throw new Error('GOPROXY names no module proxy');
  const egress = openEgress([{ host: new URL(PROXY).host, private: true }]);
  const modules = inOrder(goModuleCache(CACHE), openModuleProxy({ proxy: PROXY, egress, temporaryFolder }));
  return { modules, close: () => egress.close() };
}

/**
 * The tree that was tagged as `module@version`, as far as its zip has it: older zips list vendored packages that they do
 * not hold.
 */
export async function realTree(modules: ModuleSource, tree: string): Promise<SourceFile[]> {
  const [module, tag] = tree.split('@');
  const [path, version] = [ModulePath.parse(module), ModuleVersion.parse(tag)];
  const zip = await modules.zip(path, version);
  if (!zip) throw new Error(`no zip of ${tree}`);
  try {
    const files = Object.entries(unzipSync(await zip.read(0, zip.size)));
    return files
      .map(([name, bytes]) => ({ path: name.slice(tree.length + 1), bytes }))
      .filter(({ path: file }) => !file.endsWith('vendor/modules.txt'));
  } finally {
    await zip.release();
  }
}

/** Writes a tree into a new folder below another one, and gives its name. */
export async function writeTree(files: readonly SourceFile[], parent: string): Promise<string> {
  const root = await mkdtemp(join(parent, 'tree-'));
  for (const { path, bytes } of files) {
    await mkdir(dirname(join(root, path)), { recursive: true });
    await writeFile(join(root, path), bytes);
  }
  return root;
}
