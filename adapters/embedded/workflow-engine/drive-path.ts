import type { Flow, Retrier, State, StateOf } from '../../../core/asl/definition.ts';
import type { Json, JsonObject } from '../../../core/asl/json.ts';
import { matchesError, reportedError, StateError } from '../../../core/asl/state-error.ts';
import { abortEvents } from './abort-events.ts';
import {
  AnsweredMeanwhile,
  AnswerUnusable,
  attemptOf,
  type Failure,
  type Frame,
  type NewEvent,
  PathFailed,
  withoutAttempt,
} from './frame.ts';
import { HISTORY_EVENTS, requirePayload, requireVariables } from './limits.ts';
import { type PathJournal, pathJournal, type Transition } from './path-journal.ts';
import { performFork } from './perform-fork.ts';
import { evaluateResults, performSimple } from './perform-state.ts';
import { answeredTask, awaitToken, performTask, waitsForToken } from './perform-task.ts';
import {
  bindingsOf,
  type DrivenRun,
  enteredEvent,
  event,
  iterationOf,
  type Outcome,
  type PathContext,
  type PathPlace,
} from './run-context.ts';
import { waitUntil } from './timers.ts';

/**
 * Takes one path of a run from where its frame stands to its end, and gives its output. The same code runs a new path and
 * one that a restart finds. Throws `PathFailed` when the path has failed, which is stored, and `Cancelled` when the run
 * ended meanwhile or a sibling failed, which is not.
 */
export async function drivePath(run: DrivenRun, place: PathPlace, flow: Flow): Promise<Json> {
  const path: PathContext = { ...place, journal: pathJournal(run, place.signal) };
  let frame = run.store.frame(run.run.id, path.path);
  for (;;) {
    if (frame.phase === 'done') return frame.output ?? null;
    if (frame.failure) throw new PathFailed(frame.failure);
    frame = frame.phase === 'pending' ? await beginPath(run, path, flow, frame) : await step(run, path, flow, frame);
  }
}

const hasToken = (state: State): state is StateOf<'Task'> => state.Type === 'Task' && waitsForToken(state);

function stateOf(flow: Flow, name: string): State {
  const state = flow.States[name];
  if (!state) throw new StateError('States.Runtime', `There is no state ${name}.`);
  return state;
}

async function beginPath(run: DrivenRun, path: PathContext, flow: Flow, frame: Frame): Promise<Frame> {
  const entered: Frame = { ...frame, phase: 'entered', enteredAt: run.clock.now() };
  const iteration =
    path.iterationOf === undefined
      ? []
      : [event(path.path, 'MapIterationStarted', { name: path.iterationOf, index: iterationOf(path.path) })];
  const events = [...iteration, enteredEvent(path.path, stateOf(flow, frame.state), frame.state, frame.input)];
  await path.journal.putOff({ frame: entered, events });
  return entered;
}

async function step(run: DrivenRun, path: PathContext, flow: Flow, frame: Frame): Promise<Frame> {
  try {
    if (run.store.lastEvent(frame.run) + path.journal.unwritten() >= HISTORY_EVENTS)
      throw new StateError('States.Runtime', `The history of the run has reached ${HISTORY_EVENTS} events.`);
    const state = stateOf(flow, frame.state);
    if (frame.phase === 'backing-off') return await backOff(run, path, frame);
    if (hasToken(state) && frame.phase !== 'answered') {
      await path.journal.flush();
      return await awaitToken(run, path, state, frame);
    }
    return await leave(run, path, flow, frame, await perform(run, path, state, frame));
  } catch (error) {
    if (!(error instanceof StateError)) throw error;
    return recoverUnlessAnswered(run, path, flow, frame, error);
  }
}

/** The next attempt, of which nothing is done; the back-off's end is no deadline of it. */
async function backOff(run: DrivenRun, path: PathContext, frame: Frame): Promise<Frame> {
  await waitUntil(run.timers, frame.dueAt ?? 0, path.signal);
  return { ...withoutAttempt(frame), phase: 'entered' };
}

async function perform(run: DrivenRun, path: PathContext, state: State, frame: Frame): Promise<Outcome> {
  if (state.Type === 'Task')
    return frame.phase === 'answered' ? answeredTask(run, path, state, frame) : performTask(run, path, state, frame);
  if (state.Type === 'Parallel' || state.Type === 'Map') return performFork(run, path, state, frame, drivePath);
  return performSimple(run, path, state, frame);
}

/** Leaves a state: for the next one, or for the end of the path, and at the root of the run. */
async function leave(run: DrivenRun, path: PathContext, flow: Flow, frame: Frame, outcome: Outcome): Promise<Frame> {
  const { output, assigned, next } = outcome;
  const state = stateOf(flow, frame.state);
  requirePayload(output, 'The output of the state');
  const variables = { ...frame.variables, ...assigned };
  if (Object.keys(assigned).length > 0)
    requireVariables(assigned, variables, run.store.variableBytes(frame.run, path.path));
  const exited = event(path.path, `${state.Type}StateExited`, {
    name: frame.state,
    output,
    ...(Object.keys(assigned).length > 0 ? { assignedVariables: assigned } : {}),
  });
  const base = { run: frame.run, path: frame.path, variables, retries: [], enteredAt: run.clock.now() };
  if (next !== undefined) {
    const entered: Frame = { ...base, state: next, phase: 'entered', input: output };
    const events = [...outcome.events, exited, enteredEvent(path.path, stateOf(flow, next), next, output)];
    const transition = { frame: entered, events, ...withoutChildren(run, state, frame) };
    // The frame of a token is changed by whoever answers: an answer that comes after its state is left finds it gone.
    await (hasToken(state) ? path.journal.write(transition) : path.journal.putOff(transition));
    return entered;
  }
  const done: Frame = { ...base, state: frame.state, phase: 'done', input: frame.input, output };
  await path.journal.write({
    frame: done,
    events: [...outcome.events, exited, ...iterationEvent(path, 'MapIterationSucceeded')],
    also: () => {
      run.store.removeFramesBelow(frame.run, path.path);
      if (path.path === '') run.end({ status: 'SUCCEEDED', output });
    },
  });
  return done;
}

/** A Parallel or Map that is left, or begins anew, takes its children with it; no other state has any. */
const withoutChildren = (run: DrivenRun, { Type }: State, frame: Frame): Pick<Transition, 'also'> =>
  Type === 'Parallel' || Type === 'Map' ? { also: () => run.store.removeFramesBelow(frame.run, frame.path) } : {};

const iterationEvent = ({ path, iterationOf: name }: PathContext, type: string): NewEvent[] =>
  name === undefined ? [] : [event(path, type, { name, index: iterationOf(path) })];

/** Of an answer and a failure of the same attempt, the one that is durable first counts. */
async function recoverUnlessAnswered(
  run: DrivenRun,
  path: PathContext,
  flow: Flow,
  frame: Frame,
  error: StateError,
): Promise<Frame> {
  const requireNoAnswer = (): void => {
    if (frame.phase !== 'answered' && run.store.phase(frame.run, frame.path) === 'answered')
      throw new AnsweredMeanwhile();
  };
  const journal: PathJournal = {
    ...path.journal,
    write: (transition) => path.journal.write({ ...transition, require: requireNoAnswer }),
  };
  try {
    return await recover(run, { ...path, journal }, flow, frame, error);
  } catch (failed) {
    if (!(failed instanceof AnsweredMeanwhile)) throw failed;
    return run.store.frame(frame.run, frame.path);
  }
}

/** Retry, then Catch, then the end of the path. A state without either passes its error on. */
async function recover(run: DrivenRun, path: PathContext, flow: Flow, frame: Frame, error: StateError) {
  const state = stateOf(flow, frame.state);
  const answered = error instanceof AnswerUnusable ? error.events : [];
  const events = [...answered, ...failureEvents(run, path, state, frame, error)];
  const retried = 'Retry' in state ? retryOf(state.Retry ?? [], frame, error, run) : undefined;
  if (retried) {
    await path.journal.write({ frame: retried, events, ...withoutChildren(run, state, frame) });
    return retried;
  }
  const failed = error instanceof PathFailed ? error.state : frame.state;
  try {
    const caught = await catchOutcome(run, path, state, frame, error, events);
    if (caught) return await leave(run, path, flow, frame, caught);
    return await fail(run, path, frame, { error: error.error, cause: error.message, state: failed }, events);
  } catch (inCatch) {
    if (!(inCatch instanceof StateError)) throw inCatch;
    // The catcher's own Output or Assign could not be evaluated; nothing catches that.
    return await fail(run, path, frame, { error: inCatch.error, cause: inCatch.message, state: frame.state }, events);
  }
}

/** The frame that waits for its next attempt, when a retrier is for this error and has attempts left. */
function retryOf(retriers: readonly Retrier[], frame: Frame, error: StateError, run: DrivenRun): Frame | undefined {
  const at = retriers.findIndex(({ ErrorEquals }) => matchesError(ErrorEquals, error.error));
  const retrier = retriers[at];
  if (!retrier) return undefined;
  const { IntervalSeconds = 1, BackoffRate = 2, MaxAttempts = 3, MaxDelaySeconds, JitterStrategy } = retrier;
  const used = frame.retries[at] ?? 0;
  if (used >= MaxAttempts) return undefined;
  const seconds = Math.min(IntervalSeconds * BackoffRate ** used, MaxDelaySeconds ?? Number.MAX_SAFE_INTEGER);
  const delayMs = Math.round(seconds * 1000 * (JitterStrategy === 'FULL' ? run.random() : 1));
  const retries = retriers.map((_retrier, index) => (frame.retries[index] ?? 0) + (index === at ? 1 : 0));
  return { ...withoutAttempt(frame), phase: 'backing-off', retries, dueAt: run.clock.now() + delayMs };
}

async function catchOutcome(
  run: DrivenRun,
  path: PathContext,
  state: State,
  frame: Frame,
  error: StateError,
  events: readonly NewEvent[],
): Promise<Outcome | undefined> {
  const catchers = 'Catch' in state ? (state.Catch ?? []) : [];
  const catcher = catchers.find(({ ErrorEquals }) => matchesError(ErrorEquals, error.error));
  if (!catcher) return undefined;
  const errorOutput = { Error: reportedError(error.error), Cause: error.message };
  const bindings = bindingsOf(run, path, frame);
  const caught = { ...bindings, states: { ...bindings.states, errorOutput } };
  const results = await evaluateResults(catcher, caught, errorOutput, `${frame.state}/Catch`);
  return { ...results, next: catcher.Next, events };
}

/** Ends the path as failed. Frames stay as they are, for a redrive begins there. */
async function fail(
  run: DrivenRun,
  path: PathContext,
  frame: Frame,
  failure: Failure,
  events: readonly NewEvent[],
): Promise<Frame> {
  const failed: Frame = { ...withoutAttempt(frame), phase: 'failed', failure };
  await path.journal.write({
    frame: failed,
    events: [...events, ...iterationEvent(path, 'MapIterationFailed')],
    also: () => {
      if (path.path === '') run.end({ status: 'FAILED', failure: { ...failure, error: reportedError(failure.error) } });
    },
  });
  return failed;
}

const TIMEOUTS = ['States.Timeout', 'States.HeartbeatTimeout'];

function failureEvents(
  run: DrivenRun,
  { path }: PathContext,
  state: State,
  frame: Frame,
  { error, message: cause }: StateError,
): NewEvent[] {
  const details: JsonObject = { error: reportedError(error), cause };
  if (state.Type === 'Parallel' || state.Type === 'Map')
    return [
      ...abortEvents(run.machine, run.store.framesBelow(frame.run, frame.path), [frame]),
      event(path, `${state.Type}StateFailed`, details),
    ];
  if (error === 'States.QueryEvaluationError')
    return [event(path, 'EvaluationFailed', { ...details, state: frame.state })];
  if (state.Type !== 'Task') return [];
  const type = TIMEOUTS.includes(error) ? 'TaskTimedOut' : 'TaskFailed';
  return [event(path, type, { ...details, attempt: attemptOf(frame) })];
}
