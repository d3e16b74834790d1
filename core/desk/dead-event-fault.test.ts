import { expect, it } from 'vitest';
import { deliveryWorld, pushRequest } from '../../test/fakes/delivery-world.ts';
import { memoryViews } from '../../test/fakes/memory-views.ts';
import { dispatchDue } from '../ingest/publish.ts';
import { receiveDelivery } from '../ingest/receive.ts';
import { projectEntries } from '../query/project.ts';
import { recordDeadEvent } from '../runs/dead-event.ts';
import { deadEventFault } from './dead-event-fault.ts';

it('is what the entry of that very event says, once it is projected', async () => {
  const world = deliveryWorld();
  await receiveDelivery(world.receive, pushRequest());
  await dispatchDue(world.publish);
  const [message] = world.bus.accepted;
  if (!message) throw new Error('nothing was published');
  const deps = { ledger: world.ledger, views: memoryViews() };
  const tenant = world.tenant.id;
  await projectEntries(deps, tenant);
  expect(await deadEventFault(deps, message)).toBeUndefined();
  await recordDeadEvent(world, message, 'StoreUnavailable');
  expect(await deadEventFault(deps, message)).toBeUndefined();
  await projectEntries(deps, tenant);
  expect(await deadEventFault(deps, message)).toBe('StoreUnavailable');
  const another = `${message.event.id.slice(0, -1)}Z`;
  expect(await deadEventFault(deps, { tenant, event: { ...message.event, id: another } })).toBeUndefined();
});
