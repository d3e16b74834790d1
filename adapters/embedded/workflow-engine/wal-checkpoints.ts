import type { Sqlite } from '../sqlite.ts';

/** When what SQLite has in its write-ahead log goes to the database file. */
export interface WalCheckpoints {
  /** To be called after each transaction. */
  written(): void;
  /** Whether enough was written for the next turn without writes. */
  areDue(): boolean;
  /** Takes the log to the database file. Never throws: what fails is told, and the log keeps what it has. */
  checkpoint(): void;
}

/** Transactions after which a checkpoint is worth its two syncs. */
const TRANSACTIONS = 250;
/** Pages of the log (4 KiB each) at which SQLite waits for no quiet turn: 16 MiB. */
const MOST_PAGES = 4000;

/**
 * By itself SQLite does this within the commit that takes the log past 4 MiB, and all runs that wait for that commit wait
 * for two more syncs. Here it has a turn of its own, after everybody was told of the last commit, when nothing waits to be
 * written; SQLite's own way is left for a process that has no such turn, so that the log is bounded.
 */
export function walCheckpoints(database: Sqlite, onFault: (fault: unknown) => void): WalCheckpoints {
  database.exec(`PRAGMA wal_autocheckpoint=${MOST_PAGES}`);
  let transactions = 0;
  return {
    written: () => {
      transactions += 1;
    },
    areDue: () => transactions >= TRANSACTIONS,
    checkpoint: () => {
      transactions = 0;
      try {
        database.exec('PRAGMA wal_checkpoint(PASSIVE)');
      } catch (fault) {
        onFault(fault);
      }
    },
  };
}
