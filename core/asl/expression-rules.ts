import jsonataOfStepFunctions from 'jsonata-aws';
import { expressionBody } from './expression.ts';

/** What an expression may read where it stands. */
export interface ExpressionScope {
  /** `payload`: the result of an invocation, whose Lambda envelope is not ours to read. */
  readonly result: 'none' | 'payload' | 'any';
  readonly errorOutput: boolean;
  readonly mapItem: boolean;
  readonly token: boolean;
  /** Variables that are assigned on every way to here. */
  readonly variables: ReadonlySet<string>;
}

/** Functions that give the same on every engine and version, and end; with the arguments each must be given. */
const FUNCTIONS = new Map([
  ['exists', 1],
  ['count', 1],
  ['string', 1],
  ['merge', 1],
  ['append', 2],
  ['lookup', 2],
  ['not', 1],
]);
export const isFunctionName = (name: string): boolean => FUNCTIONS.has(name);

const OPERATORS = ['=', '!=', '<', '<=', '>', '>=', 'and', 'or', 'in', '&'];

/** Reads of the context object that mean the same on both engines; the longest way that may be read as a whole. */
const CONTEXT_READS = [
  'Execution.Name',
  'Execution.StartTime',
  'Execution.Input',
  'Execution.RedriveCount',
  'State.Name',
  'State.EnteredTime',
  'State.RetryCount',
  'Map.Item.Index',
  'Map.Item.Value',
  'Task.Token',
];
/** Step Functions has it, some back ends do not: to be read under `$exists` only. */
const OPTIONAL_CONTEXT = 'Execution.RedriveCount';

interface Node {
  readonly type: string;
  readonly value: unknown;
  readonly [key: string]: unknown;
}

interface Place {
  readonly scope: ExpressionScope;
  /** Inside a path step or a filter, where `$` and bare names mean the item at hand. */
  readonly item: boolean;
  /** Inside `[ ]`, `$count` or `$exists`, where nothing found is no error. */
  readonly mayBeEmpty: boolean;
  /** What an enclosing `$exists` has made sure of. */
  readonly guarded: ReadonlySet<string>;
}

const isNode = (value: unknown): value is Node =>
  typeof value === 'object' && value !== null && 'type' in value && typeof value.type === 'string';
const nodes = (value: unknown): Node[] => (Array.isArray(value) ? value.filter(isNode) : isNode(value) ? [value] : []);
const text = (value: unknown): string => (typeof value === 'string' ? value : '');

/** Fields of syntax that the subset does not have, wherever a node carries one. */
const REFUSED_FIELDS: Readonly<Record<string, string>> = {
  group: 'groups by { }',
  focus: 'joins by @',
  index: 'counts by #',
  ancestor: 'reads the parent by %',
  keepArray: 'keeps an array by [ ]; write [expression]',
  nextFunction: 'chains functions',
};

const nameOfRead = (steps: readonly Node[]): string => steps.map(({ value }) => text(value)).join('.');

/** Ways that `$exists` calls in a condition make sure of, where the condition is true. */
function guardsOf(node: Node): string[] {
  if (node.type === 'block') return nodes(node.expressions).flatMap(guardsOf);
  if (node.type === 'binary' && node.value === 'and') return [...nodes(node.lhs), ...nodes(node.rhs)].flatMap(guardsOf);
  if (node.type !== 'function' || nodes(node.procedure)[0]?.value !== 'exists') return [];
  return nodes(node.arguments).flatMap((argument) => {
    const steps = argument.type === 'path' ? nodes(argument.steps) : [argument];
    return [nameOfRead(steps.slice(0, 1)), nameOfRead(steps)];
  });
}

const guardedBy = (place: Place, condition: readonly Node[]): Place => ({
  ...place,
  guarded: new Set([...place.guarded, ...condition.flatMap(guardsOf)]),
});

/** `$states.…`: only the parts that exist where the expression stands. */
function statesReadProblems(steps: readonly Node[], { scope, guarded }: Place): string[] {
  const names = steps.slice(1).map((step) => (step.type === 'name' ? text(step.value) : ''));
  const [part = '', ...rest] = names;
  if (part === 'input') return [];
  if (part === 'result') {
    if (scope.result === 'none') return ['reads $states.result, which does not exist here'];
    if (scope.result === 'payload' && rest[0] !== 'Payload')
      return ['reads the envelope of Lambda; write $states.result.Payload'];
    return [];
  }
  if (part === 'errorOutput') {
    if (!scope.errorOutput) return ['reads $states.errorOutput, which does not exist here'];
    return rest[0] === 'Error' ? [] : ['reads more of $states.errorOutput than its Error'];
  }
  if (part !== 'context') return ['reads $states as a whole, or a part of it that does not exist'];
  const read = CONTEXT_READS.find((known) => `${rest.join('.')}.`.startsWith(`${known}.`));
  if (read === undefined) return [`reads $states.context.${rest.join('.')}, which is not in the subset`];
  if (read.startsWith('Map.') && !scope.mapItem) return ['reads the item of a Map outside its ItemSelector'];
  if (read === 'Task.Token' && !scope.token) return ['reads a token where none is made'];
  if (read === OPTIONAL_CONTEXT && !guarded.has(`states.context.${OPTIONAL_CONTEXT}`))
    return [`reads $states.context.${OPTIONAL_CONTEXT} without $exists`];
  return [];
}

function variableProblems(name: string, { scope, item, guarded }: Place): string[] {
  if (name === '') return item ? [] : ['reads $ where there is no item'];
  if (name === '$') return ['reads $$, which is nothing here'];
  if (name === 'states') return ['reads $states as a whole'];
  return scope.variables.has(name) || guarded.has(name)
    ? []
    : [`reads $${name}, which is not assigned on every way to here`];
}

/** A filter by position finds one or nothing; one by condition may find none, one or many. */
function filterProblems(node: Node, place: Place): string[] {
  const filters = [...nodes(node.predicate), ...nodes(node.stages)];
  return filters.flatMap((filter) => {
    const [condition] = nodes(filter.expr);
    if (filter.type !== 'filter' || !condition) return [`has ${filter.type}, which is not in the subset`];
    if (condition.type === 'number') return nodeProblems(condition, place);
    const bare = place.mayBeEmpty ? [] : ['filters outside [ ]: nothing found is an error, and one found is no array'];
    return [...bare, ...nodeProblems(condition, { ...place, item: true, mayBeEmpty: false })];
  });
}

function pathProblems(node: Node, place: Place): string[] {
  const steps = nodes(node.steps);
  const [first] = steps;
  if (first?.type === 'name' && !place.item)
    return [`reads the bare name ${text(first.value)}; write $states.input or a variable`];
  const isStates = first?.type === 'variable' && first.value === 'states';
  const stepProblems = steps.flatMap((step, at) => {
    if (at === 0 && isStates) return [...fieldProblems(step), ...filterProblems(step, place)];
    if (step.type === 'name') return [...fieldProblems(step), ...filterProblems(step, place)];
    if (at > 0 && step.type === 'variable' && step.value !== '') return ['maps to a variable'];
    return nodeProblems(step, at === 0 ? place : { ...place, item: true, mayBeEmpty: false });
  });
  return [...(isStates ? statesReadProblems(steps, place) : []), ...stepProblems];
}

function functionProblems(node: Node, place: Place): string[] {
  const [procedure] = nodes(node.procedure);
  const name = procedure?.type === 'variable' ? text(procedure.value) : '';
  const arity = FUNCTIONS.get(name);
  if (arity === undefined) return [`calls $${name || '…'}, which is not in the subset`];
  const inner = { ...place, mayBeEmpty: name === 'exists' || name === 'count' };
  const argumentNodes = nodes(node.arguments);
  // Left out, an argument is taken from the context, which differs from place to place.
  if (argumentNodes.length !== arity) return [`calls $${name} without its ${arity} argument(s)`];
  // $exists is how a read is guarded: what it asks for may be missing.
  const asked = name === 'exists' ? guardedBy(inner, [node]) : inner;
  return argumentNodes.flatMap((argument) => nodeProblems(argument, asked));
}

function unaryProblems(node: Node, place: Place): string[] {
  if (node.value === '[')
    return nodes(node.expressions).flatMap((member) => nodeProblems(member, { ...place, mayBeEmpty: true }));
  if (node.value !== '{' || !Array.isArray(node.lhs)) return [`uses the operator ${text(node.value)}`];
  return node.lhs.flatMap((pair) => {
    const [key, value] = nodes(pair);
    if (key?.type !== 'string' || !value) return ['computes a key'];
    return nodeProblems(value, { ...place, mayBeEmpty: false });
  });
}

function conditionProblems(node: Node, place: Place): string[] {
  const condition = nodes(node.condition);
  const otherwise = nodes(node.else);
  if (otherwise.length === 0) return ['has a ? without its :, which gives nothing'];
  const inner = { ...place, mayBeEmpty: false };
  return [
    ...condition.flatMap((part) => nodeProblems(part, inner)),
    ...nodes(node.then).flatMap((part) => nodeProblems(part, guardedBy(place, condition))),
    ...otherwise.flatMap((part) => nodeProblems(part, place)),
  ];
}

function binaryProblems(node: Node, place: Place): string[] {
  const operator = text(node.value);
  if (!OPERATORS.includes(operator)) return [`uses the operator ${operator}`];
  const inner = { ...place, mayBeEmpty: false };
  const left = nodes(node.lhs);
  return [
    ...left.flatMap((side) => nodeProblems(side, inner)),
    ...nodes(node.rhs).flatMap((side) => nodeProblems(side, operator === 'and' ? guardedBy(inner, left) : inner)),
  ];
}

const fieldProblems = (node: Node): string[] =>
  Object.entries(REFUSED_FIELDS).flatMap(([field, reason]) => (node[field] === undefined ? [] : [reason]));

function shapeProblems(node: Node, place: Place): string[] {
  switch (node.type) {
    case 'path':
      return pathProblems(node, place);
    case 'variable':
      return variableProblems(text(node.value), place);
    case 'string':
    case 'value':
      return [];
    case 'number':
      return Number.isSafeInteger(node.value) ? [] : ['has a number that is no integer below 2^53'];
    case 'binary':
      return binaryProblems(node, place);
    case 'unary':
      return unaryProblems(node, place);
    case 'condition':
      return conditionProblems(node, place);
    case 'function':
      return functionProblems(node, place);
    case 'block': {
      const [only, ...more] = nodes(node.expressions);
      return only && more.length === 0 ? nodeProblems(only, place) : ['has a sequence of expressions'];
    }
    case 'name':
      return place.item ? [] : ['reads a bare name'];
    default:
      return [`uses ${node.type}, which is not in the subset`];
  }
}

function nodeProblems(node: Node, place: Place): string[] {
  return [...shapeProblems(node, place), ...fieldProblems(node), ...filterProblems(node, place)];
}

/** The syntax tree as Step Functions sees it (JSONata 2.0.6), or why it has none. */
function parse(expression: string): { readonly tree: Node } | { readonly problem: string } {
  try {
    const tree: unknown = jsonataOfStepFunctions(expressionBody(expression)).ast();
    return isNode(tree) ? { tree } : { problem: 'has no syntax tree' };
  } catch (error) {
    const message = typeof error === 'object' && error !== null && 'message' in error ? String(error.message) : '';
    return { problem: `is no JSONata 2.0.6: ${message}` };
  }
}

/** What an expression does that the subset forbids where it stands; empty when it may stay. */
export function expressionProblems(expression: string, scope: ExpressionScope): string[] {
  const read = parse(expression);
  if ('problem' in read) return [read.problem];
  return nodeProblems(read.tree, { scope, item: false, mayBeEmpty: false, guarded: new Set() });
}

/** Whether an expression is written as an array, `[…]`: a path over one element would give the element. */
export function givesArray(expression: string): boolean {
  const read = parse(expression);
  return 'tree' in read && read.tree.type === 'unary' && read.tree.value === '[' && read.tree.predicate === undefined;
}
