import { type Sqlite, transaction } from '../sqlite.ts';
import { fairLine } from './fair-line.ts';
import { walCheckpoints } from './wal-checkpoints.ts';

/** The only way anything of a run is written. */
export interface Commits {
  /**
   * Runs `work` in a transaction and resolves once that is durable, in the order of the calls. A throw of `work` undoes
   * what it wrote, that of no other, and is passed on. `work` must be synchronous; it runs after the caller's turn.
   */
  write<T>(work: () => T): Promise<T>;
  /**
   * The same for what can wait: new runs, and packing. Much of it joins a transaction in which runs at work write little,
   * and at least one piece joins each, so that a flood of new runs slows nobody down and comes to its turn all the same.
   * Tenants take turns.
   */
  writeLater<T>(tenant: string, work: () => T): Promise<T>;
  /** Resolves when nothing waits to be written. */
  settled(): Promise<void>;
}

/** Tells a caller what came of its work. */
type Tell = () => void;

interface Job {
  run(): Tell;
  fail(error: unknown): void;
}

/** A transaction holds up everything else in the process, so that a flood is written in several. */
const MOST_JOBS = 500;
/** With more than this in one turn of the process, its work takes longer than its sync to the disk: it is busy. */
const BUSY_JOBS = 32;

/** What waits to be written. */
function createLines() {
  const first: Job[] = [];
  const later = fairLine<Job>();
  return {
    first,
    later,
    isEmpty: () => first.length === 0 && later.isEmpty(),
    /** The jobs of the next transaction, taken out. */
    next: (): Job[] => {
      const jobs = first.splice(0, MOST_JOBS);
      const most = Math.max(jobs.length + 1, BUSY_JOBS);
      for (let job = later.next(); job; job = jobs.length < most ? later.next() : undefined) jobs.push(job);
      return jobs;
    },
  };
}

/**
 * What many runs write in one turn shares a transaction, for its sync to the disk costs more than all their rows. Each
 * piece of work has a savepoint of its own. `onFault` is told of a checkpoint that failed: nothing is lost by it.
 */
export function createCommits(database: Sqlite, onFault: (fault: unknown) => void): Commits {
  const lines = createLines();
  const checkpoints = walCheckpoints(database, onFault);
  let flushing: Promise<void> | undefined;

  function flush(): void {
    const jobs = lines.next();
    let outcomes: Tell[];
    try {
      outcomes = transaction(database, () => jobs.map((job) => runInSavepoint(database, job)));
    } catch (error) {
      outcomes = jobs.map((job) => () => job.fail(error));
    }
    checkpoints.written();
    for (const tell of outcomes) tell();
  }

  const flushLater = (): Promise<void> =>
    new Promise((resolve) => {
      setImmediate(() => {
        if (lines.isEmpty()) checkpoints.checkpoint();
        else flush();
        flushing = !lines.isEmpty() || checkpoints.areDue() ? flushLater() : undefined;
        resolve();
      });
    });

  const write = <T>(work: () => T, join: (job: Job) => void): Promise<T> =>
    new Promise((resolve, reject) => {
      const run = (): Tell => {
        const value = work();
        return () => resolve(value);
      };
      join({ run, fail: reject });
      flushing ??= flushLater();
    });

  return {
    write: (work) => write(work, (job) => lines.first.push(job)),
    writeLater: (tenant, work) => write(work, (job) => lines.later.join(tenant, job)),
    settled: async () => {
      while (flushing !== undefined) await flushing;
    },
  };
}

/** Throws only when the whole transaction is lost with the work. */
function runInSavepoint(database: Sqlite, job: Job): Tell {
  database.exec('SAVEPOINT work');
  try {
    const tell = job.run();
    database.exec('RELEASE work');
    return tell;
  } catch (error) {
    try {
      database.exec('ROLLBACK TO work; RELEASE work');
    } catch {
      // SQLite has rolled everything back, as it does on a full disk; the first error is the one that tells.
      throw error;
    }
    return () => job.fail(error);
  }
}
