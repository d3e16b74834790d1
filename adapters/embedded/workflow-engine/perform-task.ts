import { createHmac } from 'node:crypto';
import { type StateOf, TOKEN_RESOURCE } from '../../../core/asl/definition.ts';
import { type Bindings, evaluateTemplate } from '../../../core/asl/expression.ts';
import type { Json } from '../../../core/asl/json.ts';
import { StateError } from '../../../core/asl/state-error.ts';
import { callTask, requestTask, type TaskRequest } from './call-task.ts';
import { CANCELLED, childController } from './cancellation.ts';
import { AnswerUnusable, attemptOf, type Frame, type TokenWait } from './frame.ts';
import { functionNameOf } from './functions.ts';
import { requirePayload } from './limits.ts';
import { evaluateResults, withResult } from './perform-state.ts';
import { bindingsOf, type DrivenRun, event, type Outcome, type PathContext } from './run-context.ts';

type Task = StateOf<'Task'>;

export const waitsForToken = (state: Task): boolean => state.Resource === TOKEN_RESOURCE;

async function requestOf(run: DrivenRun, state: Task, bindings: Bindings, name: string): Promise<TaskRequest> {
  const payload = await evaluateTemplate(state.Arguments.Payload, bindings, `${name}/Arguments/Payload`);
  const functionName = functionNameOf(state.Arguments.FunctionName);
  const handler = run.handlers[functionName];
  if (!handler) throw new StateError('Lambda.ResourceNotFoundException', `No task is bound to ${functionName}.`);
  return { handler, payload: requirePayload(payload, 'The payload of the task') };
}

/**
 * One attempt of a task. It is stored before the call, with its deadline: after a restart the same attempt is called
 * again and keeps the deadline. The answer is stored by the transition that leaves the state.
 */
export async function performTask(run: DrivenRun, path: PathContext, state: Task, frame: Frame): Promise<Outcome> {
  const bindings = bindingsOf(run, path, frame);
  const request = await requestOf(run, state, bindings, frame.state);
  if (!run.slots.takeFree()) {
    // Nobody knows how long the line is, and the result of the task before must not wait in it unstored.
    await path.journal.flush();
    await run.slots.take(run.tenant, path.signal);
  }
  try {
    const dueAt = await schedule(run, path, state, frame);
    const result = await callTask({ ...request, dueAt }, run.timers, path.signal);
    return await outcomeOf(path, state, frame, withResult(bindings, { Payload: result }), result);
  } finally {
    run.slots.release();
  }
}

/** What the state makes of the answer. When its own Output or Assign fails, the history tells the answer all the same. */
async function outcomeOf(
  { path }: PathContext,
  state: Task,
  frame: Frame,
  bindings: Bindings,
  answer: Json,
): Promise<Outcome> {
  const events = [event(path, 'TaskSucceeded', { output: answer })];
  try {
    return { ...(await evaluateResults(state, bindings, answer, frame.state)), next: state.Next, events };
  } catch (error) {
    throw error instanceof StateError ? new AnswerUnusable(error, events) : error;
  }
}

/** Stores that the attempt begins, or begins again after a restart. Throws `States.Timeout` when it is too late for that. */
async function schedule(run: DrivenRun, path: PathContext, state: Task, frame: Frame, signal = path.signal) {
  const now = run.clock.now();
  requireInTime(frame, now);
  const started = event(path.path, 'TaskStarted', { attempt: attemptOf(frame) });
  if (frame.dueAt !== undefined) {
    // The frame is left as it is: its token may have been answered or kept alive meanwhile.
    await path.journal.write({ events: [started] }, signal);
    return frame.dueAt;
  }
  const { TimeoutSeconds: timeoutInSeconds, Resource: resource } = state;
  const dueAt = now + timeoutInSeconds * 1000;
  const token = frame.token && { ...frame.token, heartbeatDueAt: now + frame.token.heartbeatMs };
  const beats = token ? { heartbeatInSeconds: token.heartbeatMs / 1000 } : {};
  const scheduled = event(path.path, 'TaskScheduled', { resource, timeoutInSeconds, ...beats });
  const attempt: Frame = { ...frame, phase: 'scheduled', dueAt, ...(token ? { token } : {}) };
  await path.journal.write({ frame: attempt, events: [scheduled, started] }, signal);
  return dueAt;
}

function requireInTime({ dueAt, token }: Frame, now: number): void {
  if (dueAt === undefined) return;
  if (token && token.heartbeatDueAt <= now && token.heartbeatDueAt < dueAt)
    throw new StateError('States.HeartbeatTimeout', 'No heartbeat came in time for the token of the task.');
  if (dueAt <= now) throw new StateError('States.Timeout', 'The task did not answer in time.');
}

/** The outcome of a task whose token was answered, by which its state is left. */
export async function answeredTask(run: DrivenRun, path: PathContext, state: Task, frame: Frame): Promise<Outcome> {
  const { answer } = frame;
  if (!answer) throw new StateError('States.Runtime', 'The task has no answer.');
  if ('error' in answer) throw new StateError(answer.error, answer.cause);
  return outcomeOf(path, state, frame, withResult(bindingsOf(run, path, frame), answer.output), answer.output);
}

/**
 * Waits until the token of a task is answered, and gives the frame that holds the answer. The task itself only hands the
 * token on: what it returns is dropped, what it throws fails the attempt, unless the answer is there before.
 */
export async function awaitToken(run: DrivenRun, path: PathContext, state: Task, frame: Frame): Promise<Frame> {
  const { controller, release } = childController(path.signal);
  const waiting = frame.phase === 'entered' ? await withToken(run, path, state, frame) : frame;
  try {
    const answered = untilAnswered(run, waiting, controller.signal);
    if (waiting.phase === 'submitted') return await answered;
    const handedOn = handOn(run, path, state, waiting, controller.signal);
    return await Promise.race([answered, handedOn.then(() => answered)]);
  } finally {
    controller.abort(CANCELLED);
    release();
  }
}

/**
 * The token of this attempt. Its name alone would be the same again after a redrive or in a loop; with the place in the
 * history it never is, so that an old token answers nothing new.
 */
async function withToken(run: DrivenRun, path: PathContext, state: Task, frame: Frame): Promise<Frame> {
  const heartbeatMs = (await heartbeatOf(state, bindingsOf(run, path, frame), frame.state)) * 1000;
  const attempt = [frame.path, frame.state, attemptOf(frame), run.store.lastEvent(frame.run)];
  const value = createHmac('sha256', run.run.secret).update(JSON.stringify(attempt)).digest('base64url');
  const token: TokenWait = { value, heartbeatMs, heartbeatDueAt: 0 };
  return { ...frame, token };
}

/** Seconds. As on Step Functions a value outside its range fails the evaluation. */
async function heartbeatOf({ HeartbeatSeconds, TimeoutSeconds }: Task, bindings: Bindings, name: string) {
  const where = `${name}/HeartbeatSeconds`;
  const value = await evaluateTemplate(HeartbeatSeconds ?? null, bindings, where);
  if (typeof value === 'number' && Number.isInteger(value) && value >= 1 && value < TimeoutSeconds) return value;
  throw new StateError(
    'States.QueryEvaluationError',
    `${where} gives no whole number of seconds below TimeoutSeconds.`,
  );
}

/** Calls the task that hands the token on, and stores that it has returned. Only then does the token hold no slot. */
async function handOn(run: DrivenRun, path: PathContext, state: Task, frame: Frame, signal: AbortSignal) {
  const { token } = frame;
  const request = await requestOf(run, state, bindingsOf(run, path, frame, token), frame.state);
  await run.slots.take(run.tenant, signal);
  try {
    // While it waited for the slot, an attempt that is begun again may have been kept alive by a heartbeat.
    await schedule(run, path, state, frame.phase === 'entered' ? frame : run.store.frame(frame.run, path.path), signal);
    run.tokens.tell(frame);
    await requestTask(request, signal);
  } finally {
    run.slots.release();
  }
  const submit = (): void => {
    if (run.store.submitFrame(frame))
      run.store.appendEvents(frame.run, [event(path.path, 'TaskSubmitted')], run.clock.now());
  };
  await path.journal.write({ events: [], also: submit }, signal);
}

/** The frame once its token is answered. Throws when the time-out or the heartbeat comes first. */
async function untilAnswered(run: DrivenRun, { run: id, path }: Frame, signal: AbortSignal): Promise<Frame> {
  for (;;) {
    const frame = run.store.frame(id, path);
    if (frame.phase === 'answered') return frame;
    const { dueAt, token } = frame;
    if (token) requireInTime(frame, run.clock.now());
    const until = token ? Math.min(dueAt ?? 0, token.heartbeatDueAt) : Number.MAX_SAFE_INTEGER;
    await run.tokens.news(frame, until, signal);
  }
}
