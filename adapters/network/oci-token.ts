import * as z from 'zod';
import { Fault } from '../../core/faults.ts';
import type { Clock } from '../../core/ports/clock.ts';
import type { EgressRequest, EgressResponse } from './egress.ts';

/** The token flow of CNCF distribution (docs/content/spec/auth/token.md). A helper of `oci-registry.ts`. */

export interface RegistryCredentials {
  readonly username: string;
  readonly password: string;
}

/** One patient exchange: waits and translates failures, see `oci-registry.ts`. */
export type Exchange = (request: EgressRequest) => Promise<EgressResponse>;

export interface TokenOptions {
  readonly exchange: Exchange;
  readonly clock: Clock;
  /** Origin of the registry itself, the only one that sees Basic credentials beside the token service. */
  readonly origin: string;
  /** The one host (with port) a challenge may send us to: a hostile registry may name any and collect the password. */
  readonly tokenHost: string;
  /** Read anew for each token, so a rotated secret is used without a restart. */
  credentials(): Promise<RegistryCredentials | undefined>;
}

/** An `Authorization` header for a challenge; `refused` is the one that was just answered 401 and is not given again. */
export type Authorize = (challenge: string, scope: string, refused?: string) => Promise<string>;

const TokenAnswer = z.object({
  token: z.string().min(1).max(65_536).optional(),
  access_token: z.string().min(1).max(65_536).optional(),
  expires_in: z.number().positive().max(86_400).default(60),
});

/** Seconds a token is no longer used before it ends. */
const MARGIN_SECONDS = 10;
const MAX_ANSWER_BYTES = 262_144;
const TIMEOUT_MS = 30_000;

/** Tokens are cached by realm, service and scope, in the adapter of one tenant's repository only. */
export function tokenFlow(options: TokenOptions): Authorize {
  const cache = new Map<string, { header: string; until: number }>();
  return async (challenge, scope, refused) => {
    const { scheme, parameters } = parseChallenge(challenge);
    if (scheme === 'basic') return basic(await options.credentials());
    if (scheme !== 'bearer') throw new Fault('RegistryUnreachable', 'the registry asks for an unknown authentication');
    const realm = tokenUrl(options, parameters, scope);
    const cached = cache.get(realm.href);
    if (cached && cached.header !== refused && cached.until > options.clock.now()) return cached.header;
    const { header, seconds } = await askToken(options, realm);
    cache.set(realm.href, { header, until: options.clock.now() + (seconds - MARGIN_SECONDS) * 1000 });
    return header;
  };
}

function basic(credentials: RegistryCredentials | undefined): string {
  if (!credentials) throw new Fault('RegistryUnreachable', 'the registry asks for credentials and none are configured');
  return `Basic ${Buffer.from(`${credentials.username}:${credentials.password}`, 'utf8').toString('base64')}`;
}

function tokenUrl({ origin, tokenHost }: TokenOptions, parameters: ReadonlyMap<string, string>, scope: string): URL {
  const text = parameters.get('realm') ?? '';
  const realm = URL.canParse(text) ? new URL(text) : undefined;
  // Plain HTTP only where the registry itself was configured so: loopback in tests.
  const secure = realm?.protocol === 'https:' || realm?.protocol === new URL(origin).protocol;
  if (!realm || !secure || realm.host !== tokenHost || realm.username || realm.password)
    throw new Fault('EgressRefused', `the registry names a token service other than ${tokenHost}`);
  const service = parameters.get('service');
  if (service) realm.searchParams.set('service', service);
  // The scope we need, not the one offered: Gitea challenges with `*`.
  realm.searchParams.set('scope', scope);
  return realm;
}

async function askToken(options: TokenOptions, realm: URL): Promise<{ header: string; seconds: number }> {
  const known = await options.credentials();
  const response = await options.exchange({
    url: realm,
    headers: { accept: 'application/json', ...(known ? { authorization: basic(known) } : {}) },
    maxBytes: MAX_ANSWER_BYTES,
    timeoutMs: TIMEOUT_MS,
    // A token service that moves must be configured anew: its answer to another origin would be a token for anyone.
    maxRedirects: 0,
  });
  if (response.status !== 200) {
    response.discard();
    throw new Fault('RegistryUnreachable', `the token service answered ${response.status}`);
  }
  const answer = readAnswer(await response.bytes());
  const token = answer?.token ?? answer?.access_token;
  if (!answer || !token) throw new Fault('RegistryUnreachable', 'the token service answered without a token');
  return { header: `Bearer ${token}`, seconds: answer.expires_in };
}

function readAnswer(bytes: Uint8Array): z.infer<typeof TokenAnswer> | undefined {
  try {
    return TokenAnswer.safeParse(JSON.parse(Buffer.from(bytes).toString('utf8'))).data;
  } catch {
    return undefined;
  }
}

/** RFC 9110 §11.6.1, one challenge with quoted or bare parameters. */
function parseChallenge(challenge: string): { scheme: string; parameters: ReadonlyMap<string, string> } {
  const [, scheme = '', rest = ''] = /^\s*([A-Za-z0-9-]+)\s*(.*)$/s.exec(challenge.slice(0, 8192)) ?? [];
  const parameters = [...rest.matchAll(/([A-Za-z_]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+))/g)].map(
    ([, name = '', quoted, bare]): [string, string] => [
      name.toLowerCase(),
      quoted?.replaceAll(/\\(.)/g, '$1') ?? bare ?? '',
    ],
  );
  return { scheme: scheme.toLowerCase(), parameters: new Map(parameters) };
}
