import { ModulePath, ModuleVersion } from '../brands.ts';
import { Fault } from '../faults.ts';
import { type DependencyGoMod, type ModuleAt, parseDependencyGoMod } from '../gosum/go-mod.ts';
import { modulePathProblem } from '../gosum/module-path.ts';
import type { ModuleSource } from '../ports/module-source.ts';
import type { Refusal } from '../verdict.ts';
import { type Actual, type MainModules, replacementsOf } from './main-modules.ts';
import { compareGoVersions, isToolchainModule, MAIN_VERSION, moduleKey } from './module-order.ts';

/** What the graph needs of one go.mod. */
export interface Summary {
  /** The go line; absent: Go 1.16 or older. */
  readonly go?: string;
  /** Whether it lists all that its packages need, so that the requirements of those modules are of no interest. */
  readonly pruned: boolean;
  /** Without excluded ones; `go` is one of them from Go 1.21 on. */
  readonly requirements: readonly ModuleAt[];
}

export type SummaryOutcome =
  | { readonly kind: 'read'; readonly summary: Summary }
  | { readonly kind: 'refused'; readonly reason: Refusal };

/** Reads go.mod files, each once. Unreachable sources throw. */
export interface GoMods {
  readonly mains: MainModules;
  readonly actualOf: (module: ModuleAt) => Actual;
  summary(module: ModuleAt): Promise<SummaryOutcome>;
  /** The module versions, after replacement, whose go.mod was read from their source. */
  readonly fetched: ReadonlyMap<string, ModuleAt>;
}

/** A real graph has a few thousand module versions. */
const MAX_GO_MODS = 50_000;

export const PRUNING_SINCE = '1.17';
/** From here on a module's go line is a requirement like others, and implies a toolchain. */
const STRICT_SINCE = '1.21';
export const IMPLIED_GO = '1.16';

const refused = (code: string, where: string, expected: string, found: string, fix: string): SummaryOutcome => ({
  kind: 'refused',
  reason: { code, where: where.slice(0, 1024), expected: expected.slice(0, 1024), found: found.slice(0, 1024), fix },
});

/** `go` needs the toolchain of the same version: nothing is read for that. */
function ofToolchainModule({ path, version }: ModuleAt): Summary {
  const strict = path === 'go' && compareGoVersions(version, STRICT_SINCE) >= 0;
  return { pruned: true, requirements: strict ? [{ path: 'toolchain', version: `go${version}` }] : [] };
}

export const supportsPruning = (go: string | undefined): boolean =>
  compareGoVersions(go ?? IMPLIED_GO, PRUNING_SINCE) >= 0;

function summaryOf({ go, requirements }: DependencyGoMod, isExcluded: (module: ModuleAt) => boolean): Summary {
  const strict = go !== undefined && compareGoVersions(go, STRICT_SINCE) >= 0;
  return {
    ...(go === undefined ? {} : { go }),
    pruned: supportsPruning(go),
    requirements: [
      ...requirements.map(({ path, version }) => ({ path, version })).filter((each) => !isExcluded(each)),
      ...(strict ? [{ path: 'go', version: go }] : []),
    ],
  };
}

/** Whether the go.mod may be that of what was required: it names its own path, or the one that it replaces. */
function nameProblem(module: ModuleAt, actual: ModuleAt, file: DependencyGoMod): SummaryOutcome | undefined {
  if (file.module === module.path || file.module === actual.path) return undefined;
  return refused(
    'gosum.go-mod-malformed',
    `${moduleKey(actual)}/go.mod`,
    `module ${module.path}`,
    file.module === undefined ? 'no module line' : `module ${file.module}`,
    'Require the module by the path that its go.mod names, or replace it.',
  );
}

function parse(where: string, text: string): { file: DependencyGoMod } | SummaryOutcome {
  const parsed = parseDependencyGoMod(text);
  if (parsed.kind === 'parsed') return { file: parsed.file };
  const { line, column, expected, found } = parsed.problem;
  const fix = 'Require another version of this module, or exclude this one.';
  return refused('gosum.go-mod-malformed', `${where}:${line}:${column}`, expected, found, fix);
}

async function fetchGoMod(source: Pick<ModuleSource, 'goMod'>, actual: ModuleAt): Promise<string | SummaryOutcome> {
  const problem = modulePathProblem(actual.path);
  const where = moduleKey(actual);
  if (problem !== undefined)
    return refused('gosum.go-mod-malformed', where, 'a module path', problem, 'Replace the module by a directory.');
  const bytes = await source.goMod(ModulePath.parse(actual.path), ModuleVersion.parse(actual.version));
  // As the go command does, whatever is no UTF-8 is read as one odd character.
  if (bytes) return new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes);
  const fix = 'Require a version that can be fetched, or configure the proxy that holds it.';
  const none = 'the module proxy says that there is none';
  return refused('gosum.module-missing', where, `the go.mod of ${where}`, none, fix);
}

type Check = (file: DependencyGoMod) => SummaryOutcome | undefined;

class GoModReader implements GoMods {
  readonly mains: MainModules;
  readonly actualOf: GoMods['actualOf'];
  readonly fetched = new Map<string, ModuleAt>();
  readonly #source: Pick<ModuleSource, 'goMod'>;
  readonly #excluded: ReadonlySet<string>;
  readonly #known = new Map<string, Promise<SummaryOutcome>>();

  constructor(mains: MainModules, source: Pick<ModuleSource, 'goMod'>) {
    this.mains = mains;
    this.actualOf = replacementsOf(mains);
    this.#source = source;
    this.#excluded = new Set(mains.mains.flatMap(({ file }) => file.exclusions.map(moduleKey)));
  }

  summary(module: ModuleAt): Promise<SummaryOutcome> {
    const key = moduleKey(module);
    const known = this.#known.get(key);
    if (known) return known;
    if (this.#known.size >= MAX_GO_MODS)
      throw new Fault('LimitExceeded', `a module graph of more than ${MAX_GO_MODS} versions`);
    const reading = this.#read(module);
    this.#known.set(key, reading);
    return reading;
  }

  async #read(module: ModuleAt): Promise<SummaryOutcome> {
    if (isToolchainModule(module.path)) return { kind: 'read', summary: ofToolchainModule(module) };
    const actual = this.actualOf(module);
    if (actual.kind === 'main') return this.#ofFile(actual.main.file);
    if (actual.kind !== 'module') return this.#readFolder(module, actual);
    const text = await fetchGoMod(this.#source, actual);
    if (typeof text !== 'string') return text;
    this.fetched.set(moduleKey(actual), { path: actual.path, version: actual.version });
    return this.#ofText(`${moduleKey(actual)}/go.mod`, text, (file) => nameProblem(module, actual, file));
  }

  #readFolder(module: ModuleAt, actual: Exclude<Actual, { kind: 'main' | 'module' }>): SummaryOutcome {
    const folder = actual.kind === 'directory' ? actual.directory : actual.written;
    const text = actual.kind === 'directory' ? this.mains.goModIn(folder) : undefined;
    if (text !== undefined) return this.#ofText(`${folder}/go.mod`, text, () => undefined);
    const fix = 'Replace the module by a folder of the released tree, or by a published version.';
    const found = actual.kind === 'directory' ? 'no such file in the tree' : 'a folder outside the tree';
    return refused('gosum.replacement-missing', moduleKey(module), `${folder}/go.mod`, found, fix);
  }

  #ofText(where: string, text: string, check: Check): SummaryOutcome {
    const read = parse(where, text);
    return 'file' in read ? (check(read.file) ?? this.#ofFile(read.file)) : read;
  }

  #ofFile(file: DependencyGoMod): SummaryOutcome {
    return { kind: 'read', summary: summaryOf(file, (module) => this.#excluded.has(moduleKey(module))) };
  }
}

/** Opens the go.mod files that a build of these main modules can read. */
export const openGoMods = (mains: MainModules, source: Pick<ModuleSource, 'goMod'>): GoMods =>
  new GoModReader(mains, source);

/** A main module as it stands in a build list. */
export const mainVersion = (path: string): ModuleAt => ({ path, version: MAIN_VERSION });
