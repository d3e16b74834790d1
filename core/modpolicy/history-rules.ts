import { matchesPathPatterns } from '../gosum/module-path.ts';
import type { ModuleFacts, OriginComparison } from './module-facts.ts';
import type { ModulePolicy } from './module-policy.ts';
import { judgeSignatures } from './publisher-rules.ts';
import { isReviewed } from './reviewed.ts';
import type { ModuleRule } from './rule.ts';
import { builtModules, type SelectedModule } from './selected-modules.ts';

/** What changed since the last release that passed, and where the bytes of it come from. */

const goSumChanged: ModuleRule = {
  code: 'modpolicy.go-sum-changed',
  title: 'go.sum changed since the last release that passed, and no named person reviewed it.',
  fix: 'Let somebody else than the author approve the change at its source host, or name the review under `reviewed`.',
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
    if (!policy['origin-diverged'].compare && !takesTwoSources(policy)) return [];
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

/** Whether the first use of a private module may rest on two sources. */
export const takesTwoSources = ({ 'first-use': { severity, twoSources } }: ModulePolicy): boolean =>
  twoSources && severity !== 'off';

/** Private modules of the build that the last release did not have, at any version. */
export function firstUsedModules(
  facts: Pick<ModuleFacts, 'goMod' | 'buildList' | 'lastRelease' | 'privatePatterns'>,
): SelectedModule[] {
  const known = new Set(facts.lastRelease?.modules.map(({ path }) => path));
  return builtModules(facts).filter(({ path }) => matchesPathPatterns(facts.privatePatterns, path) && !known.has(path));
}

const isApproved = ({ path, version }: SelectedModule, { approved }: ModulePolicy['first-use']): boolean =>
  approved.some((each) => each.path === path && each.version === version);

const holds = (compared: readonly OriginComparison[] | undefined, { path, version }: SelectedModule): boolean =>
  compared?.some(
    ({ module, h1, origin }) =>
      module.path === path && module.version === version && origin.kind === 'hashed' && origin.h1 === h1,
  ) ?? false;

/** A signature vouches, and so do two sources: a proxy that was asked for itself, and the origin behind it. */
function isVouchedFor(facts: ModuleFacts, policy: ModulePolicy): (module: SelectedModule) => boolean {
  const signed = new Set(
    judgeSignatures(facts, policy).flatMap(({ module: { path, version }, word }) =>
      word.kind === 'good' ? [`${path}@${version}`] : [],
    ),
  );
  return (module) =>
    signed.has(`${module.path}@${module.version}`) ||
    (takesTwoSources(policy) && holds(facts.origins, module) && holds(facts.proxied, module));
}

const firstUse: ModuleRule = {
  code: 'modpolicy.first-use',
  title: 'A private module is used for the first time on trust alone (`tofu`).',
  fix: 'Let its publisher sign it, compare it with its origin (`first-use.twoSources`), or approve it under `first-use.approved`.',
  settings: ['first-use'],
  judge: (facts, policy) => {
    const isVouched = isVouchedFor(facts, policy);
    return firstUsedModules(facts)
      .filter((module) => !isVouched(module))
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
