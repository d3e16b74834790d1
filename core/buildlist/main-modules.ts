import type { GoModFile, ModuleAt, Replacement } from '../gosum/go-mod.ts';
import type { GoWorkFile } from '../gosum/go-work.ts';
import { folderAt } from '../source/tree-path.ts';
import type { Refusal } from '../verdict.ts';
import { MAIN_VERSION } from './module-order.ts';

/** A module whose source is the tree itself. */
export interface MainModule {
  /** Its folder in the tree; `''` is the root. */
  readonly directory: string;
  readonly file: GoModFile;
}

/** What a build starts from: one main module, or those of a workspace. */
export interface MainModules {
  readonly mains: readonly MainModule[];
  /** Absent: no workspace. */
  readonly work?: { readonly directory: string; readonly file: GoWorkFile };
  /** Text of the go.mod in a folder of the tree; `undefined` where there is none. */
  readonly goModIn: (directory: string) => string | undefined;
}

/** What a module version is read from. `outside`: a replacement that leads out of the tree. */
export type Actual =
  | { readonly kind: 'main'; readonly main: MainModule }
  | ({ readonly kind: 'module' } & ModuleAt)
  | { readonly kind: 'directory'; readonly directory: string }
  | { readonly kind: 'outside'; readonly written: string };

interface Scope {
  readonly directory: string;
  readonly replacements: ReadonlyMap<string, Replacement>;
}

const scopeKey = (path: string, version: string | undefined) => `${path}@${version ?? '*'}`;
const scopeOf = (directory: string, replacements: readonly Replacement[]): Scope => ({
  directory,
  replacements: new Map(replacements.map((each) => [scopeKey(each.path, each.version), each])),
});

function targetOf({ directory }: Scope, { target }: Replacement): Actual {
  if (target.kind === 'module') return target;
  const folder = folderAt(directory, target.directory);
  return folder === undefined
    ? { kind: 'outside', written: target.directory }
    : { kind: 'directory', directory: folder };
}

/** Says what each module version is read from, by the replacements of go.work first, then of the main modules. */
export function replacementsOf({ mains, work }: MainModules): (module: ModuleAt) => Actual {
  const scopes = [
    ...(work ? [scopeOf(work.directory, work.file.replacements)] : []),
    ...mains.map(({ directory, file }) => scopeOf(directory, file.replacements)),
  ];
  const byPath = new Map(mains.map((main) => [main.file.module, main]));
  return ({ path, version }) => {
    const main = version === MAIN_VERSION ? byPath.get(path) : undefined;
    if (main) return { kind: 'main', main };
    for (const scope of scopes) {
      const found =
        scope.replacements.get(scopeKey(path, version)) ?? scope.replacements.get(scopeKey(path, undefined));
      if (found) return targetOf(scope, found);
    }
    return { kind: 'module', path, version };
  };
}

/** What no workspace may have: a module twice, or two replacements of one version by different ones. */
export function workspaceProblems({ mains, work }: MainModules): Refusal[] {
  if (!work) return [];
  const where = work.directory === '' ? 'go.work' : `${work.directory}/go.work`;
  const fix = 'Correct go.work with `go work edit`.';
  const refuse = (expected: string, found: string): Refusal => ({
    ...{ code: 'gosum.go-work-malformed', where: where.slice(0, 1024), expected: expected.slice(0, 1024) },
    ...{ found: found.slice(0, 1024), fix },
  });
  const paths = mains.map(({ file }) => file.module);
  const twice = paths.filter((path, at) => paths.indexOf(path) !== at).map((path) => refuse('each module once', path));
  const replaced = work.file.replacements
    .filter(({ path, version }) => version === undefined && paths.includes(path))
    .map(({ path }) => refuse('no replacement of every version of a module that it uses', path));
  const overridden = new Set(work.file.replacements.map(({ path }) => path));
  const targets = new Map<string, string>();
  const conflicts = mains.flatMap((main) =>
    main.file.replacements.flatMap((each) => {
      const key = scopeKey(each.path, each.version);
      const target = JSON.stringify(targetOf(scopeOf(main.directory, []), each));
      const first = targets.get(key) ?? target;
      targets.set(key, first);
      return first === target || overridden.has(each.path) ? [] : [refuse('one replacement of a module version', key)];
    }),
  );
  return [...twice, ...replaced, ...conflicts];
}
