import {
  DescribeExecutionCommand,
  GetExecutionHistoryCommand,
  ListExecutionsCommand,
  RedriveExecutionCommand,
  SendTaskFailureCommand,
  SendTaskHeartbeatCommand,
  SendTaskSuccessCommand,
  type SFNClient,
  StartExecutionCommand,
  StopExecutionCommand,
} from '@aws-sdk/client-sfn';
import { Fault } from '../../core/faults.ts';
import type { RunDescription, TokenAnswer, Workflows } from '../../core/ports/workflows.ts';
import { isNamed, storeCall } from './errors.ts';
import { causeOf, executionArnOf, type MachineArns, machineArnOf, statusOfRun, unlessNamed } from './sfn-executions.ts';

export interface SfnWorkflowsConfig {
  readonly client: SFNClient;
  readonly machineArns: MachineArns;
  /** Machines whose Catch starts a compensation: never redriven, whatever the service would do. */
  readonly compensating?: readonly string[];
}

/** How a back end says that it has no redrive at all: neither now nor for another run. */
const UNSUPPORTED = ['InvalidAction', 'UnknownOperationException', 'UnsupportedOperation', 'NotImplemented'];
const NOT_REDRIVABLE = ['ExecutionNotRedrivable', 'ExecutionDoesNotExist'];
/** Nobody waits with this token any more, or ever did. */
const TOKEN_GONE = ['TaskTimedOut', 'TaskDoesNotExist', 'InvalidToken'];
const MAX_ERROR_CHARACTERS = 256;
const MAX_CAUSE_CHARACTERS = 32_768;

const json = (text: string | undefined): unknown => (text === undefined ? undefined : JSON.parse(text));

/** Calls of a task's token, by which whoever was handed it answers for the task. */
function tokenCalls(client: SFNClient) {
  const answered = (what: string, call: () => Promise<object>): Promise<TokenAnswer> =>
    storeCall(what, async () => ((await unlessNamed(call(), ...TOKEN_GONE)) ? 'accepted' : 'gone'));
  return {
    sendTaskSuccess: (taskToken: string, output: unknown) =>
      answered('answering a task', () =>
        client.send(new SendTaskSuccessCommand({ taskToken, output: JSON.stringify(output) })),
      ),
    sendTaskFailure: (taskToken: string, failure: { error: string; cause: string }) =>
      answered('failing a task', () =>
        client.send(
          new SendTaskFailureCommand({
            taskToken,
            error: failure.error.slice(0, MAX_ERROR_CHARACTERS),
            cause: failure.cause.slice(0, MAX_CAUSE_CHARACTERS),
          }),
        ),
      ),
    sendTaskHeartbeat: (taskToken: string) =>
      answered('keeping a task alive', () => client.send(new SendTaskHeartbeatCommand({ taskToken }))),
  };
}

/** The state that a run is in or failed in: the last one entered. */
async function stateOf(client: SFNClient, executionArn: string): Promise<string | undefined> {
  const { events = [] } = await client.send(
    new GetExecutionHistoryCommand({ executionArn, reverseOrder: true, maxResults: 50 }),
  );
  return events.find(({ stateEnteredEventDetails: entered }) => entered)?.stateEnteredEventDetails?.name;
}

/** Runs as executions of Step Functions. A name is used once in 90 days there; the claim row remembers for ever. */
export function sfnWorkflows({ client, machineArns, compensating = [] }: SfnWorkflowsConfig): Workflows {
  let canRedrive = true;
  const arnOf = (machine: string) => machineArnOf(machineArns, machine);
  const executionArn = (machine: string, name: string) => executionArnOf(machineArns, machine, name);
  const mayRedrive = (machine: string) => canRedrive && !compensating.includes(machine);

  async function describe(machine: string, name: string): Promise<RunDescription | undefined> {
    const arn = executionArn(machine, name);
    const command = new DescribeExecutionCommand({ executionArn: arn });
    const found = await unlessNamed(client.send(command), 'ExecutionDoesNotExist');
    if (!found) return undefined;
    const status = statusOfRun(found.status);
    const state = status === 'SUCCEEDED' ? undefined : await stateOf(client, arn);
    const cause = causeOf(found.error, found.cause);
    return {
      name,
      machine,
      status,
      startedAt: (found.startDate ?? new Date(0)).toISOString(),
      ...(found.stopDate ? { stoppedAt: found.stopDate.toISOString() } : {}),
      input: json(found.input),
      ...(found.output === undefined ? {} : { output: json(found.output) }),
      ...(found.error === undefined ? {} : { error: found.error }),
      ...(cause === undefined ? {} : { cause }),
      ...(state === undefined ? {} : { state }),
      redriveCount: found.redriveCount ?? 0,
      redrivable: found.redriveStatus === 'REDRIVABLE' && mayRedrive(machine),
    };
  }

  async function redrive(machine: string, name: string): Promise<'redriven' | 'impossible'> {
    if (!mayRedrive(machine)) return 'impossible';
    try {
      await client.send(new RedriveExecutionCommand({ executionArn: executionArn(machine, name) }));
      return 'redriven';
    } catch (error) {
      // Remembered, so that later descriptions do not promise what only this call can tell.
      if (isNamed(error, ...UNSUPPORTED)) canRedrive = false;
      else if (!isNamed(error, ...NOT_REDRIVABLE)) throw error;
      return 'impossible';
    }
  }

  return {
    start: (machine, name, input) =>
      storeCall('starting a run', async () => {
        const command = new StartExecutionCommand({
          stateMachineArn: arnOf(machine),
          name,
          input: JSON.stringify(input),
        });
        const answer = await unlessNamed(client.send(command), 'ExecutionAlreadyExists');
        if (answer && !answer.executionArn)
          throw new Fault('StoreUnavailable', 'Step Functions answered without an ARN');
        return answer ? 'started' : 'exists';
      }),
    describe: (machine, name) => storeCall('describing a run', () => describe(machine, name)),
    list: ({ machine, status, limit }) =>
      storeCall('listing runs', async () => {
        const found: RunDescription[] = [];
        for (const name of machine === undefined ? Object.keys(machineArns) : [machine]) {
          const { executions = [] } = await client.send(
            new ListExecutionsCommand({
              stateMachineArn: arnOf(name),
              maxResults: Math.min(limit, 1000),
              ...(status ? { statusFilter: status } : {}),
            }),
          );
          for (const execution of executions) {
            const described = execution.name === undefined ? undefined : await describe(name, execution.name);
            if (described) found.push(described);
          }
        }
        return found.sort((a, b) => (a.startedAt < b.startedAt ? 1 : -1)).slice(0, limit);
      }),
    stop: (machine, name, reason) =>
      storeCall('stopping a run', async () => {
        const command = new StopExecutionCommand({ executionArn: executionArn(machine, name), ...reason });
        // To stop a run that has ended changes nothing, there as here.
        const stopped = await unlessNamed(client.send(command), 'ExecutionDoesNotExist');
        if (!stopped) throw new Fault('InputInvalid', `there is no run ${name} of ${machine}`);
      }),
    redrive: (machine, name) => storeCall('redriving a run', () => redrive(machine, name)),
    ...tokenCalls(client),
  };
}
