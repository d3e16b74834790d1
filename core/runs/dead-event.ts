import { eventDraft } from '../ingest/delivery-entry.ts';
import { entryKeyOf } from '../ledger/entry.ts';
import type { DeliveryStore } from '../ports/delivery-store.ts';
import type { BusMessage } from '../ports/event-bus.ts';
import type { RunOutcomeDeps } from './outcome.ts';
import { type StartDeps, type StartOutcome, startWorkflow } from './start.ts';

export interface DeadEventDeps extends Pick<RunOutcomeDeps, 'append'> {
  readonly deliveries: Pick<DeliveryStore, 'byEvent'>;
}

/**
 * Starts what an event asks for. When this was its last try it is on record that nobody could, before the message is put
 * aside; the fault is thrown on either way.
 */
export async function startOrRecordDead(
  deps: StartDeps & DeadEventDeps,
  message: BusMessage,
  isLastTry: boolean,
): Promise<StartOutcome> {
  try {
    return await startWorkflow(deps, message);
  } catch (fault) {
    if (isLastTry) await recordDeadEvent(deps, message, fault instanceof Error ? fault.name : 'Error');
    throw fault;
  }
}

/**
 * Records that nobody could start the work an event announces; once for each event, however often it dies. What is said of
 * it is read from its delivery: an event that no delivery holds is none of ours and leaves no entry.
 */
export async function recordDeadEvent(
  { deliveries, append }: DeadEventDeps,
  { tenant, event: { id } }: BusMessage,
  fault: string,
): Promise<void> {
  const row = await deliveries.byEvent(tenant, id);
  const event = row?.events.find((one) => one.id === id);
  if (!row || !event) return;
  const businessKey = event.businesskey;
  const of = { businessKey, machine: 'inbox', step: 'start-workflow', replay: 0, kind: 'fault', ordinal: id };
  const reason = { code: 'event.dead', where: id, found: fault, fix: 'relseal dead-letters redrive' };
  await append(tenant, [
    {
      key: entryKeyOf(tenant, of),
      content: {
        ...eventDraft(row, event).content,
        kind: of.kind,
        outcome: 'fault',
        reasons: [reason],
        reasonsTotal: 1,
      },
    },
  ]);
}
