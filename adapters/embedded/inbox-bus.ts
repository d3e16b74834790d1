import * as z from 'zod';
import { canonicalJson } from '../../core/canonical-json.ts';
import { isFault } from '../../core/faults.ts';
import type { Clock } from '../../core/ports/clock.ts';
import type { BusMessage, EventBus } from '../../core/ports/event-bus.ts';
import { CanonicalEvent } from '../../events/canonical.ts';
import { TenantId } from '../../events/fields.ts';
import { type Sqlite, transaction } from './sqlite.ts';

/** Tries before a message is put aside as a dead letter, as the queue of the AWS side has it. */
const MAX_TRIES = 5;
const FIRST_DELAY_MS = 200;

const Stored = z.object({ position: z.int(), message: z.string(), tries: z.int() });
const Message = z.strictObject({ tenant: TenantId, event: CanonicalEvent });
const Count = z.object({ count: z.int() });

export interface InboxBus extends EventBus {
  /** Hands what is due to `handler`, oldest first, until nothing is due; the number of messages that were handled. */
  dispatch(handler: (message: BusMessage) => Promise<void>): Promise<number>;
  /** Messages that are waiting, and those put aside after their last try or for an input that can never be taken. */
  counts(): { waiting: number; dead: number };
  /** Makes dead letters due again; the operator's act after a repair. */
  reviveDead(): number;
}

/** A durable bus in one table. A message leaves it after its handler resolved, so a kill delivers it again. */
export function inboxBus(database: Sqlite, clock: Clock): InboxBus {
  database.exec(`
    CREATE TABLE IF NOT EXISTS inbox (
      position INTEGER PRIMARY KEY AUTOINCREMENT, message TEXT NOT NULL, tries INTEGER NOT NULL DEFAULT 0,
      due_at INTEGER NOT NULL, dead INTEGER NOT NULL DEFAULT 0, last_error TEXT) STRICT;
    CREATE INDEX IF NOT EXISTS inbox_due ON inbox (due_at) WHERE dead = 0;`);
  const insert = database.prepare('INSERT INTO inbox (message, due_at) VALUES (?, ?)');
  const next = database.prepare(
    'SELECT position, message, tries FROM inbox WHERE dead = 0 AND due_at <= ? ORDER BY due_at, position LIMIT 1',
  );
  const remove = database.prepare('DELETE FROM inbox WHERE position = ?');
  const postpone = database.prepare(
    'UPDATE inbox SET tries = ?, due_at = ?, dead = ?, last_error = ? WHERE position = ?',
  );
  const revive = database.prepare('UPDATE inbox SET tries = 0, due_at = ?, dead = 0 WHERE dead = 1');
  const count = database.prepare('SELECT count(*) AS count FROM inbox WHERE dead = ?');
  const countOf = (dead: number) => Count.parse(count.get(dead)).count;

  const failed = ({ position, tries }: z.infer<typeof Stored>, error: unknown) => {
    const tried = tries + 1;
    // Bad input stays bad; everything else may be better later.
    const dead = tried >= MAX_TRIES || isFault(error, 'InputInvalid');
    const name = error instanceof Error ? error.name : 'Unexpected';
    postpone.run(tried, clock.now() + FIRST_DELAY_MS * 2 ** tries, dead ? 1 : 0, name, position);
  };

  return {
    publish: async (messages) =>
      transaction(database, () =>
        messages.map((message) => {
          insert.run(canonicalJson(message), clock.now());
          return 'accepted';
        }),
      ),
    dispatch: async (handler) => {
      let handled = 0;
      for (let found = next.get(clock.now()); found !== undefined; found = next.get(clock.now())) {
        const stored = Stored.parse(found);
        try {
          await handler(Message.parse(JSON.parse(stored.message)));
          remove.run(stored.position);
          handled += 1;
        } catch (error) {
          // Not swallowed: the message stays with the error's name, and dead ones are counted.
          failed(stored, error);
        }
      }
      return handled;
    },
    counts: () => ({ waiting: countOf(0), dead: countOf(1) }),
    reviveDead: () => Number(revive.run(clock.now()).changes),
  };
}
