import { expect, it } from 'vitest';
import { publishedMessage } from '../../test/contracts/event-bus.contract.ts';
import { engineWorld } from '../../test/fakes/engine-world.ts';
import { fixedClock } from '../../test/fakes/fixed-clock.ts';
import { inboxBus } from './inbox-bus.ts';
import { openSqlite } from './sqlite.ts';
import { allLetters, statusLetters } from './status-letters.ts';

/** A run whose end is a row that this program cannot read. */
async function unreadableEnd() {
  const world = engineWorld({
    states: { Done: { Type: 'Succeed' } },
    onStatus: async () => Promise.reject(new Error('wait')),
  });
  await world.start();
  await world.quiet();
  world.database.exec("UPDATE workflow_outbox SET change = '{', due_at = 0");
  const next = await world.restart({ onStatus: async () => undefined });
  await next.settle();
  return next;
}

it('lists what the engine put aside by its run, and makes it due again', async () => {
  const { database } = await unreadableEnd();
  const letters = statusLetters(database);
  const listed = await letters.list(9);
  expect(listed.length).toBeGreaterThan(0);
  for (const letter of listed)
    expect(letter).toEqual({
      id: expect.stringMatching(/^status-\d+$/),
      run: 'r',
      tries: expect.any(Number),
      reason: 'InputInvalid',
    });
  const [first] = listed;
  expect(await letters.redrive(first?.id)).toBe(1);
  expect(await letters.list(9)).toHaveLength(listed.length - 1);
  expect(await letters.redrive('status-0')).toBe(0);
  expect(await letters.redrive('event-1')).toBe(0);
});

it('finds nothing in a folder that no server ever ran on', async () => {
  const letters = statusLetters(openSqlite(':memory:'));
  expect(await letters.list(9)).toEqual([]);
  expect(await letters.redrive()).toBe(0);
});

it('is one list with the letters of the inbox, and each id finds its own', async () => {
  const { database } = await unreadableEnd();
  const inbox = inboxBus(database, fixedClock());
  await inbox.publish([await publishedMessage()]);
  database.exec("UPDATE inbox SET dead = 1, tries = 5, last_error = 'StoreUnavailable'");
  const all = allLetters(inbox, statusLetters(database));
  const ids = (await all.list(9)).map(({ id }) => id);
  expect(ids[0]).toBe('event-1');
  expect(ids[1]).toMatch(/^status-/);
  expect(await all.list(1)).toHaveLength(1);
  expect(await all.redrive(ids[1])).toBe(1);
  expect((await all.list(9))[0]?.id).toBe('event-1');
  expect(await all.redrive()).toBe(ids.length - 1);
  expect(await all.list(9)).toEqual([]);
});
