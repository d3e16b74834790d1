import type { StateOf } from '../../../core/asl/definition.ts';
import { type Bindings, evaluateCondition, evaluateTemplate } from '../../../core/asl/expression.ts';
import { isJsonObject, type Json, type JsonObject } from '../../../core/asl/json.ts';
import { StateError } from '../../../core/asl/state-error.ts';
import { isInstant } from '../../../core/asl/state-rules.ts';
import type { Frame } from './frame.ts';
import { bindingsOf, type DrivenRun, type Outcome, type PathContext } from './run-context.ts';
import { waitUntil } from './timers.ts';

interface Results {
  readonly Assign?: JsonObject | undefined;
  readonly Output?: Json | undefined;
}

/** Output and Assign of a state, each from the values of its entry. */
export async function evaluateResults(results: Results, bindings: Bindings, otherwise: Json, name: string) {
  const output =
    results.Output === undefined ? otherwise : await evaluateTemplate(results.Output, bindings, `${name}/Output`);
  const assigned = await evaluateTemplate(results.Assign ?? {}, bindings, `${name}/Assign`);
  return { output, assigned: isJsonObject(assigned) ? assigned : {} };
}

export const withResult = (bindings: Bindings, result: Json): Bindings => ({
  ...bindings,
  states: { ...bindings.states, result },
});

type Simple = StateOf<'Pass' | 'Succeed' | 'Fail' | 'Choice' | 'Wait'>;

/** States that call nobody. */
export async function performSimple(run: DrivenRun, path: PathContext, state: Simple, frame: Frame): Promise<Outcome> {
  const bindings = bindingsOf(run, path, frame);
  const name = frame.state;
  switch (state.Type) {
    case 'Choice':
      return performChoice(state, bindings, frame);
    case 'Fail':
      throw new StateError(
        await textOf(state.Error, bindings, `${name}/Error`),
        await textOf(state.Cause ?? '', bindings, `${name}/Cause`),
      );
    case 'Wait':
      await performWait(run, path, state, frame);
      break;
    case 'Pass':
    case 'Succeed':
  }
  const next = 'Next' in state ? state.Next : undefined;
  return { ...(await evaluateResults(state, bindings, frame.input, name)), next, events: [] };
}

async function textOf(template: string, bindings: Bindings, where: string): Promise<string> {
  const value = await evaluateTemplate(template, bindings, where);
  if (typeof value === 'string') return value;
  throw new StateError('States.QueryEvaluationError', `The expression at ${where} gives no string.`);
}

/** The first choice whose condition holds brings its own Assign and Output; the state's own are those of Default. */
async function performChoice(state: StateOf<'Choice'>, bindings: Bindings, frame: Frame): Promise<Outcome> {
  for (const [at, choice] of state.Choices.entries()) {
    const where = `${frame.state}/Choices[${at}]`;
    if (!(await evaluateCondition(choice.Condition, bindings, `${where}/Condition`))) continue;
    return { ...(await evaluateResults(choice, bindings, frame.input, where)), next: choice.Next, events: [] };
  }
  return { ...(await evaluateResults(state, bindings, frame.input, frame.state)), next: state.Default, events: [] };
}

const LONGEST_WAIT_S = 99_999_999;

async function performWait(run: DrivenRun, path: PathContext, state: StateOf<'Wait'>, frame: Frame): Promise<void> {
  let { dueAt } = frame;
  if (dueAt === undefined) {
    const until = await waitEnd(state, bindingsOf(run, path, frame), frame);
    // Stored before it is waited for: a restart waits for the same instant, not for as long again.
    await path.journal.write({ frame: { ...frame, phase: 'waiting', dueAt: until }, events: [] });
    dueAt = until;
  }
  await waitUntil(run.timers, dueAt, path.signal);
}

async function waitEnd(state: StateOf<'Wait'>, bindings: Bindings, frame: Frame): Promise<number> {
  const where = `${frame.state}/${state.Seconds === undefined ? 'Timestamp' : 'Seconds'}`;
  const value = await evaluateTemplate(state.Seconds ?? state.Timestamp ?? '', bindings, where);
  if (state.Seconds !== undefined) {
    if (typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= LONGEST_WAIT_S)
      return frame.enteredAt + value * 1000;
    throw new StateError('States.QueryEvaluationError', `${where} gives no whole number of seconds.`);
  }
  if (typeof value !== 'string' || !isInstant(value))
    throw new StateError('States.QueryEvaluationError', `${where} gives no RFC 3339 instant.`);
  // The fraction is cut off: https://docs.aws.amazon.com/step-functions/latest/dg/state-wait.html
  return Math.floor(Date.parse(value) / 1000) * 1000;
}
