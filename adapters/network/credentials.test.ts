import { generateKeyPairSync, verify } from 'node:crypto';
import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import { afterAll, describe, expect, it } from 'vitest';
import { CredentialConfig } from '../../core/config.ts';
import { withCredentials } from './credentials.ts';
import { openEgress } from './egress.ts';

const servers: Server[] = [];
afterAll(() => {
  for (const server of servers) {
    server.closeAllConnections();
    server.close();
  }
});

async function listen(server: Server): Promise<string> {
  servers.push(server);
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  const address = server.address();
  return `127.0.0.1:${typeof address === 'object' && address ? address.port : 0}`;
}

/** A host on loopback that lets in whoever shows one of these, and what it was shown. */
async function host(allowed: readonly string[], refusal = 401, more: Record<string, string> = {}) {
  const shown: IncomingHttpHeaders[] = [];
  const server = createServer((request, response) => {
    shown.push(request.headers);
    const ok = allowed.includes(request.headers.authorization ?? '');
    response.writeHead(ok ? 200 : refusal, more).end(ok ? 'yes' : 'secret reasons');
  });
  return { name: await listen(server), shown };
}

const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
const ed25519 = generateKeyPairSync('ed25519');
const pem = (key: typeof rsa.privateKey) => key.export({ type: 'pkcs8', format: 'pem' }).toString();
const SECRETS: Record<string, string[]> = {
  'env:USER': ['ana'],
  'env:PASSWORD': ['new', 'old'],
  'env:TOKEN': ['t1', 't2'],
  'file:netrc': ['machine 127.0.0.1 login ana password old\n'],
  'file:empty': ['machine other login ana password old\n'],
  'file:rsa': [pem(rsa.privateKey)],
  'file:ed25519': [pem(ed25519.privateKey)],
  'file:no-key': ['-----BEGIN PRIVATE KEY-----'],
};
const secrets = { values: async (reference: string) => SECRETS[reference] ?? [] };
const basic = (text: string) => `Basic ${Buffer.from(text).toString('base64')}`;
const NOW = 1_800_000_000_000;

function get(names: readonly string[], of: object | undefined, url: string, headers: Record<string, string> = {}) {
  const egress = openEgress(names.map((each) => ({ host: each, private: true })));
  const configs = of ? [CredentialConfig.parse({ host: names[0], ...of })] : [];
  const asked = withCredentials({ egress, secrets, clock: { now: () => NOW } }, configs);
  return asked.request({ url: new URL(url), headers, maxBytes: 1000, timeoutMs: 5000 });
}

describe('a credential', () => {
  it.each([
    ['basic', { username: 'env:USER', password: 'env:PASSWORD' }, [basic('ana:new'), basic('ana:old')]],
    ['bearer', { token: 'env:TOKEN' }, ['Bearer t1', 'Bearer t2']],
    ['netrc', { file: 'file:netrc' }, [basic('ana:old')]],
  ])('of kind %s shows each active value until one is taken', async (kind, of, values) => {
    const { name, shown } = await host(values.slice(-1));
    const response = await get([name], { kind, ...of }, `http://${name}/m`);
    expect(response.status).toBe(200);
    expect(shown.map(({ authorization }) => authorization)).toEqual(values);
  });

  it.each([401, 403])('that is refused with %i ends the request and shows nothing of the answer', async (status) => {
    const { name, shown } = await host([], status);
    const refused = await get([name], { kind: 'bearer', token: 'env:TOKEN' }, `http://${name}/m`).catch(
      (e: unknown) => e,
    );
    expect(refused).toMatchObject({ name: 'CredentialRefused', message: `${name} refused the credential (${status})` });
    expect(shown).toHaveLength(2);
  });

  it('leaves every other answer to whoever asked', async () => {
    const { name } = await host([], 404);
    expect((await get([name], { kind: 'bearer', token: 'env:TOKEN' }, `http://${name}/m`)).status).toBe(404);
    const plain = await host([], 403);
    expect((await get([plain.name], undefined, `http://${plain.name}/m`)).status).toBe(403);
  });

  it('is shown to its own host alone, also behind a redirect', async () => {
    const other = await host([], 404);
    const { name } = await host([], 302, { location: `http://${other.name}/elsewhere` });
    await get([name, other.name], { kind: 'bearer', token: 'env:TOKEN' }, `http://${name}/m`);
    await get([name, other.name], { kind: 'bearer', token: 'env:TOKEN' }, `http://${other.name}/m`);
    expect(other.shown.map(({ authorization }) => authorization)).toEqual([undefined, undefined]);
  });

  it('never replaces one that the request has', async () => {
    const { name, shown } = await host(['Bearer mine']);
    await get([name], { kind: 'bearer', token: 'env:TOKEN' }, `http://${name}/m`, { authorization: 'Bearer mine' });
    expect(shown).toHaveLength(1);
  });

  it('asks nothing of a host that its netrc file does not have', async () => {
    const { name, shown } = await host([]);
    await expect(get([name], { kind: 'netrc', file: 'file:empty' }, `http://${name}/m`)).rejects.toMatchObject({
      name: 'CredentialRefused',
    });
    expect(shown).toEqual([]);
  });

  const jwt = { kind: 'jwt', issuer: 'relseal', subject: 'builder', audience: 'https://modules.example.com' };
  it.each([
    ['file:rsa', 'RS256', rsa.publicKey, 'sha256'],
    ['file:ed25519', 'EdDSA', ed25519.publicKey, null],
  ] as const)('of kind jwt is signed with %s for five minutes', async (key, algorithm, publicKey, digest) => {
    const { name, shown } = await host([], 404);
    await get([name], { ...jwt, key, keyId: 'k1' }, `http://${name}/m`);
    const [header = '', payload = '', signature = ''] = (shown[0]?.authorization ?? '')
      .replace('Bearer ', '')
      .split('.');
    const read = (part: string) => JSON.parse(Buffer.from(part, 'base64url').toString());
    expect(read(header)).toEqual({ alg: algorithm, kid: 'k1' });
    const { jti, ...claims } = read(payload);
    expect(jti).toMatch(/^[0-9a-f-]{36}$/);
    const iat = NOW / 1000;
    expect(claims).toEqual({ iss: 'relseal', sub: 'builder', aud: jwt.audience, iat, exp: iat + 300 });
    const signed = Buffer.from(`${header}.${payload}`);
    expect(verify(digest, signed, publicKey, Buffer.from(signature, 'base64url'))).toBe(true);
  });

  it('of kind client-credentials is asked for anew at the first request after its server failed', async () => {
    const statuses = [200, 503, 200];
    const tokens = createServer((_request, response) => {
      const body = { access_token: `token-${statuses.length}`, token_type: 'bearer', expires_in: 60 };
      response.writeHead(statuses.shift() ?? 500, { 'content-type': 'application/json' }).end(JSON.stringify(body));
    });
    const { name, shown } = await host([], 404);
    const server = await listen(tokens);
    let now = NOW;
    const egress = openEgress([name, server].map((each) => ({ host: each, private: true })));
    const of = { tokenUrl: `http://${server}/token`, clientId: 'builder', proof: { secret: 'env:USER' } };
    const config = CredentialConfig.parse({ kind: 'client-credentials', host: name, ...of });
    const asked = withCredentials({ egress, secrets, clock: { now: () => now } }, [config]);
    const ask = () => asked.request({ url: new URL(`http://${name}/m`), maxBytes: 1000, timeoutMs: 5000 });
    await ask();
    await ask();
    now += 60_000;
    await expect(ask()).rejects.toMatchObject({ name: 'NetworkFailure' });
    await ask();
    expect(shown.map(({ authorization }) => authorization)).toEqual([
      'Bearer token-3',
      'Bearer token-3',
      'Bearer token-1',
    ]);
  });

  it('of kind jwt needs a key that it can read', async () => {
    const { name } = await host([]);
    await expect(get([name], { ...jwt, key: 'file:no-key' }, `http://${name}/m`)).rejects.toMatchObject({
      name: 'ConfigurationInvalid',
    });
  });
});
