import { describe, expect, it } from 'vitest';
import { inboxBus } from '../../adapters/embedded/inbox-bus.ts';
import { openSqlite } from '../../adapters/embedded/sqlite.ts';
import { Fault } from '../../core/faults.ts';
import type { BusMessage } from '../../core/ports/event-bus.ts';
import { fixedClock } from '../fakes/fixed-clock.ts';
import { memoryBus } from '../fakes/memory-bus.ts';
import { eventBusContract, publishedMessage } from './event-bus.contract.ts';

const unexpected = async () => {
  throw new Error('nobody was to be told of this');
};
const NOBODY = { take: unexpected, dead: unexpected };
const REFUSED = {
  take: async () => {
    throw new Fault('InputInvalid', 'never');
  },
};

describe('the bus in memory', () => eventBusContract(memoryBus));

describe('the inbox bus', () => {
  eventBusContract(() => inboxBus(openSqlite(':memory:'), fixedClock()));

  it('delivers what was published before a restart', async () => {
    const database = openSqlite(':memory:');
    const message = await publishedMessage();
    await inboxBus(database, fixedClock()).publish([message]);
    const seen: unknown[] = [];
    const bus = inboxBus(database, fixedClock());
    expect(await bus.dispatch({ ...NOBODY, take: async (one) => void seen.push(one) })).toBe(1);
    expect(seen).toEqual([message]);
    expect(bus.counts()).toEqual({ waiting: 0, dead: 0 });
  });

  it('tries five times, then puts the message aside until an operator redrives it', async () => {
    const clock = fixedClock();
    const bus = inboxBus(openSqlite(':memory:'), clock);
    const message = await publishedMessage();
    await bus.publish([message]);
    let tries = 0;
    const told: unknown[] = [];
    const take = async () => {
      tries += 1;
      throw new Fault('StoreUnavailable', 'down');
    };
    const dead = async (one: BusMessage, fault: string) => void told.push([one, fault, bus.counts()]);
    for (let round = 0; round < 8; round += 1) {
      await bus.dispatch({ take, dead });
      clock.advance(60_000);
    }
    expect(tries).toBe(5);
    expect(told).toEqual([[message, 'StoreUnavailable', { waiting: 1, dead: 0 }]]);
    expect(bus.counts()).toEqual({ waiting: 0, dead: 1 });
    const letter = { id: 'event-1', event: message.event.id, tries: 5, reason: 'StoreUnavailable' };
    expect(await bus.list(9)).toEqual([letter]);
    expect(await bus.redrive(letter.id)).toBe(1);
    expect(await bus.redrive(letter.id)).toBe(0);
    expect(await bus.list(9)).toEqual([]);
    expect(await bus.dispatch({ ...NOBODY, take: async () => undefined })).toBe(1);
  });

  it('puts input aside at once that can never be taken', async () => {
    const bus = inboxBus(openSqlite(':memory:'), fixedClock());
    await bus.publish([await publishedMessage()]);
    const dead = async () => undefined;
    await bus.dispatch({ ...REFUSED, dead });
    expect(bus.counts()).toEqual({ waiting: 0, dead: 1 });
  });

  it('puts nothing aside that it could not tell of, and goes on with the others', async () => {
    const clock = fixedClock();
    const bus = inboxBus(openSqlite(':memory:'), clock);
    const message = await publishedMessage();
    await bus.publish([message, message]);
    let told = 0;
    const dead = async () => {
      told += 1;
      if (told === 1) throw new Fault('StoreUnavailable', 'the ledger is down');
    };
    await expect(bus.dispatch({ ...REFUSED, dead })).rejects.toMatchObject({ name: 'StoreUnavailable' });
    expect(bus.counts()).toEqual({ waiting: 1, dead: 1 });
    clock.advance(60_000);
    expect(await bus.dispatch({ ...REFUSED, dead })).toBe(0);
    expect([told, bus.counts()]).toEqual([3, { waiting: 0, dead: 2 }]);
  });

  it('lists what it cannot read, tells nobody of it and says nothing of what is in it', async () => {
    const database = openSqlite(':memory:');
    const clock = fixedClock();
    const bus = inboxBus(database, clock);
    database.exec(`INSERT INTO inbox (message, due_at) VALUES ('{"password":"hunter2"}', 0)`);
    for (let round = 0; round < 6; round += 1) {
      await bus.dispatch(NOBODY);
      clock.advance(60_000);
    }
    expect(await bus.list(9)).toEqual([{ id: 'event-1', tries: 5, reason: expect.stringMatching(/^\$?ZodError$/) }]);
  });

  it('redrives one letter, or all, and none of another name', async () => {
    const bus = inboxBus(openSqlite(':memory:'), fixedClock());
    const message = await publishedMessage();
    await bus.publish([message, message, message]);
    await bus.dispatch({ ...REFUSED, dead: async () => undefined });
    for (const id of ['event-9', 'event-0', 'event-01', 'event-1 ', '1', '', 'status-1', "event-1' OR 1"])
      expect([id, await bus.redrive(id)]).toEqual([id, 0]);
    expect(await bus.list(2)).toHaveLength(2);
    expect(await bus.redrive('event-2')).toBe(1);
    expect((await bus.list(9)).map(({ id }) => id)).toEqual(['event-1', 'event-3']);
    expect(await bus.redrive()).toBe(2);
    expect(bus.counts()).toEqual({ waiting: 3, dead: 0 });
  });
});
