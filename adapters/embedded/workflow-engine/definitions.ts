import { StateMachine } from '../../../core/asl/definition.ts';
import { parseJson } from '../../../core/asl/json.ts';
import type { RunRow, WorkflowStore } from './store.ts';

/** The machine of a run as it was when the run started; its rules were checked then. */
export type MachineOf = (run: Pick<RunRow, 'definition'>) => StateMachine;

/** Each definition is read once: many runs share one. */
export function machinesOfRuns(store: WorkflowStore): MachineOf {
  const known = new Map<string, StateMachine>();
  return ({ definition }) => {
    const found = known.get(definition) ?? StateMachine.parse(parseJson(store.definition(definition)));
    known.set(definition, found);
    return found;
  };
}
