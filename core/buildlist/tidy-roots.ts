import type { ModuleAt } from '../gosum/go-mod.ts';
import { minimalRoots } from './consistent-roots.ts';
import { mainVersion } from './go-mods.ts';
import type { LoadedPackage, LoadedPackages, OtherTests } from './load-packages.ts';
import { compareModules, compareModuleVersions, isToolchainModule } from './module-order.ts';
import type { RequirementGraph } from './requirement-graph.ts';
import { type Requirements, readGraph, rootVersion } from './requirements.ts';
import { findPackage, type PackageSources } from './resolve-package.ts';

/** What `go mod tidy` leaves of the requirements of one main module, as the packages of the tree need them. */

export interface TidyInputs {
  readonly sources: PackageSources;
  /** As go.mod has them; they must be consistent, and every package must have been found. */
  readonly written: Requirements;
  readonly loaded: LoadedPackages;
  readonly tests: OtherTests;
}

/** Roots, each path once, with the graph that they make. */
class PrunedRoots {
  readonly #sources: PackageSources;
  readonly #roots: Map<string, ModuleAt>;
  graph: RequirementGraph;

  private constructor(sources: PackageSources, roots: Map<string, ModuleAt>, graph: RequirementGraph) {
    this.#sources = sources;
    this.#roots = roots;
    this.graph = graph;
  }

  static async from(sources: PackageSources, modules: readonly ModuleAt[]): Promise<PrunedRoots> {
    const roots = new Map<string, ModuleAt>();
    for (const module of modules) if (!roots.has(module.path)) roots.set(module.path, module);
    const { graph } = await readGraph(sources.goMods, { pruning: 'pruned', roots: [...roots.values()] });
    return new PrunedRoots(sources, roots, graph);
  }

  has({ path }: ModuleAt): boolean {
    return this.#roots.has(path);
  }

  all(): ModuleAt[] {
    return [...this.#roots.values()].sort(compareModules);
  }

  async add(modules: readonly ModuleAt[]): Promise<void> {
    for (const module of modules) if (!this.has(module)) this.#roots.set(module.path, module);
    if (modules.length > 0) ({ graph: this.graph } = await readGraph(this.#sources.goMods, this.#requirements()));
  }

  /** Whether two modules of these roots' graph would provide the package. */
  async isAmbiguous(path: string): Promise<boolean> {
    const requirements = this.#requirements();
    const among = (versionOf: (modulePath: string) => string | undefined) =>
      findPackage(this.#sources, path, versionOf, () => {});
    const direct = await among((each) => rootVersion(this.#sources.goMods, requirements, each));
    const provided = direct.kind === 'missing' ? await among((each) => this.graph.selected(each)) : direct;
    return provided.kind === 'ambiguous';
  }

  #requirements(): Requirements {
    return { pruning: 'pruned', roots: this.all() };
  }
}

/** Every module that provides a package, and those without which a test of a dependency would get a lower version or two. */
async function prunedRoots({ sources, written, loaded, tests }: TidyInputs): Promise<ModuleAt[]> {
  const kept = written.roots.filter(({ path }) => isToolchainModule(path));
  const roots = await PrunedRoots.from(sources, [...kept, ...loaded.packages.map(({ module }) => module)]);
  const isLowered = ({ module: { path, version } }: LoadedPackage): boolean => {
    const selected = roots.graph.selected(path);
    return selected === undefined || compareModuleVersions(path, selected, version) < 0;
  };
  for (const level of tests.levels)
    await roots.add(level.filter((each) => !roots.has(each.module) && isLowered(each)).map(({ module }) => module));
  // What a new root requires may make more packages ambiguous; each round adds one root or is the last.
  for (;;) {
    const ambiguous: ModuleAt[] = [];
    for (const { path, module } of tests.levels.flat())
      if (!roots.has(module) && (await roots.isAmbiguous(path))) ambiguous.push(module);
    if (ambiguous.length === 0) return roots.all();
    await roots.add(ambiguous);
  }
}

/** The fewest that select what provides packages now, with all that the main module imports from among them. */
async function unprunedRoots({ sources, written, loaded, tests }: TidyInputs): Promise<ModuleAt[]> {
  const { goMods } = sources;
  const main = mainVersion(goMods.mains.mains[0]?.file.module ?? '');
  const packages = [...loaded.packages, ...tests.levels.flat()];
  const providers = new Map(packages.map(({ module }) => [module.path, module]));
  const keep = [...written.roots.filter(({ path }) => isToolchainModule(path)), ...providers.values()];
  const direct = packages.filter(({ path }) => loaded.importedByMains.has(path)).map(({ module }) => module.path);
  const { graph } = await readGraph(goMods, { pruning: 'unpruned', roots: keep });
  const others = new Map(packages.flatMap((each) => each.others.map((module) => [module.path, module])));
  // A lower version of them would have to be looked into anew, for it may provide the package.
  const lowered = [...others.values()].filter(({ path, version }) => {
    const selected = graph.selected(path);
    return selected !== undefined && compareModuleVersions(path, selected, version) < 0;
  });
  return minimalRoots(goMods, main, direct, [...keep, ...lowered]);
}

/** The requirements of a tidy go.mod, by path. An unreachable source throws. */
export async function tidyRoots(inputs: TidyInputs): Promise<readonly ModuleAt[]> {
  const roots = inputs.written.pruning === 'pruned' ? await prunedRoots(inputs) : await unprunedRoots(inputs);
  return roots.filter(({ path }) => !isToolchainModule(path));
}
