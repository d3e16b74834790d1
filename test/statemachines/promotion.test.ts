import { afterAll, describe, expect, it } from 'vitest';
import { openSqlite } from '../../adapters/embedded/sqlite.ts';
import { sha256Hex } from '../../core/evidence.ts';
import { Fault } from '../../core/faults.ts';
import type { ClaimStatus } from '../../core/ports/claim-store.ts';
import type { RunStatus } from '../../core/ports/workflows.ts';
import { manualClock } from '../fakes/manual-clock.ts';
import { type PromotionProcess, promotionProcess } from '../fakes/promotion-process.ts';
import {
  BEN,
  type EnvironmentChanges,
  entriesOf,
  healthy,
  NEXT,
  OTHER,
  type PromotionStores,
  promotionStores,
  releaseImage,
  STABLE,
  type Standing,
  TENANT,
} from '../fakes/promotion-world.ts';
import { ERRORS, SEED_SIGNALS } from '../fakes/seed-signals.ts';
import { statesOf, waysOf, waysTaken } from './visits.ts';

const ANOTHER = sha256Hex('another promotion');
const BEFORE = { stable: STABLE, weight: 0 };
const AFTER = { stable: NEXT, weight: 0 };

interface Stage {
  readonly stores: PromotionStores;
  readonly process: PromotionProcess;
  /** The promotion that was asked for. */
  readonly runName: string;
}

interface Play {
  readonly environment?: EnvironmentChanges;
  readonly release?: Standing;
  /** Whether somebody judges. */
  judging?(stage: Omit<Stage, 'process'>): boolean;
  /** Before anybody asks. */
  prepare?(stores: PromotionStores, process: PromotionProcess): Promise<void> | void;
  /** While the promotion is under way. */
  act?(stage: Stage): Promise<void>;
  /** How long there is no process afterwards, until another takes over. */
  readonly awayMs?: number;
}

/** What is left of a promotion, its rollback among it. */
interface Left {
  readonly run: { readonly status: RunStatus | undefined; readonly error: string | undefined };
  readonly claim: ClaimStatus | undefined;
  readonly rollback: ClaimStatus | undefined;
  readonly kinds: readonly string[];
  readonly target: object | undefined;
  /** Who has the target once all is done. */
  readonly free: boolean;
}

const taken = new Set<string>();
const open: PromotionProcess[] = [];

async function play({ environment, release = {}, judging, prepare, act, awayMs }: Play): Promise<Left> {
  const stores = promotionStores(manualClock());
  let runName = '';
  const options = {
    stores,
    database: openSqlite(':memory:'),
    ...(environment ? { environment } : {}),
    judging: () => judging?.({ stores, runName }) ?? true,
  };
  const process = promotionProcess(options);
  open.push(process);
  await stores.target.set(BEFORE, 'v0');
  await releaseImage(process.deps, NEXT, release);
  healthy(stores);
  await prepare?.(stores, process);
  await process.resume();
  const asked = await process.request();
  if (asked.kind === 'refused') throw new Error(asked.code);
  ({ runName } = asked);
  await act?.({ stores, process, runName });
  if (awayMs === undefined) {
    await process.settle();
    return leftOf({ stores, process, runName });
  }
  await process.close();
  stores.clock.advance(awayMs);
  const next = promotionProcess(options);
  open.push(next);
  await next.resume();
  await next.settle();
  return leftOf({ stores, process: next, runName });
}

async function leftOf({ stores, process: { engine }, runName }: Stage): Promise<Left> {
  const rollback = runName.replace('promotion-', 'rollback-');
  for (const [machine, name] of [
    ['promotion', runName],
    ['rollback', rollback],
  ] as const)
    for (const way of waysTaken(await statesOf(engine, machine, name))) taken.add(`${machine}: ${way}`);
  const run = await engine.describe('promotion', runName);
  const free = await stores.locks.acquire(TENANT, 'production', ANOTHER);
  return {
    run: { status: run?.status, error: run?.error },
    claim: (await stores.claims.byRun(runName))?.status,
    rollback: (await stores.claims.byRun(rollback))?.status,
    kinds: (await entriesOf(stores)).map(({ kind }) => kind),
    target: stores.target.changes.at(-1),
    free: free === ANOTHER,
  };
}

/** Until the promotion comes to a state. */
const comesTo = ({ process, runName }: Stage, state: string): Promise<void> =>
  process.until(async () => (await process.engine.describe('promotion', runName))?.state === state);

const approvalOf =
  (decision: 'approved' | 'refused') =>
  async (stage: Stage): Promise<void> => {
    await comesTo(stage, 'Await the approval');
    await stage.process.approve(stage.runName, { decision }, BEN);
  };

const noMetrics = ({ metrics }: PromotionStores): void => {
  for (const { query } of SEED_SIGNALS) metrics.script(query, [[]]);
};

/** From the first change on, a step that sets the target fails; the rollback of the promotion does not. */
function refusing(stores: PromotionStores, at: number, fault: Fault): void {
  const { set } = stores.target;
  stores.target.set = async (state, version) => {
    if (stores.target.changes.length === at && state.canary !== undefined) throw fault;
    return set(state, version);
  };
}

const PASSED = { run: { status: 'SUCCEEDED' }, claim: 'passed', rollback: undefined, target: AFTER, free: true };
const REFUSED = { run: { status: 'SUCCEEDED' }, claim: 'refused', target: BEFORE, free: true };
const UNTOUCHED = { ...REFUSED, rollback: undefined };
const ROLLED_BACK = { ...REFUSED, rollback: 'passed' };
const FAILED = { claim: 'failed', rollback: 'passed', target: BEFORE, free: true };

const PLAYS: Readonly<Record<string, { readonly play: Play; readonly left: object }>> = {
  'a healthy release runs at last, and nothing is rolled back': { play: {}, left: PASSED },
  'an approved release runs at last': {
    play: { environment: { approvals: 1 }, act: approvalOf('approved') },
    left: PASSED,
  },
  'a refused approval leaves the target alone': {
    play: { environment: { approvals: 1 }, act: approvalOf('refused') },
    left: UNTOUCHED,
  },
  'an approval that nobody gives within a day is refused': {
    play: { environment: { approvals: 1 } },
    left: { ...UNTOUCHED, kinds: expect.arrayContaining(['approval.expired']) },
  },
  'a release that our gate refused is not promoted': { play: { release: { refused: true } }, left: UNTOUCHED },
  'a target that is busy is left to whoever has it': {
    play: {
      prepare: async ({ locks }) => {
        await locks.acquire(TENANT, 'production', ANOTHER);
      },
    },
    left: UNTOUCHED,
  },
  'a breach is rolled back': {
    play: { prepare: ({ metrics }) => metrics.script(ERRORS.query, [['0.5']]) },
    left: ROLLED_BACK,
  },
  'a breach in the last stage is rolled back': {
    play: {
      act: async (stage) => {
        await stage.process.until(() => stage.stores.target.changes.at(-1)?.weight === 100);
        stage.stores.metrics.script(ERRORS.query, [['0.5']]);
      },
    },
    left: ROLLED_BACK,
  },
  'metrics that vanish hold a stage, and then it is rolled back': {
    play: { prepare: noMetrics },
    left: ROLLED_BACK,
  },
  'a judge that nobody hears of is as bad as a breach': {
    play: { judging: ({ stores }) => stores.target.changes.length < 2 },
    left: { ...FAILED, run: { status: 'FAILED', error: 'States.Timeout' } },
  },
  'a promotion that outlives its machine is rolled back by the next process': {
    play: { act: (stage) => comesTo(stage, 'Await the stage verdict'), awayMs: 4 * 86_400_000 },
    left: { ...FAILED, run: { status: 'TIMED_OUT', error: 'States.Timeout' } },
  },
  'a promotion that nobody watched for an hour is rolled back by the next process': {
    play: { act: (stage) => comesTo(stage, 'Await the stage verdict'), awayMs: 3_600_000 },
    left: { ...FAILED, run: { status: 'FAILED', error: 'States.Timeout' } },
  },
  'a promotion that is stopped is rolled back': {
    play: {
      act: async (stage) => {
        await comesTo(stage, 'Await the stage verdict');
        await stage.process.stop(stage.runName, BEN);
      },
    },
    left: { ...FAILED, run: { status: 'ABORTED', error: 'Run.Stopped' } },
  },
  'a promotion that is stopped before it shifts traffic leaves the target alone': {
    play: {
      environment: { approvals: 1 },
      act: async (stage) => {
        await comesTo(stage, 'Await the approval');
        await stage.process.stop(stage.runName, BEN);
      },
    },
    left: { ...FAILED, run: { status: 'ABORTED' }, kinds: expect.arrayContaining(['rollback.unneeded']) },
  },
  'a target that cannot be reached before anything is shifted fails the run and stays as it is': {
    play: {
      prepare: ({ target }) => {
        target.down = true;
      },
    },
    left: { ...FAILED, run: { status: 'FAILED', error: 'TargetUnreachable' } },
  },
  'a target that cannot be changed beyond all retries is rolled back': {
    play: { prepare: (stores) => refusing(stores, 1, new Fault('TargetUnreachable', 'the target does not answer')) },
    left: { ...FAILED, run: { status: 'FAILED', error: 'TargetUnreachable' } },
  },
  'a target that somebody else changes is rolled back': {
    play: {
      act: async (stage) => {
        const { target } = stage.stores;
        await comesTo(stage, 'Await the stage verdict');
        await target.set({ stable: OTHER, weight: 0 }, (await target.read()).version);
      },
    },
    left: { ...FAILED, run: { status: 'FAILED', error: 'TargetRefused' } },
  },
  'a stage that cannot be waited for is rolled back': {
    play: {
      prepare: ({ waits }) => {
        waits.open = async () => Promise.reject(new Fault('StoreUnavailable', 'the store is full'));
      },
    },
    left: { ...FAILED, run: { status: 'FAILED', error: 'StoreUnavailable' } },
  },
  'a last change that the target refuses is rolled back': {
    play: {
      prepare: ({ target }) => {
        const { set } = target;
        target.set = async (state, version) => {
          if (state.stable === NEXT) throw new Fault('TargetRefused', 'no such revision');
          return set(state, version);
        };
      },
    },
    left: { ...FAILED, run: { status: 'FAILED', error: 'TargetRefused' } },
  },
};

/** Each is played once, whichever tests are asked for. */
const played = new Map<string, Promise<Left>>();
function left(name: string): Promise<Left> {
  const known = played.get(name) ?? play(PLAYS[name]?.play ?? {});
  played.set(name, known);
  return known;
}

describe('the promotion machine with its real steps on the real engine', () => {
  afterAll(async () => {
    await Promise.all(open.map((process) => process.close()));
  });

  it.each(Object.keys(PLAYS))('%s', async (name) => {
    const found = await left(name);
    expect(found).toMatchObject(PLAYS[name]?.left ?? {});
    const count = (kind: string) => found.kinds.filter((one) => one === kind).length;
    expect(count('rollback.started')).toBe(found.rollback === undefined ? 0 : 1);
    expect(count('promotion.closed')).toBe(found.claim === 'passed' ? 1 : 0);
    expect(count('fault')).toBe(found.claim === 'failed' ? 1 : 0);
  });

  it('reaches every state of both machines, and takes every way out of a Choice and every Catch', async () => {
    await Promise.all(Object.keys(PLAYS).map(left));
    const ways = ['promotion', 'rollback'].flatMap((machine) => waysOf(machine).map((way) => `${machine}: ${way}`));
    expect(ways.filter((way) => !taken.has(way))).toEqual([]);
  });
});
