import type { GoModFile, ModuleAt, Replacement } from '../gosum/go-mod.ts';
import type { ModuleFacts } from './module-facts.ts';

/** A module of the build as go.mod asks for it, and where that is written. */
export interface SelectedModule extends ModuleAt {
  /** `go.mod:<line>` when go.mod requires it, else the module itself. */
  readonly where: string;
}

type Selected = Pick<ModuleFacts, 'goMod' | 'buildList'>;

/** The modules of the build, the released one left out, by path. */
export function selectedModules({ goMod, buildList }: Selected): SelectedModule[] {
  const lines = new Map(goMod.requirements.map(({ path, line }) => [path, line]));
  const modules = new Map(
    (buildList ?? goMod.requirements).map(({ path, version }) => [`${path}@${version}`, { path, version }]),
  );
  return [...modules.values()]
    .filter(({ path }) => path !== goMod.module)
    .map(({ path, version }) => {
      const line = lines.get(path);
      return { path, version, where: line === undefined ? `${path}@${version}` : `go.mod:${line}` };
    })
    .sort((a, b) => (a.path === b.path ? order(a.version, b.version) : order(a.path, b.path)));
}

const order = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

/** Looks up the replacement that is in force for a module. */
export function replacementLookup({ replacements }: GoModFile): (module: ModuleAt) => Replacement | undefined {
  const ofPath = new Map(replacements.filter(({ version }) => version === undefined).map((each) => [each.path, each]));
  const ofVersion = new Map(replacements.map((each) => [`${each.path}@${each.version ?? ''}`, each]));
  return ({ path, version }) => ofVersion.get(`${path}@${version}`) ?? ofPath.get(path);
}

/** What the build reads of each: the module, or what replaces it; directories of the repository left out. */
export function builtModules(facts: Selected): SelectedModule[] {
  const replacementOf = replacementLookup(facts.goMod);
  return selectedModules(facts).flatMap((selected) => {
    const target = replacementOf(selected)?.target ?? { kind: 'module', ...selected };
    return target.kind === 'module' ? [{ path: target.path, version: target.version, where: selected.where }] : [];
  });
}

/**
 * Modules whose authors may have retracted what is used: all that are built, and those replaced in this one version.
 * A replacement of every version takes a module out of its authors' hands.
 */
export function accountableModules(facts: Selected): SelectedModule[] {
  const whole = new Set(
    facts.goMod.replacements.filter(({ version }) => version === undefined).map(({ path }) => path),
  );
  const own = selectedModules(facts).filter(({ path }) => !whole.has(path));
  const all = [...own, ...builtModules(facts)];
  return [...new Map(all.map((each) => [`${each.path}@${each.version}`, each])).values()];
}
