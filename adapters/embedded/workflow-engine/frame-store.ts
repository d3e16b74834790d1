import * as z from 'zod';
import type { Json } from '../../../core/asl/json.ts';
import type { Sqlite } from '../sqlite.ts';
import { type Frame, PHASES, type Phase, type TokenReply } from './frame.ts';
import { instant, json, object } from './rows.ts';

const Reply = z.union([
  z.object({ output: z.custom<Json>((value) => value !== undefined) }),
  z.object({ error: z.string(), cause: z.string() }),
]);

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
    token: z.string().nullable(),
    heartbeat_ms: z.int().nullable(),
    heartbeat_due_at: instant.nullable(),
    answer: json.pipe(Reply).nullable(),
  })
  .transform((row): Frame => {
    const { run, path, state, phase, input, variables, retries, output, failure, token, answer } = row;
    const frame = { run, path, state, phase, input, variables, retries, enteredAt: row.entered_at };
    const beats = { heartbeatMs: row.heartbeat_ms ?? 0, heartbeatDueAt: row.heartbeat_due_at ?? 0 };
    return {
      ...frame,
      ...(row.due_at === null ? {} : { dueAt: row.due_at }),
      ...(phase === 'done' ? { output } : {}),
      ...(failure === null ? {} : { failure }),
      ...(token === null ? {} : { token: { value: token, ...beats } }),
      ...(answer === null ? {} : { answer }),
    };
  });

/** A frame named by its run and path. */
export interface FramePlace {
  readonly run: number;
  readonly path: string;
}
const Phased = z.object({ phase: z.enum(PHASES) });
const Working = z.object({ state: z.string() }).optional();
const Bytes = z.object({ bytes: z.int() });
const Place = z.object({ run: z.int(), path: z.string() }).optional();
const parsePlace = (row: unknown): FramePlace | undefined => Place.parse(row);

const textOf = (value: unknown): string | null => (value === undefined ? null : JSON.stringify(value));

/** Where the paths of runs stand. */
export function frameStore(database: Sqlite) {
  const put = database.prepare(
    `INSERT OR REPLACE INTO workflow_frames
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
  );
  const select = database.prepare('SELECT * FROM workflow_frames WHERE run = ? AND path = ?');
  const selectPhase = database.prepare('SELECT phase FROM workflow_frames WHERE run = ? AND path = ?');
  const selectAll = database.prepare('SELECT * FROM workflow_frames WHERE run = ? ORDER BY path');
  const selectWorking = database.prepare(
    `SELECT state FROM workflow_frames WHERE run = ? AND phase NOT IN ('forked', 'done')
     AND (phase <> 'pending' OR path = '') ORDER BY path LIMIT 1`,
  );
  const selectBytes = database.prepare(
    'SELECT coalesce(sum(octet_length(variables)), 0) AS bytes FROM workflow_frames WHERE run = ? AND path <> ?',
  );
  return {
    ...framesBelowStore(database),
    ...tokenStore(database),
    putFrame: (frame: Frame): void => {
      const { run, path, state, phase, enteredAt, dueAt = null, token } = frame;
      const texts = [frame.input, frame.variables, frame.retries].map((value) => JSON.stringify(value));
      const ends = [textOf(frame.output), textOf(frame.failure)];
      const beats = [token?.value ?? null, token?.heartbeatMs ?? null, token?.heartbeatDueAt ?? null];
      put.run(run, path, state, phase, ...texts, enteredAt, dueAt, ...ends, ...beats, textOf(frame.answer));
    },
    frame: (run: number, path: string): Frame => FrameRow.parse(select.get(run, path)),
    phase: (run: number, path: string): Phase => Phased.parse(selectPhase.get(run, path)).phase,
    frames: (run: number): Frame[] => selectAll.all(run).map((row) => FrameRow.parse(row)),
    /** The state a run is in, or is to enter first; inside a Parallel or Map, that of the first branch at work. */
    workingState: (run: number): string | undefined => Working.parse(selectWorking.get(run))?.state,
    /** Bytes of the variables of all paths but one. */
    variableBytes: (run: number, except: string): number => Bytes.parse(selectBytes.get(run, except)).bytes,
  };
}

function framesBelowStore(database: Sqlite) {
  // '0' follows '/': the range holds the children of a path and theirs, and nothing else.
  const below = "WHERE run = ? AND path > ? || '/' AND path < ? || '0'";
  const select = database.prepare(`SELECT * FROM workflow_frames ${below}`);
  const remove = database.prepare(`DELETE FROM workflow_frames ${below}`);
  const removeAll = database.prepare('DELETE FROM workflow_frames WHERE run = ?');
  return {
    framesBelow: (run: number, path: string): Frame[] => select.all(run, path, path).map((row) => FrameRow.parse(row)),
    removeFramesBelow: (run: number, path: string): void => {
      remove.run(run, path, path);
    },
    removeFrames: (run: number): void => {
      removeAll.run(run);
    },
  };
}

/** A token is open while its task waits for it, in time, in a run that goes on. */
const OPEN = `token = ? AND phase IN ('scheduled', 'submitted') AND due_at > ? AND heartbeat_due_at > ?
  AND EXISTS (SELECT 1 FROM workflow_runs AS r WHERE r.id = run AND r.status = 'RUNNING' AND r.due_at > ?)`;

function tokenStore(database: Sqlite) {
  const answer = database.prepare(
    `UPDATE workflow_frames SET phase = 'answered', answer = ?, token = NULL WHERE ${OPEN} RETURNING run, path`,
  );
  const beat = database.prepare(
    `UPDATE workflow_frames SET heartbeat_due_at = ? + heartbeat_ms WHERE ${OPEN} RETURNING run, path`,
  );
  const submit = database.prepare(
    "UPDATE workflow_frames SET phase = 'submitted' WHERE run = ? AND path = ? AND phase = 'scheduled' AND token = ?",
  );
  return {
    /** Where the token was open until now; undefined when it is not. */
    answerToken: (token: string, reply: TokenReply, now: number) =>
      parsePlace(answer.get(JSON.stringify(reply), token, now, now, now)),
    beatToken: (token: string, now: number) => parsePlace(beat.get(now, token, now, now, now)),
    /** Whether the task that has returned still waits; its answer may have come first. */
    submitFrame: ({ run, path, token }: Frame): boolean =>
      Number(submit.run(run, path, token?.value ?? null).changes) > 0,
  };
}
