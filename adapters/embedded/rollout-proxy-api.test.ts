import { describe, expect, it } from 'vitest';
import { OciDigest } from '../../events/fields.ts';
import { memoryRolloutTarget } from '../../test/fakes/memory-rollout-target.ts';
import { rolloutApi } from './rollout-proxy-api.ts';

const stable = OciDigest.parse(`sha256:${'a'.repeat(64)}`);
const other = OciDigest.parse(`sha256:${'b'.repeat(64)}`);
const TOKEN = 'test token of the rollout API';

const open = () => {
  const target = memoryRolloutTarget([stable]);
  return { target, app: rolloutApi({ token: TOKEN, proxies: new Map([['acme/production', { target }]]) }) };
};
const authorization = `Bearer ${TOKEN}`;
const path = '/targets/acme%2Fproduction';
const put = (body: unknown, headers: Readonly<Record<string, string>> = { 'if-match': '"v0"' }) => ({
  method: 'PUT',
  headers: { authorization, ...headers },
  body: typeof body === 'string' ? body : JSON.stringify(body),
});
const shown = async (answer: Response) => [answer.status, Object(await answer.json()).code];

describe('the rollout API', () => {
  it('shows and changes what a target runs, by the version that was read', async () => {
    const { app } = open();
    const read = await app.request(path, { headers: { authorization } });
    expect([await read.json(), read.headers.get('etag')]).toEqual([{ weight: 0, version: 'v0' }, '"v0"']);
    const changed = await app.request(path, put({ stable, weight: 0 }));
    expect([changed.status, await changed.json()]).toEqual([200, { stable, weight: 0, version: 'v1' }]);
    expect(changed.headers.get('etag')).toBe('"v1"');
    expect(changed.headers.get('cache-control')).toBe('no-store');
    expect(await shown(await app.request(path, put({ weight: 0 })))).toEqual([412, 'target.changed']);
  });

  it.each([undefined, TOKEN, 'Bearer', 'Bearer another', `Bearer ${TOKEN} `])(
    'tells nothing to whoever comes with %j',
    async (given) => {
      const { app, target } = open();
      const headers = given === undefined ? {} : { authorization: given.trimEnd() === given ? given : `${given}x` };
      for (const [method, where] of [
        ['GET', path],
        ['PUT', path],
        ['GET', '/targets/none'],
      ] as const) {
        const answer = await app.request(where, { method, headers });
        expect(answer.headers.get('www-authenticate')).toBe('Bearer');
        expect(await shown(answer)).toEqual([401, 'token.invalid']);
      }
      expect(target.changes).toEqual([]);
    },
  );

  it.each<[string, Parameters<typeof put>, number, string]>([
    ['no JSON', ['{'], 400, 'request.invalid'],
    ['no state', [{}], 400, 'request.invalid'],
    ['a field too many', [{ weight: 0, extra: 1 }], 400, 'request.invalid'],
    ['no digest', [{ stable: 'latest', weight: 0 }], 400, 'request.invalid'],
    ['no weight', [{ stable, weight: 101 }], 400, 'request.invalid'],
    ['an unknown revision', [{ stable: other, weight: 0 }], 422, 'target.refused'],
    ['a weight without a canary', [{ stable, weight: 1 }], 422, 'target.refused'],
    ['no version', [{ weight: 0 }, {}], 428, 'request.unconditional'],
    ['any version', [{ weight: 0 }, { 'if-match': '*' }], 428, 'request.unconditional'],
    ['several versions', [{ weight: 0 }, { 'if-match': '"v0", "v1"' }], 428, 'request.unconditional'],
    ['a body too long', [`{"weight":0${' '.repeat(5000)}}`], 413, 'request.too-long'],
  ])('refuses %s with a code and changes nothing', async (_what, request, status, code) => {
    const { app, target } = open();
    const answer = await app.request(path, put(...request));
    expect(answer.headers.get('content-type')).toBe('application/problem+json');
    expect(await shown(answer)).toEqual([status, code]);
    expect(target.changes).toEqual([]);
  });

  it('has no other targets and no other paths', async () => {
    const { app } = open();
    for (const where of ['/targets/production', '/targets', '/', '/targets/acme/production'])
      expect(await shown(await app.request(where, { headers: { authorization } }))).toEqual([404, 'target.unknown']);
    expect((await app.request('/targets/none', put({ weight: 0 }))).status).toBe(404);
  });

  it('says that a target is out of reach, and of other failures nothing', async () => {
    const { app, target } = open();
    target.down = true;
    expect(await shown(await app.request(path, put({ weight: 0 })))).toEqual([503, 'target.unreachable']);
    target.read = () => Promise.reject(new Error('a secret'));
    expect(await shown(await app.request(path, { headers: { authorization } }))).toEqual([500, 'server.fault']);
  });
});
