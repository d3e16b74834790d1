import { deflateRawSync, inflateRawSync } from 'node:zlib';
import * as z from 'zod';
import { type Json, parseJson } from '../../../core/asl/json.ts';
import type { Sqlite } from '../sqlite.ts';
import type { HistoryEvent, NewEvent } from './frame.ts';
import { instant, json } from './rows.ts';

/**
 * A row holds the events of one transition, the last of which has the number `last`. Rows stand in the order they were
 * written, whatever their run: what many runs write in one transaction then changes few pages.
 */
export const HISTORY_SCHEMA = `
  CREATE TABLE IF NOT EXISTS workflow_events (
    run INTEGER NOT NULL REFERENCES workflow_runs (id), last INTEGER NOT NULL, at INTEGER NOT NULL,
    events TEXT NOT NULL) STRICT;
  CREATE UNIQUE INDEX IF NOT EXISTS workflow_events_by_run ON workflow_events (run, last);
  CREATE TABLE IF NOT EXISTS workflow_histories (
    run INTEGER PRIMARY KEY REFERENCES workflow_runs (id), events BLOB NOT NULL) STRICT;`;

const Events = z.array(
  z.object({ type: z.string(), path: z.string(), details: z.record(z.string(), z.custom<Json>()) }),
);
const EventRow = z.object({ last: z.int(), at: instant, events: json.pipe(Events) });
const Last = z.object({ last: z.int() });
const All = z.object({ events: z.string() });
const Kept = z.object({ events: z.instanceof(Uint8Array) }).optional();
const Packed = z.array(EventRow.extend({ events: Events }));
type EventRow = z.infer<typeof EventRow>;

const eventsIn = ({ last, at, events }: EventRow): HistoryEvent[] =>
  events.map((event, index) => ({
    ...event,
    id: last - events.length + index + 1,
    at: new Date(at).toISOString(),
  }));

/** Histories of runs: rows while a run may go on, one compressed blob once it is packed. */
export function historyStore(database: Sqlite) {
  const insert = database.prepare('INSERT INTO workflow_events VALUES (?, ?, ?, ?)');
  const select = database.prepare('SELECT last, at, events FROM workflow_events WHERE run = ? ORDER BY last');
  const selectLast = database.prepare('SELECT coalesce(max(last), 0) AS last FROM workflow_events WHERE run = ?');
  const selectKept = database.prepare('SELECT events FROM workflow_histories WHERE run = ?');
  const selectAll = database.prepare(
    `SELECT json_group_array(json_object('last', last, 'at', at, 'events', json(events))) AS events
     FROM (SELECT last, at, events FROM workflow_events WHERE run = ? ORDER BY last)`,
  );
  const keep = database.prepare('INSERT INTO workflow_histories VALUES (?, ?)');
  const remove = database.prepare('DELETE FROM workflow_events WHERE run = ?');
  const lastEvent = (run: number): number => Last.parse(selectLast.get(run)).last;
  return {
    /** Number of the last event of a run that is not packed. */
    lastEvent,
    appendEvents: (run: number, events: readonly NewEvent[], at: number): void => {
      if (events.length > 0) insert.run(run, lastEvent(run) + events.length, at, JSON.stringify(events));
    },
    /** `dictionary`: what the history was packed with. */
    events: (run: number, dictionary: string): HistoryEvent[] => {
      const kept = Kept.parse(selectKept.get(run));
      const rows = kept ? unpacked(kept.events, dictionary) : select.all(run).map((row) => EventRow.parse(row));
      return rows.flatMap(eventsIn);
    },
    /** Makes one blob of all rows. A text that the history repeats, as its definition, is worth more than its bytes. */
    packEvents: (run: number, dictionary: string): void => {
      const { events } = All.parse(selectAll.get(run));
      keep.run(run, deflateRawSync(events, { dictionary: Buffer.from(dictionary) }));
      remove.run(run);
    },
  };
}

const unpacked = (events: Uint8Array, dictionary: string): EventRow[] =>
  Packed.parse(parseJson(inflateRawSync(events, { dictionary: Buffer.from(dictionary) }).toString('utf8')));
