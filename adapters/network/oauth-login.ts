import * as oauth from 'oauth4webapi';
import type { CredentialConfig } from '../../core/config.ts';
import { Fault } from '../../core/faults.ts';
import { loginServer } from './credentials.ts';
import type { Egress } from './egress.ts';
import { authorizationCodeToken } from './oauth.ts';

type LoginConfig = Extract<CredentialConfig, { kind: 'login' }>;

export interface StartedLogin {
  /** Where the person goes with a browser. */
  readonly url: string;
  /** Takes the address that the browser came back to. Anything but the answer to this login is `CredentialRefused`. */
  finish(callback: URL): Promise<{ readonly refreshToken: string }>;
}

/** Begins a login by authorization code with PKCE (RFC 7636), as a native app does (RFC 8252). */
export async function startLogin(egress: Egress, config: LoginConfig, redirectUri: string): Promise<StartedLogin> {
  const verifier = oauth.generateRandomCodeVerifier();
  const state = oauth.generateRandomState();
  const url = new URL(config.authorizationUrl);
  const parameters = {
    response_type: 'code',
    client_id: config.clientId,
    redirect_uri: redirectUri,
    code_challenge: await oauth.calculatePKCECodeChallenge(verifier),
    code_challenge_method: 'S256',
    state,
    // A server that follows OpenID Connect gives no refresh token without asking the person.
    ...(config.scope
      ? { scope: config.scope, ...(/\boffline_access\b/.test(config.scope) ? { prompt: 'consent' } : {}) }
      : {}),
  };
  for (const [key, value] of Object.entries(parameters)) url.searchParams.set(key, value);
  return {
    url: url.href,
    async finish(callback) {
      const of = loginServer(config);
      const token = await authorizationCodeToken(egress, of, { callback, state, redirectUri, verifier });
      if (token.refreshToken === undefined)
        throw new Fault('CredentialRefused', `${new URL(config.tokenUrl).host} gives no refresh token`);
      return { refreshToken: token.refreshToken };
    },
  };
}
