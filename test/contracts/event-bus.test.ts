import { describe, expect, it } from 'vitest';
import { inboxBus } from '../../adapters/embedded/inbox-bus.ts';
import { openSqlite } from '../../adapters/embedded/sqlite.ts';
import { Fault } from '../../core/faults.ts';
import { fixedClock } from '../fakes/fixed-clock.ts';
import { memoryBus } from '../fakes/memory-bus.ts';
import { eventBusContract, publishedMessage } from './event-bus.contract.ts';

describe('the bus in memory', () => eventBusContract(memoryBus));

describe('the inbox bus', () => {
  eventBusContract(() => inboxBus(openSqlite(':memory:'), fixedClock()));

  it('delivers what was published before a restart', async () => {
    const database = openSqlite(':memory:');
    const message = await publishedMessage();
    await inboxBus(database, fixedClock()).publish([message]);
    const seen: unknown[] = [];
    const bus = inboxBus(database, fixedClock());
    expect(await bus.dispatch(async (one) => void seen.push(one))).toBe(1);
    expect(seen).toEqual([message]);
    expect(bus.counts()).toEqual({ waiting: 0, dead: 0 });
  });

  it('tries five times, then puts the message aside until an operator revives it', async () => {
    const clock = fixedClock();
    const bus = inboxBus(openSqlite(':memory:'), clock);
    await bus.publish([await publishedMessage()]);
    let tries = 0;
    const fail = async () => {
      tries += 1;
      throw new Fault('StoreUnavailable', 'down');
    };
    for (let round = 0; round < 8; round += 1) {
      await bus.dispatch(fail);
      clock.advance(60_000);
    }
    expect(tries).toBe(5);
    expect(bus.counts()).toEqual({ waiting: 0, dead: 1 });
    expect(bus.reviveDead()).toBe(1);
    expect(await bus.dispatch(async () => undefined)).toBe(1);
  });

  it('puts input aside at once that can never be taken', async () => {
    const bus = inboxBus(openSqlite(':memory:'), fixedClock());
    await bus.publish([await publishedMessage()]);
    await bus.dispatch(async () => {
      throw new Fault('InputInvalid', 'never');
    });
    expect(bus.counts()).toEqual({ waiting: 0, dead: 1 });
  });
});
