import { type EventBridgeClient, PutEventsCommand } from '@aws-sdk/client-eventbridge';
import { Fault } from '../../core/faults.ts';
import type { EventBus } from '../../core/ports/event-bus.ts';
import { detailTypeOf } from '../../events/canonical.ts';

/** Most entries of one PutEvents. */
const ENTRIES = 10;

/** The custom bus. Rules match on source `relseal` and the detail type; the detail is `{tenant, event}`. */
export function eventbridgeBus({ client, busName }: { client: EventBridgeClient; busName: string }): EventBus {
  return {
    publish: async (messages) => {
      const outcomes: ('accepted' | 'refused')[] = [];
      for (let at = 0; at < messages.length; at += ENTRIES) {
        const part = messages.slice(at, at + ENTRIES);
        try {
          const { Entries = [] } = await client.send(
            new PutEventsCommand({
              Entries: part.map((message) => ({
                EventBusName: busName,
                Source: 'relseal',
                DetailType: detailTypeOf(message.event),
                Detail: JSON.stringify(message),
                Time: new Date(message.event.time),
              })),
            }),
          );
          outcomes.push(...part.map((_, index) => (Entries[index]?.EventId ? ('accepted' as const) : 'refused')));
        } catch (error) {
          if (outcomes.includes('accepted')) return [...outcomes, ...messages.slice(at).map(() => 'refused' as const)];
          throw new Fault('BusUnavailable', 'PutEvents failed', { cause: error });
        }
      }
      return outcomes;
    },
  };
}
