import { type Catcher, type Retrier, type State, type StateOf, TOKEN_RESOURCE } from './definition.ts';
import { isExpression } from './expression.ts';
import { type ExpressionScope, givesArray, isFunctionName } from './expression-rules.ts';
import { expressionFindings, finding, type LintFinding, type Steps, templateFindings } from './finding.ts';
import type { Json } from './json.ts';
import { isKnownError } from './state-error.ts';

export interface MachineRules {
  /** Faults that tasks throw: what Retry and Catch may name beside the errors of Step Functions. */
  readonly faults: readonly string[];
  /** Whether a Catch may start a compensation. Such a machine is not redrivable and replays as a new run. */
  readonly compensating?: boolean;
}

/** What is read on the way into a state: its input and variables. */
const entryScope = (variables: ReadonlySet<string>): ExpressionScope => ({
  result: 'none',
  errorOutput: false,
  mapItem: false,
  token: false,
  variables,
});

interface Results {
  readonly Assign?: Record<string, Json> | undefined;
  readonly Output?: Json | undefined;
}

function resultFindings({ Assign, Output }: Results, steps: Steps, scope: ExpressionScope): LintFinding[] {
  const names = Object.keys(Assign ?? {}).filter((name) => name === 'states' || isFunctionName(name));
  return [
    ...names.map((name) => finding([...steps, 'Assign', name], 'is a name that expressions need themselves')),
    ...templateFindings(Assign, [...steps, 'Assign'], scope),
    ...templateFindings(Output, [...steps, 'Output'], scope),
  ];
}

function errorNameFindings(
  names: readonly string[],
  steps: Steps,
  { faults }: MachineRules,
  last: boolean,
): LintFinding[] {
  const found = names.flatMap((name, at) =>
    isKnownError(name, faults)
      ? []
      : [finding([...steps, 'ErrorEquals', at], `names an error that nobody throws, or none to act on: ${name}`)],
  );
  const all = names.includes('States.ALL');
  return all && (names.length > 1 || !last)
    ? [...found, finding([...steps, 'ErrorEquals'], 'States.ALL stands alone and last')]
    : found;
}

function repeatedNames(lists: readonly { readonly ErrorEquals: readonly string[] }[], steps: Steps): LintFinding[] {
  const names = lists.flatMap(({ ErrorEquals }) => ErrorEquals);
  const repeated = new Set(names.filter((name, at) => names.indexOf(name) !== at));
  return [...repeated].map((name) => finding(steps, `names ${name} twice; the second is never looked at`));
}

function retryFindings(retriers: readonly Retrier[], comment: string | undefined, steps: Steps, rules: MachineRules) {
  const here = [...steps, 'Retry'];
  const reason = comment === undefined ? [finding(steps, 'retries without saying why in its Comment')] : [];
  const each = retriers.flatMap((retrier, at) => {
    const { ErrorEquals, IntervalSeconds = 1, MaxDelaySeconds } = retrier;
    const delay =
      MaxDelaySeconds !== undefined && MaxDelaySeconds <= IntervalSeconds
        ? [finding([...here, at, 'MaxDelaySeconds'], 'must be more than IntervalSeconds')]
        : [];
    return [...errorNameFindings(ErrorEquals, [...here, at], rules, at === retriers.length - 1), ...delay];
  });
  return [...reason, ...each, ...repeatedNames(retriers, here)];
}

const TIMEOUTS = ['States.Timeout', 'States.HeartbeatTimeout'];

/**
 * A run that a Catch leads into Fail can only be redriven into Fail again, so a fault is left uncaught. Two uses stay:
 * a machine that compensates, and an approval whose time-out is a recorded refusal.
 */
function catchFindings(
  catchers: readonly Catcher[],
  state: State,
  steps: Steps,
  rules: MachineRules,
  scope: ExpressionScope,
): LintFinding[] {
  const here = [...steps, 'Catch'];
  const waitsForToken = state.Type === 'Task' && state.Resource === TOKEN_RESOURCE;
  const each = catchers.flatMap((catcher, at) => {
    const isTimeout = waitsForToken && catcher.ErrorEquals.every((name) => TIMEOUTS.includes(name));
    const use =
      rules.compensating || isTimeout
        ? []
        : [finding([...here, at], 'catches a fault; only a compensation or the time-out of an approval may')];
    return [
      ...use,
      ...errorNameFindings(catcher.ErrorEquals, [...here, at], rules, at === catchers.length - 1),
      ...resultFindings(catcher, [...here, at], { ...scope, errorOutput: true }),
    ];
  });
  return [...each, ...repeatedNames(catchers, here)];
}

function heartbeatFindings(state: StateOf<'Task'>, steps: Steps, scope: ExpressionScope): LintFinding[] {
  const { HeartbeatSeconds: seconds, TimeoutSeconds } = state;
  const here = [...steps, 'HeartbeatSeconds'];
  const token = state.Resource === TOKEN_RESOURCE;
  if (seconds === undefined) return token ? [finding(steps, 'waits for a token and must have HeartbeatSeconds')] : [];
  if (!token) return [finding(here, 'is for tasks that wait for a token')];
  if (typeof seconds === 'string') return expressionFindings(seconds, here, scope);
  return seconds < TimeoutSeconds ? [] : [finding(here, 'must be less than TimeoutSeconds')];
}

function taskFindings(state: StateOf<'Task'>, steps: Steps, scope: ExpressionScope): LintFinding[] {
  const token = state.Resource === TOKEN_RESOURCE;
  const found = templateFindings(state.Arguments.Payload, [...steps, 'Arguments', 'Payload'], { ...scope, token });
  found.push(...resultFindings(state, steps, { ...scope, result: token ? 'any' : 'payload' }));
  found.push(...heartbeatFindings(state, steps, scope));
  if (token && !JSON.stringify(state.Arguments.Payload).includes('$states.context.Task.Token'))
    found.push(finding([...steps, 'Arguments', 'Payload'], 'must hand on $states.context.Task.Token'));
  return found;
}

function mapFindings(state: StateOf<'Map'>, steps: Steps, scope: ExpressionScope): LintFinding[] {
  const items =
    typeof state.Items !== 'string'
      ? templateFindings(state.Items, [...steps, 'Items'], scope)
      : expressionFindings(state.Items, [...steps, 'Items'], scope);
  if (typeof state.Items === 'string' && items.length === 0 && !givesArray(state.Items))
    items.push(finding([...steps, 'Items'], 'must be written as an array, {% [ … ] %}: one element alone is no array'));
  return [
    ...items,
    ...templateFindings(state.ItemSelector, [...steps, 'ItemSelector'], { ...scope, mapItem: true }),
    ...resultFindings(state, steps, { ...scope, result: 'any' }),
  ];
}

function choiceFindings(state: StateOf<'Choice'>, steps: Steps, scope: ExpressionScope): LintFinding[] {
  const each = state.Choices.flatMap((choice, at) => {
    const here = [...steps, 'Choices', at];
    return [
      ...expressionFindings(choice.Condition, [...here, 'Condition'], scope),
      ...resultFindings(choice, here, scope),
    ];
  });
  return [...each, ...resultFindings(state, steps, scope)];
}

/** RFC 3339, as Step Functions reads it. */
/** RFC 3339 with an upper-case T and Z, as Step Functions takes it. */
export const isInstant = (text: string): boolean =>
  /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)$/.test(text) && !Number.isNaN(Date.parse(text));

function waitFindings(state: StateOf<'Wait'>, steps: Steps, scope: ExpressionScope): LintFinding[] {
  const { Seconds, Timestamp } = state;
  const found = resultFindings(state, steps, scope);
  if ((Seconds === undefined) === (Timestamp === undefined))
    found.push(finding(steps, 'must have either Seconds or Timestamp'));
  if (typeof Seconds === 'string') found.push(...expressionFindings(Seconds, [...steps, 'Seconds'], scope));
  if (Timestamp === undefined) return found;
  if (isExpression(Timestamp) || !isInstant(Timestamp))
    found.push(...expressionFindings(Timestamp, [...steps, 'Timestamp'], scope));
  return found;
}

/** What a state may not say by itself; flows inside it are judged by the caller. */
export function stateFindings(
  state: State,
  steps: Steps,
  variables: ReadonlySet<string>,
  rules: MachineRules,
): LintFinding[] {
  const scope = entryScope(variables);
  const found: LintFinding[] = [];
  if ('Retry' in state && state.Retry) found.push(...retryFindings(state.Retry, state.Comment, steps, rules));
  if ('Catch' in state && state.Catch) found.push(...catchFindings(state.Catch, state, steps, rules, scope));
  switch (state.Type) {
    case 'Task':
      return [...found, ...taskFindings(state, steps, scope)];
    case 'Choice':
      return choiceFindings(state, steps, scope);
    case 'Map':
      return [...found, ...mapFindings(state, steps, scope)];
    case 'Parallel':
      return [
        ...found,
        ...templateFindings(state.Arguments, [...steps, 'Arguments'], scope),
        ...resultFindings(state, steps, { ...scope, result: 'any' }),
      ];
    case 'Wait':
      return waitFindings(state, steps, scope);
    case 'Fail':
      return templateFindings({ Error: state.Error, Cause: state.Cause ?? '' }, steps, scope);
    case 'Pass':
    case 'Succeed':
      return resultFindings(state, steps, scope);
  }
}
