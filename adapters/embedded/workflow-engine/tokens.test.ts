import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import { type EngineWorldOptions, engineWorld, flowOf, MACHINE, tokenState } from '../../../test/fakes/engine-world.ts';
import type { TaskHandler } from './call-task.ts';

const Payload = z.object({ token: z.string() });
const fault = (name: string) => Object.assign(new Error(`${name} happened`), { name });

/** A world whose task keeps the tokens it was given, and then does as told. */
function tokenWorld(more: object = {}, options: Partial<EngineWorldOptions> = {}, act = async () => {}) {
  const tokens: string[] = [];
  const AskFunction: TaskHandler = async (payload) => {
    tokens.push(Payload.parse(payload).token);
    await act();
    return 'what it returns is dropped';
  };
  const states = { Ask: tokenState('Ask', { End: true, ...more }) };
  const world = engineWorld({ states, handlers: { AskFunction }, ...options });
  const tokenAt = (at: number): string => z.string().parse(tokens[at]);
  return { ...world, tokens, tokenAt };
}
type TokenWorld = ReturnType<typeof tokenWorld>;

/** A run that waits for the answer to its token. */
async function waitingWorld(...args: Parameters<typeof tokenWorld>): Promise<TokenWorld> {
  const world = tokenWorld(...args);
  await world.start({ who: 'me' });
  await world.quiet();
  return world;
}
const shown = ({ engine }: Pick<TokenWorld, 'engine'>) => engine.describe(MACHINE, 'r');

describe('a task that waits for a token', () => {
  it('gives the answer to its token, and drops what its function returned', async () => {
    const world = await waitingWorld();
    expect(await shown(world)).toMatchObject({ status: 'RUNNING', state: 'Ask' });
    expect(await world.engine.sendTaskSuccess(world.tokenAt(0), { approved: true, at: new Date(0) })).toBe('accepted');
    await world.settle();
    expect(await shown(world)).toMatchObject({
      status: 'SUCCEEDED',
      output: { approved: true, at: '1970-01-01T00:00:00.000Z' },
    });
    expect(await world.historyTypes()).toEqual([
      'ExecutionStarted',
      'TaskStateEntered',
      'TaskScheduled',
      'TaskStarted',
      'TaskSubmitted',
      'TaskSucceeded',
      'TaskStateExited',
      'ExecutionSucceeded',
    ]);
    expect(JSON.stringify(await world.engine.history(MACHINE, 'r'))).not.toContain(world.tokenAt(0));
  });

  it('fails with the error and cause that its token was answered with', async () => {
    const world = await waitingWorld();
    const failure = { error: 'LedgerConflict', cause: 'c'.repeat(40_000) };
    expect(await world.engine.sendTaskFailure(world.tokenAt(0), failure)).toBe('accepted');
    await world.settle();
    const run = await shown(world);
    expect(run).toMatchObject({ status: 'FAILED', error: 'LedgerConflict', state: 'Ask' });
    expect(run?.cause?.length).toBe(32_768);
    expect((await world.historyTypes()).slice(-3)).toEqual(['TaskSubmitted', 'TaskFailed', 'ExecutionFailed']);
  });

  it('fails with what its function throws, and its token is gone', async () => {
    const world = tokenWorld({}, {}, async () => {
      throw fault('StoreUnavailable');
    });
    expect(await world.run()).toMatchObject({ status: 'FAILED', error: 'StoreUnavailable' });
    expect(await world.engine.sendTaskSuccess(world.tokenAt(0), 1)).toBe('gone');
  });

  it('takes the answer that comes before its function returns, and then cares no more how that ends', async () => {
    let end = (_error: Error) => {};
    const world = await waitingWorld({}, {}, () => new Promise<void>((_resolve, reject) => (end = reject)));
    expect(await world.engine.sendTaskSuccess(world.tokenAt(0), 'early')).toBe('accepted');
    await world.quiet();
    end(fault('StoreUnavailable'));
    await world.settle();
    expect(await shown(world)).toMatchObject({ status: 'SUCCEEDED', output: 'early' });
    expect(await world.historyTypes()).not.toContain('TaskSubmitted');
  });

  it('takes the answer that its function has sent itself before it throws', async () => {
    const world: TokenWorld = tokenWorld({}, {}, async () => {
      expect(await world.engine.sendTaskSuccess(world.tokenAt(0), 'mine')).toBe('accepted');
      throw fault('StoreUnavailable');
    });
    expect(await world.run()).toMatchObject({ status: 'SUCCEEDED', output: 'mine' });
  });

  it('holds no slot while it waits', async () => {
    const world = tokenWorld({}, { concurrency: 1 });
    for (const name of ['a', 'b', 'c']) await world.start({}, name);
    await world.quiet();
    expect(world.tokens.length).toBe(3);
    for (const token of world.tokens) await world.engine.sendTaskSuccess(token, token.length);
    await world.settle();
    expect((await world.engine.list({ status: 'SUCCEEDED', limit: 9 })).length).toBe(3);
  });

  it('gives every branch of every run a token of its own that says nothing', async () => {
    const branch = (name: string) => flowOf({ [name]: tokenState('Ask', { End: true }) });
    const both = { Both: { Type: 'Parallel', Branches: [branch('Left'), branch('Right')], End: true } };
    const world = tokenWorld({}, { states: both });
    await world.start({}, 'a');
    await world.start({}, 'b');
    await world.quiet();
    expect(new Set(world.tokens).size).toBe(4);
    for (const token of world.tokens) expect(token).toMatch(/^[\w-]{43}$/);
    await world.engine.close();
  });
});

describe('a token', () => {
  it('is used once: the first answer counts', async () => {
    const world = await waitingWorld();
    const answers = await Promise.all([
      world.engine.sendTaskSuccess(world.tokenAt(0), 'first'),
      world.engine.sendTaskFailure(world.tokenAt(0), { error: 'E', cause: '' }),
      world.engine.sendTaskSuccess(world.tokenAt(0), 'third'),
      world.engine.sendTaskHeartbeat(world.tokenAt(0)),
    ]);
    expect(answers).toEqual(['accepted', 'gone', 'gone', 'gone']);
    await world.settle();
    expect(await shown(world)).toMatchObject({ output: 'first' });
    expect(await world.engine.sendTaskSuccess(world.tokenAt(0), 'late')).toBe('gone');
  });

  it.each(['', 'unknown', 'x'.repeat(2000)])('that nobody was given is gone (%#)', async (token) => {
    const world = await waitingWorld();
    expect(await world.engine.sendTaskSuccess(token, 1)).toBe('gone');
    expect(await world.engine.sendTaskFailure(token, { error: 'E', cause: '' })).toBe('gone');
    expect(await world.engine.sendTaskHeartbeat(token)).toBe('gone');
    await world.engine.close();
  });

  it('of a run that was stopped is gone', async () => {
    const world = await waitingWorld();
    await world.engine.stop(MACHINE, 'r', { error: 'E', cause: '' });
    expect(await world.engine.sendTaskSuccess(world.tokenAt(0), 1)).toBe('gone');
    await world.settle();
  });

  it('of an attempt that was retried is gone, and the next attempt has another', async () => {
    const Retry = [{ ErrorEquals: ['LedgerConflict'], IntervalSeconds: 5, MaxAttempts: 1 }];
    const world = await waitingWorld({ Retry });
    await world.engine.sendTaskFailure(world.tokenAt(0), { error: 'LedgerConflict', cause: '' });
    await world.quiet();
    expect(await world.engine.sendTaskSuccess(world.tokenAt(0), 1)).toBe('gone');
    world.clock.advance(5000);
    await world.quiet();
    expect(world.tokens.length).toBe(2);
    expect(world.tokenAt(1)).not.toBe(world.tokenAt(0));
    expect(await world.engine.sendTaskSuccess(world.tokenAt(0), 1)).toBe('gone');
    expect(await world.engine.sendTaskSuccess(world.tokenAt(1), 'second')).toBe('accepted');
    await world.settle();
    expect(await shown(world)).toMatchObject({ status: 'SUCCEEDED', output: 'second' });
  });

  it('of a branch whose sibling failed is gone with its state', async () => {
    const world = tokenWorld(
      {},
      {
        states: {
          Both: {
            Type: 'Parallel',
            Branches: [
              flowOf({ Ask: tokenState('Ask', { End: true }) }),
              flowOf({ Pause: { Type: 'Wait', Seconds: 1, Next: 'Stop' }, Stop: { Type: 'Fail', Error: 'E' } }),
            ],
            End: true,
          },
        },
      },
    );
    expect(await world.run()).toMatchObject({ status: 'FAILED', error: 'E' });
    expect(await world.engine.sendTaskSuccess(world.tokenAt(0), 1)).toBe('gone');
  });

  it('is answered with JSON of at most 262,144 bytes, and waits on when the answer is refused', async () => {
    const world = await waitingWorld();
    const big = 'x'.repeat(262_143);
    await expect(world.engine.sendTaskSuccess(world.tokenAt(0), big)).rejects.toMatchObject({ name: 'LimitExceeded' });
    await expect(world.engine.sendTaskSuccess(world.tokenAt(0), undefined)).rejects.toMatchObject({
      name: 'InputInvalid',
    });
    expect(await world.engine.sendTaskSuccess(world.tokenAt(0), big.slice(1))).toBe('accepted');
    await world.settle();
    expect(await shown(world)).toMatchObject({ status: 'SUCCEEDED' });
  });

  it('is answered by no engine that is closed', async () => {
    const world = await waitingWorld();
    await world.engine.close();
    await expect(world.engine.sendTaskSuccess(world.tokenAt(0), 1)).rejects.toMatchObject({ name: 'StoreUnavailable' });
    await expect(world.engine.sendTaskHeartbeat(world.tokenAt(0))).rejects.toMatchObject({ name: 'StoreUnavailable' });
    const failing = world.engine.sendTaskFailure(world.tokenAt(0), { error: 'E', cause: '' });
    await expect(failing).rejects.toMatchObject({ name: 'StoreUnavailable' });
  });
});

describe('a token and a restart', () => {
  it('is still answered, and its function is not called again once it has returned', async () => {
    const world = await waitingWorld();
    const next = await world.restart();
    await next.quiet();
    expect(await next.engine.sendTaskSuccess(world.tokenAt(0), 'late')).toBe('accepted');
    await next.settle();
    expect(await shown(next)).toMatchObject({ status: 'SUCCEEDED', output: 'late' });
    expect(world.tokens.length).toBe(1);
  });

  it('asks again with the same token when its function had not returned', async () => {
    let stuck = true;
    const world = await waitingWorld({}, {}, () => (stuck ? new Promise(() => {}) : Promise.resolve()));
    stuck = false;
    const next = await world.restart();
    await next.quiet();
    expect(world.tokens).toEqual([world.tokenAt(0), world.tokenAt(0)]);
    expect(await next.engine.sendTaskSuccess(world.tokenAt(0), 1)).toBe('accepted');
    await next.settle();
    expect(await shown(next)).toMatchObject({ status: 'SUCCEEDED' });
  });

  it('is answered before anybody has taken the run up, and its function is called no more', async () => {
    const world = await waitingWorld({}, {}, () => new Promise(() => {}));
    await world.engine.close();
    const next = engineWorld({
      states: { Ask: tokenState('Ask', { End: true }) },
      handlers: { AskFunction: async () => expect.unreachable() },
      database: world.database,
      clock: world.clock,
    });
    expect(await next.engine.sendTaskSuccess(world.tokenAt(0), 'early')).toBe('accepted');
    next.engine.resume();
    await next.settle();
    expect(await shown(next)).toMatchObject({ status: 'SUCCEEDED', output: 'early' });
  });

  it('does not ask again when the heartbeat was missed while nobody was there', async () => {
    const world = await waitingWorld({}, {}, () => new Promise(() => {}));
    await world.engine.close();
    world.clock.advance(60_000);
    const next = await world.restart();
    await next.settle();
    expect(await shown(next)).toMatchObject({ status: 'FAILED', error: 'States.Timeout' });
    expect(world.tokens.length).toBe(1);
  });

  it('has no answer after its time, even before anybody has noticed', async () => {
    const world = await waitingWorld();
    await world.engine.close();
    world.clock.advance(60_000);
    const next = engineWorld({
      states: { Ask: tokenState('Ask', { End: true }) },
      handlers: { AskFunction: async () => expect.unreachable() },
      database: world.database,
      clock: world.clock,
    });
    expect(await next.engine.sendTaskHeartbeat(world.tokenAt(0))).toBe('gone');
    expect(await next.engine.sendTaskSuccess(world.tokenAt(0), 'late')).toBe('gone');
    await next.engine.close();
  });
});

describe('HeartbeatSeconds', () => {
  it('fails the task with States.Timeout when no heartbeat comes in time', async () => {
    const world = tokenWorld();
    const start = world.clock.now();
    expect(await world.run()).toMatchObject({ status: 'FAILED', error: 'States.Timeout', state: 'Ask' });
    expect(world.clock.now() - start).toBe(60_000);
    expect((await world.historyTypes()).slice(-2)).toEqual(['TaskTimedOut', 'ExecutionFailed']);
  });

  it('begins anew with each heartbeat, but not TimeoutSeconds', async () => {
    const world = await waitingWorld({ TimeoutSeconds: 100 });
    const start = world.clock.now();
    for (let beats = 0; beats < 2; beats += 1) {
      world.clock.advance(45_000);
      await world.quiet();
      expect(await world.engine.sendTaskHeartbeat(world.tokenAt(0))).toBe('accepted');
    }
    await world.settle();
    expect(await shown(world)).toMatchObject({ status: 'FAILED', error: 'States.Timeout' });
    expect(world.clock.now() - start).toBe(100_000);
    expect(await world.engine.sendTaskHeartbeat(world.tokenAt(0))).toBe('gone');
  });

  it('keeps what a heartbeat gave across a restart', async () => {
    const world = await waitingWorld();
    const start = world.clock.now();
    world.clock.advance(45_000);
    await world.engine.sendTaskHeartbeat(world.tokenAt(0));
    const next = await world.restart();
    await next.settle();
    expect(world.clock.now() - start).toBe(105_000);
  });

  it('may be an expression over the input', async () => {
    const world = tokenWorld({ HeartbeatSeconds: '{% $states.input.seconds %}' });
    const start = world.clock.now();
    expect(await world.run({ seconds: 7 })).toMatchObject({ error: 'States.Timeout' });
    expect(world.clock.now() - start).toBe(7000);
  });

  it.each([0, -1, 1.5, '7', 600, null, true])('that gives %j fails the evaluation', async (seconds) => {
    const world = tokenWorld({ HeartbeatSeconds: '{% $states.input.seconds %}' });
    expect(await world.run({ seconds })).toMatchObject({ status: 'FAILED', error: 'States.QueryEvaluationError' });
    expect(world.tokens).toEqual([]);
  });

  it.each(['States.HeartbeatTimeout', 'States.Timeout'])(
    'is caught by %s and may be a recorded refusal',
    async (name) => {
      const world = tokenWorld(
        {},
        {
          states: {
            Ask: tokenState('Ask', {
              Catch: [{ ErrorEquals: [name], Output: { refused: '{% $states.errorOutput.Error %}' }, Next: 'Refused' }],
              End: true,
            }),
            Refused: { Type: 'Succeed' },
          },
        },
      );
      expect(await world.run()).toMatchObject({ status: 'SUCCEEDED', output: { refused: 'States.Timeout' } });
      expect(await world.engine.sendTaskSuccess(world.tokenAt(0), 1)).toBe('gone');
    },
  );

  it('is retried with a token and an interval of its own', async () => {
    const world = tokenWorld({
      Retry: [{ ErrorEquals: ['States.HeartbeatTimeout'], IntervalSeconds: 10, MaxAttempts: 1 }],
    });
    const start = world.clock.now();
    expect(await world.run()).toMatchObject({ error: 'States.Timeout' });
    expect(world.clock.now() - start).toBe(130_000);
    expect(new Set(world.tokens).size).toBe(2);
  });
});
