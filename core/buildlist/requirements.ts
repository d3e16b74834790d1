import { Fault } from '../faults.ts';
import { mapBounded } from '../gosum/bounded.ts';
import type { ModuleAt } from '../gosum/go-mod.ts';
import type { Refusal } from '../verdict.ts';
import { type GoMods, IMPLIED_GO, mainVersion, type Summary, supportsPruning } from './go-mods.ts';
import { compareModules, compareModuleVersions, isToolchainModule, MAIN_VERSION, moduleKey } from './module-order.ts';
import { RequirementGraph } from './requirement-graph.ts';

/**
 * How far the graph reaches (https://go.dev/ref/mod#graph-pruning): `pruned`, to the requirements of the roots, and
 * further where one of them is older than Go 1.17; `unpruned`, to all; `workspace`, as pruned from the main modules.
 */
export type Pruning = 'pruned' | 'unpruned' | 'workspace';

/** What the main modules require, sorted; of a workspace, the main modules themselves. */
export interface Requirements {
  readonly pruning: Pruning;
  readonly roots: readonly ModuleAt[];
}

export interface LoadedGraph {
  readonly graph: RequirementGraph;
  /** Why go.mod files are missing from it; ordered as the graph is walked. */
  readonly reasons: readonly Refusal[];
}

/** As for lookups: more at once is impolite, and no faster. */
const MAX_IN_FLIGHT = 10;
const MAX_EDGES = 2_000_000;

const IMPLIED_WORK_GO = '1.18';

export function rootRequirements({ mains }: GoMods): Requirements {
  const { work } = mains;
  const [main] = mains.mains;
  const go = work ? (work.file.go ?? IMPLIED_WORK_GO) : (main?.file.go ?? IMPLIED_GO);
  const toolchain = work ? work.file.toolchain : main?.file.toolchain;
  const excluded = new Set(main?.file.exclusions.map(moduleKey));
  const required = work
    ? mains.mains.map(({ file }) => mainVersion(file.module))
    : (main?.file.requirements ?? []).filter((each) => !excluded.has(moduleKey(each)));
  const roots = [
    ...required.map(({ path, version }) => ({ path, version })),
    { path: 'go', version: go },
    ...(toolchain === undefined ? [] : [{ path: 'toolchain', version: toolchain }]),
  ];
  return {
    pruning: work ? 'workspace' : supportsPruning(go) ? 'pruned' : 'unpruned',
    roots: roots.sort(compareModules),
  };
}

/** The highest version among the roots; a main module's own is the highest. */
export function rootVersion({ mains }: GoMods, { roots }: Requirements, path: string): string | undefined {
  if (mains.mains.some(({ file }) => file.module === path)) return MAIN_VERSION;
  return roots.findLast((root) => root.path === path)?.version;
}

interface Reach {
  readonly module: ModuleAt;
  readonly pruning: Pruning;
}

/** Reads level by level, so that a graph is the same however long its sources take to answer. */
class GraphReader {
  readonly graph: RequirementGraph;
  readonly #goMods: GoMods;
  readonly #reached = new Set<string>();
  readonly #added = new Set<string>();
  readonly #reasons = new Map<string, Refusal>();

  constructor(goMods: GoMods, graph: RequirementGraph) {
    this.#goMods = goMods;
    this.graph = graph;
  }

  async reach(start: readonly Reach[]): Promise<void> {
    let level = this.#unreached(start);
    while (level.length > 0) {
      const read = await mapBounded(level, MAX_IN_FLIGHT, async (each) => ({ each, summary: await this.#load(each) }));
      level = this.#unreached(read.flatMap(({ each, summary }) => (summary ? this.#beyond(each, summary) : [])));
    }
  }

  /** In the order of the graph, so that a report is the same each time. */
  reasons(): Refusal[] {
    return this.graph.walk().flatMap((module) => this.#reasons.get(moduleKey(module)) ?? []);
  }

  #unreached(level: readonly Reach[]): Reach[] {
    return level.filter(({ module, pruning }) => {
      const key = `${moduleKey(module)} ${pruning}`;
      return !this.#reached.has(key) && this.#reached.add(key);
    });
  }

  async #load({ module }: Reach): Promise<Summary | undefined> {
    const outcome = await this.#goMods.summary(module);
    const key = moduleKey(module);
    if (outcome.kind === 'refused') {
      this.#reasons.set(key, outcome.reason);
      return undefined;
    }
    if (!this.#added.has(key)) {
      this.#added.add(key);
      this.graph.require(module, outcome.summary.requirements);
      if (this.graph.edgeCount > MAX_EDGES)
        throw new Fault('LimitExceeded', `a module graph of more than ${MAX_EDGES} requirements`);
    }
    return outcome.summary;
  }

  /** A module that supports pruning requires all that its packages need: there is no need to look further. */
  #beyond({ pruning }: Reach, { pruned, requirements }: Summary): Reach[] {
    if (pruning === 'pruned' && pruned) return [];
    const next: Pruning = pruning === 'unpruned' || !pruned ? 'unpruned' : 'pruned';
    return requirements.map((module) => ({ module, pruning: next }));
  }
}

/**
 * What the main modules' dependencies require was written for other versions than those selected: those are read too,
 * as far as packages of a workspace may come from them.
 */
async function reachSelected(reader: GraphReader, roots: readonly ModuleAt[]): Promise<void> {
  const { graph } = reader;
  const paths = new Set(roots.map(({ path }) => path));
  const seen = new Set<string>();
  for (;;) {
    const wanted = new Map<string, ModuleAt>();
    const want = (module: ModuleAt) => !seen.has(moduleKey(module)) && wanted.set(moduleKey(module), module);
    for (const path of paths) {
      const module = { path, version: graph.selected(path) ?? '' };
      if (want(module)) continue;
      for (const required of graph.requiredBy(module) ?? []) {
        const version = graph.selected(required.path) ?? '';
        if (compareModuleVersions(required.path, version, required.version) > 0) want({ path: required.path, version });
      }
    }
    if (wanted.size === 0) return;
    for (const [key, { path }] of wanted) {
      seen.add(key);
      paths.add(path);
    }
    await reader.reach([...wanted.values()].map((module) => ({ module, pruning: 'workspace' })));
  }
}

/** Reads the whole graph of the requirements; what cannot be had is left out of it and named. */
export async function readGraph(goMods: GoMods, { pruning, roots }: Requirements): Promise<LoadedGraph> {
  const [main] = goMods.mains.mains;
  const single = pruning === 'workspace' ? undefined : mainVersion(main?.file.module ?? '');
  const reader = new GraphReader(goMods, new RequirementGraph(single ? [single] : roots));
  if (single) reader.graph.require(single, roots);
  await reader.reach(roots.map((module) => ({ module, pruning })));
  if (pruning === 'workspace') await reachSelected(reader, roots);
  return { graph: reader.graph, reasons: reader.reasons() };
}

/** Neither a main module nor one that exists only in the graph. */
export const isModule = ({ path, version }: ModuleAt): boolean => version !== MAIN_VERSION && !isToolchainModule(path);
