import { createServer } from 'node:http';
import { serve } from '@hono/node-server';
import { afterEach, describe, expect, it } from 'vitest';
import { localRolloutTarget } from '../../adapters/embedded/local-rollout-target.ts';
import { startRolloutProxy } from '../../adapters/embedded/rollout-proxy.ts';
import { rolloutApi } from '../../adapters/embedded/rollout-proxy-api.ts';
import { openSqlite } from '../../adapters/embedded/sqlite.ts';
import { openEgress } from '../../adapters/network/egress.ts';
import { httpRolloutTarget } from '../../adapters/network/http-rollout-target.ts';
import { memoryRolloutTarget } from '../fakes/memory-rollout-target.ts';
import { KNOWN_REVISIONS, rolloutTargetContract } from './rollout-target.contract.ts';

const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

const localTarget = () =>
  localRolloutTarget({
    database: openSqlite(':memory:'),
    name: 'acme/production',
    revisions: KNOWN_REVISIONS.map((digest) => ({ digest, url: 'http://127.0.0.1:9' })),
  });

const TOKEN = 'test token of a rollout target';

/** The API of a real proxy, on loopback. */
async function startApi(): Promise<string> {
  const proxy = await startRolloutProxy({ target: localTarget(), listen: { host: '127.0.0.1', port: 0 } });
  closing.push(proxy.close);
  const app = rolloutApi({ token: TOKEN, proxies: new Map([['acme/production', proxy]]) });
  return new Promise((resolve) => {
    const server = serve({ fetch: app.fetch, hostname: '127.0.0.1', port: 0 }, ({ port }) =>
      resolve(`http://127.0.0.1:${port}`),
    );
    closing.push(() => new Promise((closed) => server.close(closed)));
  });
}

function clientOf(origin: string, path = '/targets/acme%2Fproduction', token = TOKEN) {
  const egress = openEgress([{ host: new URL(origin).host, private: true }]);
  closing.push(() => egress.close());
  return httpRolloutTarget({ egress, url: origin + path, token: async () => token });
}

describe('the rollout target in memory', () => rolloutTargetContract(() => memoryRolloutTarget(KNOWN_REVISIONS)));
describe('the rollout target of the local proxy', () => rolloutTargetContract(localTarget));
describe('the rollout target over HTTP', () => rolloutTargetContract(async () => clientOf(await startApi())));

describe('a rollout target over HTTP', () => {
  it('refuses with a wrong token, and when the proxy has no target of the name', async () => {
    const origin = await startApi();
    const strangers = [clientOf(origin, undefined, 'another'), clientOf(origin, '/targets/staging')];
    const said = ['401 (token.invalid)', '404 (target.unknown)'];
    for (const [position, target] of strangers.entries())
      for (const call of [target.read(), target.set({ weight: 0 }, '0')])
        await expect(call).rejects.toMatchObject({
          name: 'TargetRefused',
          message: `the target answered ${said[position]}`,
        });
  });

  it('faults with TargetUnreachable when nothing listens', async () => {
    const target = clientOf('http://127.0.0.1:9');
    for (const call of [target.read(), target.set({ weight: 0 }, '0')])
      await expect(call).rejects.toMatchObject({ name: 'TargetUnreachable' });
  });

  it('is not sent to a host that is not listed', async () => {
    const egress = openEgress([]);
    const target = httpRolloutTarget({ egress, url: 'http://127.0.0.1:9/targets/a', token: async () => TOKEN });
    await expect(target.read()).rejects.toMatchObject({ name: 'EgressRefused' });
  });

  it.each<[string, number, string, string]>([
    ['500', 500, '{"code":"server.fault"}', 'TargetUnreachable'],
    ['503', 503, '', 'TargetUnreachable'],
    ['429', 429, '', 'TargetUnreachable'],
    ['302', 302, '', 'TargetUnreachable'],
    ['204', 204, '', 'TargetUnreachable'],
    ['412', 412, '', 'TargetConflict'],
    ['403', 403, '<html>', 'TargetRefused'],
    ['no JSON', 200, '<html>', 'TargetUnreachable'],
    ['no state', 200, '{"weight":"10","version":"1"}', 'TargetUnreachable'],
    ['no version', 200, '{"weight":0}', 'TargetUnreachable'],
    ['a version that is no header', 200, '{"weight":0,"version":"\\"\\r\\n"}', 'TargetUnreachable'],
    ['too much', 200, ' '.repeat(70_000), 'TargetUnreachable'],
  ])('answered with %s it faults with the name that tells what to do', async (_what, status, body, fault) => {
    const server = createServer((_request, response) => {
      response.writeHead(status, { location: '/elsewhere' });
      response.end(body);
    });
    await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
    closing.push(() => new Promise((closed) => server.close(closed)));
    const address = server.address();
    const port = address !== null && typeof address === 'object' ? address.port : 0;
    const target = clientOf(`http://127.0.0.1:${port}`);
    for (const call of [target.read(), target.set({ weight: 0 }, '0')])
      await expect(call).rejects.toMatchObject({ name: fault });
  });
});
