import type { Sqlite } from '../../adapters/embedded/sqlite.ts';

export interface DeathPlan {
  /** Which durable write is the last (from 0), counted over transactions and statements outside of one. */
  readonly at: number;
  /** `effect`: whoever has effects counts those instead, and sets `dead` after the one that is the last. */
  readonly when: 'before' | 'after' | 'effect';
  writes: number;
  dead: boolean;
}

export const deathAt = (at: number, when: DeathPlan['when']): DeathPlan => ({ at, when, writes: 0, dead: false });

/** The database as a process sees it that is killed right before or right after a durable write: nothing works after. */
export function dyingDatabase(database: Sqlite, plan: DeathPlan): Sqlite {
  let within = false;
  const requireAlive = (): void => {
    if (plan.dead) throw new Error('the process is dead');
  };
  const durable = <T>(write: () => T): T => {
    const last = plan.writes++ === plan.at && plan.when !== 'effect';
    if (last && plan.when === 'before') plan.dead = true;
    requireAlive();
    const result = write();
    if (last) plan.dead = true;
    requireAlive();
    return result;
  };
  const exec = (sql: string): void => {
    // SQLite rolls back what a dead process leaves; here the connection lives on, so it is done for it.
    if (plan.dead && sql === 'ROLLBACK') {
      if (within) database.exec(sql);
      return;
    }
    requireAlive();
    if (sql === 'COMMIT')
      durable(() => {
        database.exec(sql);
        within = false;
      });
    else database.exec(sql);
    if (sql === 'BEGIN IMMEDIATE') within = true;
    if (sql === 'ROLLBACK') within = false;
  };
  return new Proxy(database, {
    get: (target, property) => {
      if (property === 'exec') return exec;
      if (property !== 'prepare') throw new Error(`a dying database has no ${String(property)}`);
      return (sql: string) => {
        requireAlive();
        const statement = target.prepare(sql);
        return new Proxy(statement, {
          get: (owner, method: 'run' | 'get' | 'all') => {
            return (...values: never[]) => {
              requireAlive();
              const call = () => owner[method](...values);
              return method === 'run' && !within ? durable(call) : call();
            };
          },
        });
      };
    },
  });
}
