import type { ModuleAt } from '../gosum/go-mod.ts';
import { type GoSumLine, goSumKey } from '../gosum/go-sum.ts';
import type { ModuleSource } from '../ports/module-source.ts';
import type { SourceFacts } from '../source/source-facts.ts';
import type { Refusal } from '../verdict.ts';
import { consistentRoots, overruled, withoutRedundant } from './consistent-roots.ts';
import { type GoMods, IMPLIED_GO, openGoMods } from './go-mods.ts';
import {
  type LoadedPackages,
  type Need,
  type OtherTests,
  openPackageLoader,
  type PackageLoader,
} from './load-packages.ts';
import { localPackagesOf } from './local-packages.ts';
import { type MainModules, workspaceProblems } from './main-modules.ts';
import { compareGoVersions, moduleKey } from './module-order.ts';
import type { PackageReader } from './package-reader.ts';
import { rootRequirements } from './requirements.ts';
import type { PackageSources } from './resolve-package.ts';
import { tidyRoots } from './tidy-roots.ts';

/** Which lines go.sum must have for a build of everything in the tree, and which more `go mod tidy` keeps there. */
export interface RequiredLines {
  readonly kind: 'loaded';
  /** Without one of these a build with some combination of tags and platform stops. */
  readonly required: readonly Need[];
  /** Lacking one of these breaks no build, only tests of dependencies or commands that list modules. */
  readonly tidy: readonly Need[];
  /** go.mod does not account for what is imported, or is overruled: refuses nothing. */
  readonly problems: readonly Refusal[];
  /**
   * The requirements that `go mod tidy` would write, by path. `undefined`: nobody knows, for there are problems, those of
   * tests of dependencies included, and tidy would look for what solves them.
   */
  tidyRequirements(): Promise<readonly ModuleAt[] | undefined>;
}

export type RequiredLinesOutcome =
  | RequiredLines
  | { readonly kind: 'refused'; readonly reasons: readonly [Refusal, ...Refusal[]] };

export interface RequiredLinesInputs {
  readonly mains: MainModules;
  readonly facts: Pick<SourceFacts, 'files' | 'go' | 'texts'>;
  readonly source: Pick<ModuleSource, 'goMod'>;
  readonly reader: PackageReader;
}

/** Since then tests of dependencies are nobody's but theirs. */
const NARROW_TESTS_SINCE = '1.16';
/** Since then tidy keeps the go.mod line of each module that provides a package. */
const TIDY_GO_MOD_LINES_SINCE = '1.21';

/** The line of go.sum that fulfils it, without the hash. */
export const needKey = ({ module, kind }: Need): string => goSumKey(module.path, module.version, kind);

function overruledProblems(modules: readonly ModuleAt[]): Refusal[] {
  return modules.map((module) => ({
    code: 'gosum.untidy',
    where: 'go.mod',
    expected: moduleKey(module).slice(0, 1024),
    found: 'a lower version, which others overrule',
    fix: 'Run `go mod tidy`, review what it changes, and commit it.',
  }));
}

interface WholeGraph {
  readonly tidy: readonly Need[];
  readonly problems: readonly Refusal[];
  /** Absent where go.mod is to be changed before, or part of the graph is missing. */
  readonly tests?: OtherTests;
}

/** What tidy keeps beyond what a build needs: the lines of tests of dependencies, and of every go.mod of the graph. */
async function ofWholeGraph(goMods: GoMods, loader: PackageLoader, { needs }: LoadedPackages): Promise<WholeGraph> {
  const written = rootRequirements(goMods);
  const { requirements, graph, reasons } = await consistentRoots(goMods, written);
  // A build reads little of the graph; without all of it there is no telling what tidy would do.
  if (reasons.length > 0) return { tidy: [], problems: reasons };
  const ofGraph = [...goMods.fetched.values()].map((module): Need => ({ module, kind: 'go.mod' }));
  const go = goMods.mains.mains[0]?.file.go ?? IMPLIED_GO;
  const tests = await loader.loadOtherTests(compareGoVersions(go, NARROW_TESTS_SINCE) < 0);
  const keepsGoMods = compareGoVersions(go, TIDY_GO_MOD_LINES_SINCE) >= 0;
  const required = new Set(needs.map(needKey));
  const more = [...tests.needs.filter(({ kind }) => kind === 'zip' || keepsGoMods), ...ofGraph];
  const distinct = [...new Map(more.map((need) => [needKey(need), need])).values()];
  return {
    tidy: distinct.filter((need) => !required.has(needKey(need))),
    problems: requirements === written ? [] : overruledProblems(overruled(goMods, written, graph)),
    ...(requirements === written ? { tests } : {}),
  };
}

/**
 * Loads the packages of the tree with every build constraint fulfilled. A go.mod that a build reads and that cannot be had
 * or read is a refusal; an unreachable source throws.
 */
export async function requiredLines(inputs: RequiredLinesInputs): Promise<RequiredLinesOutcome> {
  const { mains, facts, source, reader } = inputs;
  const [conflict, ...conflicts] = workspaceProblems(mains);
  if (conflict) return { kind: 'refused', reasons: [conflict, ...conflicts] };
  const goMods = openGoMods(mains, source);
  const requirements = withoutRedundant(goMods, rootRequirements(goMods));
  const sources: PackageSources = { goMods, local: localPackagesOf(facts), reader };
  const loader = openPackageLoader(sources, requirements);
  const loaded = await loader.load();
  const [reason, ...more] = loaded.reasons;
  if (reason) return { kind: 'refused', reasons: [reason, ...more] };
  const { tidy, problems, tests } = await ofWholeGraph(goMods, loader, loaded);
  const all = [...problems, ...loaded.problems];
  const isClear = all.length === 0 && tests?.problems.length === 0;
  return {
    kind: 'loaded',
    required: loaded.needs,
    tidy,
    problems: all,
    tidyRequirements: async () =>
      tests && isClear ? tidyRoots({ sources, written: requirements, loaded, tests }) : undefined,
  };
}

/** Why a line is needed, for people. */
export function reasonOf({ kind, package: path, importer }: Need): string {
  if (path === undefined) return 'its requirements take part in the choice of versions';
  const by = importer === undefined ? 'a package or tool of the module itself' : `imported by ${importer}`;
  return kind === 'zip' ? `it may provide ${path}, ${by}` : `it provides ${path}, ${by}`;
}

/** The needs that no line fulfils, in the order of the needs. */
export function unfulfilled(needs: readonly Need[], lines: readonly GoSumLine[]): Need[] {
  const present = new Set(lines.map(({ module, version, kind }) => goSumKey(module, version, kind)));
  return needs.filter((need) => !present.has(needKey(need)));
}
