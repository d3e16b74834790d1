import {
  DescribeExecutionCommand,
  type DescribeExecutionCommandOutput,
  GetExecutionHistoryCommand,
  ListExecutionsCommand,
  type SFNClient,
  StartExecutionCommand,
  StopExecutionCommand,
} from '@aws-sdk/client-sfn';
import { Fault } from '../../core/faults.ts';
import type { RunDescription, RunStatus, Workflows } from '../../core/ports/workflows.ts';
import { isNamed, storeCall } from './errors.ts';

export interface SfnWorkflowsConfig {
  readonly client: SFNClient;
  /** ARN of each machine (or of its alias) by name. */
  readonly machineArns: Readonly<Record<string, string>>;
}

const json = (text: string | undefined): unknown => (text === undefined ? undefined : JSON.parse(text));

/** Runs as executions of Step Functions. A name is used once in 90 days there; the claim row remembers for ever. */
export function sfnWorkflows({ client, machineArns }: SfnWorkflowsConfig): Workflows {
  const arnOf = (machine: string): string => {
    const arn = machineArns[machine];
    if (arn === undefined) throw new Fault('ConfigurationInvalid', `no state machine is configured for ${machine}`);
    return arn;
  };
  const executionArn = (machine: string, name: string) =>
    `${arnOf(machine).replace(':stateMachine:', ':execution:')}:${name}`;

  /** The state that a run is in or failed in: the last one entered. */
  async function stateOf(arn: string): Promise<string | undefined> {
    const { events = [] } = await client.send(
      new GetExecutionHistoryCommand({ executionArn: arn, reverseOrder: true, maxResults: 50 }),
    );
    return events.find(({ stateEnteredEventDetails: entered }) => entered)?.stateEnteredEventDetails?.name;
  }

  async function describe(machine: string, name: string): Promise<RunDescription | undefined> {
    const arn = executionArn(machine, name);
    let found: DescribeExecutionCommandOutput;
    try {
      found = await client.send(new DescribeExecutionCommand({ executionArn: arn }));
    } catch (error) {
      if (isNamed(error, 'ExecutionDoesNotExist')) return undefined;
      throw error;
    }
    const status = statusOfRun(found.status);
    const state = status === 'SUCCEEDED' ? undefined : await stateOf(arn);
    return {
      name,
      machine,
      status,
      startedAt: (found.startDate ?? new Date(0)).toISOString(),
      ...(found.stopDate ? { stoppedAt: found.stopDate.toISOString() } : {}),
      input: json(found.input),
      ...(found.output === undefined ? {} : { output: json(found.output) }),
      ...(found.error === undefined ? {} : { error: found.error }),
      ...(found.cause === undefined ? {} : { cause: found.cause }),
      ...(state === undefined ? {} : { state }),
    };
  }

  return {
    start: (machine, name, input) =>
      storeCall('starting a run', async () => {
        try {
          const answer = await client.send(
            new StartExecutionCommand({ stateMachineArn: arnOf(machine), name, input: JSON.stringify(input) }),
          );
          if (!answer.executionArn) throw new Fault('StoreUnavailable', 'Step Functions answered without an ARN');
          return 'started';
        } catch (error) {
          if (isNamed(error, 'ExecutionAlreadyExists')) return 'exists';
          throw error;
        }
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
        await client.send(new StopExecutionCommand({ executionArn: executionArn(machine, name), ...reason }));
      }),
  };
}

/** A run that waits for its redrive has not ended. */
const statusOfRun = (status: string | undefined): RunStatus =>
  status === 'SUCCEEDED' || status === 'FAILED' || status === 'TIMED_OUT' || status === 'ABORTED' ? status : 'RUNNING';
