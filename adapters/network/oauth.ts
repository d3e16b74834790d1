import * as oauth from 'oauth4webapi';
import { Fault, isFault } from '../../core/faults.ts';
import { type Egress, NetworkFailure } from './egress.ts';

/** Platform helper: OAuth 2 over the egress client (RFC 6749, 7523, 7636, 8252). */

const MAX_BYTES = 64 * 1024;
const TIMEOUT_MS = 10_000;
/** A token whose server says nothing of its life is asked for again soon. */
const UNKNOWN_LIFE_SECONDS = 300;

export interface AccessToken {
  readonly token: string;
  readonly lifeSeconds: number;
  /** Replaces the one that was used, where the server rotates it. */
  readonly refreshToken?: string;
}

export interface TokenServer {
  readonly tokenUrl: string;
  readonly clientId: string;
  /** As its ID tokens name it; the origin of `tokenUrl` when not given. */
  readonly issuer?: string;
  readonly authentication: oauth.ClientAuth;
}

/** Calls of the library leave through the egress client, which lists hosts, pins addresses and bounds answers. */
const fetchThrough =
  (egress: Egress) => async (url: string, options: oauth.CustomFetchOptions<'POST', URLSearchParams>) => {
    const response = await egress.request({
      method: options.method,
      url: new URL(url),
      headers: options.headers,
      body: new TextEncoder().encode(String(options.body)),
      maxBytes: MAX_BYTES,
      timeoutMs: TIMEOUT_MS,
      maxRedirects: 0,
    });
    const headers = Object.entries(response.headers).flatMap(([name, value]) =>
      typeof value === 'string' ? [[name, value] satisfies [string, string]] : [],
    );
    return new Response(Uint8Array.from(await response.bytes()), { status: response.status, headers });
  };

const optionsOf = (egress: Egress) => ({
  [oauth.customFetch]: fetchThrough(egress),
  // The egress client allows http for loopback only.
  [oauth.allowInsecureRequests]: true,
});

const partiesOf = ({ tokenUrl, clientId, issuer }: TokenServer) => ({
  server: { issuer: issuer ?? new URL(tokenUrl).origin, token_endpoint: tokenUrl },
  client: { client_id: clientId },
});

/** What a server says of the client or its grant is final; anything else may pass. */
function failureOf(error: unknown, { tokenUrl }: TokenServer): Error {
  if (isFault(error) || error instanceof NetworkFailure) return error;
  const { host } = new URL(tokenUrl);
  if (error instanceof oauth.ResponseBodyError && error.status < 500)
    return new Fault('CredentialRefused', `${host} gives no token (${error.error})`);
  if (error instanceof oauth.WWWAuthenticateChallengeError)
    return new Fault('CredentialRefused', `${host} refuses the client (${error.status})`);
  return new NetworkFailure('unreachable', `${host} did not answer as a token server does`, { cause: error });
}

const tokenOf = ({ access_token, expires_in, refresh_token }: oauth.TokenEndpointResponse): AccessToken => ({
  token: access_token,
  lifeSeconds: expires_in ?? UNKNOWN_LIFE_SECONDS,
  ...(refresh_token === undefined ? {} : { refreshToken: refresh_token }),
});

async function bearerOnly(answer: Promise<oauth.TokenEndpointResponse>, of: TokenServer): Promise<AccessToken> {
  try {
    const response = await answer;
    if (response.token_type !== 'bearer')
      throw new Fault('CredentialRefused', `${new URL(of.tokenUrl).host} gives no bearer token`);
    return tokenOf(response);
  } catch (error) {
    throw failureOf(error, of);
  }
}

/** A token for the client itself. Throws `CredentialRefused`, or `NetworkFailure` where a later try may do. */
export function clientCredentialsToken(
  egress: Egress,
  of: TokenServer,
  parameters: Readonly<Record<string, string>>,
): Promise<AccessToken> {
  const { server, client } = partiesOf(of);
  const ask = async () => {
    const asked = oauth.clientCredentialsGrantRequest(
      server,
      client,
      of.authentication,
      { ...parameters },
      optionsOf(egress),
    );
    return oauth.processClientCredentialsResponse(server, client, await asked);
  };
  return bearerOnly(ask(), of);
}

/** A token for the person who logged in. */
export function refreshedToken(egress: Egress, of: TokenServer, refreshToken: string): Promise<AccessToken> {
  const { server, client } = partiesOf(of);
  const ask = async () => {
    const asked = oauth.refreshTokenGrantRequest(server, client, of.authentication, refreshToken, optionsOf(egress));
    return oauth.processRefreshTokenResponse(server, client, await asked);
  };
  return bearerOnly(ask(), of);
}

export interface LoginAnswer {
  readonly callback: URL;
  readonly state: string;
  readonly redirectUri: string;
  readonly verifier: string;
}

/** The tokens of a person whose browser came back. The state binds the answer to the question. */
export function authorizationCodeToken(
  egress: Egress,
  of: TokenServer,
  { callback, state, redirectUri, verifier }: LoginAnswer,
): Promise<AccessToken> {
  const { server, client } = partiesOf(of);
  const ask = async () => {
    const parameters = validCallback(of, callback, state);
    const asked = oauth.authorizationCodeGrantRequest(
      server,
      client,
      of.authentication,
      parameters,
      redirectUri,
      verifier,
      optionsOf(egress),
    );
    return oauth.processAuthorizationCodeResponse(server, client, await asked);
  };
  return bearerOnly(ask(), of);
}

function validCallback(of: TokenServer, callback: URL, state: string): URLSearchParams {
  const { server, client } = partiesOf(of);
  // A server that names itself in the answer (RFC 9207) is compared where configuration says its name.
  if (of.issuer === undefined) callback.searchParams.delete('iss');
  try {
    return oauth.validateAuthResponse(server, client, callback, state);
  } catch (cause) {
    throw new Fault('CredentialRefused', 'the login was refused, or its answer belongs to another', { cause });
  }
}
