import { type Sqlite, transaction } from '../sqlite.ts';

/** The only way anything of a run is written. */
export interface Commits {
  /**
   * Runs `work` in a transaction and resolves once that is durable, in the order of the calls. A throw of `work` undoes
   * what it wrote, that of no other, and is passed on. `work` must be synchronous; it runs after the caller's turn.
   */
  write<T>(work: () => T): Promise<T>;
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

/**
 * What many runs write in one turn shares a transaction, for its sync to the disk costs more than all their rows. Each
 * piece of work has a savepoint of its own.
 */
export function createCommits(database: Sqlite): Commits {
  const waiting: Job[] = [];
  let flushing: Promise<void> | undefined;

  function flush(): void {
    const jobs = waiting.splice(0, MOST_JOBS);
    let outcomes: Tell[];
    try {
      outcomes = transaction(database, () => jobs.map((job) => runInSavepoint(database, job)));
    } catch (error) {
      outcomes = jobs.map((job) => () => job.fail(error));
    }
    for (const tell of outcomes) tell();
  }

  const flushLater = (): Promise<void> =>
    new Promise((resolve) => {
      setImmediate(() => {
        flush();
        flushing = waiting.length > 0 ? flushLater() : undefined;
        resolve();
      });
    });

  return {
    write: (work) =>
      new Promise((resolve, reject) => {
        const run = (): Tell => {
          const value = work();
          return () => resolve(value);
        };
        waiting.push({ run, fail: reject });
        flushing ??= flushLater();
      }),
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
