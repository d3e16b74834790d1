import { createPrivateKey, type KeyObject, randomUUID } from 'node:crypto';
import { SignJWT } from 'jose';
import * as oauth from 'oauth4webapi';
import type { CredentialConfig } from '../../core/config.ts';
import { assertNever, Fault } from '../../core/faults.ts';
import type { Clock } from '../../core/ports/clock.ts';
import type { LoginStore } from '../../core/ports/login-store.ts';
import type { Secrets } from '../../core/ports/secrets.ts';
import { authenticatedEgress, type Credential } from './authenticated-egress.ts';
import type { Egress } from './egress.ts';
import { readNetrc } from './netrc.ts';
import { type AccessToken, clientCredentialsToken, refreshedToken, type TokenServer } from './oauth.ts';

export interface CredentialDeps {
  readonly egress: Egress;
  readonly secrets: Secrets;
  readonly clock: Pick<Clock, 'now'>;
  /** Absent where nobody can log in: in a function. */
  readonly logins?: LoginStore;
}

/** A token is not used in its last seconds: the request has to arrive, too. */
const MARGIN_MS = 30_000;
const JWT_LIFE_SECONDS = 300;
const NOTHING_TO_RENEW = () => false;

const basic = (username: string, password: string) =>
  `Basic ${Buffer.from(`${username}:${password}`, 'utf8').toString('base64')}`;

const fixed = (headers: () => Promise<readonly string[]>): Credential => ({ headers, renew: NOTHING_TO_RENEW });

/** Asks for a token when there is none that lasts; whoever asks meanwhile waits for the same answer. */
function tokenCredential(clock: Pick<Clock, 'now'>, ask: () => Promise<AccessToken>): Credential {
  let held: Promise<{ header: string; until: number }> | undefined;
  const obtain = async () => {
    const { token, lifeSeconds } = await ask();
    return { header: `Bearer ${token}`, until: clock.now() + lifeSeconds * 1000 - MARGIN_MS };
  };
  /** A failure is told to whoever waits for it, and to nobody who asks later. */
  const answer = async (asked: NonNullable<typeof held>) => {
    try {
      return await asked;
    } catch (error) {
      if (held === asked) held = undefined;
      throw error;
    }
  };
  const current = async (): Promise<string> => {
    const known = held ?? obtain();
    held = known;
    const { header, until } = await answer(known);
    if (clock.now() < until) return header;
    const next = held === undefined || held === known ? obtain() : held;
    held = next;
    return (await answer(next)).header;
  };
  return {
    headers: async () => [await current()],
    renew: () => {
      held = undefined;
      return true;
    },
  };
}

function privateKeyOf(pem: string, reference: string): KeyObject {
  try {
    return createPrivateKey(pem);
  } catch (error) {
    throw new Fault('ConfigurationInvalid', `${reference} holds no private key in PEM`, { cause: error });
  }
}

/** The one algorithm that a key is for; the key decides, not whoever asks. */
function algorithmOf(key: KeyObject, reference: string): string {
  if (key.asymmetricKeyType === 'ed25519') return 'EdDSA';
  if (key.asymmetricKeyType === 'rsa') return 'RS256';
  if (key.asymmetricKeyType === 'ec' && key.asymmetricKeyDetails?.namedCurve === 'prime256v1') return 'ES256';
  throw new Fault('ConfigurationInvalid', `${reference} holds a key that is neither RSA, P-256 nor Ed25519`);
}

const newest = async (secrets: Secrets, reference: string): Promise<string> =>
  (await secrets.values(reference))[0] ?? '';

async function signedJwt(
  { secrets, clock }: CredentialDeps,
  config: Extract<CredentialConfig, { kind: 'jwt' }>,
): Promise<AccessToken> {
  const key = privateKeyOf(await newest(secrets, config.key), config.key);
  const now = Math.floor(clock.now() / 1000);
  const header = { alg: algorithmOf(key, config.key), ...(config.keyId ? { kid: config.keyId } : {}) };
  const token = await new SignJWT({})
    .setProtectedHeader(header)
    .setIssuer(config.issuer)
    .setSubject(config.subject)
    .setAudience(config.audience)
    .setIssuedAt(now)
    .setExpirationTime(now + JWT_LIFE_SECONDS)
    .setJti(randomUUID())
    .sign(key);
  return { token, lifeSeconds: JWT_LIFE_SECONDS };
}

type ClientCredentialsConfig = Extract<CredentialConfig, { kind: 'client-credentials' }>;

/** `client_secret_basic`, or `private_key_jwt` where the client has a key. */
async function clientAuthentication(secrets: Secrets, config: ClientCredentialsConfig): Promise<oauth.ClientAuth> {
  const { proof } = config;
  if ('secret' in proof) return oauth.ClientSecretBasic(await newest(secrets, proof.secret));
  const key = privateKeyOf(await newest(secrets, proof.key), proof.key);
  const algorithm = algorithmOf(key, proof.key);
  const parameters = {
    RS256: { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' },
    ES256: { name: 'ECDSA', namedCurve: 'P-256' },
    EdDSA: { name: 'Ed25519' },
  }[algorithm];
  const der = key.export({ type: 'pkcs8', format: 'der' });
  const imported = await crypto.subtle.importKey('pkcs8', Uint8Array.from(der), parameters ?? '', false, ['sign']);
  return oauth.PrivateKeyJwt(proof.keyId ? { key: imported, kid: proof.keyId } : imported);
}

async function clientToken(deps: CredentialDeps, config: ClientCredentialsConfig): Promise<AccessToken> {
  const { tokenUrl, clientId, scope, audience } = config;
  const authentication = await clientAuthentication(deps.secrets, config);
  return clientCredentialsToken(
    deps.egress,
    { tokenUrl, clientId, authentication },
    { ...(scope ? { scope } : {}), ...(audience ? { audience } : {}) },
  );
}

/** Whoever logs in by PKCE is a public client: it has no secret, and its refresh token is its own. */
export const loginServer = ({
  tokenUrl,
  clientId,
  issuer,
}: Extract<CredentialConfig, { kind: 'login' }>): TokenServer => ({
  tokenUrl,
  clientId,
  ...(issuer ? { issuer } : {}),
  authentication: oauth.None(),
});

async function loginToken(
  { egress, logins }: CredentialDeps,
  config: Extract<CredentialConfig, { kind: 'login' }>,
): Promise<AccessToken> {
  const refreshToken = await logins?.load(config.host);
  if (!logins || refreshToken === undefined)
    throw new Fault('CredentialRefused', `nobody is logged in to ${config.host}: run \`relseal login ${config.host}\``);
  const token = await refreshedToken(egress, loginServer(config), refreshToken);
  if (token.refreshToken !== undefined && token.refreshToken !== refreshToken)
    await logins.save(config.host, token.refreshToken);
  return token;
}

async function netrcHeaders(secrets: Secrets, { host, file }: Extract<CredentialConfig, { kind: 'netrc' }>) {
  const { hostname } = new URL(`https://${host}/`);
  const found = readNetrc(await newest(secrets, file), hostname);
  if (!found) throw new Fault('CredentialRefused', `${file} has no login for ${hostname}`);
  return [basic(found.login, found.password)];
}

function credentialOf(deps: CredentialDeps, config: CredentialConfig): Credential {
  const { secrets, clock } = deps;
  switch (config.kind) {
    case 'basic':
      return fixed(async () => {
        const username = await newest(secrets, config.username);
        return (await secrets.values(config.password)).map((password) => basic(username, password));
      });
    case 'bearer':
      return fixed(async () => (await secrets.values(config.token)).map((token) => `Bearer ${token}`));
    case 'netrc':
      return fixed(() => netrcHeaders(secrets, config));
    case 'jwt':
      return tokenCredential(clock, () => signedJwt(deps, config));
    case 'client-credentials':
      return tokenCredential(clock, () => clientToken(deps, config));
    case 'login':
      return tokenCredential(clock, () => loginToken(deps, config));
    default:
      return assertNever(config);
  }
}

/** The egress of one tenant: hosts that its configuration names are told who asks. */
export const withCredentials = (deps: CredentialDeps, configs: readonly CredentialConfig[]): Egress =>
  authenticatedEgress(deps.egress, new Map(configs.map((config) => [config.host, credentialOf(deps, config)])));
