import { compareVersions } from '../gosum/go-version.ts';
import { matchesPathPatterns } from '../gosum/module-path.ts';
import type { LatestModule, ModuleFacts } from './module-facts.ts';
import type { ModulePolicy } from './module-policy.ts';
import type { ModuleRule } from './rule.ts';
import { accountableModules } from './selected-modules.ts';

/** What the authors of a module say of its versions, in the go.mod of the highest one. No rule advises another version. */

type ReadLatest = Extract<LatestModule, { kind: 'read' }>;

/** Rationales of every retraction that covers the version, as the go command lists them; empty: none does. */
export const rationalesOf = ({ retractions }: Pick<ReadLatest, 'retractions'>, version: string): string[] =>
  retractions
    .filter(({ low, high }) => compareVersions(low, version) <= 0 && compareVersions(version, high) <= 0)
    .map(({ rationale = '' }) => rationale);

const latestByPath = ({ latest }: ModuleFacts) => new Map(latest.map((each) => [each.path, each]));

/** Whether a rule that is on wants to know what the highest version of the module says. */
export const asksLatest = ({ retracted, deprecated }: ModulePolicy, path: string): boolean =>
  [retracted, deprecated].some(({ severity, allow }) => severity !== 'off' && !matchesPathPatterns(allow, path));

const oneLine = (text: string) => text.replace(/[\s\p{C}]+/gu, ' ').trim();

const retracted: ModuleRule = {
  code: 'modpolicy.retracted',
  title: 'A version is used that its authors retracted.',
  fix: 'Read why it was retracted, then choose a version that is not; or allow the module under `retracted.allow`.',
  settings: ['retracted'],
  judge: (facts, policy) => {
    const latestOf = latestByPath(facts);
    return accountableModules(facts).flatMap(({ path, version, where }) => {
      const latest = latestOf.get(path);
      if (latest?.kind !== 'read' || matchesPathPatterns(policy.retracted.allow, path)) return [];
      const rationales = rationalesOf(latest, version);
      if (rationales.length === 0) return [];
      const why = oneLine(rationales.filter(Boolean).join('; ')) || 'no reason is given';
      return [
        {
          where,
          expected: `a version that ${path} ${latest.version} does not retract`,
          found: `${path} ${version}: ${why}`,
        },
      ];
    });
  },
};

/** What could not be asked is no better than what it might have said. */
const notChecked: ModuleRule = {
  code: 'retract.not-checked',
  title: 'Whether a version was retracted is not known: its highest version could not be read or proved.',
  fix: 'Make the list of versions and the go.mod of the highest one available at the module proxy, then run again.',
  settings: ['retracted', 'deprecated'],
  judge: (facts, policy) => {
    const latestOf = latestByPath(facts);
    return accountableModules(facts).flatMap(({ path, version, where }) => {
      const latest = latestOf.get(path) ?? { kind: 'not-checked', why: 'nobody asked' };
      if (latest.kind !== 'not-checked' || !asksLatest(policy, path)) return [];
      return [{ where, expected: `the highest version of ${path}, used at ${version}`, found: latest.why }];
    });
  },
};

const deprecated: ModuleRule = {
  code: 'modpolicy.deprecated',
  title: 'A module is used that its authors deprecated.',
  fix: 'Use what the authors recommend, or allow the module under `deprecated.allow`.',
  settings: ['deprecated'],
  judge: (facts, policy) => {
    const latestOf = latestByPath(facts);
    return accountableModules(facts).flatMap(({ path, version, where }) => {
      const latest = latestOf.get(path);
      if (latest?.kind !== 'read' || latest.deprecated === undefined) return [];
      if (matchesPathPatterns(policy.deprecated.allow, path)) return [];
      return [{ where, found: `${path} ${version}: ${oneLine(latest.deprecated) || 'deprecated'}` }];
    });
  },
};

export const AUTHOR_RULES: readonly ModuleRule[] = [retracted, notChecked, deprecated];
