import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { Fault } from '../../core/faults.ts';
import { OciDigest } from '../../events/fields.ts';
import { type Egress, type EgressRequest, NetworkFailure } from './egress.ts';
import { ociRegistry } from './oci-registry.ts';

const ORIGIN = 'https://registry.example.com';
const INDEX = 'application/vnd.oci.image.index.v1+json';
const digest = OciDigest.parse(`sha256:${'a'.repeat(64)}`);

interface Answer {
  readonly status: number;
  readonly headers?: Record<string, string>;
  readonly body?: string;
}
type Script = (request: EgressRequest) => Answer | Error;

/** A registry client whose network is a function; time passes only when it sleeps. */
function client(script: Script, more: { tokenHost?: string; password?: string } = {}) {
  const seen: string[] = [];
  const sent: EgressRequest[] = [];
  const slept: number[] = [];
  let now = 1_000_000;
  const egress: Egress = {
    async request(request) {
      sent.push(request);
      seen.push(`${request.method ?? 'GET'} ${request.url.pathname}${request.url.search}`);
      const answer = script(request);
      if (answer instanceof Error) throw answer;
      const bytes = Buffer.from(answer.body ?? '');
      return {
        status: answer.status,
        headers: answer.headers ?? {},
        url: request.url,
        body: (async function* () {
          yield bytes;
        })(),
        bytes: async () => bytes,
        discard() {},
      };
    },
    close() {},
  };
  const clock = {
    now: () => now,
    sleep: async (ms: number) => {
      slept.push(ms);
      now += ms;
    },
  };
  const registry = ociRegistry({
    egress,
    clock,
    url: ORIGIN,
    host: 'registry.example.com',
    name: 'acme/payments',
    ...(more.tokenHost ? { tokenHost: more.tokenHost } : {}),
    credentials: async () => ({ username: 'robot', password: more.password ?? 'secret' }),
  });
  return { registry, seen, sent, slept, pass: (ms: number) => (now += ms) };
}

const challenge = (realm: string) => ({
  status: 401,
  headers: { 'www-authenticate': `Bearer realm="${realm}",service="registry",scope="*"` },
});
const fault = (name: string) => expect.objectContaining({ name });

describe('ociRegistry', () => {
  const guarded =
    (realm: string): Script =>
    ({ url, headers }) =>
      url.pathname === '/token'
        ? { status: 200, body: '{"token":"t1","expires_in":60}' }
        : headers?.authorization === 'Bearer t1'
          ? { status: 200, headers: { 'docker-content-digest': digest } }
          : challenge(realm);

  it('asks for a token of the scope it needs and keeps it until shortly before its end', async () => {
    const { registry, seen, sent, pass } = client(guarded(`${ORIGIN}/token`));
    expect(await registry.resolveTag('v1')).toBe(digest);
    expect(await registry.resolveTag('v1')).toBe(digest);
    const head = 'HEAD /v2/acme/payments/manifests/v1';
    const token = 'GET /token?service=registry&scope=repository%3Aacme%2Fpayments%3Apull';
    expect(seen).toEqual([head, token, head, head]);
    expect(sent[1]?.headers?.authorization).toBe(`Basic ${Buffer.from('robot:secret').toString('base64')}`);
    pass(51_000);
    await registry.resolveTag('v1');
    expect(seen.slice(4)).toEqual([token, head]);
  });

  it('gives its credentials to no token service but the pinned one', async () => {
    for (const realm of ['https://evil.example.com/token', 'http://registry.example.com/token', 'nonsense']) {
      const { registry, seen } = client(guarded(realm));
      await expect(registry.resolveTag('v1')).rejects.toThrow(fault('EgressRefused'));
      expect(seen).toHaveLength(1);
    }
    const { registry } = client(guarded('https://auth.example.com/token'), { tokenHost: 'auth.example.com' });
    expect(await registry.resolveTag('v1')).toBe(digest);
  });

  it('takes a second 401 for the answer', async () => {
    const { registry, seen } = client(({ url }) =>
      url.pathname === '/token' ? { status: 200, body: '{"access_token":"x"}' } : challenge(`${ORIGIN}/token`),
    );
    await expect(registry.manifest('v1')).rejects.toThrow(fault('RegistryUnreachable'));
    expect(seen).toHaveLength(3);
  });

  it('answers undefined on 404 only', async () => {
    const { registry } = client(() => ({ status: 404 }));
    expect(await registry.resolveTag('v1')).toBeUndefined();
    expect(await registry.manifest(digest)).toBeUndefined();
    expect(await registry.blob(digest)).toBeUndefined();
    const { registry: forbidden } = client(() => ({ status: 403 }));
    await expect(forbidden.manifest('v1')).rejects.toThrow(fault('RegistryUnreachable'));
  });

  it('hashes the manifest when a registry names no digest', async () => {
    const { registry } = client(({ method }) => ({ status: 200, body: method === 'HEAD' ? '' : '{}' }));
    expect(await registry.resolveTag('v1')).toBe(`sha256:${createHash('sha256').update('{}').digest('hex')}`);
  });

  it('waits as long as a busy registry asks, three times at most', async () => {
    const { registry, slept, seen } = client(() => ({ status: 429, headers: { 'retry-after': '2' } }));
    await expect(registry.manifest('v1')).rejects.toThrow(fault('RegistryUnreachable'));
    expect(slept).toEqual([2000, 2000]);
    expect(seen).toHaveLength(3);
  });

  it('asks again after a lost answer when reading, never when writing', async () => {
    const lost = () => new NetworkFailure('unreachable', 'gone');
    const reading = client(lost);
    await expect(reading.registry.manifest('v1')).rejects.toThrow(fault('RegistryUnreachable'));
    expect(reading.seen).toHaveLength(3);
    const writing = client(lost);
    await expect(writing.registry.pushManifest('v1', INDEX, Buffer.from('{}'))).rejects.toThrow(
      fault('RegistryUnreachable'),
    );
    expect(writing.seen).toHaveLength(1);
  });

  it('passes on a refusal of the egress client as it is', async () => {
    const { registry, seen } = client(() => new Fault('EgressRefused', 'not listed'));
    await expect(registry.manifest('v1')).rejects.toThrow(fault('EgressRefused'));
    expect(seen).toHaveLength(1);
  });

  it('uploads a blob to where the registry says, and only one that is not there', async () => {
    const { registry, seen } = client(({ method }) =>
      method === 'HEAD'
        ? { status: 404 }
        : method === 'POST'
          ? { status: 202, headers: { location: '/v2/acme/payments/blobs/uploads/1?state=x' } }
          : { status: 201 },
    );
    await registry.pushBlob(digest, Buffer.from('x'));
    expect(seen[2]).toBe(`PUT /v2/acme/payments/blobs/uploads/1?state=x&digest=${encodeURIComponent(digest)}`);
    const there = client(() => ({ status: 200 }));
    await there.registry.pushBlob(digest, Buffer.from('x'));
    expect(there.seen).toHaveLength(1);
  });

  it('sends no token with an upload to another host', async () => {
    const { registry, sent } = client(({ method, url, headers }) => {
      if (url.pathname === '/token') return { status: 200, body: '{"token":"t1"}' };
      if (url.host === 'storage.example.com') return { status: 201 };
      if (!headers?.authorization) return challenge(`${ORIGIN}/token`);
      return method === 'HEAD'
        ? { status: 404 }
        : { status: 202, headers: { location: 'https://storage.example.com/u' } };
    });
    await registry.pushBlob(digest, Buffer.from('x'));
    expect(sent.find(({ url }) => url.host === 'storage.example.com')?.headers).not.toHaveProperty('authorization');
  });

  it('refuses names and references that would leave the repository', async () => {
    const { registry } = client(() => ({ status: 200 }));
    await expect(registry.manifest('../../other/manifests/v1')).rejects.toThrow(fault('InputInvalid'));
    const options = { egress: Object.create(null), clock: Object.create(null), url: ORIGIN, host: 'h' };
    for (const name of ['../a', 'a//b', 'A', ''])
      expect(() => ociRegistry({ ...options, name, credentials: async () => undefined })).toThrow(
        fault('InputInvalid'),
      );
  });

  it('says whether the registry lists a referrer itself', async () => {
    const push = (headers: Record<string, string>) =>
      client(() => ({ status: 201, headers })).registry.pushManifest(digest, INDEX, Buffer.from('{}'));
    expect(await push({ 'oci-subject': digest })).toEqual({ indexed: true });
    expect(await push({})).toEqual({ indexed: false });
  });
});

describe('referrers', () => {
  const page = (count: number, headers: Record<string, string> = {}) => ({
    status: 200,
    headers: { 'content-type': INDEX, ...headers },
    body: JSON.stringify({ manifests: Array.from({ length: count }, () => ({ mediaType: 'm', digest, size: 1 })) }),
  });

  it('follow the pages of one origin', async () => {
    const { registry, seen } = client(({ url }) =>
      url.search === '' ? page(2, { link: `<${url.pathname}?n=2>; rel="next"` }) : page(1),
    );
    expect(await registry.referrers(digest)).toHaveLength(3);
    expect(seen).toHaveLength(2);
    const { registry: led } = client(() => page(1, { link: '<https://evil.example.com/x>; rel="next"' }));
    await expect(led.referrers(digest)).rejects.toThrow(fault('EgressRefused'));
  });

  it('end at 1,000, however many pages there are', async () => {
    const { registry, seen } = client(({ url }) => page(300, { link: `<${url.pathname}?n=2>; rel="next"` }));
    expect(await registry.referrers(digest)).toHaveLength(1000);
    expect(seen).toHaveLength(4);
  });

  it('come from the fallback tag where there is no Referrers API', async () => {
    const { registry } = client(({ url }) => (url.pathname.includes('/referrers/') ? { status: 404 } : page(1)));
    expect(await registry.referrers(digest)).toEqual([{ mediaType: 'm', digest, size: 1 }]);
    const { registry: neither } = client(() => ({ status: 404 }));
    expect(await neither.referrers(digest)).toEqual([]);
  });

  it('are no empty list when the registry fails', async () => {
    const { registry } = client(() => ({ status: 500 }));
    await expect(registry.referrers(digest)).rejects.toThrow(fault('RegistryUnreachable'));
    const { registry: broken } = client(() => ({ status: 200, headers: { 'content-type': INDEX }, body: '{' }));
    await expect(broken.referrers(digest)).rejects.toThrow(fault('RegistryUnreachable'));
  });
});
