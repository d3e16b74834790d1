import { afterAll, describe, expect, it } from 'vitest';
import * as z from 'zod';
import { type DeathPlan, deathAt, dyingDatabase } from '../../../test/fakes/dying-database.ts';
import { engineWorld, flowOf, MACHINE, machineOf, taskState, tokenState } from '../../../test/fakes/engine-world.ts';
import { manualClock } from '../../../test/fakes/manual-clock.ts';
import { openSqlite } from '../sqlite.ts';
import type { TaskHandler } from './call-task.ts';
import type { HistoryEvent } from './frame.ts';

type World = ReturnType<typeof engineWorld>;

/** What a task was asked, and its name in the list of effects. */
const Payload = z.object({
  state: z.string(),
  attempt: z.int(),
  redrive: z.int(),
  token: z.string().optional(),
  input: z.unknown(),
});
const effectOf = ({ state, attempt, redrive, input }: z.infer<typeof Payload>): string =>
  `${state}/${attempt}/${redrive}/${JSON.stringify(input)}`;

const REDRIVE = '{% $exists($states.context.Execution.RedriveCount) ? $states.context.Execution.RedriveCount : 0 %}';
const argumentsOf = (name: string, more: object = {}) => ({
  FunctionName: `\${${name}Function}`,
  Payload: {
    step: name.toLowerCase(),
    state: '{% $states.context.State.Name %}',
    attempt: '{% $states.context.State.RetryCount %}',
    redrive: REDRIVE,
    input: '{% $states.input %}',
    ...more,
  },
});
/** Tasks that answer with their effect, fail at their first attempt, fail until a redrive, never answer, ask by token. */
const good = (more: object) => taskState('Good', { Arguments: argumentsOf('Good'), ...more });
const flaky = (more: object) => taskState('Flaky', { Arguments: argumentsOf('Flaky'), Retry, ...more });
const broken = (more: object) => taskState('Broken', { Arguments: argumentsOf('Broken'), ...more });
const stuck = (more: object) => taskState('Stuck', { Arguments: argumentsOf('Stuck'), TimeoutSeconds: 7, ...more });
const ask = (more: object) =>
  tokenState('Ask', { Arguments: argumentsOf('Ask', { token: '{% $states.context.Task.Token %}' }), ...more });
const Retry = [{ ErrorEquals: ['StoreUnavailable'], IntervalSeconds: 3, MaxAttempts: 1 }];
const End = { End: true };
const INLINE = { ProcessorConfig: { Mode: 'INLINE' } };

/** What stays when a process dies: effects in the world, and tokens that others hold. */
interface Outside {
  readonly effects: string[];
  readonly tokens: Map<string, Set<string>>;
  readonly answered: Set<string>;
}

function handlersOf(outside: Outside, plan: DeathPlan): Record<string, TaskHandler> {
  const fault = (message: string) => Object.assign(new Error(message), { name: 'StoreUnavailable' });
  const task =
    (act: (asked: z.infer<typeof Payload>, effect: string) => unknown): TaskHandler =>
    async (payload) => {
      const asked = Payload.parse(payload);
      const effect = effectOf(asked);
      outside.effects.push(effect);
      if (plan.when === 'effect' && outside.effects.length - 1 === plan.at) plan.dead = true;
      return act(asked, effect);
    };
  return {
    GoodFunction: task((_asked, effect) => effect),
    FlakyFunction: task(({ attempt }, effect) => {
      if (attempt === 0) throw fault(effect);
      return effect;
    }),
    BrokenFunction: task(({ redrive }, effect) => {
      if (redrive === 0) throw fault(effect);
      return effect;
    }),
    StuckFunction: task(() => new Promise(() => {})),
    AskFunction: task(({ token = '' }, effect) => {
      outside.tokens.set(effect, (outside.tokens.get(effect) ?? new Set()).add(token));
    }),
  };
}

/** Somebody outside acts on what is to be seen, again and again until it has come about. */
type Act = (world: World, outside: Outside) => Promise<void>;

/** Holders of tokens send until they are told that theirs was taken or is gone. */
const answer =
  (send: (world: World, token: string, effect: string) => Promise<string>): Act =>
  async (world, { tokens, answered }) => {
    for (const [effect, values] of tokens)
      for (const token of values) {
        if (answered.has(token)) continue;
        await send(world, token, effect);
        answered.add(token);
      }
  };
const succeed = answer(({ engine }, token, effect) => engine.sendTaskSuccess(token, effect));
const failFirst = answer(({ engine }, token, effect) =>
  effect.includes('/0/0/')
    ? engine.sendTaskFailure(token, { error: 'StoreUnavailable', cause: effect })
    : engine.sendTaskSuccess(token, effect),
);

const shown = ({ engine }: World) => engine.describe(MACHINE, 'r');
const redriveOnce: Act = async (world) => {
  const { status, redriveCount } = (await shown(world)) ?? {};
  if (status === 'FAILED' && redriveCount === 0) await world.engine.redrive(MACHINE, 'r');
};
const stopIn =
  (state: string): Act =>
  async (world) => {
    const run = await shown(world);
    if (run?.status === 'RUNNING' && run.state === state)
      await world.engine.stop(MACHINE, 'r', { error: 'Superseded', cause: 'A newer tag came.' });
  };
/** Heartbeats that come in time, until the token was kept for longer than one interval. */
const beatThenSucceed: Act = async (world, outside) => {
  const { engine, clock } = world;
  if (clock.now() - START > 100_000) return succeed(world, outside);
  for (const token of [...outside.tokens.values()].flatMap((values) => [...values])) {
    await engine.sendTaskHeartbeat(token);
    clock.advance(20_000);
    await engine.sendTaskHeartbeat(token);
  }
};

interface Scenario {
  readonly states: Readonly<Record<string, unknown>>;
  readonly more?: object;
  readonly act?: Act;
  readonly compensating?: boolean;
  readonly expected: object;
}

const refused = { Type: 'Succeed', Output: { refused: '{% $states.input %}' } };
const both = (...branches: object[]) => ({ Type: 'Parallel', Branches: branches, End: true });

const SCENARIOS: Readonly<Record<string, Scenario>> = {
  'Task, Assign, Pass, Choice and Succeed': {
    states: {
      First: good({ Assign: { kept: '{% $states.result.Payload %}' }, Next: 'Shape' }),
      Shape: { Type: 'Pass', Output: { same: '{% $states.input = $kept %}' }, Next: 'Same?' },
      'Same?': { Type: 'Choice', Choices: [{ Condition: '{% $states.input.same %}', Next: 'Yes' }], Default: 'No' },
      Yes: { Type: 'Succeed', Output: '{% $kept %}' },
      No: { Type: 'Fail', Error: 'Different' },
    },
    expected: { status: 'SUCCEEDED', output: 'First/0/0/{}' },
  },
  Fail: { states: { Stop: { Type: 'Fail', Error: 'E', Cause: 'C' } }, expected: { status: 'FAILED', error: 'E' } },
  Wait: {
    states: { Pause: { Type: 'Wait', Seconds: 5, Next: 'After' }, After: good(End) },
    expected: { status: 'SUCCEEDED' },
  },
  'Retry and back-off': { states: { Work: flaky(End) }, expected: { status: 'SUCCEEDED', output: 'Work/1/0/{}' } },
  'a time-out of a task': {
    states: { Work: stuck({ Retry: [{ ErrorEquals: ['States.Timeout'], MaxAttempts: 1 }], End: true }) },
    expected: { status: 'FAILED', error: 'States.Timeout', state: 'Work' },
  },
  'a time-out of the machine': {
    states: { Work: stuck({ TimeoutSeconds: 900, End: true }) },
    more: { TimeoutSeconds: 50 },
    expected: { status: 'TIMED_OUT', error: 'States.Timeout', state: 'Work' },
  },
  Catch: {
    states: {
      Work: broken({
        Retry: [{ ErrorEquals: ['StoreUnavailable'], IntervalSeconds: 1, MaxAttempts: 1 }],
        Catch: [
          { ErrorEquals: ['StoreUnavailable'], Assign: { why: '{% $states.errorOutput.Error %}' }, Next: 'Undo' },
        ],
        Assign: { why: 'none' },
        Next: 'Undo',
      }),
      Undo: good({ Output: ['{% $states.result.Payload %}', '{% $why %}'], End: true }),
    },
    compensating: true,
    expected: { status: 'SUCCEEDED', output: [expect.stringContaining('Undo/0/0/'), 'StoreUnavailable'] },
  },
  Parallel: {
    states: { Both: both(flowOf({ Left: good(End) }), flowOf({ Right: flaky(End) })) },
    expected: { status: 'SUCCEEDED', output: ['Left/0/0/{}', 'Right/1/0/{}'] },
  },
  'a Parallel that fails': {
    states: { Both: both(flowOf({ Pause: { Type: 'Wait', Seconds: 9, End: true } }), flowOf({ Bad: broken(End) })) },
    expected: { status: 'FAILED', error: 'StoreUnavailable', state: 'Bad' },
  },
  'Map in a Parallel': {
    states: {
      Both: both(
        flowOf({
          Each: {
            Type: 'Map',
            Items: ['a', 'b', 'c'],
            MaxConcurrency: 2,
            ItemProcessor: flowOf({ Item: flaky(End) }, INLINE),
            End: true,
          },
        }),
      ),
    },
    expected: { status: 'SUCCEEDED', output: [['a', 'b', 'c'].map((item) => `Item/1/0/"${item}"`)] },
  },
  'a state that is entered again': {
    states: {
      Start: { Type: 'Pass', Output: 0, Next: 'Ask' },
      Ask: ask({ Output: 1, Assign: { was: '{% $states.input %}' }, Next: 'Again?' }),
      'Again?': { Type: 'Choice', Choices: [{ Condition: '{% $was = 0 %}', Next: 'Ask' }], Default: 'Done' },
      Done: { Type: 'Succeed' },
    },
    act: succeed,
    expected: { status: 'SUCCEEDED' },
  },
  'a token that is answered': {
    states: { Ask: ask({ Next: 'After' }), After: good(End) },
    act: succeed,
    expected: { status: 'SUCCEEDED', output: 'After/0/0/"Ask/0/0/{}"' },
  },
  'a token that is answered with a failure, and its retry': {
    states: { Ask: ask({ Retry, ...End }) },
    act: failFirst,
    expected: { status: 'SUCCEEDED', output: 'Ask/1/0/{}' },
  },
  'a token that nobody answers': {
    states: {
      Ask: ask({ Catch: [{ ErrorEquals: ['States.HeartbeatTimeout'], Output: 'late', Next: 'Refused' }], ...End }),
      Refused: refused,
    },
    expected: { status: 'SUCCEEDED', output: { refused: 'late' } },
  },
  'a token that is kept alive': {
    states: { Ask: ask(End) },
    act: beatThenSucceed,
    expected: { status: 'SUCCEEDED', output: 'Ask/0/0/{}' },
  },
  'tokens in branches': {
    states: { Both: both(flowOf({ Left: ask(End) }), flowOf({ Right: ask(End) })) },
    act: succeed,
    expected: { status: 'SUCCEEDED', output: ['Left/0/0/{}', 'Right/0/0/{}'] },
  },
  stop: {
    states: { Work: good({ Next: 'Pause' }), Pause: { Type: 'Wait', Seconds: 500, End: true } },
    act: stopIn('Pause'),
    expected: { status: 'ABORTED', error: 'Superseded', state: 'Pause' },
  },
  redrive: {
    states: { First: good({ Next: 'Work' }), Work: broken(End) },
    act: redriveOnce,
    expected: { status: 'SUCCEEDED', output: 'Work/0/1/"First/0/0/{}"', redriveCount: 1 },
  },
  'redrive of a Parallel': {
    states: { Both: both(flowOf({ Left: good(End) }), flowOf({ Right: broken(End) })) },
    act: redriveOnce,
    expected: { status: 'SUCCEEDED', output: ['Left/0/0/{}', 'Right/0/1/{}'], redriveCount: 1 },
  },
};

const START = manualClock().now();
const NEVER = -1;

/** Lets a world live until nothing is left to wait for; a death shows as a rejection. */
async function live(world: World, outside: Outside, act: Act | undefined): Promise<void> {
  for (let rounds = 0; rounds < 2000; rounds += 1) {
    await world.quiet();
    // What comes of an act may call for the next one.
    for (let acts = 0; act && acts < 2; acts += 1) {
      await act(world, outside);
      await world.quiet();
    }
    if (!world.clock.toNextSleeper()) return;
  }
  throw new Error('the run did not end');
}

/** Types by path; a task in flight at the death is started again, which is all that may differ. */
function typesByPath(history: readonly HistoryEvent[]): Record<string, string[]> {
  const found: Record<string, string[]> = {};
  for (const { path, type } of history) {
    const types = found[path] ?? [];
    found[path] = types;
    if (type !== 'TaskStarted' || types.at(-1) !== type) types.push(type);
  }
  return found;
}

/** States whose task was in flight when the process died. */
const inFlight = ({ database }: World): string[] =>
  database
    .prepare("SELECT state FROM workflow_frames WHERE phase = 'scheduled'")
    .all()
    .map((row) => z.object({ state: z.string() }).parse(row).state);

async function liveAndDie({ states, more, act, compensating = false }: Scenario, plan: DeathPlan) {
  const database = openSqlite(':memory:');
  const outside: Outside = { effects: [], tokens: new Map(), answered: new Set() };
  const options = { machine: machineOf(states, more), clock: manualClock(), compensating };
  const begin = (seen: typeof database, planned: DeathPlan) =>
    engineWorld({ ...options, database: seen, handlers: handlersOf(outside, planned) });
  const first = begin(dyingDatabase(database, plan), plan);
  const run = async (world: World) => {
    await world.start();
    await live(world, outside, act);
  };
  await run(first).catch((error: unknown) => {
    if (!plan.dead) throw error;
  });
  await first.engine.close();
  const second = begin(database, deathAt(NEVER, 'before'));
  const flying = inFlight(second);
  const before = [...outside.effects];
  second.engine.resume();
  await run(second);
  const repeated = outside.effects.slice(before.length).filter((effect) => before.includes(effect));
  const changes = [...first.changes, ...second.changes].map(({ status, redriveCount }) => `${status} ${redriveCount}`);
  const history = typesByPath(await second.engine.history(MACHINE, 'r'));
  const described = await shown(second);
  await second.engine.close();
  return { described, history, changes, outside, flying, repeated, faults: second.faults };
}

const collapsed = (changes: readonly string[]) => changes.filter((change, at) => change !== changes[at - 1]);
const withoutTimes = (run: object | undefined) => ({ ...run, startedAt: '', stoppedAt: '' });

describe('a process that dies anywhere leaves its run to the next, which ends it as if nothing had happened', () => {
  let deaths = 0;
  afterAll(() => {
    process.stdout.write(`${deaths} deaths in ${Object.keys(SCENARIOS).length} scenarios\n`);
  });

  it.each(Object.entries(SCENARIOS))(
    '%s',
    async (_name, scenario) => {
      const undisturbed = deathAt(NEVER, 'before');
      const calm = await liveAndDie(scenario, undisturbed);
      expect(calm.described).toMatchObject(scenario.expected);
      const plans = Array.from({ length: undisturbed.writes }, (_write, at) => [
        deathAt(at, 'before'),
        deathAt(at, 'after'),
      ]).flat();
      plans.push(...calm.outside.effects.map((_effect, at) => deathAt(at, 'effect')));
      for (const plan of plans) {
        const found = await liveAndDie(scenario, plan);
        const told = `death ${plan.when} ${plan.at}`;
        deaths += 1;
        expect(plan.dead, told).toBe(true);
        expect(withoutTimes(found.described), told).toEqual(withoutTimes(calm.described));
        expect(found.history, told).toEqual(calm.history);
        expect(collapsed(found.changes), told).toEqual(collapsed(calm.changes));
        expect(new Set(found.outside.effects), told).toEqual(new Set(calm.outside.effects));
        // A task runs again only when it was in flight, once, and with the token it had.
        expect(new Set(found.repeated).size, told).toBe(found.repeated.length);
        for (const effect of found.repeated) expect(found.flying, told).toContain(effect.split('/')[0]);
        for (const [effect, tokens] of found.outside.tokens)
          expect(tokens.size, `${told} ${effect}`).toBe(calm.outside.tokens.get(effect)?.size);
        expect(found.faults, told).toEqual([]);
      }
    },
    120_000,
  );
});
