import { describe, expect, it } from 'vitest';
import { type StateEvent, visitsOf } from './state-visits.ts';

/** Events a second apart, each `visit type` and, behind an entry, the state. */
const eventsOf = (...lines: readonly string[]): StateEvent[] =>
  lines.map((line, second) => {
    const [visit, type = '', state] = line.split(' ');
    const at = `2026-01-02T03:04:0${second}.000Z`;
    const failure =
      /Failed$|TimedOut$/.test(type) && !type.includes('State') ? { error: 'Down', cause: `${second}` } : {};
    return { visit: Number(visit), type, at, ...(state === undefined ? {} : { state }), ...failure };
  });
const told = (isRunning: boolean, ...lines: readonly string[]) =>
  visitsOf(eventsOf(...lines), isRunning).map(({ enteredAt: _entered, exitedAt: _exited, ...visit }) => visit);

const SUCCEEDED = { outcome: 'succeeded', retries: 0 };

describe('the stays of a run', () => {
  it('have times, and of a run that goes on the last has not ended', () => {
    const events = eventsOf('1 PassStateEntered First', '1 PassStateExited', '3 TaskStateEntered Second');
    expect(visitsOf(events, true)).toEqual([
      { state: 'First', enteredAt: '2026-01-02T03:04:00.000Z', exitedAt: '2026-01-02T03:04:01.000Z', ...SUCCEEDED },
      { state: 'Second', enteredAt: '2026-01-02T03:04:02.000Z', outcome: 'running', retries: 0 },
    ]);
  });

  it('count tries after a failure, and forget the failure that was tried again', () => {
    const tries = ['TaskStateEntered A', 'TaskScheduled', 'TaskFailed', 'TaskScheduled', 'TaskTimedOut'];
    const lines = [...tries, 'TaskScheduled'].map((type) => `1 ${type}`);
    expect(told(false, ...lines, '1 TaskStateExited')).toEqual([{ state: 'A', outcome: 'succeeded', retries: 2 }]);
  });

  it.each(['TaskFailed', 'TaskTimedOut', 'TaskStartFailed', 'TaskSubmitFailed', 'EvaluationFailed'])(
    'end in %s, or go on when it is caught',
    (failure) => {
      const lines = ['1 TaskStateEntered A', '1 TaskScheduled', `1 ${failure}`];
      const failed = { state: 'A', retries: 0, error: 'Down', cause: '2' };
      expect(told(false, ...lines)).toEqual([{ ...failed, outcome: 'failed' }]);
      expect(told(true, ...lines)).toEqual([{ ...failed, outcome: 'running' }]);
      expect(told(false, ...lines, '1 TaskStateExited')).toEqual([{ ...failed, outcome: 'caught' }]);
    },
  );

  it('tell which branch failed, which was stopped by it and what enclosed both', () => {
    const lines = [
      '1 ParallelStateEntered Both',
      '2 TaskStateEntered A',
      '3 TaskStateEntered B',
      '2 TaskFailed',
      '1 ParallelStateFailed',
      '0 ExecutionFailed',
    ];
    expect(told(false, ...lines)).toEqual([
      { state: 'Both', outcome: 'failed', retries: 0 },
      { state: 'A', outcome: 'failed', retries: 0, error: 'Down', cause: '3' },
      { state: 'B', outcome: 'aborted', retries: 0 },
    ]);
  });

  it('fail in a state that is there to fail, and in no state of a run that was stopped', () => {
    expect(told(false, '1 FailStateEntered Refuse')).toEqual([{ state: 'Refuse', outcome: 'failed', retries: 0 }]);
    expect(told(false, '1 WaitStateEntered Wait', '0 ExecutionAborted')).toMatchObject([{ outcome: 'aborted' }]);
  });

  it('leave out events of no state', () => {
    expect(told(false, '0 ExecutionStarted', '7 TaskFailed')).toEqual([]);
  });
});
