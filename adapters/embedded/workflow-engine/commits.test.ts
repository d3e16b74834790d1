import { describe, expect, it } from 'vitest';
import { deathAt, dyingDatabase } from '../../../test/fakes/dying-database.ts';
import { engineWorld, MACHINE, taskState } from '../../../test/fakes/engine-world.ts';
import { openSqlite, type Sqlite } from '../sqlite.ts';
import { createCommits } from './commits.ts';

const LOST = new Error('lost');
const noFault = (fault: unknown): void => {
  throw fault;
};

function openTable(wrap = (database: Sqlite): Sqlite => database) {
  const database = openSqlite(':memory:');
  database.exec('CREATE TABLE t (n INTEGER)');
  const rows = () =>
    database
      .prepare('SELECT n FROM t ORDER BY rowid')
      .all()
      .map((row) => Object.values(row ?? {})[0]);
  const seen = wrap(database);
  const insert = seen.prepare('INSERT INTO t VALUES (?)');
  const add = (n: number) => () => {
    insert.run(n);
    return n;
  };
  return { database, seen, rows, add };
}

describe('commits', () => {
  it('write what comes in one turn in one transaction, in its order', async () => {
    const plan = deathAt(-1, 'before');
    const { seen, rows, add } = openTable((database) => dyingDatabase(database, plan));
    const { write } = createCommits(seen, noFault);
    const written = [write(add(1)), write(add(2)), write(add(3))];
    expect(rows()).toEqual([]);
    expect(await Promise.all(written)).toEqual([1, 2, 3]);
    expect(rows()).toEqual([1, 2, 3]);
    expect(plan.writes).toBe(1);
  });

  it('undo the work that throws, tell its caller, and keep what is beside it', async () => {
    const { database, rows, add } = openTable();
    const { write } = createCommits(database, noFault);
    const good = write(add(1));
    const bad = write(() => {
      add(2)();
      throw LOST;
    });
    const later = write(add(3));
    await expect(bad).rejects.toBe(LOST);
    expect(await Promise.all([good, later])).toEqual([1, 3]);
    expect(rows()).toEqual([1, 3]);
  });

  it('fail together when the transaction does, with the first error, and write again after it', async () => {
    const { database, rows, add } = openTable();
    database.exec(`CREATE TRIGGER full BEFORE INSERT ON t WHEN NEW.n = 2 BEGIN SELECT RAISE(ROLLBACK, 'full'); END`);
    const { write } = createCommits(database, noFault);
    const written = await Promise.allSettled([write(add(1)), write(add(2)), write(add(3))]);
    for (const outcome of written)
      expect(outcome).toMatchObject({ status: 'rejected', reason: { message: expect.stringContaining('full') } });
    expect(rows()).toEqual([]);
    expect(await write(add(4))).toBe(4);
    expect(rows()).toEqual([4]);
  });

  it('resolve only for what is durable: a process that dies before the commit has told nobody', async () => {
    const { seen, rows, add } = openTable((database) => dyingDatabase(database, deathAt(0, 'before')));
    const { write } = createCommits(seen, noFault);
    const written = await Promise.allSettled([write(add(1)), write(add(2))]);
    expect(written.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    expect(rows()).toEqual([]);
  });

  it('write a flood in parts, and are settled when nothing waits', async () => {
    const plan = deathAt(-1, 'before');
    const { seen, rows, add } = openTable((database) => dyingDatabase(database, plan));
    const { write, settled } = createCommits(seen, noFault);
    const written = Array.from({ length: 1200 }, (_n, n) => write(add(n)));
    await settled();
    expect(rows()).toEqual(await Promise.all(written));
    expect(plan.writes).toBe(3);
    await settled();
  });

  it('let what can wait join a turn that is not busy', async () => {
    const plan = deathAt(-1, 'before');
    const { seen, rows, add } = openTable((database) => dyingDatabase(database, plan));
    const { write, writeLater } = createCommits(seen, noFault);
    await Promise.all([writeLater('t', add(1)), writeLater('t', add(2)), write(add(3))]);
    expect(rows()).toEqual([3, 1, 2]);
    expect(plan.writes).toBe(1);
  });

  it('write a flood that can wait after what cannot, yet some of it in every turn', async () => {
    const { database, add } = openTable();
    const { write, writeLater } = createCommits(database, noFault);
    const order: string[] = [];
    const flood = Array.from({ length: 500 }, async (_n, n) => {
      await writeLater('t', add(n));
      order.push('new');
    });
    for (let turn = 0; turn < 5; turn += 1) {
      const busy = Array.from({ length: 200 }, async (_n, n) => {
        await write(add(n));
        order.push('old');
      });
      await Promise.all(busy);
      expect(order.filter((what) => what === 'old')).toHaveLength(200 * (turn + 1));
      expect(order.filter((what) => what === 'new')).toHaveLength(turn + 1);
    }
    await Promise.all(flood);
    expect(order).toHaveLength(1500);
  });

  it('go round the tenants with what can wait, so that a flood of one keeps no other waiting', async () => {
    const { database, rows, add } = openTable();
    const { writeLater } = createCommits(database, noFault);
    const written = Array.from({ length: 300 }, (_n, n) => writeLater('flood', add(n)));
    await Promise.all([...written, writeLater('small', add(-1))]);
    expect(rows().slice(0, 3)).toEqual([0, -1, 1]);
  });

  it('let other turns happen while a run only passes and chooses', async () => {
    const states = {
      Pass: { Type: 'Pass', Next: 'Choose' },
      Choose: { Type: 'Choice', Choices: [{ Condition: '{% false %}', Next: 'End' }], Default: 'Pass' },
      End: { Type: 'Succeed' },
    };
    const world = engineWorld({ states });
    await world.start();
    for (let turns = 0; turns < 200; turns += 1) await new Promise((resolve) => setImmediate(resolve));
    await world.engine.stop(MACHINE, 'r', { error: 'Enough', cause: '' });
    await world.settle();
    expect(await world.engine.describe(MACHINE, 'r')).toMatchObject({ status: 'ABORTED' });
    expect((await world.historyTypes()).length).toBeGreaterThan(100);
  });
});

describe('a run that ends from outside while its state is left in the same turn', () => {
  it('writes nothing after its end', async () => {
    let answer = () => {};
    const world = engineWorld({
      states: { Work: taskState('Work', { End: true }) },
      handlers: { WorkFunction: () => new Promise<void>((resolve) => (answer = resolve)) },
    });
    await world.start();
    await world.quiet();
    const stopped = world.engine.stop(MACHINE, 'r', { error: 'E', cause: '' });
    answer();
    await stopped;
    await world.settle();
    expect((await world.historyTypes()).slice(-2)).toEqual(['TaskStateAborted', 'ExecutionAborted']);
    expect(await world.engine.describe(MACHINE, 'r')).toMatchObject({ status: 'ABORTED', state: 'Work' });
  });
});
