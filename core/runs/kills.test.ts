import { describe, expect, it } from 'vitest';
import { deliveryWorld, pushRequest } from '../../test/fakes/delivery-world.ts';
import { type FailurePlan, failing } from '../../test/fakes/failing.ts';
import { dispatchAbandoned, dispatchDue } from '../ingest/publish.ts';
import { receiveDelivery } from '../ingest/receive.ts';
import { parseEntry } from '../ledger/entry.ts';
import { recordRunOutcome } from './outcome.ts';
import { replayRun } from './replay.ts';
import { startWorkflow } from './start.ts';
import { sweepRuns } from './sweep.ts';
import type { ReplayRequest } from './take-up.ts';

/** A process that dies at one port call: that call and all later ones fail, until another process takes over. */
class Kill implements FailurePlan {
  calls = 0;
  #at: number;
  readonly #moment: FailurePlan['when'];
  constructor(at: number, moment: FailurePlan['when']) {
    this.#at = at;
    this.#moment = moment;
  }
  get at() {
    const call = this.calls - 1;
    return call >= this.#at ? call : -1;
  }
  get when() {
    return this.calls - 1 === this.#at ? this.#moment : 'before';
  }
  restart() {
    this.#at = Number.POSITIVE_INFINITY;
  }
}
const NEVER = Number.POSITIVE_INFINITY;
const ASKED = { actor: { id: 'operator', authenticated: 'local' }, from: 'failure' } as const;
const FROM_START = { ...ASKED, from: 'start' } as const;
const FAULT = { status: 'FAILED', error: 'ModuleProxyUnreachable', state: 'Verify go.sum' } as const;
const PASSED = { status: 'SUCCEEDED', output: { outcome: 'passed' } } as const;

const LAPSED = ['run.failed', 'run.redriven', 'run.replayed'] as const;

interface ReplayWays {
  readonly asked: ReplayRequest;
  readonly kind: 'redriven' | 'started';
  /** The engine can redrive the run while it is described, and no more when it is asked to. */
  readonly lapses?: boolean;
}

type World = ReturnType<typeof deliveryWorld>;

/** Same content: all but times and the ids of runs and traces (they are given by chance). */
async function contentOf({ ledger, tenant, runs, claims, bus }: World) {
  const entries = (await ledger.entries(tenant.id, 0, 1000)).map(parseEntry);
  const rows = await claims.list(tenant.id, { limit: 100 });
  return {
    entries: entries.map(({ at: _at, trace: _trace, prev, ...entry }) => ({ ...entry, prev: prev?.index })),
    runs: [...runs.keys()],
    claims: rows.map(({ runName, replay, redrives, status }) => ({ runName, replay, redrives, status })),
    events: [...new Set(bus.accepted.map(({ event }) => event.id))],
  };
}

/** The sweep completes what somebody asked for before they died, and does not know who it was. */
const named = ({ entries, ...content }: Awaited<ReturnType<typeof contentOf>>) => ({
  ...content,
  entries: entries.map(({ actor: _actor, ...entry }) => entry),
});

/** A request, its publishing and its start, once each; what a killed process leaves is for the next. */
async function once(world: World): Promise<boolean> {
  const { status } = await receiveDelivery(world.receive, pushRequest());
  await dispatchDue(world.publish).catch(() => undefined);
  for (const message of world.bus.accepted) await startWorkflow(world.start, message).catch(() => undefined);
  return status === 202;
}

/** What a new process does with what it finds; the sender repeats what was not acknowledged, the bus what was not done. */
async function recover(world: World, acknowledged: boolean): Promise<void> {
  if (!acknowledged) expect((await receiveDelivery(world.receive, pushRequest())).status).toBe(202);
  await dispatchAbandoned(world.publish);
  for (let round = 0; round < 3; round += 1) {
    world.clock.advance(3_600_000);
    await dispatchDue(world.publish);
  }
  for (const message of world.bus.accepted) await startWorkflow(world.start, message);
}

describe('a process that is killed between any two port calls', () => {
  it.each(['before', 'after'] as const)(
    '%s the effect of a call leaves what the next one completes, once',
    async (moment) => {
      const counting = new Kill(NEVER, moment);
      const undisturbed = deliveryWorld(counting);
      expect(await once(undisturbed)).toBe(true);
      const expected = await contentOf(undisturbed);
      expect(expected).toMatchObject({
        runs: [expect.stringMatching(/^source-release-/)],
        claims: [{ status: 'running' }],
      });
      expect(expected.entries).toHaveLength(1);
      const { calls } = counting;
      expect(calls).toBeGreaterThan(10);
      for (let at = 0; at < calls; at += 1) {
        const kill = new Kill(at, moment);
        const world = deliveryWorld(kill);
        const acknowledged = await once(world);
        kill.restart();
        await recover(world, acknowledged);
        const content = await contentOf(world);
        // The id of an event is made at receipt: a request that was not acknowledged gets another one.
        const stripped = ({ entries, runs, claims }: typeof content) =>
          JSON.stringify({
            entries: entries.map(({ subjects, kind, outcome }) => ({ subjects, kind, outcome })),
            runs,
            claims,
          });
        expect([moment, at, stripped(content)]).toEqual([moment, at, stripped(expected)]);
        expect(content.events).toHaveLength(1);
      }
    },
  );

  /** What an operator and the sweep do with a run that failed, however often they have to, and what remains. */
  async function lifecycle(kill: Kill, ways: ReplayWays) {
    const world = deliveryWorld();
    await once(world);
    const [name = ''] = world.runs.keys();
    world.workflows.end(name, FAULT);
    const doubled: string[] = [];
    const workflows = failing(
      {
        ...world.workflows,
        redrive: async (machine: string, run: string) => {
          if (ways.lapses) world.workflows.end(run, { ...FAULT, redrivable: false });
          const answer = await world.workflows.redrive(machine, run);
          if (answer === 'redriven') doubled.push(run);
          return answer;
        },
      },
      kill,
    );
    const { append, compensate } = failing({ append: world.append, compensate: world.runDeps.compensate }, kill);
    const claims = failing(world.claims, kill);
    const worm = failing(world.worm, kill);
    const deps = { ...world.runDeps, claims, worm, append, compensate, workflows };
    const attempt = async () => {
      await sweepRuns(deps, [world.tenant.id]);
      const row = await world.claims.byRun(name);
      if (row?.status === 'failed') expect(await replayRun(deps, name, ways.asked)).toMatchObject({ kind: ways.kind });
      for (let round = 0; round < 2; round += 1) await sweepRuns(deps, [world.tenant.id]);
    };
    await attempt().catch((error: unknown) => {
      if (!(error instanceof Error && error.name === 'StoreUnavailable')) throw error;
    });
    kill.restart();
    await attempt();
    for (const run of world.runs.keys())
      if ((await world.workflows.describe('source-release', run))?.status === 'RUNNING')
        world.workflows.end(run, PASSED);
    await sweepRuns(deps, [world.tenant.id]);
    return { ...(await contentOf(world)), redriven: doubled };
  }

  it.each([
    ['before', 'from where it failed', { asked: ASKED, kind: 'redriven' }, ['run.failed', 'run.redriven']],
    ['after', 'from where it failed', { asked: ASKED, kind: 'redriven' }, ['run.failed', 'run.redriven']],
    ['before', 'from the start', { asked: FROM_START, kind: 'started' }, ['run.failed', 'run.replayed']],
    ['after', 'from the start', { asked: FROM_START, kind: 'started' }, ['run.failed', 'run.replayed']],
    ['before', 'too late to go on', { asked: ASKED, kind: 'started', lapses: true }, LAPSED],
    ['after', 'too late to go on', { asked: ASKED, kind: 'started', lapses: true }, LAPSED],
  ] as const)(
    '%s the effect of a call, a failed run is recorded and replayed once, %s',
    { timeout: 60_000 },
    async (moment, _how, ways, codes) => {
      const counting = new Kill(NEVER, moment);
      const expected = await lifecycle(counting, ways);
      expect(expected.entries.flatMap(({ reasons = [] }) => reasons.map(({ code }) => code))).toEqual(codes);
      expect(expected.claims).toMatchObject([{ status: 'passed' }]);
      expect(expected.redriven).toHaveLength(ways.kind === 'redriven' ? 1 : 0);
      expect(counting.calls).toBeGreaterThan(8);
      for (let at = 0; at < counting.calls; at += 1) {
        const content = await lifecycle(new Kill(at, moment), ways);
        expect([moment, at, named(content)]).toEqual([moment, at, named(expected)]);
      }
    },
  );
});

describe('the sweep', () => {
  it('goes on behind a run it cannot look at, and says so', async () => {
    const world = deliveryWorld();
    await once(world);
    await receiveDelivery(world.receive, pushRequest('refs/tags/v1.0.1', { guid: 'guid-2' }));
    world.source.tags.set('v1.0.1', {
      commit: world.source.tags.get('v1.0.0')?.commit ?? never(),
      resolution: 'resolved',
    });
    await dispatchDue(world.publish);
    for (const message of world.bus.accepted) await startWorkflow(world.start, message);
    expect(world.runs.size).toBe(2);
    for (const bad of world.runs.keys()) {
      const looked: string[] = [];
      const workflows = {
        ...world.workflows,
        describe: async (_machine: string, name: string) => {
          looked.push(name);
          if (name === bad) throw new Error('gone');
          return undefined;
        },
      };
      await expect(sweepRuns({ ...world.runDeps, workflows }, [world.tenant.id])).rejects.toThrow('gone');
      expect(looked.toSorted()).toEqual([...world.runs.keys()].toSorted());
    }
  });

  it('leaves alone what runs and what has an outcome', async () => {
    const world = deliveryWorld();
    await once(world);
    const [name = ''] = world.runs.keys();
    let described = 0;
    const describeRun = (machine: string, run: string) => {
      described += 1;
      return world.workflows.describe(machine, run);
    };
    const deps = { ...world.runDeps, workflows: { ...world.workflows, describe: describeRun } };
    const nothing = { recorded: 0, started: 0, takenUp: 0 };
    expect(await sweepRuns(deps, [world.tenant.id])).toEqual(nothing);
    const end = {
      name,
      machine: 'source-release',
      status: 'SUCCEEDED',
      output: { outcome: 'passed' },
      redriveCount: 0,
    } as const;
    expect(await recordRunOutcome(deps, end)).toBe('recorded');
    expect(await sweepRuns(deps, [world.tenant.id])).toEqual(nothing);
    expect(described).toBe(1);
  });
});

describe('the end of a run', () => {
  it.each([
    ['FAILED', { error: 'LedgerInconsistent' }, 'failed', 'LedgerInconsistent'],
    ['FAILED', {}, 'failed', 'Run.FAILED'],
    ['FAILED', { error: '' }, 'failed', 'Run.FAILED'],
    ['TIMED_OUT', {}, 'failed', 'Run.TIMED_OUT'],
    ['ABORTED', { error: 'x'.repeat(1000) }, 'failed', 'x'.repeat(256)],
    ['SUCCEEDED', { output: { outcome: 'passed' } }, 'passed', undefined],
    ['SUCCEEDED', { output: { outcome: 'refused', more: 1 } }, 'refused', undefined],
    ['SUCCEEDED', {}, 'failed', 'Run.OutcomeUnreadable'],
    ['SUCCEEDED', { output: '{"outcome":"passed"}' }, 'failed', 'Run.OutcomeUnreadable'],
  ] as const)('%s with %j is %s', async (status, end, claim, error) => {
    const world = deliveryWorld();
    await once(world);
    const [name = ''] = world.runs.keys();
    const deps = world.runDeps;
    expect(await recordRunOutcome(deps, { name, machine: 'source-release', status, redriveCount: 0, ...end })).toBe(
      'recorded',
    );
    const row = await world.claims.byRun(name);
    expect([row?.status, row?.error]).toEqual([claim, error]);
    const { entries } = await contentOf(world);
    expect(entries.filter(({ kind }) => kind === 'fault')).toHaveLength(claim === 'failed' ? 1 : 0);
  });

  it('of no run of ours, of a running one and of a superseded one changes nothing', async () => {
    const world = deliveryWorld();
    await once(world);
    const [name = ''] = world.runs.keys();
    const deps = world.runDeps;
    const end = { machine: 'source-release', status: 'FAILED', redriveCount: 0 } as const;
    expect(await recordRunOutcome(deps, { ...end, name: 'another' })).toBe('nothing');
    expect(await recordRunOutcome(deps, { ...end, name, status: 'RUNNING' })).toBe('nothing');
    world.workflows.end(name, FAULT);
    await recordRunOutcome(deps, { ...end, name });
    await replayRun(deps, name, FROM_START);
    expect(await recordRunOutcome(deps, { ...end, name })).toBe('nothing');
    expect(await world.claims.byRun(`${name}-r1`)).toMatchObject({ status: 'running', replay: 1 });
  });
});

describe('a replay', () => {
  it('of an unknown run is InputInvalid, and of one that runs or passed is refused', async () => {
    const world = deliveryWorld();
    await once(world);
    const [name = ''] = world.runs.keys();
    const deps = world.runDeps;
    await expect(replayRun(deps, 'unknown', ASKED)).rejects.toThrow(expect.objectContaining({ name: 'InputInvalid' }));
    expect(await replayRun(deps, name, ASKED)).toEqual({
      kind: 'refused',
      code: 'replay.not-failed',
      runName: name,
    });
    expect((await contentOf(world)).entries.map(({ kind }) => kind)).toEqual(['delivery']);
  });

  it.each([
    ['from where it failed', ASKED, ASKED, 'redriven', ['run.redriven']],
    ['from the start', FROM_START, FROM_START, 'started', ['run.replayed']],
    ['each in its own way', ASKED, FROM_START, 'redriven', ['run.redriven', 'run.replayed']],
  ] as const)('asked for twice at once, %s, runs once', async (_how, one, other, kind, codes) => {
    const world = deliveryWorld();
    await once(world);
    const [name = ''] = world.runs.keys();
    const deps = world.runDeps;
    world.workflows.end(name, FAULT);
    await sweepRuns(deps, [world.tenant.id]);
    const both = await Promise.all([
      replayRun(deps, name, one),
      replayRun(deps, name, { ...other, actor: { id: 'other', authenticated: 'local' } }),
    ]);
    expect(both.map((answer) => answer.kind).sort()).toEqual(['refused', kind].sort());
    const running = kind === 'started' ? `${name}-r1` : name;
    expect(both.find((answer) => answer.kind === 'refused')).toMatchObject({
      code: 'replay.superseded',
      runName: running,
    });
    expect([...world.runs.keys()]).toEqual(kind === 'started' ? [name, running] : [name]);
    const { entries } = await contentOf(world);
    expect(entries.slice(2).map(({ reasons: [reason] = [] }) => reason?.code)).toEqual(codes);
  });

  it('can be started again and again, each time under its own name', async () => {
    const world = deliveryWorld();
    await once(world);
    const [name = ''] = world.runs.keys();
    const deps = world.runDeps;
    for (const run of [name, `${name}-r1`, `${name}-r2`]) {
      world.workflows.end(run, FAULT);
      await recordRunOutcome(deps, { name: run, machine: 'source-release', status: 'FAILED', redriveCount: 0 });
      await replayRun(deps, run, FROM_START);
    }
    expect([...world.runs.keys()]).toEqual([name, `${name}-r1`, `${name}-r2`, `${name}-r3`]);
    expect(new Set([...world.runs.values()].map((input) => JSON.stringify(input))).size).toBe(1);
  });
});

describe('dispatching', () => {
  it('does not let rows wait for each other’s faults', async () => {
    const world = deliveryWorld();
    for (const [at, tag] of ['v1.0.0', 'v1.0.1', 'v1.0.2'].entries()) {
      world.source.tags.set(tag, world.source.tags.get('v1.0.0') ?? never());
      await receiveDelivery(world.receive, pushRequest(`refs/tags/${tag}`, { guid: `guid-${at}` }));
    }
    let replaced = 0;
    const deliveries = {
      ...world.publish.deliveries,
      claim: world.deliveries.claim,
      get: world.deliveries.get,
      byEvent: world.deliveries.byEvent,
      due: world.deliveries.due,
      replace: async (...args: Parameters<typeof world.deliveries.replace>) => {
        replaced += 1;
        if (replaced <= 1) throw new Error('the store is gone for a moment');
        await world.deliveries.replace(...args);
      },
    };
    await expect(dispatchDue({ ...world.publish, deliveries })).rejects.toThrow('gone for a moment');
    expect(world.bus.accepted).toHaveLength(2);
  });
});

function never(): never {
  throw new Error('no such tag');
}
