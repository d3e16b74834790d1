import {
  DescribeExecutionCommand,
  type DescribeExecutionOutput,
  DescribeStateMachineForExecutionCommand,
  GetExecutionHistoryCommand,
  type HistoryEvent,
  type SFNClient,
} from '@aws-sdk/client-sfn';
import { type StateEvent, visitsOf } from '../../core/desk/state-visits.ts';
import { sha256Hex } from '../../core/evidence.ts';
import type { RunHistories, RunHistory } from '../../core/ports/run-history.ts';
import { storeCall } from './errors.ts';
import { causeOf, executionArnOf, type MachineArns, statusOfRun, unlessNamed } from './sfn-executions.ts';

export interface SfnHistoriesConfig {
  readonly client: SFNClient;
  readonly machineArns: MachineArns;
}

/** An execution has 25,000 events at most, and a page a thousand. */
const MOST_PAGES = 25;

/** Enclosing states end by an event that follows one of a state inside. */
const ENCLOSING = /^(Parallel|Map)State(?:Succeeded|Failed|Aborted)$/;

/** States that are entered and not left, the newest last, by the id of the event that entered them. */
type Open = Map<number, { readonly name: string | undefined; readonly type: string }>;

const newest = (open: Open, is: (state: { name: string | undefined; type: string }) => boolean): number =>
  [...open].findLast(([, state]) => is(state))?.[0] ?? 0;

/** Which stay an event belongs to; `before`: the one of the event that led to it. */
function visitOf(event: HistoryEvent, before: number, open: Open): number {
  const { id = 0, type = '', stateEnteredEventDetails: entered, stateExitedEventDetails: exited } = event;
  if (entered) return id;
  if (exited) return open.get(before)?.name === exited.name ? before : newest(open, ({ name }) => name === exited.name);
  const enclosing = ENCLOSING.exec(type)?.[1];
  if (enclosing !== undefined) return newest(open, (state) => state.type === enclosing);
  return open.has(before) ? before : newest(open, () => true);
}

function stateEvent(event: HistoryEvent, visit: number): StateEvent {
  const { type = '', timestamp = new Date(0), stateEnteredEventDetails: entered } = event;
  const { error, cause } =
    event.taskFailedEventDetails ??
    event.taskTimedOutEventDetails ??
    event.taskStartFailedEventDetails ??
    event.taskSubmitFailedEventDetails ??
    event.evaluationFailedEventDetails ??
    {};
  const said = causeOf(error, cause);
  return {
    type,
    at: timestamp.toISOString(),
    visit,
    ...(entered?.name === undefined ? {} : { state: entered.name }),
    ...(error === undefined ? {} : { error }),
    ...(said === undefined ? {} : { cause: said }),
  };
}

/** Events by the stay that each belongs to: events of branches stand between each other, and name the one before. */
function stateEvents(history: readonly HistoryEvent[]): StateEvent[] {
  const visits = new Map<number, number>();
  const open: Open = new Map();
  return history.map((event) => {
    const { id = 0, type = '', stateEnteredEventDetails: entered } = event;
    // Not every back end names it.
    const visit = visitOf(event, visits.get(event.previousEventId ?? id - 1) ?? 0, open);
    visits.set(id, visit);
    if (entered) open.set(visit, { name: entered.name, type: type.replace(/StateEntered$/, '') });
    if (event.stateExitedEventDetails) open.delete(visit);
    return stateEvent(event, visit);
  });
}

async function eventsOf(client: SFNClient, executionArn: string): Promise<HistoryEvent[]> {
  const found: HistoryEvent[] = [];
  let nextToken: string | undefined;
  for (let page = 0; page < MOST_PAGES; page += 1) {
    const { events = [], ...more } = await client.send(
      new GetExecutionHistoryCommand({ executionArn, maxResults: 1000, includeExecutionData: false, nextToken }),
    );
    found.push(...events);
    nextToken = more.nextToken;
    if (nextToken === undefined) break;
  }
  return found;
}

/** `version 3 (live)`: the last part of each ARN. */
function codeVersionOf({
  stateMachineVersionArn: version,
  stateMachineAliasArn: alias,
}: DescribeExecutionOutput): Pick<RunHistory, 'codeVersion'> {
  const last = (arn: string) => arn.split(':').at(-1);
  if (version === undefined) return {};
  return { codeVersion: `version ${last(version)}${alias === undefined ? '' : ` (${last(alias)})`}` };
}

/** `name:version` of each function that a definition calls. */
const functionsIn = (definition: string): string[] =>
  [...new Set([...definition.matchAll(/:function:([\w-]+:\d+)/g)].map(([, found = '']) => found))].sort();

/** Histories of executions, which Step Functions keeps for 90 days after their end. */
export function sfnHistories({ client, machineArns }: SfnHistoriesConfig): RunHistories {
  async function historyOf(executionArn: string): Promise<RunHistory> {
    const [execution, { definition = '' }, events] = await Promise.all([
      client.send(new DescribeExecutionCommand({ executionArn })),
      client.send(new DescribeStateMachineForExecutionCommand({ executionArn })),
      eventsOf(client, executionArn),
    ]);
    return {
      ...codeVersionOf(execution),
      definition: sha256Hex(definition),
      functions: functionsIn(definition),
      states: visitsOf(stateEvents(events), statusOfRun(execution.status) === 'RUNNING'),
    };
  }
  return {
    of: (machine, name) =>
      storeCall('reading the history of a run', () =>
        unlessNamed(historyOf(executionArnOf(machineArns, machine, name)), 'ExecutionDoesNotExist'),
      ),
  };
}
