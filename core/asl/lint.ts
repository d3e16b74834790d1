import { type Flow, type State, StateMachine } from './definition.ts';
import { finding, type LintFinding, type Steps } from './finding.ts';
import { assignedBefore, assignedIn, graphFindings } from './flow-rules.ts';
import { type MachineRules, stateFindings } from './state-rules.ts';

export type { LintFinding, MachineRules };

/** Flows inside a state, with where they stand. */
function innerFlows(state: State): { readonly flow: Flow; readonly at: Steps }[] {
  if (state.Type === 'Parallel') return state.Branches.map((flow, at) => ({ flow, at: ['Branches', at] }));
  return state.Type === 'Map' ? [{ flow: state.ItemProcessor, at: ['ItemProcessor'] }] : [];
}

interface FlowPlace {
  readonly steps: Steps;
  /** Variables of the enclosing flows that are assigned on every way to here. */
  readonly variables: ReadonlySet<string>;
  /** Every name that an enclosing flow assigns somewhere. */
  readonly outerNames: ReadonlySet<string>;
  readonly rules: MachineRules;
}

function flowFindings(flow: Flow, place: FlowPlace): LintFinding[] {
  const { steps, variables, outerNames, rules } = place;
  const own = assignedIn(flow);
  const before = assignedBefore(flow, variables);
  const found = graphFindings(flow, steps);
  for (const name of own)
    if (outerNames.has(name)) found.push(finding(steps, `assigns $${name}, a name of an enclosing flow`));
  for (const [name, state] of Object.entries(flow.States)) {
    const here = [...steps, 'States', name];
    // A state that is never reached is told once, not by what it cannot read.
    const known = before.get(name) ?? new Set([...variables, ...own]);
    found.push(...stateFindings(state, here, known, rules));
    for (const { flow: inner, at } of innerFlows(state))
      found.push(
        ...flowFindings(inner, {
          steps: [...here, ...at],
          variables: known,
          outerNames: new Set([...outerNames, ...own]),
          rules,
        }),
      );
  }
  return found;
}

const stateNames = (flow: Flow): string[] =>
  Object.entries(flow.States).flatMap(([name, state]) => [
    name,
    ...innerFlows(state).flatMap(({ flow: inner }) => stateNames(inner)),
  ]);

function repeatedStateNames(machine: StateMachine): LintFinding[] {
  const names = stateNames(machine);
  const repeated = new Set(names.filter((name, at) => names.indexOf(name) !== at));
  return [...repeated].map((name) => finding(['States'], `two states are called ${JSON.stringify(name)}`));
}

/** A machine of the subset, or everything in it that is outside. */
export type ParsedMachine = { readonly machine: StateMachine } | { readonly findings: readonly LintFinding[] };

/** Reads a state machine. What stands inside the states is judged once their shape is right. */
export function parseStateMachine(json: unknown, rules: MachineRules): ParsedMachine {
  const read = StateMachine.safeParse(json);
  if (!read.success) return { findings: read.error.issues.map(({ path, message }) => finding(path, message)) };
  const findings = [
    ...flowFindings(read.data, { steps: [], variables: new Set(), outerNames: new Set(), rules }),
    ...repeatedStateNames(read.data),
  ];
  return findings.length > 0 ? { findings } : { machine: read.data };
}

/** Everything in a document that is outside the subset (docs/adr/0001); empty when both engines may run it. */
export function lintStateMachine(json: unknown, rules: MachineRules): readonly LintFinding[] {
  const parsed = parseStateMachine(json, rules);
  return 'findings' in parsed ? parsed.findings : [];
}
