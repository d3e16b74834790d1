import { Fault } from '../faults.ts';
import { countsForAnyTags, type GoFileFacts } from '../goimports/go-file.ts';
import { mapBounded } from '../gosum/bounded.ts';
import type { ModuleAt } from '../gosum/go-mod.ts';
import type { Refusal } from '../verdict.ts';
import { joinFolder } from './local-packages.ts';
import { MAIN_VERSION, moduleKey } from './module-order.ts';
import { isModule, type LoadedGraph, type Requirements, readGraph, rootVersion } from './requirements.ts';
import { findPackage, type PackageSources, type Provided } from './resolve-package.ts';

/**
 * Follows imports from the packages of the main modules, their tests and their tools, with every build constraint
 * fulfilled except `ignore`, and says what bytes of other modules a build reads on the way.
 */

export interface Need {
  /** After replacement. */
  readonly module: ModuleAt;
  readonly kind: 'zip' | 'go.mod';
  /** A package that needs it, and who imports that; of go.mod files that select versions, neither. */
  readonly package?: string;
  readonly importer?: string;
}

/** A package that a module outside the tree's own provides, as required: before replacement. */
export interface LoadedPackage {
  readonly path: string;
  readonly module: ModuleAt;
  /** Modules whose path would let them provide it, and that do not. */
  readonly others: readonly ModuleAt[];
}

export interface LoadedPackages {
  /** Every need once, the first that was met. */
  readonly needs: readonly Need[];
  /** Packages that go.mod does not account for: no module provides them, several do, or one that it does not name. */
  readonly problems: readonly Refusal[];
  /** Why nothing can be built: replacements that are none, and, of a graph that was needed, go.mod files that are not there. */
  readonly reasons: readonly Refusal[];
  readonly packages: readonly LoadedPackage[];
  /** Paths that the main modules import, their tests included. */
  readonly importedByMains: ReadonlySet<string>;
}

/** What tests of packages outside the main modules need besides. */
export interface OtherTests {
  readonly needs: readonly Need[];
  /** What the tests import, what that imports, and so on. */
  readonly levels: readonly (readonly LoadedPackage[])[];
  /** As of loaded packages: what nothing provides, or several do. */
  readonly problems: readonly Refusal[];
}

export interface PackageLoader {
  /** The packages of the main modules, their tests and tools, and all they import. */
  load(): Promise<LoadedPackages>;
  /**
   * What the tests of the other packages need beyond that, after `load`. `deep`: and what the tests of those packages
   * need, as counted before Go 1.16.
   */
  loadOtherTests(deep: boolean): Promise<OtherTests>;
}

/** Zips at a time; each holds a directory in memory. */
const MAX_IN_FLIGHT = 8;
const MAX_PACKAGES = 200_000;
const MAX_SHOWN = 1024;

/** Imports that are no packages: cgo, and what predates modules and hides behind tags. */
const isMagic = (path: string): boolean => path === 'C' || /^appengine(?:_internal)?(?:\/|$)/.test(path);
/** What no module can provide. */
const isImportable = (path: string): boolean =>
  /^[\p{L}\p{N}!#$%&()+,\-.=^_{}~]+(?:\/[\p{L}\p{N}!#$%&()+,\-.=^_{}~]+)*$/u.test(path) &&
  !path.split('/').some((element) => element.startsWith('.') || element.endsWith('.'));
const mayBeStandard = (path: string): boolean => !(path.split('/', 1)[0] ?? '').includes('.');

/** A package to load. */
interface Wanted {
  readonly path: string;
  /** Absent for those that loading starts from. */
  readonly importer?: string;
  readonly importedByMain: boolean;
}

interface Imports {
  readonly code: readonly string[];
  readonly tests: readonly string[];
}

function importsOf(files: ReadonlyMap<string, GoFileFacts>): Imports {
  const code = new Set<string>();
  const tests = new Set<string>();
  for (const [name, facts] of files)
    if (countsForAnyTags(name, facts))
      for (const path of facts.imports) if (!isMagic(path)) (name.endsWith('_test.go') ? tests : code).add(path);
  return { code: [...code].sort(), tests: [...tests].sort() };
}

class Loader implements PackageLoader {
  readonly #sources: PackageSources;
  readonly #requirements: Requirements;
  readonly #needs = new Map<string, Need>();
  readonly #problems: Refusal[] = [];
  /** Replacements that are none, each once. */
  readonly #reasons = new Map<string, Refusal>();
  readonly #seen = new Set<string>();
  readonly #importedByMains = new Set<string>();
  /** Of packages outside the main modules, level by level. */
  #levels: LoadedPackage[][] = [];
  /** Imports of tests outside the main modules: followed last, since what they alone need has no tests of interest. */
  #otherTests: Wanted[] = [];
  #graph: Promise<LoadedGraph> | undefined;

  constructor(sources: PackageSources, requirements: Requirements) {
    this.#sources = sources;
    this.#requirements = requirements;
  }

  async load(): Promise<LoadedPackages> {
    // Without pruning the whole graph is read before any package is looked for.
    if (this.#requirements.pruning === 'unpruned') await this.#wholeGraph();
    await this.#followAll(this.#start());
    return {
      needs: [...this.#needs.values()],
      // A copy: what tests of others add is not part of it.
      problems: [...this.#problems],
      reasons: [...this.#reasons.values(), ...((await this.#graph)?.reasons ?? [])],
      packages: this.#levels.flat(),
      importedByMains: this.#importedByMains,
    };
  }

  async loadOtherTests(deep: boolean): Promise<OtherTests> {
    const [known, told] = [this.#needs.size, this.#problems.length];
    this.#levels = [];
    do {
      const tests = this.#otherTests;
      this.#otherTests = [];
      await this.#followAll(tests);
    } while (deep && this.#otherTests.length > 0);
    return {
      needs: [...this.#needs.values()].slice(known),
      levels: this.#levels,
      problems: this.#problems.slice(told),
    };
  }

  async #followAll(start: readonly Wanted[]): Promise<void> {
    let level = this.#unseen(start);
    while (level.length > 0) {
      const resolved = await mapBounded(level, MAX_IN_FLIGHT, async (wanted) => ({
        wanted,
        ...(await this.#resolve(wanted)),
      }));
      this.#levels.push([]);
      // Kept in the order of the level, whoever answered first.
      level = this.#unseen(resolved.flatMap((each) => this.#follow(each.wanted, each.provided, each.needs)));
      if (this.#seen.size > MAX_PACKAGES) throw new Fault('LimitExceeded', `more than ${MAX_PACKAGES} packages`);
    }
  }

  #unseen(wanted: readonly Wanted[]): Wanted[] {
    return wanted.filter(({ path }) => !this.#seen.has(path) && this.#seen.add(path));
  }

  #start(): Wanted[] {
    const { goMods, local } = this.#sources;
    const folders = goMods.mains.mains.flatMap(({ directory, file }) =>
      local.folders(directory, file.ignored).flatMap((folder) => {
        const files = local.files(directory, folder);
        const counts =
          files.kind === 'files' && [...files.files].some(([name, facts]) => countsForAnyTags(name, facts));
        return counts ? [joinFolder(file.module, folder)] : [];
      }),
    );
    const tools = goMods.mains.mains.flatMap(({ file }) => file.tools);
    return [...folders, ...tools].map((path) => ({ path, importedByMain: false }));
  }

  #need(need: Need): void {
    const key = `${moduleKey(need.module)} ${need.kind}`;
    if (!this.#needs.has(key)) this.#needs.set(key, need);
  }

  #wholeGraph(): Promise<LoadedGraph> {
    this.#graph ??= readGraph(this.#sources.goMods, this.#requirements).then((loaded) => {
      for (const module of loaded.graph.walk()) {
        const actual = this.#sources.goMods.actualOf(module);
        if (actual.kind === 'module' && isModule(module) && loaded.graph.requiredBy(module))
          this.#need({ module: { path: actual.path, version: actual.version }, kind: 'go.mod' });
      }
      return loaded;
    });
    return this.#graph;
  }

  /** First among the main modules and their own requirements; only what none of them provides needs the whole graph. */
  async #resolve({ path, importer }: Wanted): Promise<{ provided: Provided | undefined; needs: Need[] }> {
    const { goMods } = this.#sources;
    const requirements = this.#requirements;
    const needs: Need[] = [];
    const candidate = (module: ModuleAt) => {
      needs.push({ module, kind: 'zip', package: path, ...(importer === undefined ? {} : { importer }) });
    };
    if (!isImportable(path)) return { provided: { kind: 'missing' }, needs };
    if (requirements.pruning !== 'unpruned') {
      const provided = await findPackage(
        this.#sources,
        path,
        (each) => rootVersion(goMods, requirements, each),
        candidate,
      );
      if (provided.kind !== 'missing') return { provided, needs };
      if (mayBeStandard(path)) return { provided: undefined, needs };
    }
    const { graph } = await this.#wholeGraph();
    const provided = await findPackage(this.#sources, path, (each) => graph.selected(each), candidate);
    return { provided: provided.kind === 'missing' && mayBeStandard(path) ? undefined : provided, needs };
  }

  /** Keeps what was found out of one package; gives what it imports. */
  #follow(wanted: Wanted, provided: Provided | undefined, needs: readonly Need[]): Wanted[] {
    for (const need of needs) this.#need(need);
    if (!provided) return [];
    if (provided.kind !== 'found') {
      this.#refuse(wanted, provided);
      return [];
    }
    const { path, importer } = wanted;
    const { module, files, others } = provided;
    const actual = this.#sources.goMods.actualOf(module);
    if (actual.kind === 'module')
      this.#need({
        ...{ module: { path: actual.path, version: actual.version }, kind: 'go.mod', package: path },
        ...(importer === undefined ? {} : { importer }),
      });
    const inMain = module.version === MAIN_VERSION;
    if (!inMain) this.#levels.at(-1)?.push({ path, module, others });
    if (wanted.importedByMain && !inMain) this.#refuseImplicit(wanted, module);
    const { code, tests } = importsOf(files);
    const wantedBy = (each: string): Wanted => ({ path: each, importer: path, importedByMain: inMain });
    if (inMain) {
      for (const each of [...code, ...tests]) this.#importedByMains.add(each);
      return [...code, ...tests].map(wantedBy);
    }
    this.#otherTests.push(...tests.map(wantedBy));
    return code.map(wantedBy);
  }

  #problem({ path, importer }: Wanted, expected: string, found: string): void {
    this.#problems.push({
      ...{ code: 'gosum.untidy', where: path.slice(0, MAX_SHOWN), expected: expected.slice(0, MAX_SHOWN) },
      found: `${found}${importer === undefined ? '' : ` (imported by ${importer})`}`.slice(0, MAX_SHOWN),
      fix: 'Run `go mod tidy`, review what it changes, and commit it.',
    });
  }

  #refuse(wanted: Wanted, provided: Exclude<Provided, { kind: 'found' }>): void {
    const expected = 'one module of the build list that provides the package';
    if (provided.kind === 'unreplaced') this.#reasons.set(JSON.stringify(provided.reason), provided.reason);
    else if (provided.kind === 'missing') this.#problem(wanted, expected, 'none');
    else if (provided.kind === 'unknown') this.#problem(wanted, expected, provided.why);
    else this.#problem(wanted, expected, provided.modules.map(moduleKey).join(' and '));
  }

  /** What a main module imports must come from a module that its go.mod requires at that version. */
  #refuseImplicit(wanted: Wanted, module: ModuleAt): void {
    const requirements = this.#requirements;
    if (requirements.pruning === 'workspace') return;
    const version = rootVersion(this.#sources.goMods, requirements, module.path);
    if (version !== module.version)
      this.#problem(wanted, `${moduleKey(module)} among the requirements of go.mod`, version ?? 'no requirement of it');
  }
}

/** What cannot be had is a problem of the package; unreachable sources throw. */
export const openPackageLoader = (sources: PackageSources, requirements: Requirements): PackageLoader =>
  new Loader(sources, requirements);
