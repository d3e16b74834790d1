import { changedFunctions } from './code-version.ts';
import { type EngineParts, requireRun } from './engine-parts.ts';
import { type Frame, withoutAttempt } from './frame.ts';
import { REDRIVABLE_MS } from './limits.ts';
import { event } from './run-context.ts';
import { changeOf, type RunRow } from './store.ts';

/**
 * Which runs may be redriven, and what it does to each state, as Step Functions has it:
 * https://docs.aws.amazon.com/step-functions/latest/dg/redrive-executions.html
 */
/** Room for `ExecutionRedriven` and one event more. */
const REDRIVABLE_EVENTS = 24_999;

/** These are taken up as they are: a branch that is done, one whose turn has not come, a result that was accepted. */
const isKept = ({ phase, answer }: Frame): boolean =>
  phase === 'pending' || phase === 'done' || (answer !== undefined && 'output' in answer);

/** A Parallel or Map whose own result was too big runs whole again. */
const isRunWhole = ({ state, failure }: Frame): boolean =>
  failure?.error === 'States.DataLimitExceeded' && failure.state === state;

const isBelow = (path: string, parent: string): boolean => path.startsWith(`${parent}/`);

/**
 * The frames of a run as a redrive finds them: states that failed or were at work are entered anew with their retries at
 * zero; a Parallel or Map goes on with the branches that are not done.
 */
export function redrivenFrames(frames: readonly Frame[], now: number): Frame[] {
  const whole = frames.filter(isRunWhole);
  const left = frames.filter(({ path }) => !whole.some((fork) => isBelow(path, fork.path)));
  return left.map((frame) => {
    if (isKept(frame)) return frame;
    const { failure: _over, ...again } = withoutAttempt(frame);
    const isFork = left.some(({ path }) => isBelow(path, frame.path));
    return { ...again, phase: isFork ? 'forked' : 'entered', retries: [], enteredAt: isFork ? frame.enteredAt : now };
  });
}

/** Whether `redrive` would take the run up now. */
export function canRedrive({ config, store, clock }: EngineParts, run: RunRow): boolean {
  if (run.status === 'RUNNING' || run.status === 'SUCCEEDED') return false;
  if (config.compensating?.includes(run.machine)) return false;
  // It would only be held.
  if (changedFunctions(run, config).length > 0) return false;
  return clock.now() - (run.stopped_at ?? 0) < REDRIVABLE_MS && store.lastEvent(run.id) < REDRIVABLE_EVENTS;
}

/** Back to work; to be called in a transaction. The time-out of the machine begins anew. */
function reopen({ store, clock, outbox, machineOf }: EngineParts, run: RunRow): RunRow | undefined {
  const now = clock.now();
  const again = store.redriveRun(run.id, now + machineOf(run).TimeoutSeconds * 1000);
  if (!again) return undefined;
  const frames = redrivenFrames(store.frames(run.id), now);
  store.removeFrames(run.id);
  for (const frame of frames) store.putFrame(frame);
  store.appendEvents(run.id, [event('', 'ExecutionRedriven', { redriveCount: again.redrives })], now);
  outbox.add(run.id, changeOf(again, { status: 'RUNNING' }));
  return again;
}

/** Takes a run that ended badly up again where it stands; see the port. */
export async function redriveRun(
  parts: EngineParts,
  machine: string,
  name: string,
): Promise<'redriven' | 'impossible'> {
  const ended = requireRun(parts, machine, name);
  if (!canRedrive(parts, ended)) return 'impossible';
  // Until then what was at work may still be letting go, and the run would be thought to be taken up already.
  await parts.runs.released(ended);
  const run = await parts.commits.write(() => reopen(parts, ended));
  if (!run) return 'impossible';
  parts.outbox.deliver();
  parts.runs.takeUp(run);
  return 'redriven';
}
