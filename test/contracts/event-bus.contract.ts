import { expect, it } from 'vitest';
import { dispatchDue } from '../../core/ingest/publish.ts';
import { receiveDelivery } from '../../core/ingest/receive.ts';
import type { EventBus } from '../../core/ports/event-bus.ts';
import { deliveryWorld, pushRequest } from '../fakes/delivery-world.ts';

/** A message as the publisher sends it. */
export async function publishedMessage() {
  const world = deliveryWorld();
  await receiveDelivery(world.receive, pushRequest());
  await dispatchDue(world.publish);
  const [message] = world.bus.accepted;
  if (!message) throw new Error('nothing was published');
  return message;
}

/** What every bus must do with what it is given. */
export function eventBusContract(make: () => EventBus | Promise<EventBus>): void {
  it('answers for each message, in order', async () => {
    const bus = await make();
    const message = await publishedMessage();
    expect(await bus.publish([message, message])).toEqual(['accepted', 'accepted']);
    expect(await bus.publish([])).toEqual([]);
  });
}
