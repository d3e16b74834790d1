import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import * as z from 'zod';
import { openSqlite, type Sqlite } from '../adapters/embedded/sqlite.ts';
import { systemClock } from '../adapters/embedded/system-clock.ts';
import type { TaskHandler } from '../adapters/embedded/workflow-engine/call-task.ts';
import { workflowEngine } from '../adapters/embedded/workflow-engine/engine.ts';
import { each, percentile } from './figures.ts';

const IN_FLIGHT = 2000;
const LOAD_SECONDS = 15;
const FINISHED = 10_000;
const OPEN = 10_000;
const PEER_ROWS = 500;

const task = (name: string, more: object) => ({
  Type: 'Task',
  Resource: 'arn:${Partition}:states:::lambda:invoke',
  Arguments: {
    FunctionName: '${WorkFunction}',
    Payload: { step: 'work', run: '{% $states.context.Execution.Name %}', at: name, subject: '{% $states.input %}' },
  },
  Output: '{% $states.result.Payload %}',
  TimeoutSeconds: 900,
  ...more,
});

/** Six states, three of them tasks; two tasks follow one another, for that is where the engine's own time is seen. */
const sample = {
  QueryLanguage: 'JSONata',
  StartAt: 'Prepare',
  TimeoutSeconds: 86_400,
  States: {
    Prepare: { Type: 'Pass', Assign: { subject: '{% $states.input.subject %}' }, Next: 'First' },
    First: task('first', { Next: 'Good?' }),
    'Good?': { Type: 'Choice', Choices: [{ Condition: '{% $states.input.good %}', Next: 'Second' }], Default: 'Bad' },
    Bad: { Type: 'Fail', Error: 'Bad' },
    Second: task('second', { Next: 'Third' }),
    Third: task('third', { Next: 'Done' }),
    Done: { Type: 'Succeed', Output: { good: '{% $states.input.good %}', subject: '{% $subject %}' } },
  },
};
const waiting = {
  QueryLanguage: 'JSONata',
  StartAt: 'Pause',
  TimeoutSeconds: 86_400,
  States: { Pause: { Type: 'Wait', Seconds: 3600, End: true } },
};
const STATES_OF_A_RUN = 6;

const inputOf = (name: string) => ({
  tenant: `tenant-${name.length}`,
  subject: { digest: `sha256:${name.padStart(64, '0')}`, kind: 'source', size: 123_456 },
});

/** An engine, and who waits for the end of a run: looking again and again would be load of its own. */
function openEngine(database: Sqlite, handler: TaskHandler) {
  const waiters = new Map<string, () => void>();
  const engine = workflowEngine({
    database,
    clock: systemClock,
    machines: { sample, waiting },
    faults: [],
    handlers: { WorkFunction: handler },
    codeVersion: 'bench',
    concurrency: IN_FLIGHT,
    random: Math.random,
    onStatus: async ({ name, status }) => {
      if (status !== 'RUNNING') waiters.get(name)?.();
    },
    onFault: (fault) => {
      throw fault;
    },
  });
  const run = async (name: string): Promise<void> => {
    const ended = new Promise<void>((resolve) => waiters.set(name, resolve));
    await engine.start('sample', name, inputOf(name));
    await ended;
    waiters.delete(name);
  };
  return { engine, run };
}

const pages = (database: Sqlite): number => {
  const one = (sql: string) => Object.values(z.record(z.string(), z.number()).parse(database.prepare(sql).get()))[0];
  const used = (one('PRAGMA page_count') ?? 0) - (one('PRAGMA freelist_count') ?? 0);
  return used * (one('PRAGMA page_size') ?? 0);
};

/** One synced row for each state, which is the least a journal without shared commits can do. */
function peerRate(folder: string): number {
  const database = openSqlite(join(folder, 'peer.sqlite'));
  database.exec('CREATE TABLE journal (id INTEGER PRIMARY KEY, state TEXT NOT NULL) STRICT');
  const insert = database.prepare('INSERT INTO journal (state) VALUES (?)');
  const row = JSON.stringify({ type: 'TaskStateExited', output: inputOf('peer') });
  const began = performance.now();
  for (let at = 0; at < PEER_ROWS; at += 1) insert.run(row);
  const rate = PEER_ROWS / ((performance.now() - began) / 1000);
  database.close();
  return rate;
}

/** As many runs as may be in flight, whose tasks answer at once, until enough have finished. */
async function throughput(database: Sqlite): Promise<number> {
  const { engine, run } = openEngine(database, async () => ({ good: true }));
  const began = performance.now();
  const names = Array.from({ length: FINISHED }, (_run, at) => `fast-${at}`);
  await each(names, IN_FLIGHT, run);
  const seconds = (performance.now() - began) / 1000;
  await engine.settled();
  await engine.close();
  return (FINISHED * STATES_OF_A_RUN) / seconds;
}

interface Load {
  /** Milliseconds from the return of a task to the call of the next: its state is left, the next entered and stored. */
  readonly added: number[];
  readonly statesPerSecond: number;
  readonly rssMiB: number;
}

/** Runs in flight all the time, each in tasks that take one to two seconds. */
async function underLoad(database: Sqlite): Promise<Load> {
  const added: number[] = [];
  const returned = new Map<string, number>();
  let steps = 0;
  const { engine, run } = openEngine(database, async (payload) => {
    const { run: name, at } = z.object({ run: z.string(), at: z.string() }).parse(payload);
    if (at === 'third') added.push(performance.now() - (returned.get(name) ?? Number.NaN));
    await delay(1000 + Math.random() * 1000);
    steps += 1;
    returned.set(name, performance.now());
    return { good: true };
  });
  const until = performance.now() + LOAD_SECONDS * 1000;
  let started = 0;
  await each(
    Array.from({ length: IN_FLIGHT }, (_run, at) => at),
    IN_FLIGHT,
    async (at) => {
      // They begin one after the other, as deliveries do.
      await delay((at / IN_FLIGHT) * 3000);
      while (performance.now() < until) {
        const name = `slow-${started++}`;
        await run(name);
        returned.delete(name);
      }
    },
  );
  const statesPerSecond = (steps * STATES_OF_A_RUN) / 3 / LOAD_SECONDS;
  await engine.close();
  return { added, statesPerSecond, rssMiB: process.memoryUsage().rss / 2 ** 20 };
}

const untold = (database: Sqlite): number => {
  const row = database.prepare('SELECT count(*) AS n FROM workflow_outbox').get();
  return z.object({ n: z.number() }).parse(row).n;
};

/** Milliseconds from opening a database with open runs, all of them in a Wait, to the end of the first new run. */
async function startUp(folder: string): Promise<number> {
  const file = join(folder, 'open.sqlite');
  const before = openSqlite(file);
  const { engine: first } = openEngine(before, async () => ({ good: true }));
  const names = Array.from({ length: OPEN }, (_run, at) => `open-${at}`);
  await each(names, IN_FLIGHT, async (name) => {
    await first.start('waiting', name, inputOf(name));
  });
  while (untold(before) > 0) await delay(50);
  await first.close();
  before.close();
  const began = performance.now();
  const database = openSqlite(file);
  const { engine, run } = openEngine(database, async () => ({ good: true }));
  engine.resume();
  await run('new');
  const took = performance.now() - began;
  await engine.close();
  database.close();
  return took;
}

/** What the workflow engine costs: states a second, time added to each, disk, memory and start. */
export async function engineBench(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'relseal-engine-'));
  try {
    const peer = peerRate(folder);
    const database = openSqlite(join(folder, 'engine.sqlite'));
    const rate = await throughput(database);
    const finished = pages(database);
    const { added, statesPerSecond, rssMiB } = await underLoad(database);
    database.close();
    const perRun = finished / FINISHED;
    process.stdout.write(
      `engine: ${rate.toFixed(0)} states/s with tasks that answer at once, ${IN_FLIGHT} runs in flight\n` +
        `  peer (one synced row for each state): ${peer.toFixed(0)}/s, ratio ${(rate / peer).toFixed(2)}\n` +
        `  added by the engine from one task to the next (two commits), ${IN_FLIGHT} runs in tasks of 1 to 2 s, ` +
        `${statesPerSecond.toFixed(0)} states/s: p50 ${percentile(added, 50).toFixed(1)} ms, p99 ${percentile(added, 99).toFixed(1)} ms\n` +
        `  memory ${rssMiB.toFixed(0)} MiB\n` +
        `  ${perRun.toFixed(0)} bytes for a finished run, ${((perRun * 100_000) / 2 ** 20).toFixed(0)} MiB for 100,000 ` +
        `(from ${FINISHED})\n` +
        `  start with ${OPEN} open runs, to the end of the first new run: ${(await startUp(folder)).toFixed(0)} ms\n`,
    );
  } finally {
    rmSync(folder, { recursive: true });
  }
}
