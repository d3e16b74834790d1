import type { ModuleAt } from '../gosum/go-mod.ts';
import { compareModules, compareModuleVersions, moduleKey } from './module-order.ts';

/**
 * Minimal version selection (https://go.dev/ref/mod#minimal-version-selection): of each path the highest version that
 * anyone reachable requires. Requirements are added as they become known.
 */
export class RequirementGraph {
  readonly #roots: readonly ModuleAt[];
  readonly #required = new Map<string, readonly ModuleAt[]>();
  readonly #selected = new Map<string, string>();
  #edges = 0;

  constructor(roots: readonly ModuleAt[]) {
    this.#roots = roots;
    for (const root of roots) this.#select(root);
  }

  #select({ path, version }: ModuleAt): void {
    const known = this.#selected.get(path);
    if (known === undefined || compareModuleVersions(path, known, version) < 0) this.#selected.set(path, version);
  }

  require(module: ModuleAt, required: readonly ModuleAt[]): void {
    this.#required.set(moduleKey(module), required);
    this.#edges += required.length;
    for (const each of required) this.#select(each);
  }

  get edgeCount(): number {
    return this.#edges;
  }

  /** `undefined`: no version of the path is in the graph. */
  selected(path: string): string | undefined {
    return this.#selected.get(path);
  }

  /** What the module requires; `undefined` where its requirements are pruned out. */
  requiredBy(module: ModuleAt): readonly ModuleAt[] | undefined {
    return this.#required.get(moduleKey(module));
  }

  /** The roots' paths first, the others by path, each at its selected version. */
  buildList(): ModuleAt[] {
    const rootPaths = new Set(this.#roots.map(({ path }) => path));
    const at = (path: string) => ({ path, version: this.#selected.get(path) ?? '' });
    const others = [...this.#selected.keys()].filter((path) => !rootPaths.has(path)).map(at);
    return [...[...rootPaths].map(at), ...others.sort(compareModules)];
  }

  /** Every module version of the graph, selected or not, breadth first. */
  walk(): ModuleAt[] {
    const seen = new Map(this.#roots.map((root) => [moduleKey(root), root]));
    // Grows while it is walked.
    for (const module of seen.values())
      for (const required of this.requiredBy(module) ?? [])
        if (!seen.has(moduleKey(required))) seen.set(moduleKey(required), required);
    return [...seen.values()];
  }
}
