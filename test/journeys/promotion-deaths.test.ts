import { beforeAll, describe, expect, it } from 'vitest';
import { openSqlite } from '../../adapters/embedded/sqlite.ts';
import { dyingDatabase } from '../fakes/dying-database.ts';
import { manualClock } from '../fakes/manual-clock.ts';
import { type MortalPlan, mortal } from '../fakes/mortal.ts';
import { type PromotionProcess, promotionProcess } from '../fakes/promotion-process.ts';
import {
  BEN,
  healthy,
  NEXT,
  promotionDeps,
  promotionStores,
  releaseImage,
  STABLE,
  TENANT,
} from '../fakes/promotion-world.ts';
import { ERRORS } from '../fakes/seed-signals.ts';
import { contentOf } from './same-content.ts';

/** Every call is tried where there is time for it; elsewhere some, from the first on. */
const STRIDE = Number(process.env.RELSEAL_KILLS ?? 20) >= 200 ? 1 : 23;
const NEVER = Number.POSITIVE_INFINITY;
/** Small, so that each call of it can be tried: a breach shows at the last tick of the last stage. */
const ENVIRONMENT = {
  approvals: 1,
  signals: [ERRORS],
  stages: [
    { weight: 10, ticks: 1 },
    { weight: 100, ticks: 2 },
  ],
};

/** What a process dies at: a call of any port, or a durable write of its engine. */
type Mark = 'call' | 'write';
const deathAt = (mark: Mark, at: number, when: MortalPlan['when']): MortalPlan => ({
  at,
  when,
  isLast: (call) => call === at && mark === 'call',
  dead: false,
  calls: 0,
  writes: mark === 'write' ? 0 : Number.NEGATIVE_INFINITY,
});

interface Case {
  /** Whether errors are far above their limit from the first tick on. */
  readonly breach: boolean;
}

/** A signed image, a target that runs another, and a person who will be asked. */
async function openWorld({ breach }: Case) {
  const stores = promotionStores(manualClock());
  await stores.target.set({ stable: STABLE, weight: 0 }, 'v0');
  healthy(stores);
  if (breach) stores.metrics.script(ERRORS.query, [['0.5']]);
  const nobody = async (): Promise<never> => Promise.reject(new Error('no engine yet'));
  const workflows = { start: nobody, sendTaskSuccess: nobody, sendTaskHeartbeat: nobody };
  await releaseImage(promotionDeps(stores, workflows), NEXT);
  return { stores, database: openSqlite(':memory:') };
}
type World = Awaited<ReturnType<typeof openWorld>>;

/** Lets a person approve what waits for it, and what follows from it happen before the clock moves on. */
async function approveWaiting({ stores }: World, process: PromotionProcess): Promise<void> {
  const [waiting] = await stores.waits.listOpen(TENANT, 'approval', 1);
  if (!waiting) return;
  await process.approve(waiting.runName, { decision: 'approved' }, BEN).catch(() => undefined);
  await process.quiet();
}

/** One process on the stores of a world, from its start to its death or to the end of all runs. */
async function live(world: World, death: MortalPlan): Promise<void> {
  const { stores, database } = world;
  const process = promotionProcess({
    stores,
    database,
    environment: ENVIRONMENT,
    wrap: (port) => mortal(port, death),
    wrapDatabase: (own) => dyingDatabase(own, death),
  });
  const isOver = async (): Promise<boolean> => {
    await approveWaiting(world, process);
    // The dead do not see the clock move on.
    if (death.dead) return true;
    const claims = await stores.claims.list(TENANT, { limit: 10 });
    const promoted = claims.filter(({ machine }) => machine === 'promotion');
    return promoted.length > 0 && claims.every(({ status }) => status !== 'running');
  };
  try {
    await process.resume();
    // Whoever asked and heard nothing asks again; a promotion that has ended is not asked for once more.
    const claims = await stores.claims.list(TENANT, { limit: 10 });
    const ended = claims.some(({ machine, status }) => machine === 'promotion' && status !== 'running');
    if (!ended) await process.request().catch(() => undefined);
    await process.until(isOver);
  } catch (error) {
    if (!death.dead) throw error;
  } finally {
    await process.close();
  }
}

/** What is left when all is done. */
async function outcomeOf({ stores }: World) {
  const claims = await stores.claims.list(TENANT, { limit: 10 });
  return {
    content: await contentOf(stores.ledger, TENANT),
    claims: claims.map(({ runName, status }) => `${runName} ${status}`).sort(),
    // Repeated with the same state a change is none: whether it took effect before the death nobody can know.
    changes: stores.target.changes
      .map((state) => JSON.stringify(state))
      .filter((state, at, all) => state !== all[at - 1]),
    waits: (await Promise.all((['approval', 'stage'] as const).map((kind) => stores.waits.listOpen(TENANT, kind, 10))))
      .flat()
      .map(({ kind }) => kind),
  };
}

describe.each([
  ['a healthy promotion', { breach: false }],
  ['a promotion that is rolled back', { breach: true }],
] as const)('a process that dies during %s', (_what, how) => {
  let expected: Awaited<ReturnType<typeof outcomeOf>>;
  /** How often each can happen when nothing dies. */
  const counts = { call: 0, write: 0 };
  beforeAll(async () => {
    for (const mark of ['call', 'write'] as const) {
      const world = await openWorld(how);
      const death = deathAt(mark, NEVER, 'before');
      await live(world, death);
      counts[mark] = mark === 'call' ? death.calls : death.writes;
      expected = await outcomeOf(world);
    }
  });

  it('has the baseline of a process that lives', async () => {
    const ends = expected.claims.map((claim) => claim.replace(/-[0-9a-f]+/, ''));
    expect(ends).toEqual([
      'image-release passed',
      how.breach ? 'promotion refused' : 'promotion passed',
      ...(how.breach ? ['rollback passed'] : []),
    ]);
    expect(expected.changes.at(-1)).toBe(JSON.stringify({ stable: how.breach ? STABLE : NEXT, weight: 0 }));
    expect(expected.waits).toEqual([]);
    expect(counts.call).toBeGreaterThan(100);
    expect(counts.write).toBeGreaterThan(20);
  });

  it.each([
    ['before', 'call'],
    ['after', 'call'],
    ['before', 'write'],
    ['after', 'write'],
  ] as const)('leaves it to the next, which ends it the same: %s each %s', { timeout: 300_000 }, async (when, mark) => {
    for (let at = 0; at < counts[mark]; at += STRIDE) {
      const world = await openWorld(how);
      const death = deathAt(mark, at, when);
      await live(world, death);
      if (death.dead) await live(world, deathAt('call', NEVER, 'before'));
      expect(await outcomeOf(world), `${mark} ${at}`).toEqual(expected);
    }
  });
});
