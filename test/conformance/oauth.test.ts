import { generateKeyPairSync } from 'node:crypto';
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Provider from 'oidc-provider';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { fileLoginStore } from '../../adapters/embedded/file-login-store.ts';
import { withCredentials } from '../../adapters/network/credentials.ts';
import { openEgress } from '../../adapters/network/egress.ts';
import { startLogin } from '../../adapters/network/oauth-login.ts';
import { CredentialConfig } from '../../core/config.ts';

/** Our OAuth 2 against a certified server: oidc-provider, on loopback. */

const SECRET = 'a test secret of forty characters or more';
const pair = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const values: Record<string, string[]> = {
  'env:SECRET': [SECRET],
  'env:WRONG': ['not the secret'],
  'env:KEY': [pair.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()],
};
const secrets = { values: async (reference: string) => values[reference] ?? [] };
const servers: Server[] = [];
let provider: Provider;
let issuer = '';
let modules = '';
let asked: (string | undefined)[] = [];
let folder = '';
let now = Date.now();

const listen = async (server: Server): Promise<string> => {
  servers.push(server);
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
};

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'relseal-oauth-'));
  const authority = createServer();
  const host = await listen(authority);
  issuer = `http://${host}`;
  provider = new Provider(issuer, {
    clients: [
      {
        client_id: 'machine',
        client_secret: SECRET,
        grant_types: ['client_credentials'],
        redirect_uris: [],
        response_types: [],
      },
      {
        client_id: 'keyed',
        token_endpoint_auth_method: 'private_key_jwt',
        token_endpoint_auth_signing_alg: 'ES256',
        jwks: { keys: [{ ...pair.publicKey.export({ format: 'jwk' }), alg: 'ES256', use: 'sig' }] },
        grant_types: ['client_credentials'],
        redirect_uris: [],
        response_types: [],
      },
      {
        client_id: 'person',
        application_type: 'native',
        token_endpoint_auth_method: 'none',
        grant_types: ['authorization_code', 'refresh_token'],
        redirect_uris: ['http://127.0.0.1/callback'],
        response_types: ['code'],
      },
    ],
    features: {
      clientCredentials: { enabled: true },
      devInteractions: { enabled: true },
      introspection: { enabled: true },
    },
    ttl: {
      ClientCredentials: 600,
      AccessToken: 600,
      RefreshToken: 3600,
      Grant: 3600,
      Interaction: 600,
      Session: 600,
      AuthorizationCode: 60,
      IdToken: 600,
    },
    rotateRefreshToken: true,
    cookies: { keys: ['test cookie key'] },
  });
  authority.on('request', provider.callback());
  // The host of private modules believes what the authority says of a token.
  const registry = createServer(async (request, response) => {
    asked.push(request.headers.authorization);
    const token = request.headers.authorization?.replace(/^Bearer /, '') ?? '';
    const known = (await provider.ClientCredentials.find(token)) ?? (await provider.AccessToken.find(token));
    response.writeHead(known ? 200 : 401).end(known ? 'v1.0.0\n' : 'no');
  });
  modules = await listen(registry);
});

afterAll(async () => {
  for (const server of servers) {
    server.closeAllConnections();
    server.close();
  }
  await rm(folder, { recursive: true, force: true });
});

const hosts = () => [new URL(issuer).host, modules].map((host) => ({ host, private: true }));
const logins = () => fileLoginStore(join(folder, 'logins'));
const credential = (of: object) => CredentialConfig.parse({ host: modules, tokenUrl: `${issuer}/token`, ...of });

function open(of: object) {
  asked = [];
  const egress = openEgress(hosts());
  return withCredentials({ egress, secrets, clock: { now: () => now }, logins: logins() }, [credential(of)]);
}
const list = async (egress: ReturnType<typeof open>) => {
  const response = await egress.request({
    url: new URL(`http://${modules}/m/@v/list`),
    maxBytes: 1000,
    timeoutMs: 5000,
  });
  return `${response.status} ${Buffer.from(await response.bytes()).toString('utf8')}`;
};
const person = { kind: 'login', clientId: 'person', scope: 'openid offline_access' };

/** What a person does in a browser with the forms of the server's development pages. */
async function browse(start: string): Promise<URL> {
  const jar = new Map<string, string>();
  let url = start;
  let body: URLSearchParams | undefined;
  for (let step = 0; step < 20; step += 1) {
    const response = await fetch(url, {
      redirect: 'manual',
      headers: { cookie: [...jar].map(([name, value]) => `${name}=${value}`).join('; ') },
      ...(body ? { method: 'POST', body } : {}),
    });
    for (const cookie of response.headers.getSetCookie()) {
      const [pair = ''] = cookie.split(';');
      jar.set(pair.slice(0, pair.indexOf('=')), pair.slice(pair.indexOf('=') + 1));
    }
    const location = response.headers.get('location');
    const text = await response.text();
    body = undefined;
    if (location !== null) {
      url = new URL(location, url).href;
      if (url.includes('/callback')) return new URL(url);
      continue;
    }
    const [, prompt = ''] = /name="prompt" value="(\w+)"/.exec(text) ?? [];
    const [, action = ''] = /<form[^>]* action="([^"]+)"/.exec(text) ?? [];
    if (prompt === '') throw new Error(`no form at ${url}: ${text.slice(0, 300)}`);
    body = new URLSearchParams({ prompt, ...(prompt === 'login' ? { login: 'ana', password: 'any' } : {}) });
    url = new URL(action, url).href;
  }
  throw new Error('the browser never came back');
}

describe('OAuth 2 against oidc-provider', () => {
  it('gets one token for a machine and uses it until it is old', async () => {
    const egress = open({ kind: 'client-credentials', clientId: 'machine', proof: { secret: 'env:SECRET' } });
    expect(await Promise.all([list(egress), list(egress)])).toEqual(['200 v1.0.0\n', '200 v1.0.0\n']);
    expect(new Set(asked).size).toBe(1);
    now += 571_000;
    await list(egress);
    expect(new Set(asked).size).toBe(2);
  });

  it('proves itself by a key as well', async () => {
    const egress = open({ kind: 'client-credentials', clientId: 'keyed', proof: { key: 'env:KEY' } });
    expect(await list(egress)).toBe('200 v1.0.0\n');
  });

  it('asks the host for nothing when the client is refused', async () => {
    const egress = open({ kind: 'client-credentials', clientId: 'machine', proof: { secret: 'env:WRONG' } });
    const refused = await list(egress).catch((error: unknown) => error);
    expect(refused).toMatchObject({ name: 'CredentialRefused' });
    expect(String(refused)).not.toContain('not the secret');
    expect(asked).toEqual([]);
  });

  it('renews a token that was revoked, once', async () => {
    const egress = open({ kind: 'client-credentials', clientId: 'machine', proof: { secret: 'env:SECRET' } });
    await list(egress);
    const [held = ''] = asked;
    await (await provider.ClientCredentials.find(held?.replace('Bearer ', '') ?? ''))?.destroy();
    expect(await list(egress)).toBe('200 v1.0.0\n');
    expect(asked).toHaveLength(3);
  });

  it('logs a person in by code and PKCE, keeps the rotating token for its owner alone and goes on with it', async () => {
    const config = credential({ ...person, authorizationUrl: `${issuer}/auth` });
    if (config.kind !== 'login') throw new Error('no login');
    const login = await startLogin(openEgress(hosts()), config, 'http://127.0.0.1:45678/callback');
    const { refreshToken } = await login.finish(await browse(login.url));
    await logins().save(modules, refreshToken);
    expect((await stat(join(folder, 'logins'))).mode & 0o777).toBe(0o700);
    const egress = open({ ...person, authorizationUrl: `${issuer}/auth` });
    expect(await list(egress)).toBe('200 v1.0.0\n');
    expect(await logins().load(modules)).not.toBe(refreshToken);
    expect(await list(open({ ...person, authorizationUrl: `${issuer}/auth` }))).toBe('200 v1.0.0\n');
  });

  it('takes no answer that belongs to another login', async () => {
    const config = credential({ ...person, authorizationUrl: `${issuer}/auth` });
    if (config.kind !== 'login') throw new Error('no login');
    const egress = openEgress(hosts());
    const mine = await startLogin(egress, config, 'http://127.0.0.1:45678/callback');
    const other = await startLogin(egress, config, 'http://127.0.0.1:45678/callback');
    await expect(mine.finish(await browse(other.url))).rejects.toMatchObject({ name: 'CredentialRefused' });
    const denied = new URL('http://127.0.0.1:45678/callback?error=access_denied');
    await expect(other.finish(denied)).rejects.toMatchObject({ name: 'CredentialRefused' });
  });

  it('says that nobody is logged in', async () => {
    const egress = openEgress(hosts());
    const empty = fileLoginStore(join(folder, 'empty'));
    const configs = [credential({ ...person, authorizationUrl: `${issuer}/auth` })];
    const refused = withCredentials({ egress, secrets, clock: { now: () => now }, logins: empty }, configs);
    await expect(list(refused)).rejects.toMatchObject({ name: 'CredentialRefused' });
  });
});
