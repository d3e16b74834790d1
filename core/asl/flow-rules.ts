import type { Flow, State } from './definition.ts';
import { finding, type LintFinding, type Steps } from './finding.ts';

/** A way from one state to the next, and the variables it assigns. */
interface Edge {
  readonly to: string;
  /** Where the target is named, below the state. */
  readonly at: Steps;
  readonly assigns: readonly string[];
}

const namesIn = (assign: object | undefined): string[] => Object.keys(assign ?? {});

export function edgesOf(state: State): Edge[] {
  if (state.Type === 'Succeed' || state.Type === 'Fail') return [];
  if (state.Type === 'Choice')
    return [
      ...state.Choices.map((choice, at) => ({
        to: choice.Next,
        at: ['Choices', at, 'Next'],
        assigns: namesIn(choice.Assign),
      })),
      { to: state.Default, at: ['Default'], assigns: namesIn(state.Assign) },
    ];
  const next = state.Next === undefined ? [] : [{ to: state.Next, at: ['Next'], assigns: namesIn(state.Assign) }];
  const caught = 'Catch' in state ? (state.Catch ?? []) : [];
  return [
    ...next,
    ...caught.map((catcher, at) => ({ to: catcher.Next, at: ['Catch', at, 'Next'], assigns: namesIn(catcher.Assign) })),
  ];
}

/** Every name a flow assigns itself; the flows inside its states assign their own. */
export const assignedIn = (flow: Flow): Set<string> =>
  new Set(
    Object.values(flow.States).flatMap((state) => [
      ...edgesOf(state).flatMap(({ assigns }) => assigns),
      ...('Assign' in state ? namesIn(state.Assign) : []),
    ]),
  );

/** Targets that exist, states that are reached, and an end. */
export function graphFindings(flow: Flow, steps: Steps): LintFinding[] {
  const found: LintFinding[] = [];
  const states = new Map(Object.entries(flow.States));
  if (!states.has(flow.StartAt))
    found.push(finding([...steps, 'StartAt'], `names no state of its own: ${flow.StartAt}`));
  for (const [name, state] of states) {
    const here = [...steps, 'States', name];
    for (const { to, at } of edgesOf(state))
      if (!states.has(to)) found.push(finding([...here, ...at], `names no state beside it: ${to}`));
    if (!['Choice', 'Succeed', 'Fail'].includes(state.Type)) found.push(...onwardFindings(state, here));
  }
  const reached = reachedFrom(flow.StartAt, states);
  for (const name of states.keys())
    if (!reached.has(name)) found.push(finding([...steps, 'States', name], 'is never reached'));
  if (![...reached].some((name) => isLast(states.get(name)))) found.push(finding(steps, 'has no end that is reached'));
  return found;
}

const isLast = (state: State | undefined): boolean =>
  state !== undefined && (state.Type === 'Succeed' || state.Type === 'Fail' || ('End' in state && state.End === true));

function onwardFindings(state: State, here: Steps): LintFinding[] {
  const next = 'Next' in state && state.Next !== undefined;
  const end = 'End' in state && state.End === true;
  return next === end ? [finding(here, 'must have either Next or End')] : [];
}

function reachedFrom(start: string, states: ReadonlyMap<string, State>): Set<string> {
  const reached = new Set<string>();
  const open = [start];
  for (let name = open.pop(); name !== undefined; name = open.pop()) {
    const state = states.get(name);
    if (state === undefined || reached.has(name)) continue;
    reached.add(name);
    open.push(...edgesOf(state).map(({ to }) => to));
  }
  return reached;
}

/** Variables that are assigned on every way into each state. A state that is never reached has none. */
export function assignedBefore(flow: Flow, outer: ReadonlySet<string>): Map<string, ReadonlySet<string>> {
  const before = new Map<string, ReadonlySet<string>>([[flow.StartAt, outer]]);
  const open = [flow.StartAt];
  for (let name = open.pop(); name !== undefined; name = open.pop()) {
    const state = flow.States[name];
    const known = before.get(name);
    if (state === undefined || known === undefined) continue;
    for (const { to, assigns } of edgesOf(state)) {
      const arriving = new Set([...known, ...assigns]);
      const earlier = before.get(to);
      const both =
        earlier === undefined ? arriving : new Set([...earlier].filter((variable) => arriving.has(variable)));
      if (earlier !== undefined && both.size === earlier.size) continue;
      before.set(to, both);
      open.push(to);
    }
  }
  return before;
}
