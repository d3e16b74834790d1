import { createServer } from 'node:http';
import { serve } from '@hono/node-server';
import { localRolloutTarget } from '../../adapters/embedded/local-rollout-target.ts';
import { startRolloutProxy } from '../../adapters/embedded/rollout-proxy.ts';
import { rolloutApi } from '../../adapters/embedded/rollout-proxy-api.ts';
import { openSqlite } from '../../adapters/embedded/sqlite.ts';
import type { RolloutTarget } from '../../core/ports/rollout-target.ts';
import { OciDigest } from '../../events/fields.ts';

/** What every target runs before it is promoted to. */
export const STABLE = OciDigest.parse(`sha256:${'5'.repeat(64)}`);
const NOWHERE = 'http://127.0.0.1:9';

/** The process dies before or after the step has done its work, or the answer is lost. */
export type Fate = 'before' | 'after' | 'lost';

export interface LoopbackRollout {
  /** Of the API of the proxies; a target is below `/targets/`. */
  readonly url: string;
  /** Of what answers as a Prometheus does. */
  readonly metrics: string;
  /** What the API counts as changes of one target, newest last. */
  readonly changes: ReadonlyMap<string, string[]>;
  target(name: string): RolloutTarget;
  /** The share of errors that is measured from now on, for the query `errors_<name>`. */
  measure(name: string, value: string): void;
  /** What becomes of the next calls of `shift-traffic`, one each. */
  readonly fates: Fate[];
  stop(): Promise<void>;
}

/** A source of numbers on loopback: one series for each query that it knows, none for any other; and of fates. */
async function startMetrics(values: ReadonlyMap<string, string>, fates: Fate[]) {
  const server = createServer((request, response) => {
    const { pathname, searchParams: asked } = new URL(request.url ?? '/', NOWHERE);
    if (pathname === '/fate') {
      response.end(fates.shift() ?? 'none');
      return;
    }
    const value = values.get(asked.get('query') ?? '');
    const result = value === undefined ? [] : [{ metric: {}, value: [Number(asked.get('time')), value] }];
    response.end(JSON.stringify({ status: 'success', data: { resultType: 'vector', result } }));
  });
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  const address = server.address();
  const port = address !== null && typeof address === 'object' ? address.port : 0;
  return { url: `http://127.0.0.1:${port}`, stop: () => new Promise((closed) => server.close(closed)) };
}

function listen(app: ReturnType<typeof rolloutApi>): Promise<{ url: string; stop(): Promise<unknown> }> {
  return new Promise((resolve) => {
    const server = serve({ fetch: app.fetch, hostname: '127.0.0.1', port: 0 }, ({ port }) =>
      resolve({
        url: `http://127.0.0.1:${port}`,
        stop: () => {
          if ('closeAllConnections' in server) server.closeAllConnections();
          return new Promise((closed) => server.close(closed));
        },
      }),
    );
  });
}

/** Real rollout proxies on loopback, one for each name, that know `digest` beside what they run, and their metrics. */
export async function startRollout(
  token: string,
  names: readonly string[],
  digest: OciDigest,
): Promise<LoopbackRollout> {
  const revisions = [STABLE, digest].map((each) => ({ digest: each, url: NOWHERE }));
  const changes = new Map<string, string[]>();
  const targets = new Map<string, RolloutTarget>();
  const proxies = new Map<string, Awaited<ReturnType<typeof startRolloutProxy>>>();
  for (const name of names) {
    const local = localRolloutTarget({ database: openSqlite(':memory:'), name, revisions });
    const seen: string[] = [];
    const set: RolloutTarget['set'] = async (state, version) => {
      const observed = await local.set(state, version);
      seen.push(`${state.canary === undefined ? 'stable' : 'canary'} ${state.weight}`);
      return observed;
    };
    await local.set({ stable: STABLE, weight: 0 }, (await local.read()).version);
    changes.set(name, seen);
    targets.set(name, local);
    proxies.set(name, await startRolloutProxy({ target: { ...local, set }, listen: { host: '127.0.0.1', port: 0 } }));
  }
  const api = await listen(rolloutApi({ token, proxies }));
  const values = new Map<string, string>();
  const fates: Fate[] = [];
  const metrics = await startMetrics(values, fates);
  return {
    url: api.url,
    metrics: metrics.url,
    changes,
    fates,
    target: (name) => {
      const target = targets.get(name);
      if (!target) throw new Error(`no target ${name}`);
      return target;
    },
    measure: (name, value) => values.set(`errors_${name}`, value),
    stop: async () => {
      await api.stop();
      await metrics.stop();
      for (const proxy of proxies.values()) await proxy.close();
    },
  };
}
