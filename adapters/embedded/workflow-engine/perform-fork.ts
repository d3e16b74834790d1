import type { Flow, StateOf } from '../../../core/asl/definition.ts';
import { evaluateTemplate } from '../../../core/asl/expression.ts';
import type { Json, JsonObject } from '../../../core/asl/json.ts';
import { StateError } from '../../../core/asl/state-error.ts';
import { CANCELLED, childController } from './cancellation.ts';
import { type Frame, PathFailed } from './frame.ts';
import { requirePayload } from './limits.ts';
import { evaluateResults, withResult } from './perform-state.ts';
import { bindingsOf, type DrivenRun, event, type Outcome, type PathContext, type PathPlace } from './run-context.ts';

export type Fork = StateOf<'Parallel' | 'Map'>;
/** Runs one path to its end and gives its output. */
export type DrivePath = (run: DrivenRun, path: PathPlace, flow: Flow) => Promise<Json>;

const flowOf = (state: Fork, at: number): Flow => {
  const flow = state.Type === 'Map' ? state.ItemProcessor : state.Branches[at];
  if (!flow) throw new StateError('States.Runtime', `There is no branch ${at}.`);
  return flow;
};

/** A Parallel or a Map: its children run side by side, each on a frame of its own; the first that fails ends the others. */
export async function performFork(
  run: DrivenRun,
  path: PathContext,
  state: Fork,
  frame: Frame,
  drive: DrivePath,
): Promise<Outcome> {
  const count = frame.phase === 'forked' ? countChildren(run, frame) : await fork(run, path, state, frame);
  const outputs = await runChildren(run, path, state, frame, count, drive);
  const result = requirePayload(outputs, `The result of the ${state.Type}`);
  const bindings = withResult(bindingsOf(run, path, frame), result);
  const results = await evaluateResults(state, bindings, result, frame.state);
  return { ...results, next: state.Next, events: [event(path.path, `${state.Type}StateSucceeded`)] };
}

/** After a restart. A child that had failed fails the state at once: its siblings were being cancelled. */
function countChildren(run: DrivenRun, frame: Frame): number {
  const depth = frame.path.split('/').length + 1;
  const children = run.store.framesBelow(frame.run, frame.path).filter(({ path }) => path.split('/').length === depth);
  for (const { failure } of children) if (failure) throw new PathFailed(failure);
  return children.length;
}

async function inputsOf(run: DrivenRun, path: PathContext, state: Fork, frame: Frame): Promise<Json[]> {
  const bindings = bindingsOf(run, path, frame);
  const { states } = bindings;
  const at = (field: string) => `${frame.state}/${field}`;
  if (state.Type === 'Parallel') {
    const input =
      state.Arguments === undefined ? frame.input : await evaluateTemplate(state.Arguments, bindings, at('Arguments'));
    return state.Branches.map(() => input);
  }
  const items = await evaluateTemplate(state.Items, bindings, at('Items'));
  if (!Array.isArray(items)) throw new StateError('States.QueryEvaluationError', `${at('Items')} gives no array.`);
  requirePayload(items, 'The items of the Map');
  const inputs: Json[] = [];
  for (const [index, value] of items.entries()) {
    const context: JsonObject = { ...states.context, Map: { Item: { Index: index, Value: value } } };
    const selected = { ...bindings, states: { ...states, context } };
    inputs.push(
      state.ItemSelector === undefined
        ? value
        : await evaluateTemplate(state.ItemSelector, selected, at('ItemSelector')),
    );
  }
  return inputs;
}

/** Gives each child its frame, in one transaction with the parent's. */
async function fork(run: DrivenRun, path: PathContext, state: Fork, frame: Frame): Promise<number> {
  const inputs = await inputsOf(run, path, state, frame);
  for (const input of inputs) requirePayload(input, `The input of a child of the ${state.Type}`);
  const now = run.clock.now();
  const details: JsonObject = state.Type === 'Map' ? { length: inputs.length } : {};
  const childFrame = (input: Json, at: number): Frame => ({
    run: frame.run,
    path: `${frame.path}/${at}`,
    state: flowOf(state, at).StartAt,
    phase: 'pending',
    input,
    variables: {},
    retries: [],
    enteredAt: now,
  });
  await path.journal.write({
    frame: { ...frame, phase: 'forked' },
    events: [event(path.path, `${state.Type}StateStarted`, details)],
    also: () => {
      for (const [at, input] of inputs.entries()) run.store.putFrame(childFrame(input, at));
    },
  });
  return inputs.length;
}

async function runChildren(
  run: DrivenRun,
  path: PathContext,
  state: Fork,
  frame: Frame,
  count: number,
  drive: DrivePath,
): Promise<Json[]> {
  const { controller, release } = childController(path.signal);
  const outer = { ...path.outer, ...frame.variables };
  const outputs: Json[] = new Array<Json>(count).fill(null);
  let started = 0;
  const worker = async (): Promise<void> => {
    for (let at = started++; at < count; at = started++) {
      const child: PathPlace = {
        path: `${frame.path}/${at}`,
        outer,
        signal: controller.signal,
        ...(state.Type === 'Map' ? { iterationOf: frame.state } : {}),
      };
      outputs[at] = await drive(run, child, flowOf(state, at));
    }
  };
  const width = state.Type === 'Map' ? Math.min(state.MaxConcurrency, count) : count;
  const workers = Array.from({ length: width }, worker);
  try {
    await Promise.all(workers);
    return outputs;
  } finally {
    // The first failure ends its siblings; the state is left only when none of them can write any more.
    controller.abort(CANCELLED);
    await Promise.allSettled(workers);
    release();
  }
}
