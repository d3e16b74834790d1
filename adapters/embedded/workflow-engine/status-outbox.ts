import * as z from 'zod';
import { type Json, parseJson } from '../../../core/asl/json.ts';
import { Fault } from '../../../core/faults.ts';
import type { Clock } from '../../../core/ports/clock.ts';
import type { RunStatus } from '../../../core/ports/workflows.ts';
import type { Sqlite } from '../sqlite.ts';
import type { Commits } from './commits.ts';
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
const Row = z.object({ seq: z.int(), run: z.int(), attempts: z.int(), due_at: z.int(), change: z.string() });
type Row = z.infer<typeof Row>;

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
  readonly commits: Commits;
  onStatus(change: RunStatusChange): Promise<void>;
  onFault(fault: unknown): void;
}

/** Changes told at once, each of another run. */
const WIDTH = 16;

const SCHEMA = `
  CREATE TABLE IF NOT EXISTS workflow_outbox (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, run INTEGER NOT NULL, change TEXT NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0, due_at INTEGER NOT NULL DEFAULT 0, aside INTEGER NOT NULL DEFAULT 0) STRICT;
  CREATE INDEX IF NOT EXISTS workflow_outbox_by_run ON workflow_outbox (run, seq) WHERE aside = 0;
  CREATE INDEX IF NOT EXISTS workflow_outbox_by_time ON workflow_outbox (due_at, seq) WHERE aside = 0;`;

function outboxStore(database: Sqlite) {
  database.exec(SCHEMA);
  const insert = database.prepare('INSERT INTO workflow_outbox (run, change) VALUES (?, ?)');
  const selectNext = database.prepare(
    `SELECT seq, run, attempts, due_at, change FROM workflow_outbox AS o WHERE aside = 0
     AND NOT EXISTS (SELECT 1 FROM workflow_outbox AS e WHERE e.run = o.run AND e.seq < o.seq AND e.aside = 0)
     ORDER BY due_at, seq LIMIT ?`,
  );
  const remove = database.prepare('DELETE FROM workflow_outbox WHERE seq = ?');
  // The later changes of the run are put off with it: else each look would pass all of them by, in a long outage very many.
  const postpone = database.prepare(
    'UPDATE workflow_outbox SET attempts = attempts + (seq = ?), due_at = ? WHERE run = ? AND aside = 0',
  );
  const release = database.prepare('UPDATE workflow_outbox SET due_at = 0 WHERE run = ? AND aside = 0 AND due_at > 0');
  const putAside = database.prepare('UPDATE workflow_outbox SET aside = 1 WHERE seq = ?');
  return {
    add: (run: number, change: RunStatusChange): void => {
      insert.run(run, JSON.stringify(change));
    },
    /** The first change of each run, the earliest due first. */
    next: (limit: number): Row[] => selectNext.all(limit).map((row) => Row.parse(row)),
    remove: ({ seq, run }: Row): void => {
      remove.run(seq);
      release.run(run);
    },
    postpone: ({ seq, run }: Row, until: number): void => {
      postpone.run(seq, until, run);
    },
    putAside: (seq: number): void => {
      putAside.run(seq);
    },
  };
}

/** What the row holds; undefined when it cannot be read. */
function changeIn({ change }: Row): RunStatusChange | undefined {
  try {
    return withoutUndefined(Change.parse(parseJson(change)));
  } catch {
    return undefined;
  }
}

/**
 * Tells status changes at least once, and those of one run in their order: a change is dropped only after `onStatus` has
 * resolved, and tried again after a pause that grows to a minute. A run whose change cannot be told holds up no other;
 * a change that cannot be read is put aside for an operator, and holds up nothing.
 */
export function statusOutbox(config: StatusOutboxConfig): StatusOutbox {
  const { clock, timers } = config;
  const store = outboxStore(config.database);
  let closed = false;
  let delivering: Promise<void> | undefined;
  let addedMeanwhile = false;
  let callOff = () => {};

  const deliver = (): void => {
    if (closed) return;
    if (delivering !== undefined) {
      addedMeanwhile = true;
      return;
    }
    addedMeanwhile = false;
    callOff();
    delivering = deliverDue(config, store, () => closed)
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
    add: store.add,
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

type OutboxStore = ReturnType<typeof outboxStore>;

/** Delivers until nothing is due; gives the instant of the next attempt, if any. */
async function deliverDue(config: StatusOutboxConfig, store: OutboxStore, isClosed: () => boolean) {
  for (;;) {
    const rows = store.next(WIDTH);
    const due = rows.filter(({ due_at }) => due_at <= config.clock.now());
    if (isClosed() || due.length === 0) return rows[0]?.due_at;
    await Promise.all(due.map((row) => tell(config, store, row, isClosed)));
  }
}

async function tell(config: StatusOutboxConfig, store: OutboxStore, row: Row, isClosed: () => boolean): Promise<void> {
  const { commits, clock, onFault, onStatus } = config;
  const { seq, attempts } = row;
  const change = changeIn(row);
  if (!change) {
    await commits.write(() => store.putAside(seq));
    onFault(new Fault('InputInvalid', `status change ${seq}, of run ${row.run}, cannot be read and is put aside`));
    return;
  }
  try {
    await onStatus(change);
    // Told again after a restart: the process that would forget it may be gone.
    if (!isClosed()) await commits.write(() => store.remove(row));
  } catch (fault) {
    if (isClosed()) return;
    onFault(fault);
    const until = clock.now() + Math.min(1000 * 2 ** Math.min(attempts, 10), LONGEST_PAUSE_MS);
    await commits.write(() => store.postpone(row, until));
  }
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
