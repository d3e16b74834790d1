import { setTimeout as delay } from 'node:timers/promises';
import {
  CreateStateMachineCommand,
  DeleteStateMachineCommand,
  DescribeExecutionCommand,
  GetExecutionHistoryCommand,
  type HistoryEvent,
  RedriveExecutionCommand,
  type SFNClient,
  StartExecutionCommand,
  StopExecutionCommand,
} from '@aws-sdk/client-sfn';
import { isJsonObject, type Json, parseJson } from '../../../core/asl/json.ts';
import type { AslCase, RunningCase } from './corpus.ts';
import { expand, expandText } from './script.ts';

/** Runs cases by the API of Step Functions: on the emulator, or on AWS itself. */
export interface StepFunctions {
  readonly client: SFNClient;
  readonly roleArn: string;
  readonly functionArn: string;
  readonly pollMs: number;
}

export interface RemoteOutcome {
  readonly status: string;
  readonly output?: unknown;
  readonly error?: string | undefined;
  readonly events: readonly HistoryEvent[];
}

/** The counts by which the scripted function finds its reply. */
const COUNTS = {
  attempt: '{% $states.context.State.RetryCount %}',
  redrives: '{% $exists($states.context.Execution.RedriveCount) ? $states.context.Execution.RedriveCount : 0 %}',
};

/** The definition with every task bound to the scripted function, which is told its script. */
function bound(value: Json, each: AslCase, functionArn: string): Json {
  if (Array.isArray(value)) return value.map((item) => bound(item, each, functionArn));
  if (!isJsonObject(value)) return value;
  const members = Object.fromEntries(
    Object.entries(value).map(([key, member]) => [key, bound(member, each, functionArn)]),
  );
  const { Type, Resource, Arguments } = members;
  if (Type !== 'Task' || typeof Resource !== 'string' || !isJsonObject(Arguments)) return members;
  const { Payload = {} } = Arguments;
  if (!isJsonObject(Payload)) return members;
  const { step } = Payload;
  const phases = [each.tasks, ...each.redrives.map(({ tasks }) => tasks)];
  const script = JSON.stringify(phases.map((tasks) => tasks.filter((task) => task.step === step)));
  return {
    ...members,
    Resource: Resource.replace('${Partition}', functionArn.split(':')[1] ?? 'aws'),
    Arguments: { FunctionName: functionArn, Payload: { ...Payload, script, ...COUNTS } },
  };
}

async function ended({ client, pollMs }: StepFunctions, executionArn: string) {
  for (;;) {
    const described = await client.send(new DescribeExecutionCommand({ executionArn }));
    if (described.status !== 'RUNNING') return described;
    await delay(pollMs);
  }
}

async function eventsOf(client: SFNClient, executionArn: string): Promise<HistoryEvent[]> {
  const events: HistoryEvent[] = [];
  let nextToken: string | undefined;
  do {
    const page = await client.send(
      new GetExecutionHistoryCommand({ executionArn, maxResults: 1000, ...(nextToken ? { nextToken } : {}) }),
    );
    events.push(...(page.events ?? []));
    nextToken = page.nextToken;
  } while (nextToken);
  return events;
}

async function redrive({ client }: StepFunctions, executionArn: string): Promise<'redriven' | 'impossible'> {
  try {
    await client.send(new RedriveExecutionCommand({ executionArn }));
    return 'redriven';
  } catch (error) {
    if (error instanceof Error && error.name === 'ExecutionNotRedrivable') return 'impossible';
    throw error;
  }
}

async function execute(at: StepFunctions, each: AslCase, stateMachineArn: string): Promise<RemoteOutcome> {
  const { client } = at;
  const input = JSON.stringify(expand(each.input));
  const started = await client.send(new StartExecutionCommand({ stateMachineArn, name: each.runName, input }));
  const { executionArn = '' } = started;
  const { stop } = each;
  if (stop) {
    await delay(stop.afterSeconds * 1000);
    await client.send(new StopExecutionCommand({ executionArn, error: stop.error, cause: stop.cause }));
  }
  let end = await ended(at, executionArn);
  for (const { afterSeconds, answer } of each.redrives) {
    await delay(afterSeconds * 1000);
    const told = await redrive(at, executionArn);
    if (told !== answer) throw new Error(`redrive: ${told}`);
    end = await ended(at, executionArn);
  }
  const { status = '', output, error } = end;
  const given = status === 'SUCCEEDED' && output !== undefined ? { output: parseJson(output) } : {};
  return { status, ...given, error, events: await eventsOf(client, executionArn) };
}

/** Makes the machine, runs the case and deletes the machine. */
export async function runOnStepFunctions(at: StepFunctions, each: AslCase, name: string): Promise<RemoteOutcome> {
  const definition = JSON.stringify(bound(each.definition, each, at.functionArn));
  const { stateMachineArn = '' } = await at.client.send(
    new CreateStateMachineCommand({ name, definition, roleArn: at.roleArn }),
  );
  try {
    return await execute(at, each, stateMachineArn);
  } finally {
    await at.client.send(new DeleteStateMachineCommand({ stateMachineArn }));
  }
}

const REFUSALS = ['InvalidDefinition', 'InvalidName', 'InvalidExecutionInput', 'ValidationException'];

/** Whether Step Functions refuses the definition of the case, or to start it. */
export async function isRefused(at: StepFunctions, each: AslCase, name: string): Promise<boolean> {
  try {
    await runOnStepFunctions(at, each, name);
    return false;
  } catch (error) {
    if (error instanceof Error && REFUSALS.includes(error.name)) return true;
    throw error;
  }
}

/** How a run must end, wherever it runs: causes are worded by each engine. */
export function expectedEnd({ expected }: RunningCase): Omit<RemoteOutcome, 'events'> {
  if (expected.status === 'SUCCEEDED') return { status: expected.status, output: expand(expected.output) };
  return { status: expected.status, error: expandText(expected.error) };
}

/** As the corpus writes an event: its type, and the name of the state that is entered or left. */
export const remoteEventText = ({ type, stateEnteredEventDetails, stateExitedEventDetails }: HistoryEvent) => {
  const name = stateEnteredEventDetails?.name ?? stateExitedEventDetails?.name;
  return name === undefined ? String(type) : `${type} ${name}`;
};
