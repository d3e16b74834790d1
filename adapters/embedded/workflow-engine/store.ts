import * as z from 'zod';
import { type Json, parseJson } from '../../../core/asl/json.ts';
import type { RunDescription, RunStatus } from '../../../core/ports/workflows.ts';
import type { Sqlite } from '../sqlite.ts';
import { type Failure, type Frame, type HistoryEvent, type NewEvent, PHASES } from './frame.ts';
import type { RunStatusChange } from './status-outbox.ts';

const SCHEMA = `
  CREATE TABLE IF NOT EXISTS workflow_definitions (hash TEXT PRIMARY KEY, definition TEXT NOT NULL) STRICT;
  CREATE TABLE IF NOT EXISTS workflow_runs (
    id INTEGER PRIMARY KEY AUTOINCREMENT, machine TEXT NOT NULL, name TEXT NOT NULL, status TEXT NOT NULL,
    definition TEXT NOT NULL REFERENCES workflow_definitions (hash), code_version TEXT NOT NULL,
    input TEXT NOT NULL, started_at INTEGER NOT NULL, due_at INTEGER NOT NULL,
    stopped_at INTEGER, output TEXT, error TEXT, cause TEXT, state TEXT, redrives INTEGER NOT NULL DEFAULT 0,
    UNIQUE (machine, name)) STRICT;
  CREATE INDEX IF NOT EXISTS workflow_runs_by_status ON workflow_runs (status, id);
  CREATE TABLE IF NOT EXISTS workflow_frames (
    run INTEGER NOT NULL REFERENCES workflow_runs (id), path TEXT NOT NULL, state TEXT NOT NULL, phase TEXT NOT NULL,
    input TEXT NOT NULL, variables TEXT NOT NULL, retries TEXT NOT NULL, entered_at INTEGER NOT NULL, due_at INTEGER,
    output TEXT, failure TEXT, PRIMARY KEY (run, path)) STRICT, WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS workflow_events (
    run INTEGER NOT NULL REFERENCES workflow_runs (id), id INTEGER NOT NULL, type TEXT NOT NULL, at INTEGER NOT NULL,
    path TEXT NOT NULL, details TEXT NOT NULL, PRIMARY KEY (run, id)) STRICT, WITHOUT ROWID;`;

const json = z.string().transform(parseJson);
const object = json.pipe(z.record(z.string(), z.custom<Json>()));
const instant = z.int();

const RunRow = z.object({
  id: z.int(),
  machine: z.string(),
  name: z.string(),
  status: z.enum(['RUNNING', 'SUCCEEDED', 'FAILED', 'TIMED_OUT', 'ABORTED']),
  definition: z.string(),
  code_version: z.string(),
  input: json,
  started_at: instant,
  due_at: instant,
  stopped_at: instant.nullable(),
  output: json.nullable(),
  error: z.string().nullable(),
  cause: z.string().nullable(),
  state: z.string().nullable(),
  redrives: z.int(),
});
/** A run as it is stored; times in ms since the epoch. */
export type RunRow = z.infer<typeof RunRow>;

const FrameRow = z
  .object({
    run: z.int(),
    path: z.string(),
    state: z.string(),
    phase: z.enum(PHASES),
    input: json,
    variables: object,
    retries: json.pipe(z.array(z.int())),
    entered_at: instant,
    due_at: instant.nullable(),
    output: json.nullable(),
    failure: json.pipe(z.object({ error: z.string(), cause: z.string(), state: z.string() })).nullable(),
  })
  .transform(
    ({ entered_at, due_at, output, failure, ...frame }): Frame => ({
      ...frame,
      enteredAt: entered_at,
      ...(due_at === null ? {} : { dueAt: due_at }),
      ...(frame.phase === 'done' ? { output } : {}),
      ...(failure === null ? {} : { failure }),
    }),
  );

const EventRow = z
  .object({ id: z.int(), type: z.string(), at: instant, path: z.string(), details: object })
  .transform((event): HistoryEvent => ({ ...event, at: new Date(event.at).toISOString() }));

export interface NewRun {
  readonly machine: string;
  readonly name: string;
  readonly definition: { readonly hash: string; readonly text: string };
  readonly codeVersion: string;
  readonly input: Json;
  readonly startedAt: number;
  readonly dueAt: number;
}

/** How a run ends, or that it goes on again. */
export interface RunEnding {
  readonly status: Exclude<RunStatus, 'RUNNING'>;
  readonly output?: Json;
  readonly failure?: Omit<Failure, 'state'> & { readonly state?: string };
}

export type WorkflowStore = ReturnType<typeof workflowStore>;

/**
 * Runs, frames and history in SQLite. Every function is synchronous, so that a caller can put a whole transition into one
 * transaction; none opens a transaction itself.
 */
export function workflowStore(database: Sqlite) {
  database.exec(SCHEMA);
  return { ...runStore(database), ...frameStore(database), ...eventStore(database) };
}

function runStore(database: Sqlite) {
  const insertDefinition = database.prepare('INSERT INTO workflow_definitions VALUES (?, ?) ON CONFLICT DO NOTHING');
  const insert = database.prepare(
    `INSERT INTO workflow_runs (machine, name, status, definition, code_version, input, started_at, due_at)
     VALUES (?, ?, 'RUNNING', ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING RETURNING *`,
  );
  const select = database.prepare('SELECT * FROM workflow_runs WHERE machine = ? AND name = ?');
  const selectOpen = database.prepare("SELECT * FROM workflow_runs WHERE status = 'RUNNING' ORDER BY id");
  const selectDefinition = database.prepare('SELECT definition FROM workflow_definitions WHERE hash = ?');
  const selectList = database.prepare(
    `SELECT * FROM workflow_runs WHERE machine = coalesce(?, machine) AND status = coalesce(?, status)
     ORDER BY id DESC LIMIT ?`,
  );
  const end = database.prepare(
    `UPDATE workflow_runs SET status = ?, stopped_at = ?, output = ?, error = ?, cause = ?, state = ?
     WHERE id = ? AND status = 'RUNNING'`,
  );
  const parse = (row: unknown): RunRow | undefined => (row === undefined ? undefined : RunRow.parse(row));
  return {
    /** The new run, or undefined when the name was used before. */
    createRun: (run: NewRun): RunRow | undefined => {
      insertDefinition.run(run.definition.hash, run.definition.text);
      const { machine, name, codeVersion, startedAt, dueAt } = run;
      return parse(
        insert.get(machine, name, run.definition.hash, codeVersion, JSON.stringify(run.input), startedAt, dueAt),
      );
    },
    run: (machine: string, name: string) => parse(select.get(machine, name)),
    openRuns: (): RunRow[] => selectOpen.all().map((row) => RunRow.parse(row)),
    runs: (filter: { machine?: string; status?: RunStatus; limit: number }): RunRow[] =>
      selectList.all(filter.machine ?? null, filter.status ?? null, filter.limit).map((row) => RunRow.parse(row)),
    definition: (hash: string): Json => z.object({ definition: json }).parse(selectDefinition.get(hash)).definition,
    /** Whether the run was still going on; a run ends once. */
    endRun: (id: number, { status, output, failure }: RunEnding, stoppedAt: number): boolean => {
      const text = output === undefined ? null : JSON.stringify(output);
      const { error = null, cause = null, state = null } = failure ?? {};
      return Number(end.run(status, stoppedAt, text, error, cause, state, id).changes) > 0;
    },
  };
}

function frameStore(database: Sqlite) {
  const put = database.prepare('INSERT OR REPLACE INTO workflow_frames VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)');
  const select = database.prepare('SELECT * FROM workflow_frames WHERE run = ? AND path = ?');
  // '0' follows '/': the range holds the children of a path and theirs, and nothing else.
  const selectBelow = database.prepare(
    "SELECT * FROM workflow_frames WHERE run = ? AND path > ? || '/' AND path < ? || '0'",
  );
  const selectAll = database.prepare('SELECT * FROM workflow_frames WHERE run = ? ORDER BY path');
  const removeBelow = database.prepare(
    "DELETE FROM workflow_frames WHERE run = ? AND path > ? || '/' AND path < ? || '0'",
  );
  const removeAll = database.prepare('DELETE FROM workflow_frames WHERE run = ?');
  const selectWorking = database.prepare(
    `SELECT state FROM workflow_frames WHERE run = ? AND phase NOT IN ('pending', 'forked', 'done')
     ORDER BY path LIMIT 1`,
  );
  const selectBytes = database.prepare(
    'SELECT coalesce(sum(octet_length(variables)), 0) AS bytes FROM workflow_frames WHERE run = ? AND path <> ?',
  );
  const optional = (value: Json | Failure | undefined) => (value === undefined ? null : JSON.stringify(value));
  return {
    putFrame: (frame: Frame): void => {
      const { run, path, state, phase, enteredAt, dueAt } = frame;
      const texts = [frame.input, frame.variables, frame.retries].map((value) => JSON.stringify(value));
      put.run(
        run,
        path,
        state,
        phase,
        ...texts,
        enteredAt,
        dueAt ?? null,
        optional(frame.output),
        optional(frame.failure),
      );
    },
    frame: (run: number, path: string): Frame => FrameRow.parse(select.get(run, path)),
    frames: (run: number): Frame[] => selectAll.all(run).map((row) => FrameRow.parse(row)),
    framesBelow: (run: number, path: string): Frame[] =>
      selectBelow.all(run, path, path).map((row) => FrameRow.parse(row)),
    removeFramesBelow: (run: number, path: string): void => {
      removeBelow.run(run, path, path);
    },
    removeFrames: (run: number): void => {
      removeAll.run(run);
    },
    /** The state a run is in; inside a Parallel or Map, that of the first branch at work. */
    workingState: (run: number): string | undefined =>
      z.object({ state: z.string() }).optional().parse(selectWorking.get(run))?.state,
    /** Bytes of the variables of all paths but one. */
    variableBytes: (run: number, except: string): number =>
      z.object({ bytes: z.int() }).parse(selectBytes.get(run, except)).bytes,
  };
}

function eventStore(database: Sqlite) {
  const insert = database.prepare(
    `INSERT INTO workflow_events
     SELECT ?, coalesce(max(id), 0) + 1, ?, ?, ?, ? FROM workflow_events WHERE run = ?`,
  );
  const select = database.prepare('SELECT * FROM workflow_events WHERE run = ? ORDER BY id');
  const selectLast = database.prepare('SELECT coalesce(max(id), 0) AS id FROM workflow_events WHERE run = ?');
  return {
    appendEvents: (run: number, events: readonly NewEvent[], at: number): void => {
      for (const { type, path, details } of events) insert.run(run, type, at, path, JSON.stringify(details), run);
    },
    lastEvent: (run: number): number => z.object({ id: z.int() }).parse(selectLast.get(run)).id,
    events: (run: number): HistoryEvent[] => select.all(run).map((row) => EventRow.parse(row)),
  };
}

/** A run as the port shows it; `working` is the state it is in while it runs. */
export function describeRun(row: RunRow, working: string | undefined): RunDescription {
  const state = row.state ?? working;
  return {
    name: row.name,
    machine: row.machine,
    status: row.status,
    startedAt: new Date(row.started_at).toISOString(),
    ...(row.stopped_at === null ? {} : { stoppedAt: new Date(row.stopped_at).toISOString() }),
    input: row.input,
    ...(row.status === 'SUCCEEDED' ? { output: row.output } : {}),
    ...(row.error === null ? {} : { error: row.error }),
    ...(row.cause === null ? {} : { cause: row.cause }),
    ...(state === undefined ? {} : { state }),
  };
}

/** What is told of a run when it starts or ends. */
export function changeOf(run: RunRow, change: { readonly status: 'RUNNING' } | RunEnding): RunStatusChange {
  const { machine, name, input, redrives } = run;
  const told = { machine, name, status: change.status, input, redriveCount: redrives };
  if (change.status === 'RUNNING') return told;
  const { output, failure } = change;
  return { ...told, ...(output === undefined ? {} : { output }), ...failure };
}
