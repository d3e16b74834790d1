import type { Flow, State } from '../../../core/asl/definition.ts';
import type { Frame, NewEvent } from './frame.ts';
import { event, iterationOf } from './run-context.ts';

/** The state of this name, however deep; no two states of a machine share one. */
function stateNamed({ States }: Flow, name: string): State | undefined {
  const own = States[name];
  if (own) return own;
  for (const state of Object.values(States)) {
    const flows = state.Type === 'Parallel' ? state.Branches : state.Type === 'Map' ? [state.ItemProcessor] : [];
    for (const flow of flows) {
      const found = stateNamed(flow, name);
      if (found) return found;
    }
  }
  return undefined;
}

/** Types of states that last: the others are over before anything can abort them. */
const LASTING: readonly string[] = ['Task', 'Wait', 'Map', 'Parallel'];
const parentOf = (path: string): string => path.slice(0, path.lastIndexOf('/'));

/**
 * What the history says of paths that were at work when a sibling failed or the run was stopped, the innermost first.
 * Paths that had ended or still waited for their turn are not told of. `enclosing` are frames that are not aborted.
 */
export function abortEvents(machine: Flow, frames: readonly Frame[], enclosing: readonly Frame[] = []): NewEvent[] {
  const states = new Map([...enclosing, ...frames].map(({ path, state }) => [path, state]));
  const aborted = frames.filter(({ phase }) => !['pending', 'done', 'failed'].includes(phase));
  return aborted.reverse().flatMap(({ path, state: name }) => {
    const type = stateNamed(machine, name)?.Type;
    const parent = path === '' ? undefined : states.get(parentOf(path));
    const iterates = parent !== undefined && stateNamed(machine, parent)?.Type === 'Map';
    return [
      ...(type !== undefined && LASTING.includes(type) ? [event(path, `${type}StateAborted`, { name })] : []),
      ...(iterates ? [event(path, 'MapIterationAborted', { name: parent, index: iterationOf(path) })] : []),
    ];
  });
}
