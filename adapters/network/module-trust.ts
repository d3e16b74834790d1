import { setTimeout as sleep } from 'node:timers/promises';
import { Fault } from '../../core/faults.ts';
import type { ModuleTrust } from '../../core/ports/module-trust.ts';
import type { Egress } from './egress.ts';
import { fetchBytes, httpEndpoint, type ProxyClient } from './goproxy-helper.ts';

const LIMITS = { maxBytes: 64 * 1024, timeoutMs: 30_000 };

export interface ModuleTrustOptions {
  readonly egress: Egress;
  /** Waits between attempts; replaced in tests. */
  readonly sleep?: (ms: number) => Promise<void>;
}

/** Signatures of publishers from the hosts that policies name, asked as module proxies are. */
export function openModuleTrust(options: ModuleTrustOptions): ModuleTrust {
  const client: ProxyClient = { egress: options.egress, sleep: options.sleep ?? sleep };
  return {
    async signature(url) {
      try {
        const endpoint = httpEndpoint(new URL(url.origin));
        return await fetchBytes(client, endpoint, `${url.pathname.slice(1)}${url.search}`, LIMITS);
      } catch (error) {
        if (error instanceof Fault) throw error;
        const message = error instanceof Error ? error.message : 'the host of signatures failed';
        throw new Fault('SourceUnreachable', message, { cause: error });
      }
    },
  };
}
