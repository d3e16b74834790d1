import type { Replacement } from '../gosum/go-mod.ts';
import { compareVersions, isIncompatible, isPseudoVersion } from '../gosum/go-version.ts';
import { matchesPathPatterns } from '../gosum/module-path.ts';
import { readPlaces } from './go-mod-places.ts';
import type { ModulePolicy } from './module-policy.ts';
import { timeOfPseudoVersion } from './pseudo-version-time.ts';
import type { Finding, ModuleRule } from './rule.ts';
import { builtModules, replacementLookup, type SelectedModule, selectedModules } from './selected-modules.ts';
import { inVersionRanges } from './version-range.ts';

/** Which versions of which modules a release may be built of. */

const DAY_MS = 24 * 60 * 60 * 1000;
const name = ({ path, version }: { path: string; version: string }) => `${path} ${version}`;

/** Why a commit may not be used in place of a version; `undefined`: it may. */
function pseudoVersionProblem(
  { path, version }: { path: string; version: string },
  day: number,
  { allow, maxAgeDays }: ModulePolicy['pseudo-version'],
): Omit<Finding, 'where'> | undefined {
  if (!matchesPathPatterns(allow, path)) return { expected: 'a tagged version', found: `${path} ${version}` };
  const time = timeOfPseudoVersion(version);
  const committed = time === undefined ? undefined : Math.floor(time / DAY_MS);
  // A day of grace: clocks of committers differ.
  if (committed === undefined || committed > day + 1)
    return { expected: 'a commit of a day that has been', found: `${path} ${version}` };
  if (maxAgeDays === undefined || day - committed <= maxAgeDays) return undefined;
  return {
    expected: `a commit of the last ${maxAgeDays} days`,
    found: `${path} ${version}: ${day - committed} days old`,
  };
}

const notSemver: ModuleRule = {
  code: 'modpolicy.not-semver',
  title: 'A requirement does not name its version in full, as `v1.2.3`.',
  fix: 'Run `go mod tidy`: it writes the version that is meant.',
  settings: ['not-semver'],
  judge: ({ goMod, goModText }) => {
    const places = readPlaces(goModText);
    return goMod.requirements.flatMap(({ path, version, line }) => {
      const words = places.wordsOf(line);
      if (words.includes(version)) return [];
      return [
        { where: `go.mod:${line}`, expected: name({ path, version }), found: words.join(' ') || 'an empty line' },
      ];
    });
  },
};

const pseudoVersion: ModuleRule = {
  code: 'modpolicy.pseudo-version',
  title: 'A module is used at a commit that has no version.',
  fix: 'Require a tagged version, or allow the module under `pseudo-version.allow`.',
  settings: ['pseudo-version'],
  judge: (facts, policy) =>
    builtModules(facts)
      .filter(({ version }) => isPseudoVersion(version))
      .flatMap((module) => {
        const problem = pseudoVersionProblem(module, facts.day, policy['pseudo-version']);
        return problem ? [{ where: module.where, ...problem }] : [];
      }),
};

const incompatible: ModuleRule = {
  code: 'modpolicy.incompatible',
  title: 'A module of major version 2 or higher is used that has no go.mod (`+incompatible`).',
  fix: 'Require the module by its path of that major version, or allow it under `incompatible.allow`.',
  settings: ['incompatible'],
  judge: (facts, policy) =>
    builtModules(facts)
      .filter(({ path, version }) => isIncompatible(version) && !matchesPathPatterns(policy.incompatible.allow, path))
      .map((module) => ({
        where: module.where,
        expected: 'a version of a module that has a go.mod',
        found: name(module),
      })),
};

const denied: ModuleRule = {
  code: 'modpolicy.denied',
  title: 'A module is used that the policy denies.',
  fix: 'Require another module or another version; the reason is that of the policy.',
  settings: ['denied'],
  judge: (facts, policy) => {
    const modules = [...selectedModules(facts), ...builtModules(facts)];
    const each = new Map(modules.map((module) => [name(module), module]));
    return [...each.values()].flatMap((module) => {
      const rule = policy.denied.modules.find(
        ({ path, versions }) => matchesPathPatterns([path], module.path) && inVersionRanges(versions, module.version),
      );
      return rule ? [{ where: module.where, expected: `not ${rule.path}: ${rule.reason}`, found: name(module) }] : [];
    });
  },
};

type Floor = ModulePolicy['below-floor']['modules'][number];

/** What is built of a module with a floor, where that is too low or no version of the module at all. */
function belowFloor(selected: SelectedModule, target: Replacement['target'] | undefined, floor: Floor): Finding[] {
  const expected = 'exactly' in floor ? `${floor.path} ${floor.exactly}` : `${floor.path} ${floor.minimum} or higher`;
  const { where } = selected;
  if (target?.kind === 'directory') return [{ where, expected, found: `the directory ${target.directory}` }];
  const built = target ?? selected;
  const order = compareVersions(built.version, 'exactly' in floor ? floor.exactly : floor.minimum);
  const held = built.path === floor.path && ('exactly' in floor ? order === 0 : order >= 0);
  return held ? [] : [{ where, expected, found: name(built) }];
}

const floors: ModuleRule = {
  code: 'modpolicy.below-floor',
  title: 'A module is older than the policy asks for, or not at the one version that it forces.',
  fix: 'Require the version of the policy: `go get MODULE@VERSION`. Go has no other way to force one than the main go.mod.',
  settings: ['below-floor'],
  judge: (facts, policy) => {
    const replacementOf = replacementLookup(facts.goMod);
    const byPath = new Map<string, SelectedModule[]>();
    for (const module of selectedModules(facts)) {
      const same = byPath.get(module.path);
      if (same) same.push(module);
      else byPath.set(module.path, [module]);
    }
    return policy['below-floor'].modules.flatMap((floor) =>
      (byPath.get(floor.path) ?? []).flatMap((module) => belowFloor(module, replacementOf(module)?.target, floor)),
    );
  },
};

const caseCollision: ModuleRule = {
  code: 'modpolicy.case-collision',
  title: 'Two module paths are equal but for upper and lower case.',
  fix: 'Find out which of the two is meant, and require it alone: the other may be somebody else’s.',
  settings: ['case-collision'],
  judge: (facts) => {
    const released = { path: facts.goMod.module, where: 'go.mod' };
    const seen = new Map<string, string>();
    const told = new Set<string>();
    return [released, ...selectedModules(facts), ...builtModules(facts)].flatMap(({ path, where }) => {
      const folded = path.toLowerCase();
      const first = seen.get(folded) ?? path;
      seen.set(folded, first);
      if (first === path || told.has(path)) return [];
      told.add(path);
      return [{ where, expected: first, found: path }];
    });
  },
};

const unused: ModuleRule = {
  code: 'modpolicy.unused-requirement',
  title: 'go.mod or go.sum has a line that nothing needs.',
  fix: 'Run `go mod tidy` and review what it takes away.',
  settings: ['unused-requirement'],
  judge: ({ unused: lines }) =>
    lines?.map(({ what, where }) => ({ where, found: what })) ?? { notChecked: 'which modules the packages need' },
};

export const REQUIREMENT_RULES: readonly ModuleRule[] = [
  notSemver,
  pseudoVersion,
  incompatible,
  denied,
  floors,
  caseCollision,
  unused,
];
