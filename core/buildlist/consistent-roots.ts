import type { ModuleAt } from '../gosum/go-mod.ts';
import { type GoMods, mainVersion } from './go-mods.ts';
import { compareModules, compareModuleVersions, moduleKey } from './module-order.ts';
import type { RequirementGraph } from './requirement-graph.ts';
import { type LoadedGraph, type Requirements, readGraph, rootVersion } from './requirements.ts';

/** What the go command makes of requirements that the graph overrules, where it may change go.mod (`-mod=mod`). */

interface Consistent extends LoadedGraph {
  readonly requirements: Requirements;
}

const sameModules = (a: readonly ModuleAt[], b: readonly ModuleAt[]): boolean =>
  a.length === b.length && a.every((each, at) => moduleKey(each) === moduleKey(b[at] ?? { path: '', version: '' }));

/** Each root once, at its selected version; a raised root reaches further, so that this goes on until all stand. */
async function prunedRoots(goMods: GoMods, { requirements, ...loaded }: Consistent): Promise<Consistent> {
  const mainPath = goMods.mains.mains[0]?.file.module;
  let current: Consistent = { requirements, ...loaded };
  for (;;) {
    const paths = new Set(current.requirements.roots.map(({ path }) => path).filter((path) => path !== mainPath));
    const roots = [...paths].map((path) => ({ path, version: current.graph.selected(path) ?? '' }));
    if (sameModules(roots, current.requirements.roots)) return current;
    const raised: Requirements = { pruning: 'pruned', roots };
    current = { requirements: raised, ...(await readGraph(goMods, raised)) };
    if (current.reasons.length > 0) return current;
  }
}

/** All that is reachable without pruning: paths with their highest version, and what each version requires. */
class Reachable {
  readonly #required: ReadonlyMap<string, readonly ModuleAt[]>;
  readonly highest: ReadonlyMap<string, string>;

  private constructor(required: ReadonlyMap<string, readonly ModuleAt[]>, highest: ReadonlyMap<string, string>) {
    this.#required = required;
    this.highest = highest;
  }

  static async from(goMods: GoMods, main: ModuleAt, roots: readonly ModuleAt[]): Promise<Reachable> {
    const required = new Map([[moduleKey(main), roots]]);
    const highest = new Map([[main.path, main.version]]);
    const queue = [...roots];
    // Grows while it is walked; every go.mod was read already, for the graph.
    for (const module of queue) {
      const { path, version } = module;
      const known = highest.get(path);
      if (known === undefined || compareModuleVersions(path, known, version) < 0) highest.set(path, version);
      if (required.has(moduleKey(module))) continue;
      const outcome = await goMods.summary(module);
      const next = outcome.kind === 'read' ? outcome.summary.requirements : [];
      required.set(moduleKey(module), next);
      queue.push(...next);
    }
    return new Reachable(required, highest);
  }

  requiredBy(module: ModuleAt): readonly ModuleAt[] {
    return this.#required.get(moduleKey(module)) ?? [];
  }

  /** Of what the modules reach, each behind what it requires itself; without the main module. */
  postorder(start: readonly ModuleAt[], main: ModuleAt): ModuleAt[] {
    const seen = new Set([moduleKey(main)]);
    const order: ModuleAt[] = [];
    const stack = start.map((module) => ({ module, done: false })).reverse();
    for (let top = stack.pop(); top; top = stack.pop()) {
      const { module, done } = top;
      if (done) order.push(module);
      else if (!seen.has(moduleKey(module))) {
        seen.add(moduleKey(module));
        stack.push({ module, done: true });
        for (const required of [...this.requiredBy(module)].reverse()) stack.push({ module: required, done: false });
      }
    }
    return order;
  }
}

/** The fewest requirements that select the same versions, with these paths among them (`mvs.Req`). */
export async function minimalRoots(
  goMods: GoMods,
  main: ModuleAt,
  paths: readonly string[],
  keep: readonly ModuleAt[],
): Promise<ModuleAt[]> {
  const reachable = await Reachable.from(goMods, main, keep);
  const at = (path: string) => ({ path, version: reachable.highest.get(path) ?? '' });
  const list = [
    main,
    ...[...reachable.highest.keys()]
      .filter((path) => path !== main.path)
      .map(at)
      .sort(compareModules),
  ];
  const implied = new Set<string>();
  const imply = (module: ModuleAt) => {
    for (const stack = [module]; stack.length > 0; ) {
      const top = stack.pop();
      if (!top || implied.has(moduleKey(top))) continue;
      implied.add(moduleKey(top));
      stack.push(...reachable.requiredBy(top));
    }
  };
  const roots = [...new Set(paths)].map(at);
  for (const root of roots) imply(root);
  for (const module of reachable.postorder(list, main).reverse()) {
    if (reachable.highest.get(module.path) !== module.version || implied.has(moduleKey(module))) continue;
    roots.push(module);
    imply(module);
  }
  return roots.sort(compareModules);
}

/** Roots that are selected as they stand stay, and each module that is required directly is one. */
async function unprunedRoots(goMods: GoMods, { requirements, graph }: Consistent): Promise<Consistent> {
  const [first] = goMods.mains.mains;
  const main = mainVersion(first?.file.module ?? '');
  const excluded = new Set(first?.file.exclusions.map(moduleKey));
  const required = (first?.file.requirements ?? []).filter((each) => !each.indirect && !excluded.has(moduleKey(each)));
  const direct = new Set(['go', ...required.map(({ path }) => path)]);
  const keep = graph.buildList().slice(1);
  const paths = [
    ...requirements.roots.filter(({ path, version }) => graph.selected(path) === version).map(({ path }) => path),
    ...keep.filter(({ path }) => direct.has(path)).map(({ path }) => path),
  ];
  const roots = await minimalRoots(goMods, main, paths, keep);
  if (sameModules(roots, requirements.roots)) return { requirements, graph, reasons: [] };
  const changed: Requirements = { pruning: 'unpruned', roots };
  return { requirements: changed, ...(await readGraph(goMods, changed)) };
}

/** A path that is required twice, or that is the main module's own. */
const isRedundant = (goMods: GoMods, { roots }: Requirements): boolean =>
  roots.some(
    ({ path }, at) => path === roots[at - 1]?.path || goMods.mains.mains.some(({ file }) => file.module === path),
  );

/** What go.mod should say instead of each requirement that is overruled. */
export function overruled(goMods: GoMods, requirements: Requirements, graph: RequirementGraph | undefined): ModuleAt[] {
  return requirements.roots.flatMap(({ path, version }) => {
    const selected = graph ? graph.selected(path) : rootVersion(goMods, requirements, path);
    return selected === undefined || selected === version ? [] : [{ path, version: selected }];
  });
}

/** With pruning, what is required twice is settled before anything is read: what the lower version requires is not. */
export function withoutRedundant(goMods: GoMods, requirements: Requirements): Requirements {
  if (requirements.pruning !== 'pruned' || !isRedundant(goMods, requirements)) return requirements;
  const paths = new Set(requirements.roots.map(({ path }) => path));
  for (const { file } of goMods.mains.mains) paths.delete(file.module);
  const roots = [...paths].map((path) => ({ path, version: rootVersion(goMods, requirements, path) ?? '' }));
  return { pruning: 'pruned', roots };
}

/** The requirements made consistent, with their graph; the same object where they are. */
export async function consistentRoots(goMods: GoMods, written: Requirements): Promise<Consistent> {
  const requirements = withoutRedundant(goMods, written);
  const loaded = { requirements, ...(await readGraph(goMods, requirements)) };
  const { pruning } = requirements;
  if (pruning === 'workspace' || loaded.reasons.length > 0) return loaded;
  if (overruled(goMods, requirements, loaded.graph).length === 0 && !isRedundant(goMods, requirements)) return loaded;
  return pruning === 'pruned' ? prunedRoots(goMods, loaded) : unprunedRoots(goMods, loaded);
}
