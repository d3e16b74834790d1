import type { CheckReport } from '../check.ts';
import { type Refusal, type Verdict, verdictOf } from '../verdict.ts';
import type { GateName, Policy, PolicyRule } from './policy.ts';

/**
 * All checks of one gate together: pure, so that anyone can compute a verdict again from its evidence. Passes only when
 * every rule's check was made and no report refuses, a report that no rule asks for included.
 */
export function decide(policy: Policy | undefined, gate: GateName, reports: readonly CheckReport[]): Verdict {
  const rules = policy?.gates[gate]?.rules ?? [];
  const refused = reports.flatMap(reasonsOf);
  if (rules.length === 0 || reports.length === 0) return verdictOf([...refused, emptyGate(gate, rules.length)]);
  return verdictOf([...refused, ...rules.flatMap((rule) => unmet(rule, gate, reports))]);
}

const emptyGate = (gate: GateName, rules: number): Refusal =>
  rules === 0
    ? {
        code: 'policy.empty',
        where: `gate ${gate}`,
        found: 'no rules',
        fix: `Give the policy at least one rule under gates.${gate}.rules.`,
      }
    : { code: 'policy.empty', where: `gate ${gate}`, found: 'no checks', fix: 'Let the workflow make its checks.' };

function unmet(rule: PolicyRule, gate: GateName, reports: readonly CheckReport[]): Refusal[] {
  const made = reports.filter(({ check }) => check === rule.requires).length;
  if (made === 0)
    return [
      { code: 'gate.not-checked', where: rule.requires, expected: rule.message, found: 'no report', fix: rule.fix },
    ];
  // A change has a report for each module of its tree.
  if (made > 1 && rule.each === 'release' && gate !== 'change')
    return [{ code: 'gate.checked-twice', where: rule.requires, expected: 'one report', found: `${made} reports` }];
  return [];
}

/** A report that says one thing and lists another is no pass. */
function reasonsOf({ check, outcome, reasons }: CheckReport): Refusal[] {
  if (outcome === 'refuse' && reasons.length === 0)
    return [{ code: 'gate.report-contradictory', where: check, found: 'refused without a reason' }];
  return reasons;
}
