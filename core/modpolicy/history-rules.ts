import { matchesPathPatterns } from '../gosum/module-path.ts';
import type { ModuleFacts } from './module-facts.ts';
import type { ModulePolicy } from './module-policy.ts';
import { isReviewed } from './reviewed.ts';
import type { ModuleRule } from './rule.ts';
import { builtModules, type SelectedModule } from './selected-modules.ts';

/** What changed since the last release that passed, and where the bytes of it come from. */

const goSumChanged: ModuleRule = {
  code: 'modpolicy.go-sum-changed',
  title: 'go.sum changed since the last release that passed, and no named person reviewed it.',
  fix: 'Let somebody else than the author read what is new, and name the review under `reviewed`.',
  settings: ['go-sum-changed'],
  judge: (facts, policy) => {
    const { lastRelease, goSumSha256 } = facts;
    // Nothing to compare a first release with: every line of it is new.
    if (lastRelease === undefined || lastRelease.goSumSha256 === goSumSha256 || isReviewed(facts, policy)) return [];
    return [
      {
        where: 'go.sum',
        expected: `${lastRelease.goSumSha256 ?? 'no go.sum'}, as in ${lastRelease.tag}`,
        found: goSumSha256 ?? 'no go.sum',
      },
    ];
  },
};

const h2Line: ModuleRule = {
  code: 'modpolicy.h2-line',
  title: 'go.sum has a hash of an algorithm that the go command passes over.',
  fix: 'Take the line away: it proves nothing, and whoever reads it believes that it does.',
  settings: ['h2-line'],
  judge: ({ goSum }) =>
    goSum.split('\n').flatMap((row, at) => {
      const [module = '', version = '', hash] = row.split(/\s+/).filter(Boolean);
      if (hash === undefined || !/^h[02-9]\d*:/.test(hash)) return [];
      return [{ where: `go.sum:${at + 1}`, expected: 'an h1: hash', found: `${module} ${version} ${hash}` }];
    }),
};

const originDiverged: ModuleRule = {
  code: 'modpolicy.origin-diverged',
  title: 'The module that the proxy serves is not the one that is tagged at its origin.',
  fix: 'Do not build with it: compare both trees, and tell the authors and whoever runs the proxy.',
  settings: [],
  judge: ({ origins }, policy) => {
    if (!policy['origin-diverged'].compare) return [];
    if (origins === undefined) return { notChecked: 'what the origins of the modules hold' };
    return origins.flatMap(({ module, h1, origin }) =>
      origin.kind === 'hashed' && origin.h1 !== h1
        ? [{ where: `${module.path}@${module.version}`, expected: `${origin.h1}, as tagged at its origin`, found: h1 }]
        : [],
    );
  },
};

const originNotChecked: ModuleRule = {
  code: 'modpolicy.origin-not-checked',
  title: 'What is tagged at the origin of a module could not be read.',
  fix: 'Make the origin reachable, or look at its tag by hand.',
  settings: ['origin-not-checked'],
  judge: ({ origins = [] }) =>
    origins.flatMap(({ module, origin }) =>
      origin.kind === 'hashed'
        ? []
        : [
            {
              where: `${module.path}@${module.version}`,
              expected: 'the zip of the tag at its origin',
              found: origin.why,
            },
          ],
    ),
};

/** Private modules of the build that the last release did not have, at any version. */
export function firstUsedModules(
  facts: Pick<ModuleFacts, 'goMod' | 'buildList' | 'lastRelease' | 'privatePatterns'>,
): SelectedModule[] {
  const known = new Set(facts.lastRelease?.modules.map(({ path }) => path));
  return builtModules(facts).filter(({ path }) => matchesPathPatterns(facts.privatePatterns, path) && !known.has(path));
}

const isApproved = ({ path, version }: SelectedModule, { approved }: ModulePolicy['first-use']): boolean =>
  approved.some((each) => each.path === path && each.version === version);

const firstUse: ModuleRule = {
  code: 'modpolicy.first-use',
  title: 'A private module is used for the first time on trust alone (`tofu`).',
  fix: 'Let its publisher sign it, name a second source that holds the same bytes, or approve it under `first-use.approved`.',
  settings: ['first-use'],
  judge: (facts, policy) => {
    const bases = new Map(facts.firstUses?.map(({ module, basis }) => [`${module.path}@${module.version}`, basis]));
    return firstUsedModules(facts)
      .filter((module) => (bases.get(`${module.path}@${module.version}`) ?? []).length === 0)
      .filter((module) => !isApproved(module, policy['first-use']))
      .map(({ path, version, where }) => ({
        where,
        expected: 'a publisher signature, two independent sources, or an approval',
        found: `tofu: ${path} ${version}`,
      }));
  },
};

const privateFromPublic: ModuleRule = {
  code: 'modpolicy.private-from-public',
  title: 'A module that is declared private is known to a public service.',
  fix: 'Find out who published it: the name is taken or the module has leaked. Declare it public when it is meant to be.',
  settings: [],
  judge: ({ publicSightings }) =>
    publicSightings.map(({ module, seenAt }) => ({
      where: `${module.path}@${module.version}`,
      expected: 'a module that no public service knows',
      found: seenAt,
    })),
};

export const HISTORY_RULES: readonly ModuleRule[] = [
  goSumChanged,
  h2Line,
  originDiverged,
  originNotChecked,
  firstUse,
  privateFromPublic,
];
