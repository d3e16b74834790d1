import * as z from 'zod';
import type { Json } from '../../../core/asl/json.ts';
import type { RunDescription, RunStatus, Workflows } from '../../../core/ports/workflows.ts';
import type { Sqlite } from '../sqlite.ts';
import type { Failure } from './frame.ts';
import { frameStore } from './frame-store.ts';
import { HISTORY_SCHEMA, historyStore } from './history-store.ts';
import { instant, json } from './rows.ts';
import type { RunStatusChange } from './status-outbox.ts';

const SCHEMA = `
  CREATE TABLE IF NOT EXISTS workflow_definitions (hash TEXT PRIMARY KEY, definition TEXT NOT NULL) STRICT;
  CREATE TABLE IF NOT EXISTS workflow_runs (
    id INTEGER PRIMARY KEY AUTOINCREMENT, machine TEXT NOT NULL, name TEXT NOT NULL, status TEXT NOT NULL,
    definition TEXT NOT NULL REFERENCES workflow_definitions (hash), code_version TEXT NOT NULL,
    schemas TEXT NOT NULL, input TEXT NOT NULL, started_at INTEGER NOT NULL, due_at INTEGER NOT NULL,
    secret TEXT NOT NULL, stopped_at INTEGER, output TEXT, error TEXT, cause TEXT, state TEXT,
    redrives INTEGER NOT NULL DEFAULT 0, packed INTEGER NOT NULL DEFAULT 0, UNIQUE (machine, name)) STRICT;
  CREATE INDEX IF NOT EXISTS workflow_runs_to_pack ON workflow_runs (status, stopped_at)
    WHERE packed = 0;
  CREATE INDEX IF NOT EXISTS workflow_runs_by_status ON workflow_runs (status, id);
  CREATE TABLE IF NOT EXISTS workflow_frames (
    run INTEGER NOT NULL REFERENCES workflow_runs (id), path TEXT NOT NULL, state TEXT NOT NULL, phase TEXT NOT NULL,
    input TEXT NOT NULL, variables TEXT NOT NULL, retries TEXT NOT NULL, entered_at INTEGER NOT NULL, due_at INTEGER,
    output TEXT, failure TEXT, token TEXT, heartbeat_ms INTEGER, heartbeat_due_at INTEGER, answer TEXT,
    PRIMARY KEY (run, path)) STRICT, WITHOUT ROWID;
  CREATE UNIQUE INDEX IF NOT EXISTS workflow_frames_by_token ON workflow_frames (token) WHERE token IS NOT NULL;`;

const RunRow = z.object({
  id: z.int(),
  machine: z.string(),
  name: z.string(),
  status: z.enum(['RUNNING', 'SUCCEEDED', 'FAILED', 'TIMED_OUT', 'ABORTED']),
  definition: z.string(),
  code_version: z.string(),
  /** Hash of the schemas of each function, when the run was started. */
  schemas: json.pipe(z.record(z.string(), z.string().nullable())),
  input: json,
  started_at: instant,
  due_at: instant,
  /** Key of the tokens of this run: who knows the database may answer, nobody else can guess one. */
  secret: z.string(),
  stopped_at: instant.nullable(),
  output: json.nullable(),
  error: z.string().nullable(),
  cause: z.string().nullable(),
  state: z.string().nullable(),
  redrives: z.int(),
});
/** A run as it is stored; times in ms since the epoch. */
export type RunRow = z.infer<typeof RunRow>;

const Definition = z.object({ definition: z.string() });

export interface NewRun {
  readonly machine: string;
  readonly name: string;
  readonly definition: { readonly hash: string; readonly text: string };
  readonly codeVersion: string;
  readonly schemas: RunRow['schemas'];
  readonly input: Json;
  readonly startedAt: number;
  readonly dueAt: number;
  readonly secret: string;
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
  database.exec(HISTORY_SCHEMA);
  return {
    ...runReads(database),
    ...runWrites(database),
    ...frameStore(database),
    ...historyStore(database),
    ...packStore(database),
  };
}

const Numbered = z.object({ id: z.int() });
const Ended = z.object({ id: z.int(), definition: z.string() });

function packStore(database: Sqlite) {
  const selectSucceeded = database.prepare(
    `SELECT id, definition FROM workflow_runs WHERE packed = 0 AND status = 'SUCCEEDED'
     ORDER BY stopped_at DESC LIMIT ? OFFSET ?`,
  );
  const selectFailed = database.prepare(
    `SELECT id, definition FROM workflow_runs WHERE packed = 0 AND status = ? AND stopped_at <= ?
     ORDER BY stopped_at LIMIT ?`,
  );
  const mark = database.prepare("UPDATE workflow_runs SET packed = 1, secret = '', schemas = '{}' WHERE id = ?");
  return {
    /** Runs that succeeded, but for the newest `kept`. */
    succeededRuns: (kept: number, limit: number) => selectSucceeded.all(limit, kept).map((row) => Ended.parse(row)),
    /** Runs that failed, timed out or were stopped until then. */
    failedRuns: (until: number, limit: number) =>
      FAILED.flatMap((status) => selectFailed.all(status, until, limit).map((row) => Ended.parse(row))),
    /** Drops what only a run that goes on, or is redriven, needs. */
    markPacked: (id: number): void => {
      mark.run(id);
    },
  };
}

type RunFilter = Parameters<Workflows['list']>[0];

const FAILED = ['FAILED', 'TIMED_OUT', 'ABORTED'] as const;

const parseRun = (row: unknown): RunRow | undefined => (row === undefined ? undefined : RunRow.parse(row));

/** What is read of runs. */
function runReads(database: Sqlite) {
  const select = database.prepare('SELECT * FROM workflow_runs WHERE machine = ? AND name = ?');
  const selectById = database.prepare('SELECT * FROM workflow_runs WHERE id = ?');
  const selectOpen = database.prepare(
    "SELECT id FROM workflow_runs WHERE status = 'RUNNING' AND id > ? ORDER BY id LIMIT ?",
  );
  const selectRunning = database.prepare("SELECT 1 FROM workflow_runs WHERE id = ? AND status = 'RUNNING'");
  const selectDefinition = database.prepare('SELECT definition FROM workflow_definitions WHERE hash = ?');
  const newest = 'machine = coalesce(?, machine) ORDER BY id DESC LIMIT ?';
  const selectAll = database.prepare(`SELECT * FROM workflow_runs WHERE ${newest}`);
  // A statement of its own, for only then is the index by status used: few of very many runs go on.
  const selectByStatus = database.prepare(`SELECT * FROM workflow_runs WHERE status = ? AND ${newest}`);
  return {
    run: (machine: string, name: string) => parseRun(select.get(machine, name)),
    runNumbered: (id: number): RunRow => RunRow.parse(selectById.get(id)),
    /** Numbers of some of the runs that go on, after this one. */
    openRuns: (after: number, limit: number): number[] =>
      selectOpen.all(after, limit).map((row) => Numbered.parse(row).id),
    /** The newest first. */
    runs: ({ machine: only, status, limit }: RunFilter): RunRow[] => {
      const machine = only ?? null;
      const rows = status === undefined ? selectAll.all(machine, limit) : selectByStatus.all(status, machine, limit);
      return rows.map((row) => RunRow.parse(row));
    },
    /** Text of a stored definition, as canonical JSON. */
    definition: (hash: string): string => Definition.parse(selectDefinition.get(hash)).definition,
    isRunning: (id: number): boolean => selectRunning.get(id) !== undefined,
  };
}

/** How runs begin, end and go on again. */
function runWrites(database: Sqlite) {
  const insertDefinition = database.prepare('INSERT INTO workflow_definitions VALUES (?, ?) ON CONFLICT DO NOTHING');
  const insert = database.prepare(
    `INSERT INTO workflow_runs (machine, name, status, definition, code_version, schemas, input, started_at, due_at,
       secret)
     VALUES (?, ?, 'RUNNING', ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING RETURNING *`,
  );
  const end = database.prepare(
    `UPDATE workflow_runs SET status = ?, stopped_at = ?, output = ?, error = ?, cause = ?, state = ?
     WHERE id = ? AND status = 'RUNNING'`,
  );
  const redrive = database.prepare(
    `UPDATE workflow_runs SET status = 'RUNNING', due_at = ?, redrives = redrives + 1,
     stopped_at = NULL, output = NULL, error = NULL, cause = NULL, state = NULL
     WHERE id = ? AND status IN ('FAILED', 'TIMED_OUT', 'ABORTED') RETURNING *`,
  );
  return {
    /** The new run, or undefined when the name was used before. */
    createRun: (run: NewRun): RunRow | undefined => {
      insertDefinition.run(run.definition.hash, run.definition.text);
      const { machine, name, codeVersion, startedAt, dueAt, secret } = run;
      const [schemas, input] = [JSON.stringify(run.schemas), JSON.stringify(run.input)];
      const { hash } = run.definition;
      return parseRun(insert.get(machine, name, hash, codeVersion, schemas, input, startedAt, dueAt, secret));
    },
    /** The run as it goes on again until `dueAt`; undefined when it had not ended badly. */
    redriveRun: (id: number, dueAt: number) => parseRun(redrive.get(dueAt, id)),
    /** Whether the run was still going on; a run ends once until it is redriven. */
    endRun: (id: number, { status, output, failure }: RunEnding, stoppedAt: number): boolean => {
      const text = output === undefined ? null : JSON.stringify(output);
      const { error = null, cause = null, state = null } = failure ?? {};
      return Number(end.run(status, stoppedAt, text, error, cause, state, id).changes) > 0;
    },
  };
}

/** A run as the port shows it; `working` is the state it is in while it runs. */
export function describeRun(row: RunRow, working: string | undefined, redrivable: boolean): RunDescription {
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
    redriveCount: row.redrives,
    redrivable,
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
