import jsonata from 'jsonata';
import { isJsonObject, type Json, type JsonObject, parseJson } from './json.ts';
import { StateError } from './state-error.ts';

/** No blank may stand before `{%`: Step Functions then takes the string as it is. */
export const isExpression = (text: string): boolean => text.startsWith('{%') && text.endsWith('%}') && text.length >= 4;
export const expressionBody = (text: string): string => text.slice(2, -2);

/** What an expression reads: `$states` and the variables of its scope. */
export interface Bindings {
  readonly states: {
    readonly input: Json;
    readonly context: JsonObject;
    readonly result?: Json;
    readonly errorOutput?: { readonly Error: string; readonly Cause: string };
  };
  readonly variables: JsonObject;
}

/** 2.0.6, the version of Step Functions, has no guards and hangs on a deep recursion; the linter keeps to its syntax. */
const GUARDS = { timeout: 5000, stack: 500 };
const CACHE_SIZE = 4096;
const parsed = new Map<string, jsonata.Expression>();

function expressionOf(text: string): jsonata.Expression {
  const known = parsed.get(text);
  if (known) return known;
  const made = jsonata(expressionBody(text), GUARDS);
  if (parsed.size >= CACHE_SIZE) parsed.clear();
  parsed.set(text, made);
  return made;
}

const evaluationError = (where: string, reason: string) =>
  new StateError('States.QueryEvaluationError', `The expression at ${where} ${reason}`);

/** JSON has no functions and no infinities; `JSON.stringify` would drop or blank them in silence. */
function requireJson(value: unknown, where: string): void {
  if (typeof value === 'function') throw evaluationError(where, 'gives a function.');
  if (typeof value === 'number' && !Number.isFinite(value)) throw evaluationError(where, 'gives no finite number.');
  if (value !== null && typeof value === 'object')
    for (const member of Object.values(value)) requireJson(member, where);
}

const messageOf = (error: unknown): string =>
  typeof error === 'object' && error !== null && 'message' in error ? String(error.message) : String(error);

async function evaluate(text: string, { states, variables }: Bindings, where: string): Promise<Json> {
  let value: unknown;
  try {
    value = await expressionOf(text).evaluate(undefined, { ...variables, states });
  } catch (error) {
    throw evaluationError(where, `failed: ${messageOf(error)}`);
  }
  if (value === undefined) throw evaluationError(where, 'gives nothing (undefined).');
  requireJson(value, where);
  return parseJson(JSON.stringify(value));
}

/** The value of a template: each string in it that is an expression is evaluated. Throws `States.QueryEvaluationError`. */
export async function evaluateTemplate(template: Json, bindings: Bindings, where: string): Promise<Json> {
  if (typeof template === 'string') return isExpression(template) ? evaluate(template, bindings, where) : template;
  if (Array.isArray(template)) {
    const items: Json[] = [];
    for (const [at, item] of template.entries()) items.push(await evaluateTemplate(item, bindings, `${where}[${at}]`));
    return items;
  }
  if (!isJsonObject(template)) return template;
  const members: [string, Json][] = [];
  for (const [key, member] of Object.entries(template))
    members.push([key, await evaluateTemplate(member, bindings, `${where}/${key}`)]);
  return Object.fromEntries(members);
}

/** A Choice takes only true and false: nothing else is a decision. */
export async function evaluateCondition(condition: string, bindings: Bindings, where: string): Promise<boolean> {
  const value = await evaluateTemplate(condition, bindings, where);
  if (typeof value !== 'boolean') throw evaluationError(where, 'gives no boolean.');
  return value;
}
