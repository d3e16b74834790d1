import * as z from 'zod';
import type { WorkflowEngine } from '../../adapters/embedded/workflow-engine/engine.ts';
import { readMachines } from '../../cli/machines.ts';
import { type Flow, StateMachine } from '../../core/asl/definition.ts';

const Entered = z.object({ name: z.string() });

/** The states that a run entered, in their order; those of branches and iterations among them. */
export async function statesOf(engine: WorkflowEngine, machine: string, name: string): Promise<string[]> {
  const events = await engine.history(machine, name);
  return events.filter(({ type }) => type.endsWith('StateEntered')).map(({ details }) => Entered.parse(details).name);
}

function* flowsOf(flow: Flow): Generator<Flow> {
  yield flow;
  for (const state of Object.values(flow.States)) {
    if (state.Type === 'Parallel') for (const branch of state.Branches) yield* flowsOf(branch);
    if (state.Type === 'Map') yield* flowsOf(state.ItemProcessor);
  }
}

/** A step from one state to another, as it is written in an index. */
const stepOf = (from: string, to: string): string => `${from} -> ${to}`;

/** All that runs of a machine can do: each of its states, and each way out of a Choice or by a Catch. */
export function waysOf(machine: string): string[] {
  const { States, StartAt } = StateMachine.parse(readMachines()[machine]);
  const flows = [...flowsOf({ States, StartAt })];
  return flows
    .flatMap((flow) => Object.entries(flow.States))
    .flatMap(([name, state]) => {
      if (state.Type === 'Choice')
        return [name, ...[...state.Choices.map(({ Next }) => Next), state.Default].map((next) => stepOf(name, next))];
      const caught = state.Type === 'Task' ? (state.Catch ?? []) : [];
      return [name, ...caught.map(({ Next }) => stepOf(name, Next))];
    });
}

/** Those that a run has taken. */
export const waysTaken = (states: readonly string[]): string[] =>
  states.flatMap((name, at) => (at === 0 ? [name] : [name, stepOf(states[at - 1] ?? '', name)]));
