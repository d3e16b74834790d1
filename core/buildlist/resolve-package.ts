import type { GoFileFacts } from '../goimports/go-file.ts';
import type { ModuleAt } from '../gosum/go-mod.ts';
import type { Refusal } from '../verdict.ts';
import type { GoMods } from './go-mods.ts';
import type { LocalPackages } from './local-packages.ts';
import { isToolchainModule, moduleKey } from './module-order.ts';
import type { FolderFiles, PackageReader } from './package-reader.ts';

/** Which module provides a package (https://go.dev/ref/mod#resolve-pkg-mod). */

export type Provided =
  | {
      readonly kind: 'found';
      readonly module: ModuleAt;
      readonly files: ReadonlyMap<string, GoFileFacts>;
      /** Modules whose path would let them provide it, and that do not. */
      readonly others: readonly ModuleAt[];
    }
  | { readonly kind: 'missing' }
  | { readonly kind: 'ambiguous'; readonly modules: readonly ModuleAt[] }
  /** Modules that may provide it cannot be read, and no two others do. */
  | { readonly kind: 'unknown'; readonly why: string }
  /** A module that may provide it is replaced by a folder that is no module: every build stops at that. */
  | { readonly kind: 'unreplaced'; readonly reason: Refusal };

export interface PackageSources {
  readonly goMods: GoMods;
  readonly local: LocalPackages;
  readonly reader: PackageReader;
}

/** `example.com/a/b`, `example.com/a`, `example.com`: the paths of modules that could provide the package. */
export function modulePathsOf(path: string): string[] {
  const elements = path.split('/');
  return elements
    .map((_, at) => elements.slice(0, elements.length - at).join('/'))
    .filter((prefix) => !isToolchainModule(prefix));
}

async function filesOf(
  { goMods, local, reader }: PackageSources,
  module: ModuleAt,
  folder: string,
): Promise<FolderFiles> {
  const actual = goMods.actualOf(module);
  if (actual.kind === 'main') return local.files(actual.main.directory, folder);
  if (actual.kind === 'directory') return local.files(actual.directory, folder);
  if (actual.kind === 'outside') return { kind: 'unavailable', why: `${actual.written} leads out of the tree` };
  return reader.files({ path: actual.path, version: actual.version }, folder);
}

/**
 * Looks into every module of the build that could provide the package, for only one may. `candidate` is told of each
 * published one: a build needs its bytes even if it turns out not to provide the package.
 */
export async function findPackage(
  sources: PackageSources,
  path: string,
  versionOf: (modulePath: string) => string | undefined,
  candidate: (module: ModuleAt) => void,
): Promise<Provided> {
  const found: { module: ModuleAt; files: ReadonlyMap<string, GoFileFacts> }[] = [];
  const others: ModuleAt[] = [];
  const unavailable: string[] = [];
  for (const prefix of modulePathsOf(path)) {
    const version = versionOf(prefix);
    if (version === undefined) continue;
    const module = { path: prefix, version };
    const actual = sources.goMods.actualOf(module);
    if (actual.kind === 'module') candidate({ path: actual.path, version: actual.version });
    if (actual.kind === 'directory' || actual.kind === 'outside') {
      const summary = await sources.goMods.summary(module);
      if (summary.kind === 'refused') return { kind: 'unreplaced', reason: summary.reason };
    }
    const files = await filesOf(sources, module, path.slice(prefix.length + 1));
    if (files.kind === 'files') found.push({ module, files: files.files });
    if (files.kind === 'none') others.push(module);
    if (files.kind === 'unavailable') unavailable.push(`${moduleKey(module)}: ${files.why}`);
  }
  const [first, second] = found;
  if (first && second) return { kind: 'ambiguous', modules: found.map(({ module }) => module) };
  if (unavailable.length > 0) return { kind: 'unknown', why: unavailable.join('; ') };
  return first ? { kind: 'found', ...first, others } : { kind: 'missing' };
}
