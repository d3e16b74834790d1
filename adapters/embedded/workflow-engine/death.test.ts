import { describe, expect, it } from 'vitest';
import { type DeathPlan, deathAt, dyingDatabase } from '../../../test/fakes/dying-database.ts';
import { engineWorld, flowOf, MACHINE, machineOf, taskState } from '../../../test/fakes/engine-world.ts';
import { everyState, everyStateHandlers } from '../../../test/fakes/every-state.ts';
import { manualClock } from '../../../test/fakes/manual-clock.ts';
import { openSqlite } from '../sqlite.ts';
import type { TaskHandler } from './call-task.ts';
import type { HistoryEvent } from './frame.ts';

const NEVER = deathAt(-1, 'before');

/** Types by path; a task in flight at the death is started again, which is all that may differ. */
function typesByPath(history: readonly HistoryEvent[]): Record<string, string[]> {
  const found: Record<string, string[]> = {};
  for (const { path, type } of history) {
    found[path] ??= [];
    const types = found[path];
    if (type !== 'TaskStarted' || types.at(-1) !== 'TaskStarted') types.push(type);
  }
  return found;
}

/** Names of the effects whose answer or fault the history holds. */
const storedEffects = (history: readonly HistoryEvent[]): string[] =>
  history.flatMap(({ type, details: { output, cause } }) => {
    if (type === 'TaskFailed') return typeof cause === 'string' ? [cause] : [];
    if (type !== 'TaskSucceeded' || typeof output !== 'object' || output === null || !('effect' in output)) return [];
    return typeof output.effect === 'string' ? [output.effect] : [];
  });

type Handlers = (effect: (name: string) => void) => Record<string, TaskHandler>;

/** A run whose process dies as planned, and which the next process takes to its end. */
async function liveAndDie(machine: unknown, handlersOf: Handlers, input: unknown, plan: DeathPlan) {
  const database = openSqlite(':memory:');
  const clock = manualClock();
  const effects: string[] = [];
  const handlers = handlersOf((name) => effects.push(name));
  // The tables are there already: a death while they are made is a death before anything was done.
  await engineWorld({ machine, handlers, database, clock }).engine.close();
  const first = engineWorld({ machine, handlers, clock, database: dyingDatabase(database, plan) });
  await first.start(input).catch(() => {});
  await first.settle().catch(() => {});
  await first.engine.close();
  const second = engineWorld({ machine, handlers, database, clock });
  const stored = storedEffects(await second.engine.history(MACHINE, 'r'));
  const before = effects.length;
  second.engine.resume();
  const restarted = await second.start(input);
  await second.settle();
  const run = await second.engine.describe(MACHINE, 'r');
  const history = await second.engine.history(MACHINE, 'r');
  await second.engine.close();
  const changes = [...first.changes, ...second.changes].map(({ status }) => status);
  const faults = second.faults;
  return { run, history, effects, repeated: effects.slice(before), stored, restarted, changes, faults };
}

const collapsed = (changes: readonly string[]) => changes.filter((status, at) => status !== changes[at - 1]);

describe('a process that dies before or after any durable write', () => {
  it.each([
    ['a run that succeeds', { good: true, items: [...'abcdefghi'] }, 'SUCCEEDED', 30],
    ['a run that fails', { good: false, items: [] }, 'FAILED', 10],
  ])(
    'leaves %s to the next, which ends it as if nothing had happened',
    async (_what, input, status, atLeast) => {
      const undisturbed = { ...NEVER };
      const expected = await liveAndDie(everyState, everyStateHandlers, input, undisturbed);
      expect(expected.run).toMatchObject({ status });
      expect(expected.restarted).toBe('exists');
      expect(undisturbed.writes).toBeGreaterThanOrEqual(atLeast);
      for (let at = 0; at < undisturbed.writes; at += 1)
        for (const when of ['before', 'after'] as const) {
          const plan = deathAt(at, when);
          const found = await liveAndDie(everyState, everyStateHandlers, input, plan);
          const told = `death ${when} write ${at}`;
          expect(plan.dead, told).toBe(true);
          expect(found.restarted, told).toBe(at === 0 && when === 'before' ? 'started' : 'exists');
          expect(found.run, told).toMatchObject({ status, input });
          expect(found.run?.output, told).toEqual(expected.run?.output);
          expect(new Set(found.effects), told).toEqual(new Set(expected.effects));
          expect(typesByPath(found.history), told).toEqual(typesByPath(expected.history));
          // A task runs again only when nothing is stored of it; two at most were in flight.
          expect(
            found.repeated.filter((name) => found.stored.includes(name)),
            told,
          ).toEqual([]);
          expect(found.effects.length, told).toBeLessThanOrEqual(expected.effects.length + 2);
          expect(collapsed(found.changes), told).toEqual(['RUNNING', status]);
          expect(found.faults, told).toEqual([]);
        }
    },
    120_000,
  );

  it('leaves a Parallel that fails to the next, which fails it in the same way', async () => {
    const machine = machineOf({
      Both: {
        Type: 'Parallel',
        Comment: 'Retries because the test says so.',
        Branches: [
          flowOf({ Slow: taskState('Slow', { End: true }) }),
          flowOf({ Bad: taskState('Bad', { End: true }) }),
        ],
        Retry: [{ ErrorEquals: ['StoreUnavailable'], IntervalSeconds: 1, MaxAttempts: 1 }],
        End: true,
      },
    });
    const handlers: Handlers = (effect) => ({
      SlowFunction: () => {
        effect('slow');
        return new Promise(() => {});
      },
      BadFunction: async () => {
        effect('bad');
        await new Promise((resolve) => setImmediate(resolve));
        throw Object.assign(new Error('no'), { name: 'StoreUnavailable' });
      },
    });
    const undisturbed = { ...NEVER };
    await liveAndDie(machine, handlers, {}, undisturbed);
    for (let at = 0; at < undisturbed.writes; at += 1)
      for (const when of ['before', 'after'] as const) {
        const found = await liveAndDie(machine, handlers, {}, deathAt(at, when));
        const told = `death ${when} write ${at}`;
        expect(found.run, told).toMatchObject({
          status: 'FAILED',
          error: 'StoreUnavailable',
          cause: 'no',
          state: 'Bad',
        });
        const types = found.history.map(({ type }) => type);
        expect(types.filter((type) => type === 'ParallelStateFailed').length, told).toBe(2);
        expect(types.filter((type) => type === 'ExecutionFailed').length, told).toBe(1);
        expect(collapsed(found.changes), told).toEqual(['RUNNING', 'FAILED']);
      }
  }, 120_000);
});
