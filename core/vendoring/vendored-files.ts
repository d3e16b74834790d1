import { compareGoVersions } from '../buildlist/module-order.ts';
import { couldBeBuilt } from '../goimports/go-file.ts';
import { folderOf, nameOf } from '../source/tree-path.ts';
import { embeddedFiles } from './embed-files.ts';
import type { ModuleFiles } from './module-files.ts';
import type { VendoredModule } from './modules-txt.ts';

/** Which files of a module `go mod vendor` copies for the packages that modules.txt lists. */

/** `optional`: whether it is there depends on what we cannot know; its bytes do not. */
export type Copied = 'needed' | 'optional';
type Copies = Map<string, Copied>;

/** Since then go.mod and go.sum are left out. */
const SINCE_WITHOUT_GO_MOD = '1.17';
/** Since then what only tests embed is left out. */
const SINCE_WITHOUT_TEST_EMBEDS = '1.22';
const METADATA = /^(?:AUTHORS|CONTRIBUTORS|COPYLEFT|COPYING|COPYRIGHT|LEGAL|LICENSE|NOTICE|PATENTS)/;

const isTest = (path: string) => path.endsWith('_test.go');

interface Package {
  /** In the module; `''` is its root. */
  readonly folder: string;
  /** Paths of the files that lie directly in it. */
  readonly paths: readonly string[];
}

/** Files of the package's own folder, by the rules for what a build might need. */
async function copyPackage(files: ModuleFiles, { paths }: Package, goLine: string, copies: Copies): Promise<void> {
  const withoutGoMod = compareGoVersions(goLine, SINCE_WITHOUT_GO_MOD) >= 0;
  for (const path of paths) {
    if (isTest(path) || (withoutGoMod && /^go\.(?:mod|sum)$/.test(nameOf(path)))) continue;
    const { go } = path.endsWith('.go') ? await files.read(path) : {};
    if (go && !couldBeBuilt(go)) continue;
    copies.set(path, path.endsWith('.go') && !go ? 'optional' : 'needed');
  }
}

/** Licences and their like from the folders above the package; what is a package itself has them already. */
function copyMetadata(byFolder: ReadonlyMap<string, readonly string[]>, { folder }: Package, copies: Copies): void {
  for (let above = folder; above !== ''; ) {
    above = folderOf(above);
    for (const path of byFolder.get(above) ?? [])
      if (METADATA.test(nameOf(path)) && !copies.has(path)) copies.set(path, 'needed');
  }
}

/** Patterns of the package's files; of those with cgo apart, since without a C compiler the go command ignores them. */
async function embedPatterns(
  files: ModuleFiles,
  { paths }: Package,
  goLine: string,
): Promise<{ always: string[]; withCgo: string[] }> {
  const withTests = compareGoVersions(goLine, SINCE_WITHOUT_TEST_EMBEDS) < 0;
  const patterns: { always: string[]; withCgo: string[] } = { always: [], withCgo: [] };
  for (const path of paths) {
    if (!path.endsWith('.go') || /^[_.]/.test(nameOf(path)) || (isTest(path) && !withTests)) continue;
    const { go } = await files.read(path);
    if (!go || go.problem !== undefined || go.package === 'documentation') continue;
    patterns[go.imports.includes('C') ? 'withCgo' : 'always'].push(...go.embeds);
  }
  return patterns;
}

async function copyEmbedded(files: ModuleFiles, each: Package, goLine: string, copies: Copies): Promise<void> {
  const { always, withCgo } = await embedPatterns(files, each, goLine);
  if (always.length + withCgo.length === 0) return;
  const prefix = each.folder === '' ? '' : `${each.folder}/`;
  const inside = files.paths.flatMap((path) => (path.startsWith(prefix) ? [path.slice(prefix.length)] : []));
  const certain = new Set(embeddedFiles(inside, always));
  for (const path of [...certain, ...embeddedFiles(inside, [...always, ...withCgo])]) {
    if (copies.get(prefix + path) !== 'needed') copies.set(prefix + path, certain.has(path) ? 'needed' : 'optional');
  }
}

/** Paths in the module that are copied for the listed packages. `goLine` is the main module's or the workspace's. */
export async function vendoredFiles(
  files: ModuleFiles,
  { path: module, packages }: VendoredModule,
  goLine: string,
): Promise<ReadonlyMap<string, Copied>> {
  const byFolder = new Map<string, string[]>();
  for (const path of files.paths) {
    const known = byFolder.get(folderOf(path)) ?? [];
    known.push(path);
    byFolder.set(folderOf(path), known);
  }
  const copies: Copies = new Map();
  const own = new Set(packages.map((path) => path.slice(module.length + 1)));
  const all = [...own].map((folder): Package => ({ folder, paths: byFolder.get(folder) ?? [] }));
  for (const each of all) await copyPackage(files, each, goLine, copies);
  const above = new Map([...byFolder].filter(([folder]) => !own.has(folder)));
  for (const each of all) copyMetadata(above, each, copies);
  for (const each of all) await copyEmbedded(files, each, goLine, copies);
  return copies;
}
