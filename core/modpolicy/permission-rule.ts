import { matchesPathPatterns } from '../gosum/module-path.ts';
import type { ModuleFacts } from './module-facts.ts';
import type { ModulePolicy } from './module-policy.ts';
import type { Finding, ModuleRule } from './rule.ts';
import { builtModules } from './selected-modules.ts';

/** Which repositories may publish and fetch which modules: teams, what they have, and what they may. */

type Matrix = ModulePolicy['permission'];
type Act = Matrix['grants'][number]['may'][number];

/** Teams whose repositories include this one, in the order of their names. */
export const teamsOf = ({ teams }: Matrix, { host, name }: ModuleFacts['repository']): string[] =>
  Object.entries(teams)
    .filter(([, repositories]) => matchesPathPatterns(repositories, `${host}/${name}`))
    .map(([team]) => team)
    .sort();

/** Whether one of the teams may do this with a module. Nothing is allowed that no grant names. */
export const isGranted = ({ grants }: Matrix, teams: readonly string[], act: Act, module: string): boolean =>
  grants.some(
    (grant) =>
      grant.may.includes(act) &&
      grant.teams.some((team) => teams.includes(team)) &&
      matchesPathPatterns(grant.modules, module),
  );

function permissionFindings(facts: ModuleFacts, matrix: Matrix): Finding[] {
  const teams = teamsOf(matrix, facts.repository);
  const whose = `${facts.repository.host}/${facts.repository.name} (${teams.length > 0 ? teams.join(', ') : 'no team'})`;
  const denied = (act: Act, path: string, where: string): Finding[] =>
    isGranted(matrix, teams, act, path) ? [] : [{ where, expected: `a grant to ${act} ${path}`, found: whose }];
  return [
    ...denied('publish', facts.module.path, `${facts.module.path}@${facts.module.version}`),
    ...builtModules(facts)
      .filter(({ path }) => matchesPathPatterns(facts.privatePatterns, path))
      .flatMap(({ path, where }) => denied('fetch', path, where)),
  ];
}

const permission: ModuleRule = {
  code: 'modpolicy.permission',
  title: 'The repository may not publish the module that it releases, or may not use a private one.',
  fix: 'Ask whoever owns the module for a grant under `permission.grants`.',
  settings: ['permission'],
  judge: (facts, policy) => (policy.permission.grants.length === 0 ? [] : permissionFindings(facts, policy.permission)),
};

export const PERMISSION_RULES: readonly ModuleRule[] = [permission];
