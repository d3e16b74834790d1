import type { BusMessage } from '../ports/event-bus.ts';
import { type QueryDeps, queryEntries } from '../query/query.ts';

/** Entries of one trace that are looked at; an event that started nothing has its delivery's and its own. */
const MOST_ENTRIES = 20;

/**
 * Name of the fault for which an event was put aside, as its entry has it. Undefined when there is none, or none that is
 * projected yet.
 */
export async function deadEventFault(
  deps: QueryDeps,
  { tenant, event: { id, traceparent } }: BusMessage,
): Promise<string | undefined> {
  const [, trace = ''] = traceparent.split('-');
  const { entries } = await queryEntries(deps, tenant, { field: 'trace', value: trace, limit: MOST_ENTRIES });
  const reasons = entries.flatMap(({ entry }) => (entry.kind === 'fault' ? (entry.reasons ?? []) : []));
  return reasons.find(({ code, where }) => code === 'event.dead' && where === id)?.found;
}
