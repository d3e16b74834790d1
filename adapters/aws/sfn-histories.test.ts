import { SFNClient } from '@aws-sdk/client-sfn';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import * as z from 'zod';
import { sha256Hex } from '../../core/evidence.ts';
import { startAwsService } from '../../test/fakes/aws-service.ts';
import { sfnHistories } from './sfn-histories.ts';

const MACHINE = 'arn:aws:states:us-east-1:000000000000:stateMachine:Services-image-release';
const RUN = 'arn:aws:states:us-east-1:000000000000:execution:Services-image-release:run-1';

interface Event {
  readonly type: string;
  readonly previousEventId?: number;
  readonly [details: string]: unknown;
}
const entered = (type: string, name: string, previousEventId?: number): Event => ({
  type: `${type}StateEntered`,
  stateEnteredEventDetails: { name },
  ...(previousEventId === undefined ? {} : { previousEventId }),
});
const exited = (type: string, name: string, previousEventId?: number): Event => ({
  type: `${type}StateExited`,
  stateExitedEventDetails: { name },
  ...(previousEventId === undefined ? {} : { previousEventId }),
});
const at = (type: string, previousEventId?: number, details: object = {}): Event => ({
  type,
  ...(previousEventId === undefined ? {} : { previousEventId }),
  ...details,
});
const taskFailed = (error: string, previousEventId?: number): Event =>
  at('TaskFailed', previousEventId, {
    taskFailedEventDetails: {
      error,
      cause: JSON.stringify({ errorType: error, errorMessage: 'said', trace: ['a trace'] }),
    },
  });

/** One execution, its history in pages of `page` events, or the error of every call. */
const service = {
  execution: {} as Record<string, unknown>,
  definition: '',
  events: [] as readonly Event[],
  page: 1000,
  calls: [] as { action: string; body: Record<string, unknown> }[],
  error: undefined as string | undefined,
};
function answerOf(action: string, nextToken = '0'): object {
  if (action === 'DescribeExecution') return { executionArn: RUN, stateMachineArn: MACHINE, ...service.execution };
  if (action === 'DescribeStateMachineForExecution') return { name: 'n', definition: service.definition };
  const from = Number(nextToken);
  const events = service.events.slice(from, from + service.page);
  const next = from + service.page;
  return {
    events: events.map((event, index) => ({ id: from + index + 1, timestamp: 1_700_000_000 + from + index, ...event })),
    ...(next < service.events.length ? { nextToken: String(next) } : {}),
  };
}
const Body = z.looseObject({ nextToken: z.string().optional() });
let client: SFNClient;
let stop: () => Promise<void>;

beforeAll(async () => {
  const started = await startAwsService((action, asked) => {
    const { nextToken, ...body } = Body.parse(asked);
    service.calls.push({ action, body });
    return service.error ?? answerOf(action, nextToken);
  });
  stop = started.stop;
  client = new SFNClient(started.client);
});
afterAll(async () => {
  client.destroy();
  await stop();
});
beforeEach(() => {
  Object.assign(service, { execution: { status: 'FAILED' }, definition: '{}', events: [], page: 1000, calls: [] });
  service.error = undefined;
});

const histories = () => sfnHistories({ client, machineArns: { 'image-release': `${MACHINE}:live` } });
const statesOf = async (...events: readonly Event[]) => {
  service.events = events;
  const history = await histories().of('image-release', 'run-1');
  return history?.states.map(({ enteredAt: _entered, exitedAt: _exited, ...state }) => state);
};

describe('the history of an execution', () => {
  it('says when each state was entered and left, on which code, and is asked for without what passed through it', async () => {
    const of = (name: string) => `arn:aws:lambda:us-east-1:000000000000:function:${name}`;
    service.definition = JSON.stringify([`${of('Services-B')}:12`, `${of('Services-A')}:3`, `${of('Services-B')}:12`]);
    service.execution = {
      status: 'RUNNING',
      stateMachineVersionArn: `${MACHINE}:7`,
      stateMachineAliasArn: `${MACHINE}:live`,
    };
    service.events = [
      at('ExecutionStarted', 0),
      entered('Pass', 'Begin', 0),
      exited('Pass', 'Begin', 2),
      entered('Task', 'Resolve the image', 3),
    ];
    expect(await histories().of('image-release', 'run-1')).toEqual({
      codeVersion: 'version 7 (live)',
      definition: sha256Hex(service.definition),
      functions: ['Services-A:3', 'Services-B:12'],
      states: [
        {
          state: 'Begin',
          enteredAt: '2023-11-14T22:13:21.000Z',
          exitedAt: '2023-11-14T22:13:22.000Z',
          outcome: 'succeeded',
          retries: 0,
        },
        { state: 'Resolve the image', enteredAt: '2023-11-14T22:13:23.000Z', outcome: 'running', retries: 0 },
      ],
    });
    expect(service.calls.map(({ action }) => action).sort()).toEqual([
      'DescribeExecution',
      'DescribeStateMachineForExecution',
      'GetExecutionHistory',
    ]);
    for (const { action, body } of service.calls)
      expect(body).toEqual({
        executionArn: RUN,
        ...(action === 'GetExecutionHistory' ? { includeExecutionData: false, maxResults: 1000 } : {}),
      });
  });

  it('names the state that failed, how often it was tried again, and of its cause the message alone', async () => {
    const failed = await statesOf(
      entered('Task', 'A', 0),
      at('TaskScheduled', 1),
      taskFailed('StoreUnavailable', 2),
      at('TaskScheduled', 3),
      at('TaskStarted', 4),
      taskFailed('SourceUnreachable', 5),
      at('ExecutionFailed', 6),
    );
    expect(failed).toEqual([{ state: 'A', outcome: 'failed', retries: 1, error: 'SourceUnreachable', cause: 'said' }]);
  });

  it.each([
    ['taskTimedOutEventDetails', 'TaskTimedOut', 'States.Timeout'],
    ['taskStartFailedEventDetails', 'TaskStartFailed', 'Lambda.Unknown'],
    ['taskSubmitFailedEventDetails', 'TaskSubmitFailed', 'Lambda.ServiceException'],
    ['evaluationFailedEventDetails', 'EvaluationFailed', 'States.QueryEvaluationError'],
  ])('reads %s', async (details, type, error) => {
    const states = await statesOf(entered('Task', 'A', 0), at(type, 1, { [details]: { error, cause: 'why' } }));
    expect(states).toEqual([{ state: 'A', outcome: 'failed', retries: 0, error, cause: 'why' }]);
  });

  it('keeps branches apart whose events stand between each other', async () => {
    service.execution = { status: 'SUCCEEDED' };
    const states = await statesOf(
      entered('Parallel', 'Both', 0),
      at('ParallelStateStarted', 1),
      entered('Task', 'A', 2),
      entered('Task', 'B', 2),
      at('TaskScheduled', 3),
      at('TaskScheduled', 4),
      taskFailed('Down', 5),
      at('TaskSucceeded', 6),
      at('TaskScheduled', 7),
      exited('Task', 'B', 8),
      at('TaskSucceeded', 9),
      exited('Task', 'A', 11),
      at('ParallelStateSucceeded', 12),
      exited('Parallel', 'Both', 13),
    );
    expect(states).toEqual([
      { state: 'Both', outcome: 'succeeded', retries: 0 },
      { state: 'A', outcome: 'succeeded', retries: 1 },
      { state: 'B', outcome: 'succeeded', retries: 0 },
    ]);
  });

  it('keeps items of a Map apart, which have the same states', async () => {
    const states = await statesOf(
      entered('Map', 'Each', 0),
      at('MapStateStarted', 1),
      at('MapIterationStarted', 2),
      at('MapIterationStarted', 2),
      entered('Task', 'A', 3),
      entered('Task', 'A', 4),
      at('TaskScheduled', 5),
      at('TaskScheduled', 6),
      exited('Task', 'A', 7),
      taskFailed('Down', 8),
      at('MapIterationFailed', 10),
      at('MapStateFailed', 11),
      at('ExecutionFailed', 12),
    );
    expect(states).toEqual([
      { state: 'Each', outcome: 'failed', retries: 0 },
      { state: 'A', outcome: 'succeeded', retries: 0 },
      { state: 'A', outcome: 'failed', retries: 0, error: 'Down', cause: 'said' },
    ]);
  });

  it('goes on in the state that failed after a redrive, which names no event before it', async () => {
    service.execution = { status: 'SUCCEEDED' };
    const states = await statesOf(
      entered('Task', 'A', 0),
      at('TaskScheduled', 1),
      taskFailed('Down', 2),
      at('ExecutionFailed', 3),
      at('ExecutionRedriven', 0),
      at('TaskScheduled', 5),
      at('TaskSucceeded', 6),
      exited('Task', 'A', 7),
    );
    expect(states).toEqual([{ state: 'A', outcome: 'succeeded', retries: 1 }]);
  });

  it('is told from events that do not name the one before', async () => {
    const states = await statesOf(
      at('ExecutionStarted'),
      entered('Pass', 'Begin'),
      exited('Pass', 'Begin'),
      entered('Parallel', 'Both'),
      at('TaskScheduled'),
      at('TaskScheduled'),
      taskFailed('Down'),
      at('ExecutionFailed'),
    );
    expect(states).toEqual([
      { state: 'Begin', outcome: 'succeeded', retries: 0 },
      { state: 'Both', outcome: 'failed', retries: 0, error: 'Down', cause: 'said' },
    ]);
  });

  it('is read page by page, and ends with the page that no execution can exceed', async () => {
    service.page = 2;
    const names = Array.from({ length: 6 }, (_, index) => `S${index}`);
    expect(await statesOf(...names.map((name) => entered('Pass', name)))).toHaveLength(6);
    service.page = 1;
    await statesOf(...Array.from({ length: 40 }, (_, index) => entered('Pass', `S${index}`)));
    expect(service.calls.filter(({ action }) => action === 'GetExecutionHistory')).toHaveLength(3 + 25);
  });

  it('is undefined of an execution that is forgotten, and StoreUnavailable when it cannot be read', async () => {
    service.error = 'ExecutionDoesNotExist';
    expect(await histories().of('image-release', 'run-1')).toBeUndefined();
    service.error = 'AccessDeniedException';
    await expect(histories().of('image-release', 'run-1')).rejects.toMatchObject({ name: 'StoreUnavailable' });
    await expect(histories().of('unknown', 'run-1')).rejects.toMatchObject({ name: 'ConfigurationInvalid' });
  });
});
