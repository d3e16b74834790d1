import { expect, it } from 'vitest';
import { COMMIT, deliveryWorld, pushRequest } from '../../test/fakes/delivery-world.ts';
import { Fault } from '../faults.ts';
import { dispatchDue } from '../ingest/publish.ts';
import { receiveDelivery } from '../ingest/receive.ts';
import { parseEntry } from '../ledger/entry.ts';
import { recordDeadEvent, startOrRecordDead } from './dead-event.ts';

async function published() {
  const world = deliveryWorld();
  await receiveDelivery(world.receive, pushRequest());
  await dispatchDue(world.publish);
  const [message] = world.bus.accepted;
  if (!message) throw new Error('nothing was published');
  const entries = async () => (await world.ledger.entries(world.tenant.id, 0, 99)).map(parseEntry);
  return { world, message, entries };
}

it('leaves one fault entry of an event that died, however often it does', async () => {
  const { world, message, entries } = await published();
  await recordDeadEvent(world, message, 'StoreUnavailable');
  await recordDeadEvent(world, message, 'BusUnavailable');
  const [delivery, fault, ...more] = await entries();
  expect(more).toEqual([]);
  expect(fault).toMatchObject({
    kind: 'fault',
    outcome: 'fault',
    release: delivery?.release,
    change: { commit: COMMIT },
    actor: delivery?.actor,
    reasons: [
      {
        code: 'event.dead',
        where: message.event.id,
        found: 'StoreUnavailable',
        fix: 'relseal dead-letters redrive',
      },
    ],
  });
});

it('says what the delivery holds, not what the message claims', async () => {
  const { world, message, entries } = await published();
  const { event } = message;
  await recordDeadEvent(world, { ...message, event: { ...event, subject: 'forged' } }, 'InputInvalid');
  expect(JSON.stringify(await entries())).not.toContain('forged');
});

it('records nothing of an event that no delivery holds', async () => {
  const { world, message, entries } = await published();
  const id = `0${message.event.id.slice(1)}`.replace(/.$/, 'Z');
  await recordDeadEvent(world, { ...message, event: { ...message.event, id } }, 'InputInvalid');
  expect((await entries()).map(({ kind }) => kind)).toEqual(['delivery']);
});

it('is thrown on at each try, and on record from the last one on', async () => {
  const { world, message, entries } = await published();
  const down = async (): Promise<never> => {
    throw new Fault('StoreUnavailable', 'the engine is down');
  };
  const deps = { ...world.start, append: world.append, workflows: { start: down } };
  await expect(startOrRecordDead(deps, message, false)).rejects.toThrow('the engine is down');
  expect((await entries()).map(({ kind }) => kind)).toEqual(['delivery']);
  for (let time = 0; time < 2; time += 1)
    await expect(startOrRecordDead(deps, message, true)).rejects.toThrow('the engine is down');
  expect((await entries()).map(({ kind }) => kind)).toEqual(['delivery', 'fault']);
  const mended = { ...deps, workflows: world.workflows };
  expect(await startOrRecordDead(mended, message, true)).toMatchObject({ kind: 'started' });
});
