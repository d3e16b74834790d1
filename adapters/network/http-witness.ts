import type { LogConfig } from '../../core/config.ts';
import { isFault } from '../../core/faults.ts';
import { readWitnessPolicy } from '../../core/ledger/witness-policy.ts';
import type { Witnessing } from '../../core/ledger/witnessing.ts';
import type { Witness } from '../../core/ports/witness.ts';
import type { VerifierKey } from '../../core/tlog/note.ts';
import { parseWitnessAnswer } from '../../core/tlog/witness.ts';
import type { TenantId } from '../../events/fields.ts';
import { type Egress, NetworkFailure } from './egress.ts';

export interface HttpWitnessOptions {
  readonly egress: Egress;
  /** Submission prefix: requests go to `add-checkpoint` below it. */
  readonly url: URL;
  readonly key: VerifierKey;
}

/** A publication waits for the slowest witness. A hundred signature lines are longer than any answer. */
const LIMITS = { maxBytes: 512 * 1024, timeoutMs: 5_000, maxRedirects: 0 };

/** A witness of checkpoints over HTTPS (C2SP tlog-witness). */
export function httpWitness({ egress, url, key }: HttpWitnessOptions): Witness {
  const target = new URL(`${url.href.replace(/\/*$/, '')}/add-checkpoint`);
  return {
    key,
    async addCheckpoint(text) {
      try {
        const headers = { 'content-type': 'text/plain; charset=utf-8', 'user-agent': 'relseal' };
        const body = new TextEncoder().encode(text);
        const response = await egress.request({ ...LIMITS, method: 'POST', url: target, headers, body });
        const answer = new TextDecoder().decode(await response.bytes());
        const contentType = response.headers['content-type'] ?? '';
        return parseWitnessAnswer({ status: response.status, contentType, body: answer });
      } catch (error) {
        if (error instanceof NetworkFailure || isFault(error, 'EgressRefused') || isFault(error, 'LimitExceeded'))
          return undefined;
        throw error;
      }
    },
  };
}

/** Whom each log asks: nobody where it has no policy that says so. */
export function httpWitnesses(egress: Egress, logs: readonly Pick<LogConfig, 'id' | 'witnessPolicy'>[]) {
  const ofTenants = new Map<TenantId, Witnessing>();
  for (const { id, witnessPolicy } of logs) {
    if (witnessPolicy === undefined) continue;
    const { policy, asked } = readWitnessPolicy(witnessPolicy);
    const witnesses = asked.map(({ key, url }) => httpWitness({ egress, url, key }));
    ofTenants.set(id, { policy, witnesses, compared: new Set() });
  }
  return (tenant: TenantId): Witnessing | undefined => ofTenants.get(tenant);
}
