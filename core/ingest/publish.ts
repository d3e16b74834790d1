import type { CanonicalEvent } from '../../events/canonical.ts';
import { detailTypeOf } from '../../events/canonical.ts';
import type { TenantId } from '../../events/fields.ts';
import { Fault, isFault } from '../faults.ts';
import type { appendEntries } from '../ledger/append.ts';
import type { EntryDraft } from '../ledger/entry.ts';
import type { Clock } from '../ports/clock.ts';
import type { DeliveryRow, DeliveryStore } from '../ports/delivery-store.ts';
import type { EventBus } from '../ports/event-bus.ts';
import type { Ids } from '../ports/ids.ts';
import { canonicalEventOf } from './canonical-event.ts';
import { emptyDraft, endedDraft, eventDraft, givenUpDraft } from './delivery-entry.ts';
import { reachesBus } from './outcome.ts';
import { type ResolveDeps, type Resolved, resolveEvent } from './resolve.ts';
import { givenUpRow, isLastTry, LEASE_MS, leasedRow, postponedRow } from './retry.ts';

export interface PublishDeliveryDeps extends ResolveDeps {
  readonly deliveries: DeliveryStore;
  readonly bus: EventBus;
  readonly clock: Clock;
  readonly ids: Ids;
  /** `appendEntries` or `groupCommit`, bound to its stores. */
  append(tenant: TenantId, drafts: readonly EntryDraft[]): ReturnType<typeof appendEntries>;
}

/** `busy`: another publisher has the row, or it is finished. `postponed`: it is due again later. */
export type PublishOutcome = 'published' | 'rejected' | 'postponed' | 'busy';

/**
 * Takes one received delivery to its end: confirm at the source, remember the tag, store the events, append the entry,
 * publish, mark. Every step finds again what a killed predecessor did: ids were given at receipt, observations answer
 * by event id, entries by key, and events that were stored are not resolved again.
 */
export async function publishDelivery(deps: PublishDeliveryDeps, received: DeliveryRow): Promise<PublishOutcome> {
  if (received.status !== 'received') return 'busy';
  const row = leasedRow(received, deps.clock.now());
  try {
    await deps.deliveries.replace(row, received);
  } catch (error) {
    if (isFault(error, 'LedgerConflict')) return 'busy';
    throw error;
  }
  try {
    return await publishLeased(deps, row);
  } catch (error) {
    return await failedTry(deps, row, error);
  }
}

async function publishLeased(deps: PublishDeliveryDeps, leased: DeliveryRow): Promise<PublishOutcome> {
  const known = new Set(leased.events.map(({ id }) => id));
  const ended: Extract<Resolved, { kind: 'ended' }>[] = [];
  const events: CanonicalEvent[] = [...leased.events];
  for (const announced of leased.normalised.events) {
    if (known.has(announced.id)) continue;
    const resolved = await resolveEvent(deps, leased.tenant, announced);
    if (resolved.kind === 'ended') ended.push(resolved);
    else events.push(canonicalEventOf(leased, resolved, traceparentOf(deps.ids)));
  }
  const row: DeliveryRow = { ...leased, events };
  // Stored before anything is said of them: a later try says the same, and a starter finds them by id.
  if (events.length > known.size) await deps.deliveries.replace(row, leased);
  const drafts = [...events.map((event) => eventDraft(row, event)), ...ended.map((one) => endedDraft(row, one))];
  await deps.append(row.tenant, drafts.length > 0 ? drafts : [emptyDraft(row)]);
  await publishEvents(deps.bus, row);
  const refused =
    row.normalised.outcome === 'reject' ? row.normalised.code : ended.find(({ outcome }) => outcome === 'refuse')?.code;
  const status = refused && events.length === 0 ? 'rejected' : 'published';
  const { lastError: _lastError, ...done } = row;
  await deps.deliveries.replace({ ...done, status, ...(refused ? { lastError: refused } : {}) }, row);
  return status;
}

async function publishEvents(bus: EventBus, row: DeliveryRow): Promise<void> {
  const messages = row.events
    .filter((event) => reachesBus(detailTypeOf(event)))
    .map((event) => ({ tenant: row.tenant, event }));
  const outcomes = messages.length > 0 ? await bus.publish(messages) : [];
  // Those that were accepted go out again with the next try: consumers know an event by its id.
  if (outcomes.some((outcome) => outcome !== 'accepted')) throw new Fault('BusUnavailable', 'the bus refused an event');
}

/** Any failure is tried again; the last one is recorded and the row kept for a redelivery or an operator. */
async function failedTry(deps: PublishDeliveryDeps, leased: DeliveryRow, error: unknown): Promise<PublishOutcome> {
  const row = (await deps.deliveries.get(leased.tenant, leased.key)) ?? leased;
  if (row.attempts !== leased.attempts || row.status !== 'received') return 'busy';
  if (!isLastTry(row)) {
    await deps.deliveries.replace(postponedRow(row, deps.clock.now(), error), row);
    return 'postponed';
  }
  await deps.append(row.tenant, [givenUpDraft(row, error)]);
  await deps.deliveries.replace(givenUpRow(row, error), row);
  return 'rejected';
}

const traceparentOf = (ids: Ids): string => {
  const hex = Buffer.from(ids.random(24)).toString('hex');
  return `00-${hex.slice(0, 32)}-${hex.slice(32)}-01`;
};

/** The sweeper and the embedded dispatcher: what is due, oldest first. A row's fault is thrown once the others are done. */
export async function dispatchDue(deps: PublishDeliveryDeps, limit = 32): Promise<{ outcomes: PublishOutcome[] }> {
  return publishRows(deps, await deps.deliveries.due(deps.clock.now(), limit));
}

/**
 * For the start of the only publisher there is: what a killed one had taken is looked at now, not when its lease ends.
 * Beside a live publisher this would only make both work on the same rows.
 */
export async function dispatchAbandoned(deps: PublishDeliveryDeps): Promise<{ outcomes: PublishOutcome[] }> {
  return publishRows(deps, await deps.deliveries.due(deps.clock.now() + LEASE_MS, 10_000));
}

async function publishRows(deps: PublishDeliveryDeps, rows: readonly DeliveryRow[]) {
  const outcomes: PublishOutcome[] = [];
  const faults: unknown[] = [];
  for (const row of rows)
    try {
      outcomes.push(await publishDelivery(deps, row));
    } catch (error) {
      faults.push(error);
    }
  if (faults.length > 0) throw faults[0];
  return { outcomes };
}
