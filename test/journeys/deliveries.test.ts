import { createHmac } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import * as z from 'zod';
import type { RunningServer } from '../../cli/serve.ts';
import type { Stores } from '../../cli/stores.ts';
import { OWN_TENANT } from '../../demo/setup.ts';
import { TenantId } from '../../events/fields.ts';
import { openWorld, tagPush, type World } from './world.ts';

let world: World;
let server: RunningServer;
let stores: Stores;
beforeAll(async () => {
  world = await openWorld();
  server = await world.serve();
  stores = world.stores();
});
afterAll(async () => {
  stores.close();
  await server.close();
  await world.close();
});

const hook = '/hooks/gitea/git.example.com';
const send = (path: string, init: RequestInit) => fetch(`${server.url}${path}`, init);
const Health = z.object({ answers: z.record(z.string(), z.number()) });
const health = async () => Health.parse(await (await send('/healthz', {})).json());

describe('what a bad delivery gets over HTTP', () => {
  const good = () => tagPush(world, 'v1.0.0');
  const cases: readonly [string, number, string, () => Promise<Response>][] = [
    ['an unknown source', 404, 'source.unknown', () => send('/hooks/gitea/other.example.com', { method: 'POST' })],
    ['an unknown provider', 404, 'source.unknown', () => send('/hooks/nobody/x', { method: 'POST' })],
    ['a GET', 405, 'method.not-allowed', () => send(hook, {})],
    [
      'a body above 1 MiB',
      413,
      'body.too-large',
      () =>
        send(hook, {
          method: 'POST',
          body: new Uint8Array(1_048_577),
          headers: { 'content-type': 'application/json' },
        }),
    ],
    [
      'a form',
      415,
      'body.type',
      () =>
        send(hook, { method: 'POST', body: 'a=b', headers: { 'content-type': 'application/x-www-form-urlencoded' } }),
    ],
    [
      'no signature',
      401,
      'auth.missing',
      () => send(hook, { method: 'POST', body: good().body, headers: { 'content-type': 'application/json' } }),
    ],
    [
      'a signature of another body',
      401,
      'auth.wrong',
      () => send(hook, { method: 'POST', body: `${good().body} `, headers: { ...good().headers } }),
    ],
  ];
  for (const [name, status, code, deliver] of cases)
    it(`answers ${name} with ${status} and counts it as ${code}`, async () => {
      const before = await health();
      const response = await deliver();
      expect(response.status).toBe(status);
      expect(response.headers.get('content-type')).toBe('application/problem+json');
      const text = await response.text();
      expect(JSON.parse(text)).toMatchObject({ status, code });
      expect(text).not.toMatch(/stack|node_modules/);
      const after = await health();
      expect(after.answers[code]).toBe((before.answers[code] ?? 0) + 1);
    });

  it('starts nothing and stores nothing for any of them', async () => {
    expect(await stores.claims.list(TenantId.parse(OWN_TENANT), { limit: 10 })).toEqual([]);
    expect(await stores.deliveries.due(Number.MAX_SAFE_INTEGER, 10)).toEqual([]);
  });

  it('takes a well-signed body that is no JSON with 202 and records it as rejected', async () => {
    const body = '{"ref":';
    const signature = createHmac('sha256', world.setup.secrets.gitea).update(body).digest('hex');
    const headers = { 'content-type': 'application/json', 'x-gitea-event': 'push', 'x-gitea-signature': signature };
    const response = await send(hook, { method: 'POST', body, headers });
    expect(response.status).toBe(202);
    expect(await response.json()).toMatchObject({ outcome: 'rejected', code: 'body.not-json' });
  });

  it('serves a page that tells how to begin, with a policy that allows no script', async () => {
    const response = await send('/', {});
    expect(response.headers.get('content-security-policy')).toContain("default-src 'none'");
    expect(await response.text()).toContain('/hooks/gitea/git.example.com');
  });

  it('shows nothing of its control without the token', async () => {
    for (const init of [{}, { headers: { authorization: 'Bearer wrong' } }])
      expect((await send('/control/ping', init)).status).toBe(404);
  });
});
