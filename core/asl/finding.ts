import { isExpression } from './expression.ts';
import { type ExpressionScope, expressionProblems } from './expression-rules.ts';
import { type Json, jsonPath } from './json.ts';

/** What a machine may not say, and where: a JSON path such as `$.States["Verify go.sum"].Retry[0]`. */
export interface LintFinding {
  readonly path: string;
  readonly reason: string;
}

export type Steps = readonly PropertyKey[];

export const finding = (steps: Steps, reason: string): LintFinding => ({ path: jsonPath(steps), reason });

function stringFindings(text: string, steps: Steps, scope: ExpressionScope): LintFinding[] {
  if (isExpression(text)) return expressionProblems(text, scope).map((reason) => finding(steps, reason));
  // Anything else with these marks is a plain string on Step Functions, which nobody means.
  if (/\{%|%\}/.test(text))
    return [finding(steps, 'is no expression: {% and %} must be its first and last characters')];
  return text.includes('${') ? [finding(steps, 'has a placeholder where none is filled in')] : [];
}

/** Judges every string of a template, and its numbers: decimals travel as strings. */
export function templateFindings(template: Json | undefined, steps: Steps, scope: ExpressionScope): LintFinding[] {
  if (typeof template === 'string') return stringFindings(template, steps, scope);
  if (typeof template === 'number')
    return Number.isSafeInteger(template) ? [] : [finding(steps, 'is no integer below 2^53; write it as a string')];
  if (Array.isArray(template)) return template.flatMap((item, at) => templateFindings(item, [...steps, at], scope));
  if (typeof template !== 'object' || template === null) return [];
  return Object.entries(template).flatMap(([key, member]) => templateFindings(member, [...steps, key], scope));
}

/** A field that must be one whole expression. */
export function expressionFindings(text: string, steps: Steps, scope: ExpressionScope): LintFinding[] {
  return isExpression(text) ? templateFindings(text, steps, scope) : [finding(steps, 'is no expression, {% … %}')];
}
