import type { ModuleAt } from '../gosum/go-mod.ts';
import type { ModuleSource } from '../ports/module-source.ts';
import type { Refusal } from '../verdict.ts';
import { consistentRoots, overruled } from './consistent-roots.ts';
import { openGoMods } from './go-mods.ts';
import { type MainModules, workspaceProblems } from './main-modules.ts';
import { isToolchainModule, moduleKey } from './module-order.ts';
import { rootRequirements } from './requirements.ts';

/** Which version of each module a build of these main modules takes, and why. */
export interface BuildList {
  readonly kind: 'loaded';
  /** As `go list -m all`: the main modules without a version, then the others by path. */
  readonly modules: readonly ModuleAt[];
  /** As `go mod graph`, `go` and `toolchain` among them: what requires what. */
  readonly edges: readonly { readonly from: ModuleAt; readonly to: ModuleAt }[];
  /** The module versions, after replacement, whose go.mod makes this list; by path and version. */
  readonly read: readonly ModuleAt[];
  /** Requirements of go.mod that are too low; the go command builds nothing before they are raised. */
  readonly overruled: readonly ModuleAt[];
}

export type BuildListOutcome =
  | BuildList
  | { readonly kind: 'refused'; readonly reasons: readonly [Refusal, ...Refusal[]] };

/**
 * Minimal version selection with graph pruning over the go.mod files of the source, at most ten asked for at once. A
 * go.mod that its source does not have or that cannot be read is a refusal; an unreachable source throws.
 */
export async function loadBuildList(
  mains: MainModules,
  source: Pick<ModuleSource, 'goMod'>,
): Promise<BuildListOutcome> {
  const [problem, ...problems] = workspaceProblems(mains);
  if (problem) return { kind: 'refused', reasons: [problem, ...problems] };
  const goMods = openGoMods(mains, source);
  const written = rootRequirements(goMods);
  const { requirements, graph, reasons } = await consistentRoots(goMods, written);
  const [reason, ...more] = reasons;
  if (reason) return { kind: 'refused', reasons: [reason, ...more] };
  return {
    kind: 'loaded',
    modules: graph.buildList().filter(({ path }) => !isToolchainModule(path)),
    edges: graph.walk().flatMap((from) => (graph.requiredBy(from) ?? []).map((to) => ({ from, to }))),
    read: [...goMods.fetched.values()].sort((a, b) => (moduleKey(a) < moduleKey(b) ? -1 : 1)),
    overruled: requirements === written ? [] : overruled(goMods, written, graph),
  };
}
