import type { Refusal } from '../verdict.ts';
import type { ModuleFacts } from './module-facts.ts';
import { type ModulePolicy, Severity } from './module-policy.ts';
import type { ModuleRule } from './rule.ts';
import { MODULE_RULES, NOT_CHECKED } from './rules.ts';

export interface ModuleJudgement {
  readonly reasons: readonly Refusal[];
  /** What refuses nothing. */
  readonly warnings: readonly Refusal[];
}

/** A release that breaks one rule more often than this is refused by the first of them. */
const MAX_FINDINGS = 1000;
const MAX_SHOWN = 1024;

/** The strictest of the rule's settings; a rule without one refuses. */
export const severityOf = ({ settings }: ModuleRule, policy: ModulePolicy): Severity =>
  Severity.options.find((severity) => settings.some((name) => policy[name].severity === severity)) ?? 'refuse';

const some = (name: 'expected' | 'found', text: string | undefined) =>
  text === undefined || text === '' ? {} : { [name]: text.slice(0, MAX_SHOWN) };

/** The rule's findings as refusals, bounded. */
function refusalsOf(rule: ModuleRule, facts: ModuleFacts, policy: ModulePolicy): Refusal[] {
  const judged = rule.judge(facts, policy);
  if ('notChecked' in judged)
    return [
      {
        code: NOT_CHECKED.code,
        where: rule.code,
        expected: judged.notChecked,
        found: 'not known',
        fix: NOT_CHECKED.fix,
      },
    ];
  return judged.slice(0, MAX_FINDINGS).map(({ where, expected, found }) => ({
    code: rule.code,
    where: where.slice(0, MAX_SHOWN),
    ...some('expected', expected),
    ...some('found', found),
    fix: rule.fix,
  }));
}

/**
 * Judges facts by every rule, in the order of the rules. What came up while they were gathered comes first and refuses,
 * whatever the policy says.
 */
export function judgeModulePolicy(policy: ModulePolicy, facts: ModuleFacts): ModuleJudgement {
  const reasons: Refusal[] = [...facts.refusals];
  const warnings: Refusal[] = [];
  for (const rule of MODULE_RULES) {
    const severity = severityOf(rule, policy);
    if (severity === 'refuse') reasons.push(...refusalsOf(rule, facts, policy));
    if (severity === 'warn') warnings.push(...refusalsOf(rule, facts, policy));
  }
  return { reasons, warnings };
}
