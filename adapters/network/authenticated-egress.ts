import { Fault } from '../../core/faults.ts';
import type { Egress, EgressRequest, EgressResponse } from './egress.ts';

/** How one host is told who asks. Values never reach a log, an error or another origin. */
export interface Credential {
  /** Values of `authorization` that may be tried, the likeliest first. */
  headers(): Promise<readonly string[]>;
  /** Forgets a token that was refused, where a new one can be had; false where there is nothing to renew. */
  renew(): boolean;
}

/** Says no to who asks. Without a credential a 403 is the host's own business: a mirror that is busy, say. */
const isRefusal = ({ status }: EgressResponse) => status === 401 || status === 403;

async function tryAll(egress: Egress, request: EgressRequest, credential: Credential) {
  let refused = 0;
  for (const authorization of await credential.headers()) {
    const response = await egress.request({ ...request, headers: { ...request.headers, authorization } });
    if (!isRefusal(response)) return { response };
    refused = response.status;
    response.discard();
  }
  return { refused };
}

/**
 * An egress that tells listed hosts who asks. A host that refuses every credential it is shown ends the request with
 * `CredentialRefused`: nothing of its answer is read, and nobody else is asked in its place. `host` is exact, as the
 * egress has it.
 */
export function authenticatedEgress(egress: Egress, credentials: ReadonlyMap<string, Credential>): Egress {
  return {
    async request(request) {
      const credential = credentials.get(request.url.host);
      if (!credential || request.headers?.authorization !== undefined) return egress.request(request);
      const first = await tryAll(egress, request, credential);
      if (first.response) return first.response;
      const second = credential.renew() ? await tryAll(egress, request, credential) : first;
      if (second.response) return second.response;
      throw new Fault('CredentialRefused', `${request.url.host} refused the credential (${second.refused})`);
    },
    close: () => egress.close(),
  };
}
