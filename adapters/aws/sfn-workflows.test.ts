import { SFNClient } from '@aws-sdk/client-sfn';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import * as z from 'zod';
import { type AwsAnswer, startAwsService } from '../../test/fakes/aws-service.ts';
import { sfnWorkflows } from './sfn-workflows.ts';

const Body = z.record(z.string(), z.unknown());
const ARN = 'arn:aws:states:us-east-1:000000000000:stateMachine';
const RUN = 'arn:aws:states:us-east-1:000000000000:execution:source:run-1';

/** What it answers to each action, and what it was asked. */
const service = {
  answers: {} as Record<string, AwsAnswer>,
  calls: [] as { action: string; body: Record<string, unknown> }[],
};
let client: SFNClient;
let stop: () => Promise<void>;

beforeAll(async () => {
  const started = await startAwsService((action, body) => {
    service.calls.push({ action, body: Body.parse(body) });
    return service.answers[action] ?? 'UnknownOperationException';
  });
  stop = started.stop;
  client = new SFNClient(started.client);
});
afterAll(async () => {
  client.destroy();
  await stop();
});
beforeEach(() => {
  service.answers = {};
  service.calls = [];
});

const machineArns = { source: `${ARN}:source`, aliased: `${ARN}:source:live`, promotion: `${ARN}:promotion` };
const workflows = () => sfnWorkflows({ client, machineArns, compensating: ['promotion'] });

const lambda = (errorType: string, errorMessage: string) =>
  JSON.stringify({ errorType, errorMessage, trace: ['SourceUnreachable: x', ' at /var/task/index.js:1'] });

const failed = (more: object = {}) => ({
  executionArn: RUN,
  status: 'FAILED',
  startDate: 1_700_000_000,
  stopDate: 1_700_000_060,
  input: '{"a":1}',
  error: 'SourceUnreachable',
  cause: lambda('SourceUnreachable', 'gone'),
  redriveCount: 2,
  redriveStatus: 'REDRIVABLE',
  ...more,
});
const history = {
  events: [
    { id: 3, type: 'TaskStateEntered', timestamp: 1, stateEnteredEventDetails: { name: 'Fetch the source' } },
    { id: 2, type: 'TaskStateEntered', timestamp: 1, stateEnteredEventDetails: { name: 'Claim the release' } },
  ],
};

describe('a run of Step Functions', () => {
  it('is described with where and why it failed and whether it can go on', async () => {
    service.answers = { DescribeExecution: failed(), GetExecutionHistory: history };
    expect(await workflows().describe('source', 'run-1')).toEqual({
      name: 'run-1',
      machine: 'source',
      status: 'FAILED',
      startedAt: '2023-11-14T22:13:20.000Z',
      stoppedAt: '2023-11-14T22:14:20.000Z',
      input: { a: 1 },
      error: 'SourceUnreachable',
      cause: 'gone',
      state: 'Fetch the source',
      redriveCount: 2,
      redrivable: true,
    });
  });

  it.each([
    ['a plain text', 'States.Timeout', 'The task did not answer in time.', 'The task did not answer in time.'],
    ['a report of the sandbox', 'Sandbox.Timedout', lambda('Sandbox.Timedout', 'timed out'), 'timed out'],
    ['a report of another error', 'SourceUnreachable', lambda('TypeError', 'password hunter2'), undefined],
    ['a report that is cut off', 'SourceUnreachable', lambda('SourceUnreachable', 'password').slice(0, -9), undefined],
    ['JSON of another shape', 'States.TaskFailed', '{"password":"hunter2"}', undefined],
  ])('has as its cause what was said in %s', async (_what, error, cause, said) => {
    service.answers = { DescribeExecution: failed({ error, cause }), GetExecutionHistory: history };
    expect((await workflows().describe('source', 'run-1'))?.cause).toBe(said);
  });

  it('has an ARN without the alias of its machine', async () => {
    service.answers = {
      DescribeExecution: failed(),
      GetExecutionHistory: history,
      StartExecution: { executionArn: RUN },
    };
    await workflows().describe('aliased', 'run-1');
    expect(service.calls[0]?.body).toEqual({ executionArn: RUN });
    await workflows().start('aliased', 'run-1', {});
    expect(service.calls.at(-1)?.body).toMatchObject({ stateMachineArn: `${ARN}:source:live` });
  });

  it.each([
    ['of a back end that counts no redrives', 'source', { redriveCount: undefined, redriveStatus: undefined }],
    ['that is too old', 'source', { redriveStatus: 'NOT_REDRIVABLE' }],
    ['of a machine that compensates', 'promotion', {}],
  ])('%s is not redrivable', async (_which, machine, more) => {
    service.answers = { DescribeExecution: failed(more), GetExecutionHistory: history };
    expect(await workflows().describe(machine, 'run-1')).toMatchObject({ redrivable: false });
  });

  it('that does not exist is undefined, and one that cannot be asked for is StoreUnavailable', async () => {
    service.answers = { DescribeExecution: 'ExecutionDoesNotExist' };
    expect(await workflows().describe('source', 'run-1')).toBeUndefined();
    service.answers = { DescribeExecution: 'AccessDeniedException' };
    await expect(workflows().describe('source', 'run-1')).rejects.toMatchObject({ name: 'StoreUnavailable' });
    await expect(workflows().describe('unknown', 'run-1')).rejects.toMatchObject({ name: 'ConfigurationInvalid' });
  });

  it('starts once', async () => {
    service.answers = { StartExecution: 'ExecutionAlreadyExists' };
    expect(await workflows().start('source', 'run-1', { a: 1 })).toBe('exists');
    expect(service.calls[0]?.body).toEqual({ stateMachineArn: `${ARN}:source`, name: 'run-1', input: '{"a":1}' });
    service.answers = { StartExecution: {} };
    await expect(workflows().start('source', 'run-1', {})).rejects.toMatchObject({ name: 'StoreUnavailable' });
  });

  it('stops, and stopping one that does not exist is InputInvalid', async () => {
    service.answers = { StopExecution: { stopDate: 1 } };
    await workflows().stop('aliased', 'run-1', { error: 'Stopped', cause: 'by the test' });
    expect(service.calls[0]?.body).toEqual({ executionArn: RUN, error: 'Stopped', cause: 'by the test' });
    service.answers = { StopExecution: 'ExecutionDoesNotExist' };
    await expect(workflows().stop('source', 'run-1', { error: 'E', cause: 'c' })).rejects.toMatchObject({
      name: 'InputInvalid',
    });
  });

  it('is listed by alias, newest first', async () => {
    const executions = [{ name: 'run-1', executionArn: RUN }];
    const DescribeExecution = failed({ status: 'SUCCEEDED', output: '{"outcome":"passed"}' });
    service.answers = { ListExecutions: { executions }, DescribeExecution };
    expect(await workflows().list({ machine: 'aliased', limit: 5 })).toMatchObject([{ output: { outcome: 'passed' } }]);
    expect(service.calls[0]?.body).toMatchObject({ stateMachineArn: `${ARN}:source:live`, maxResults: 5 });
  });
});

describe('a redrive', () => {
  it('of a run that failed is durable once answered', async () => {
    service.answers = { RedriveExecution: { redriveDate: 1 } };
    expect(await workflows().redrive('aliased', 'run-1')).toBe('redriven');
    expect(service.calls[0]?.body).toMatchObject({ executionArn: RUN });
  });

  it.each(['ExecutionNotRedrivable', 'ExecutionDoesNotExist'])('is impossible when it is %s', async (error) => {
    service.answers = { RedriveExecution: error };
    expect(await workflows().redrive('source', 'run-1')).toBe('impossible');
  });

  it.each(['ExecutionLimitExceeded', 'AccessDeniedException', 'ThrottlingException'])(
    'that meets %s can be asked for again',
    async (error) => {
      service.answers = { RedriveExecution: error };
      await expect(workflows().redrive('source', 'run-1')).rejects.toMatchObject({ name: 'StoreUnavailable' });
    },
  );

  it('of a machine that compensates is not even asked for', async () => {
    service.answers = { RedriveExecution: { redriveDate: 1 } };
    expect(await workflows().redrive('promotion', 'run-1')).toBe('impossible');
    expect(service.calls).toEqual([]);
  });

  it.each(['InvalidAction', 'UnknownOperationException'])(
    'of a back end that answers %s is impossible, and is promised no more',
    async (error) => {
      service.answers = { RedriveExecution: error, DescribeExecution: failed(), GetExecutionHistory: history };
      const once = workflows();
      expect(await once.describe('source', 'run-1')).toMatchObject({ redrivable: true });
      expect(await once.redrive('source', 'run-1')).toBe('impossible');
      expect(await once.describe('source', 'run-1')).toMatchObject({ redrivable: false });
    },
  );
});

describe('a task token', () => {
  const token = 'a token of the test';

  it('takes an output, a failure and heartbeats', async () => {
    service.answers = { SendTaskSuccess: {}, SendTaskFailure: {}, SendTaskHeartbeat: {} };
    const failure = { error: 'e'.repeat(300), cause: 'c'.repeat(40_000) };
    expect(await workflows().sendTaskSuccess(token, { verdict: 'pass' })).toBe('accepted');
    expect(await workflows().sendTaskFailure(token, failure)).toBe('accepted');
    expect(await workflows().sendTaskHeartbeat(token)).toBe('accepted');
    expect(service.calls.map(({ body }) => body)).toEqual([
      { taskToken: token, output: '{"verdict":"pass"}' },
      { taskToken: token, error: 'e'.repeat(256), cause: 'c'.repeat(32_768) },
      { taskToken: token },
    ]);
  });

  it.each(['TaskTimedOut', 'TaskDoesNotExist', 'InvalidToken'])('is gone when it is %s', async (error) => {
    service.answers = { SendTaskSuccess: error, SendTaskFailure: error, SendTaskHeartbeat: error };
    expect(await workflows().sendTaskSuccess(token, {})).toBe('gone');
    expect(await workflows().sendTaskFailure(token, { error: 'E', cause: 'c' })).toBe('gone');
    expect(await workflows().sendTaskHeartbeat(token)).toBe('gone');
  });

  it('that cannot be answered now is StoreUnavailable', async () => {
    service.answers = { SendTaskSuccess: 'ThrottlingException' };
    await expect(workflows().sendTaskSuccess(token, {})).rejects.toMatchObject({ name: 'StoreUnavailable' });
  });
});
