import type { StateVisit } from '../ports/run-history.ts';

/** An event of a run's history, in the words of Step Functions. */
export interface StateEvent {
  readonly type: string;
  readonly at: string;
  /** Names the stay it belongs to; an event of none is left out. */
  readonly visit: number;
  /** Of an event that enters a state. */
  readonly state?: string;
  /** Of an event that says what failed. */
  readonly error?: string;
  readonly cause?: string;
}

interface OpenVisit {
  readonly state: string;
  readonly enteredAt: string;
  exitedAt?: string;
  failure?: Pick<StateVisit, 'error' | 'cause'>;
  retries: number;
}

/** What ends one try of a state. That of an iteration or of the run repeats what a state has said. */
const FAILURE = /^(?:Task(?:Start|Submit)?|Evaluation|ParallelState|MapState)(?:Failed|TimedOut)$/;

function take(visit: OpenVisit, { type, at, error, cause }: StateEvent): void {
  if (type.endsWith('StateExited')) visit.exitedAt = at;
  if (FAILURE.test(type) || type === 'FailStateEntered')
    visit.failure = { ...(error === undefined ? {} : { error }), ...(cause === undefined ? {} : { cause }) };
  if (type === 'TaskScheduled' && visit.failure) {
    visit.retries += 1;
    delete visit.failure;
  }
}

function outcomeOf({ exitedAt, failure }: OpenVisit, isRunning: boolean): StateVisit['outcome'] {
  if (exitedAt !== undefined) return failure ? 'caught' : 'succeeded';
  if (isRunning) return 'running';
  return failure ? 'failed' : 'aborted';
}

/** The stays that a history tells of, in the order they began. */
export function visitsOf(events: Iterable<StateEvent>, isRunning: boolean): StateVisit[] {
  const visits = new Map<number, OpenVisit>();
  for (const event of events) {
    if (event.state !== undefined) visits.set(event.visit, { state: event.state, enteredAt: event.at, retries: 0 });
    const visit = visits.get(event.visit);
    if (visit) take(visit, event);
  }
  return [...visits.values()].map((visit) => {
    const { state, enteredAt, exitedAt, failure, retries } = visit;
    const outcome = outcomeOf(visit, isRunning);
    return { state, enteredAt, ...(exitedAt === undefined ? {} : { exitedAt }), outcome, retries, ...failure };
  });
}
