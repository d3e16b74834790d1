import * as z from 'zod';
import { canonicalJson } from '../../core/canonical-json.ts';
import { isFault } from '../../core/faults.ts';
import type { Clock } from '../../core/ports/clock.ts';
import type { DeadLetter, DeadLetters } from '../../core/ports/dead-letters.ts';
import type { BusMessage, EventBus } from '../../core/ports/event-bus.ts';
import { CanonicalEvent } from '../../events/canonical.ts';
import { TenantId } from '../../events/fields.ts';
import { type Sqlite, transaction } from './sqlite.ts';

/** Tries before a message is put aside as a dead letter, as the queue of the AWS side has it. */
const MAX_TRIES = 5;
const FIRST_DELAY_MS = 200;
const ID = /^event-([1-9][0-9]{0,14})$/;

const Stored = z.object({ position: z.int(), message: z.string(), tries: z.int() });
type Stored = z.infer<typeof Stored>;
const Dead = Stored.extend({ last_error: z.string() });
const Message = z.strictObject({ tenant: TenantId, event: CanonicalEvent });
const Count = z.object({ count: z.int() });

export interface InboxHandlers {
  /** Does what a message asks for. It is delivered again, later, when this throws. */
  take(message: BusMessage): Promise<void>;
  /** Told, with the name of the last fault, before a message is put aside; told again when this throws. */
  dead(message: BusMessage, fault: string): Promise<void>;
}

export interface InboxBus extends EventBus, DeadLetters {
  /**
   * Hands out what is due, oldest first, until nothing is due; the number of messages that were taken. What `dead` threw
   * is thrown once the others are done.
   */
  dispatch(handlers: InboxHandlers): Promise<number>;
  /** Messages that are waiting, and those put aside after their last try or for an input that can never be taken. */
  counts(): { waiting: number; dead: number };
}

const messageOf = (text: string): BusMessage => Message.parse(JSON.parse(text));

/** The id of the event, if it is one at all; whoever lists dead letters must not fail on one of them. */
function eventOf(text: string): Pick<DeadLetter, 'event'> {
  try {
    return { event: messageOf(text).event.id };
  } catch {
    return {};
  }
}

/** A durable bus in one table. A message leaves it after it was taken, so a kill delivers it again. */
export function inboxBus(database: Sqlite, clock: Clock): InboxBus {
  database.exec(`
    CREATE TABLE IF NOT EXISTS inbox (
      position INTEGER PRIMARY KEY AUTOINCREMENT, message TEXT NOT NULL, tries INTEGER NOT NULL DEFAULT 0,
      due_at INTEGER NOT NULL, dead INTEGER NOT NULL DEFAULT 0, last_error TEXT) STRICT;
    CREATE INDEX IF NOT EXISTS inbox_due ON inbox (due_at) WHERE dead = 0;`);
  const insert = database.prepare('INSERT INTO inbox (message, due_at) VALUES (?, ?)');
  const count = database.prepare('SELECT count(*) AS count FROM inbox WHERE dead = ?');
  const countOf = (dead: number) => Count.parse(count.get(dead)).count;
  return {
    publish: async (messages) =>
      transaction(database, () =>
        messages.map((message) => {
          insert.run(canonicalJson(message), clock.now());
          return 'accepted';
        }),
      ),
    dispatch: dispatcher(database, clock),
    counts: () => ({ waiting: countOf(0), dead: countOf(1) }),
    ...deadLetters(database, clock),
  };
}

type Tell = (fault: string) => Promise<void>;
const faultsOf = (telling: Promise<void>): Promise<unknown[]> =>
  telling.then(
    () => [],
    (fault: unknown) => [fault],
  );

function dispatcher(database: Sqlite, clock: Clock): InboxBus['dispatch'] {
  const next = database.prepare(
    'SELECT position, message, tries FROM inbox WHERE dead = 0 AND due_at <= ? ORDER BY due_at, position LIMIT 1',
  );
  const remove = database.prepare('DELETE FROM inbox WHERE position = ?');
  const postpone = database.prepare(
    'UPDATE inbox SET tries = ?, due_at = ?, dead = ?, last_error = ? WHERE position = ?',
  );

  /** Due again later, or put aside once that was told; gives what telling threw. */
  const failed = async ({ position, tries }: Stored, error: unknown, tell: Tell | undefined): Promise<unknown[]> => {
    const fault = error instanceof Error ? error.name : 'Unexpected';
    const dueAt = clock.now() + FIRST_DELAY_MS * 2 ** tries;
    // Bad input stays bad; everything else may be better later.
    const dead = tries + 1 >= MAX_TRIES || isFault(error, 'InputInvalid');
    const untold = dead && tell ? await faultsOf(tell(fault)) : [];
    // Not put aside in silence: what could not be told is tried and told again.
    if (untold.length > 0) postpone.run(tries, dueAt, 0, fault, position);
    else postpone.run(tries + 1, dueAt, dead ? 1 : 0, fault, position);
    return untold;
  };

  return async ({ take, dead }) => {
    let taken = 0;
    const faults: unknown[] = [];
    for (let found = next.get(clock.now()); found !== undefined; found = next.get(clock.now())) {
      const stored = Stored.parse(found);
      let message: BusMessage | undefined;
      try {
        message = messageOf(stored.message);
        await take(message);
        remove.run(stored.position);
        taken += 1;
      } catch (error) {
        const known = message;
        const tell = known && ((fault: string) => dead(known, fault));
        // Not swallowed: the message stays with the error's name, and dead ones are counted.
        faults.push(...(await failed(stored, error, tell)));
      }
    }
    if (faults.length > 0) throw faults[0];
    return taken;
  };
}

function deadLetters(database: Sqlite, clock: Clock): DeadLetters {
  const select = database.prepare(
    'SELECT position, message, tries, last_error FROM inbox WHERE dead = 1 ORDER BY position LIMIT ?',
  );
  const revive = database.prepare(
    'UPDATE inbox SET tries = 0, due_at = ?, dead = 0 WHERE dead = 1 AND position = coalesce(?, position)',
  );
  return {
    list: async (limit) =>
      select.all(limit).map((found) => {
        const { position, message, tries, last_error: reason } = Dead.parse(found);
        return { id: `event-${position}`, ...eventOf(message), tries, reason };
      }),
    redrive: async (id) => {
      const position = id === undefined ? null : ID.exec(id)?.[1];
      return position === undefined
        ? 0
        : Number(revive.run(clock.now(), position === null ? null : Number(position)).changes);
    },
  };
}
