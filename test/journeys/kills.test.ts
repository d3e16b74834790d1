import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { packageRoot } from '../../cli/package-root.ts';
import type { Stores } from '../../cli/stores.ts';
import { claimOf, post, until } from '../../demo/cases.ts';
import type { SignedDelivery } from '../../demo/deliveries.ts';
import { type ServerProcess, startServer } from '../../demo/server-process.ts';
import { OWN_TENANT } from '../../demo/setup.ts';
import { TenantId } from '../../events/fields.ts';
import { randomOf } from '../fakes/seeded-random.ts';
import { contentOf } from './same-content.ts';
import { imagePush, openWorld, tagPush, type World } from './world.ts';

const KILLS = Number(process.env.RELSEAL_KILLS ?? 20);
const SEED = Number(process.env.RELSEAL_SEED ?? Date.now() % 1_000_000);
const tenant = TenantId.parse(OWN_TENANT);

const serve = (world: World): Promise<ServerProcess> =>
  startServer(join(packageRoot, 'cli', 'relseal.mjs'), world.setup.data, world.setup.environment);

/** The source first, then the image that links to it: their entries are the same whatever the order of work. */
const deliveriesOf = (world: World): readonly SignedDelivery[] => [
  tagPush(world, 'v1.0.0'),
  tagPush(world, 'v1.0.1'),
  imagePush(world, 'good'),
  imagePush(world, 'rehashed'),
];

const isSettled = async (stores: Stores, deliveries: readonly SignedDelivery[]): Promise<boolean> => {
  const claims = await Promise.all(deliveries.map((delivery) => claimOf(stores, OWN_TENANT, delivery)));
  return claims.every((claim) => claim !== undefined && claim.status !== 'running');
};

/** The sweep, which takes up what died with its server, comes once a minute: twice that, and some. */
const settle = (stores: Stores, deliveries: readonly SignedDelivery[]) =>
  until('end of all runs', async () => ((await isSettled(stores, deliveries)) ? true : undefined), 150_000);

interface Sending {
  readonly stores: Stores;
  readonly deliveries: readonly SignedDelivery[];
  readonly signal?: AbortSignal;
}

/**
 * Each delivery is sent until it is answered, as a source does that retries. The second release is compared with the last
 * one that passed: it is sent once the first has ended, or chance would decide what it is compared with.
 */
async function deliver(url: string, pending: SignedDelivery[], { stores, deliveries, signal }: Sending): Promise<void> {
  const first = deliveries.slice(0, 1);
  while (pending[0] && !signal?.aborted) {
    if (pending.length < deliveries.length && !(await isSettled(stores, first))) {
      await delay(50);
      continue;
    }
    const { status } = await post(url, pending[0]);
    if (status !== 202) throw new Error(`HTTP ${status}`);
    pending.shift();
  }
}

async function undisturbed(world: World, deliveries: readonly SignedDelivery[]): Promise<string[]> {
  const [server, stores] = [await serve(world), world.stores()];
  try {
    await deliver(server.url, [...deliveries], { stores, deliveries });
    await settle(stores, deliveries);
    return await contentOf(stores.ledger, tenant);
  } finally {
    await server.stop();
    stores.close();
  }
}

/** Kills the server at random instants until all work is done or `budget` kills were made; then lets it finish. */
async function disturbed(world: World, deliveries: readonly SignedDelivery[], budget: number, random: () => number) {
  const stores = world.stores();
  const pending = [...deliveries];
  let kills = 0;
  try {
    while (kills < budget && !(pending.length === 0 && (await isSettled(stores, deliveries)))) {
      const server = await serve(world);
      // Whatever the kill leaves unanswered is sent again to the next server.
      const killed = new AbortController();
      const sending = { stores, deliveries, signal: killed.signal };
      const delivering = deliver(server.url, pending, sending).catch(() => undefined);
      // Long enough, now and then, for the checks of a Parallel to end: a step that no server lives to end for two
      // minutes times out, as it should, and that is another outcome.
      await delay(Math.floor(random() * 1500));
      await server.kill();
      killed.abort();
      await delivering;
      kills += 1;
    }
    const server = await serve(world);
    try {
      await deliver(server.url, pending, { stores, deliveries });
      await settle(stores, deliveries);
    } finally {
      await server.stop();
    }
    return { kills, content: await contentOf(stores.ledger, tenant) };
  } finally {
    stores.close();
  }
}

describe('a server that is killed', () => {
  it(`has the same ledger content as one that was not, after ${KILLS} kills (seed ${SEED})`, {
    timeout: 30_000 + KILLS * 10_000,
  }, async () => {
    const random = randomOf(SEED);
    const first = await openWorld();
    const deliveries = deliveriesOf(first);
    try {
      const expected = await undisturbed(first, deliveries);
      expect(expected.length).toBeGreaterThan(20);
      for (let made = 0; made < KILLS; ) {
        const world = await openWorld(first);
        try {
          const { kills, content } = await disturbed(world, deliveries, KILLS - made, random);
          expect(content).toEqual(expected);
          // A round in which everything was done before the first kill still counts, or this would not end.
          made += Math.max(kills, 1);
        } finally {
          await world.close();
        }
      }
    } finally {
      await first.close();
    }
  });
});
