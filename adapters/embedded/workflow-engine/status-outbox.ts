import * as z from 'zod';
import { type Json, parseJson } from '../../../core/asl/json.ts';
import type { Clock } from '../../../core/ports/clock.ts';
import type { RunStatus } from '../../../core/ports/workflows.ts';
import type { Sqlite } from '../sqlite.ts';
import type { Timers } from './timers.ts';

/** What `aws.states` tells of an execution. The same change may be told more than once. */
export interface RunStatusChange {
  readonly machine: string;
  readonly name: string;
  readonly status: RunStatus;
  readonly input: unknown;
  readonly output?: unknown;
  readonly error?: string;
  readonly cause?: string;
  /** The state that failed. */
  readonly state?: string;
  readonly redriveCount: number;
}

const Change = z.object({
  machine: z.string(),
  name: z.string(),
  status: z.enum(['RUNNING', 'SUCCEEDED', 'FAILED', 'TIMED_OUT', 'ABORTED']),
  input: z.custom<Json>(),
  output: z.custom<Json>().optional(),
  error: z.string().optional(),
  cause: z.string().optional(),
  state: z.string().optional(),
  redriveCount: z.int(),
});
const Row = z.object({
  seq: z.int(),
  attempts: z.int(),
  due_at: z.int(),
  change: z.string().transform((text) => Change.parse(parseJson(text))),
});

const LONGEST_PAUSE_MS = 60_000;

export interface StatusOutbox {
  /** Keeps a change; to be called in the transaction that makes it. */
  add(run: number, change: RunStatusChange): void;
  /** Delivers what is due. Never rejects. */
  deliver(): void;
  /** Resolves when no delivery is under way. */
  settled(): Promise<void>;
  close(): void;
}

export interface StatusOutboxConfig {
  readonly database: Sqlite;
  readonly clock: Clock;
  readonly timers: Timers;
  onStatus(change: RunStatusChange): Promise<void>;
  onFault(fault: unknown): void;
}

/**
 * Tells status changes at least once, and those of one run in their order: a change is dropped only after `onStatus` has
 * resolved, and tried again after a pause that grows to a minute. A run whose change cannot be told holds up no other.
 */
export function statusOutbox(config: StatusOutboxConfig): StatusOutbox {
  const { database, clock, timers } = config;
  database.exec(`
    CREATE TABLE IF NOT EXISTS workflow_outbox (
      seq INTEGER PRIMARY KEY AUTOINCREMENT, run INTEGER NOT NULL, change TEXT NOT NULL,
      attempts INTEGER NOT NULL DEFAULT 0, due_at INTEGER NOT NULL DEFAULT 0) STRICT;
    CREATE INDEX IF NOT EXISTS workflow_outbox_by_run ON workflow_outbox (run, seq);`);
  const insert = database.prepare('INSERT INTO workflow_outbox (run, change) VALUES (?, ?)');
  const selectNext = database.prepare(
    `SELECT seq, attempts, due_at, change FROM workflow_outbox AS o
     WHERE NOT EXISTS (SELECT 1 FROM workflow_outbox AS e WHERE e.run = o.run AND e.seq < o.seq)
     ORDER BY due_at, seq LIMIT 1`,
  );
  const remove = database.prepare('DELETE FROM workflow_outbox WHERE seq = ?');
  const postpone = database.prepare('UPDATE workflow_outbox SET attempts = attempts + 1, due_at = ? WHERE seq = ?');
  let closed = false;
  let delivering: Promise<void> | undefined;
  let addedMeanwhile = false;
  let callOff = () => {};

  /** Delivers until nothing is due; gives the instant of the next attempt, if any. */
  async function deliverDue(): Promise<number | undefined> {
    for (;;) {
      const row = Row.optional().parse(selectNext.get());
      if (!row || row.due_at > clock.now()) return row?.due_at;
      try {
        await config.onStatus(withoutUndefined(row.change));
        // Told again after a restart: the process that would forget it may be gone.
        if (closed) return undefined;
        remove.run(row.seq);
      } catch (fault) {
        if (closed) return undefined;
        config.onFault(fault);
        postpone.run(clock.now() + Math.min(1000 * 2 ** Math.min(row.attempts, 10), LONGEST_PAUSE_MS), row.seq);
      }
    }
  }

  const deliver = (): void => {
    if (closed) return;
    if (delivering !== undefined) {
      addedMeanwhile = true;
      return;
    }
    addedMeanwhile = false;
    callOff();
    delivering = deliverDue()
      .catch((fault: unknown) => {
        config.onFault(fault);
        return clock.now() + LONGEST_PAUSE_MS;
      })
      .then((next) => {
        delivering = undefined;
        if (addedMeanwhile) deliver();
        else if (next !== undefined && !closed) callOff = timers.at(next, deliver);
      });
  };

  return {
    add: (run, change) => {
      insert.run(run, JSON.stringify(change));
    },
    deliver,
    settled: async () => {
      while (delivering !== undefined) await delivering;
    },
    close: () => {
      closed = true;
      callOff();
    },
  };
}

/** JSON has no undefined, and the type says that an absent field is absent. */
function withoutUndefined(change: z.infer<typeof Change>): RunStatusChange {
  const { output, error, cause, state, ...told } = change;
  return {
    ...told,
    ...(output === undefined ? {} : { output }),
    ...(error === undefined ? {} : { error }),
    ...(cause === undefined ? {} : { cause }),
    ...(state === undefined ? {} : { state }),
  };
}
