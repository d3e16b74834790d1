import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import * as z from 'zod';
import { openSqlite, type Sqlite } from '../adapters/embedded/sqlite.ts';
import { systemClock } from '../adapters/embedded/system-clock.ts';
import type { TaskHandler } from '../adapters/embedded/workflow-engine/call-task.ts';
import { workflowEngine } from '../adapters/embedded/workflow-engine/engine.ts';
import { each, shown } from './figures.ts';

const IN_FLIGHT = 2000;
const LOAD_SECONDS = 30;
/** At first every run is in its first task, and adds nothing from one task to the next. */
const WARM_UP_SECONDS = 12;
const FINISHED = 10_000;
const OPEN = 10_000;
/** Least seconds of a task: what the engine is made for, and more than it can do. */
const LOADS = { 'design load': 10, saturation: 1 };
const PEER_ROWS = 500;
/** As many as the design load commits: what the disk takes for a row at that pace is in each of the engine's times, too. */
const PACED_ROWS = 2500;
const PACE_MS = 4;

const task = (name: string, more: object) => ({
  Type: 'Task',
  Resource: 'arn:${Partition}:states:::lambda:invoke',
  Arguments: {
    FunctionName: '${WorkFunction}',
    Payload: { step: name, run: '{% $states.context.Execution.Name %}', subject: '{% $states.input %}' },
  },
  Output: '{% $states.result.Payload %}',
  TimeoutSeconds: 900,
  ...more,
});

/** Six states, three of them tasks; the engine's own time is seen from one to the next, with a Choice and without. */
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
const TASKS_OF_A_RUN = 3;

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
  const run = async (name: string, started = () => {}): Promise<void> => {
    const ended = new Promise<void>((resolve) => waiters.set(name, resolve));
    await engine.start('sample', name, inputOf(name));
    started();
    await ended;
    waiters.delete(name);
  };
  return { engine, run };
}

const Figure = z.record(z.string(), z.number());
const figure = (database: Sqlite, sql: string): number =>
  Object.values(Figure.parse(database.prepare(sql).get()))[0] ?? 0;

const usedBytes = (database: Sqlite): number =>
  (figure(database, 'PRAGMA page_count') - figure(database, 'PRAGMA freelist_count')) *
  figure(database, 'PRAGMA page_size');

interface Peer {
  readonly rowsPerSecond: number;
  /** Milliseconds of each row at the pace of the design load. */
  readonly paced: readonly number[];
}

/** One synced row for each state, which is the least a journal without shared commits can do. */
async function peerOf(folder: string): Promise<Peer> {
  const database = openSqlite(join(folder, 'peer.sqlite'));
  database.exec('CREATE TABLE journal (id INTEGER PRIMARY KEY, state TEXT NOT NULL) STRICT');
  const insert = database.prepare('INSERT INTO journal (state) VALUES (?)');
  const row = JSON.stringify({ type: 'TaskStateExited', output: inputOf('peer') });
  const timed = (): number => {
    const began = performance.now();
    insert.run(row);
    return performance.now() - began;
  };
  let ms = 0;
  for (let at = 0; at < PEER_ROWS; at += 1) ms += timed();
  const paced: number[] = [];
  for (let at = 0; at < PACED_ROWS; at += 1) {
    await delay(PACE_MS);
    paced.push(timed());
  }
  database.close();
  return { rowsPerSecond: PEER_ROWS / (ms / 1000), paced };
}

interface Throughput {
  readonly statesPerSecond: number;
  /** Of this process, all threads; unlike the rate it does not depend on who else is at work. */
  readonly cpuUsPerState: number;
}

/** As many runs as may be in flight, whose tasks answer at once, until enough have finished. */
async function throughput(database: Sqlite): Promise<Throughput> {
  const { engine, run } = openEngine(database, async () => ({ good: true }));
  const cpu = process.cpuUsage();
  const began = performance.now();
  const names = Array.from({ length: FINISHED }, (_run, at) => `fast-${at}`);
  await each(names, IN_FLIGHT, run);
  const seconds = (performance.now() - began) / 1000;
  const { user, system } = process.cpuUsage(cpu);
  await engine.settled();
  await engine.close();
  const states = FINISHED * STATES_OF_A_RUN;
  return { statesPerSecond: states / seconds, cpuUsPerState: (user + system) / states };
}

const Asked = z.object({ run: z.string() });

interface Load {
  /** Milliseconds from the return of a task to the call of the next: its state is left, the next entered and stored. */
  readonly added: number[];
  /** Milliseconds until a new run was stored: it waits while those at work write much, and holds up none of them. */
  readonly starts: number[];
  readonly statesPerSecond: number;
  readonly rssMiB: number;
}

/** Sleeps that all end at once when the load is over. A signal would be searched through for each of its 2,000 listeners. */
function sleeps() {
  const sleeping = new Set<() => void>();
  return {
    sleep: (ms: number): Promise<void> =>
      new Promise((resolve) => {
        const wake = (): void => {
          clearTimeout(timer);
          sleeping.delete(wake);
          resolve();
        };
        const timer = setTimeout(wake, ms);
        sleeping.add(wake);
      }),
    end: (): void => {
      for (const wake of sleeping) wake();
    },
  };
}

/** Runs in flight all the time, each in tasks that take so many seconds to twice as many; measured after a warm-up. */
async function underLoad(database: Sqlite, prefix: string, taskSeconds: number): Promise<Load> {
  const added: number[] = [];
  const starts: number[] = [];
  const returned = new Map<string, number>();
  const { sleep, end } = sleeps();
  let isOver = false;
  let tasks = 0;
  const began = performance.now();
  const seconds = () => (performance.now() - began) / 1000;
  const isMeasured = () => seconds() > WARM_UP_SECONDS && seconds() < LOAD_SECONDS;
  const { engine, run } = openEngine(database, async (payload) => {
    const { run: name } = Asked.parse(payload);
    const before = returned.get(name);
    if (before !== undefined && isMeasured()) added.push(performance.now() - before);
    if (!isOver) await sleep((1 + Math.random()) * taskSeconds * 1000);
    if (isMeasured()) tasks += 1;
    returned.set(name, performance.now());
    return { good: true };
  });
  let started = 0;
  const places = Array.from({ length: IN_FLIGHT }, (_run, at) => at);
  const load = each(places, IN_FLIGHT, async (at) => {
    // They begin one after the other, as deliveries do.
    await delay((at / IN_FLIGHT) * WARM_UP_SECONDS * 1000);
    while (seconds() < LOAD_SECONDS) {
      const name = `${prefix}-${started++}`;
      const asked = performance.now();
      await run(name, () => {
        if (isMeasured()) starts.push(performance.now() - asked);
      });
      returned.delete(name);
    }
  });
  await delay(LOAD_SECONDS * 1000);
  const rssMiB = process.memoryUsage().rss / 2 ** 20;
  isOver = true;
  end();
  await load;
  await engine.close();
  const statesPerSecond = (tasks * STATES_OF_A_RUN) / TASKS_OF_A_RUN / (LOAD_SECONDS - WARM_UP_SECONDS);
  return { added, starts, statesPerSecond, rssMiB };
}

/** Milliseconds from opening a database with open runs, all of them in a Wait, to the end of the first new run. */
async function startUp(folder: string): Promise<number> {
  const file = join(folder, 'open.sqlite');
  const before = openSqlite(file);
  const { engine: first } = openEngine(before, async () => ({ good: true }));
  const names = Array.from({ length: OPEN }, (_run, at) => `open-${at}`);
  await each(names, IN_FLIGHT, async (name) => {
    await first.start('waiting', name, inputOf(name));
  });
  while (figure(before, 'SELECT count(*) FROM workflow_outbox') > 0) await delay(50);
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

function printLoad(print: (line: string) => void, name: string, taskSeconds: number, load: Load): void {
  const { added, starts, statesPerSecond, rssMiB } = load;
  const tasks = `${IN_FLIGHT} runs wanted in tasks of ${taskSeconds} to ${2 * taskSeconds} s`;
  print(`  ${name}: ${tasks}, ${statesPerSecond.toFixed(0)} states/s, ${rssMiB.toFixed(0)} MiB resident`);
  print(`    added from one task to the next, in one commit: ${shown(added)} (${added.length} measured)`);
  print(`    until a new run is stored: ${shown(starts)}`);
}

const JOURNAL_BYTES_OF_A_RUN = 'SELECT sum(octet_length(events)) / count(DISTINCT run) FROM workflow_events';

/** What the workflow engine costs: states a second, time added to each, disk, memory and start. */
export async function engineBench(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'relseal-engine-'));
  const print = (line: string) => process.stdout.write(`${line}\n`);
  try {
    const peer = await peerOf(folder);
    const database = openSqlite(join(folder, 'engine.sqlite'));
    const { statesPerSecond, cpuUsPerState } = await throughput(database);
    print(`engine: ${statesPerSecond.toFixed(0)} states/s with tasks that answer at once, ${IN_FLIGHT} runs in flight`);
    print(`  ${cpuUsPerState.toFixed(0)} us of CPU for a state`);
    const { rowsPerSecond, paced } = peer;
    const ratio = (statesPerSecond / rowsPerSecond).toFixed(2);
    print(`  peer (one synced row for each state): ${rowsPerSecond.toFixed(0)}/s, ratio ${ratio}`);
    print(`  peer (one synced row every ${PACE_MS} ms): ${shown(paced)}`);
    const journal = figure(database, JOURNAL_BYTES_OF_A_RUN) / STATES_OF_A_RUN;
    const perRun = usedBytes(database) / FINISHED;
    print(`  journal: ${journal.toFixed(0)} bytes for a state while it is not packed`);
    const hundredThousand = ((perRun * 100_000) / 2 ** 20).toFixed(0);
    print(
      `  ${perRun.toFixed(0)} bytes for a finished run: ${hundredThousand} MiB for 100,000, reckoned from ${FINISHED}`,
    );
    for (const [name, taskSeconds] of Object.entries(LOADS))
      printLoad(print, name, taskSeconds, await underLoad(database, `${taskSeconds}s`, taskSeconds));
    database.close();
    print(`  ${OPEN} open runs: a new run has ended ${(await startUp(folder)).toFixed(0)} ms after the start`);
  } finally {
    rmSync(folder, { recursive: true });
  }
}
