import * as z from 'zod';
import { Fault, isFault } from '../../core/faults.ts';
import type { ObservedRollout, RolloutState, RolloutTarget } from '../../core/ports/rollout-target.ts';
import { OciDigest } from '../../events/fields.ts';
import { type Egress, NetworkFailure } from './egress.ts';

export interface HttpRolloutTargetOptions {
  readonly egress: Egress;
  /** Of the target itself: `https://host/…/targets/<name>`; `http` only for loopback. */
  readonly url: string;
  /** Asked for at each call, so that a rotation needs no restart. */
  token(): Promise<string>;
}

const StateAnswer = z.object({
  stable: OciDigest.exactOptional(),
  canary: OciDigest.exactOptional(),
  weight: z.int().min(0).max(100),
  /** Goes back in a header, between quotes. */
  version: z.string().regex(/^[!#-~]{1,128}$/),
});
const ProblemAnswer = z.object({ code: z.string().regex(/^[a-z.-]{1,64}$/) });

const MAX_BYTES = 64 * 1024;
/** Three of them fit into the 18 s that a rollback may take. */
const TIMEOUT_MS = 5000;
/** Answers that a later try may change, though the other side calls them the caller's. */
const LATER = [408, 425, 429];

interface Answer {
  readonly status: number;
  readonly text: string;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function faultOf({ status, text }: Answer): Fault {
  const { data } = ProblemAnswer.safeParse(parsed(text));
  const said = `the target answered ${status}${data ? ` (${data.code})` : ''}`;
  if (status === 412) return new Fault('TargetConflict', said);
  const refused = status >= 400 && status < 500 && !LATER.includes(status);
  return new Fault(refused ? 'TargetRefused' : 'TargetUnreachable', said);
}

function observedIn(answer: Answer): ObservedRollout {
  if (answer.status !== 200) throw faultOf(answer);
  const { data, error } = StateAnswer.safeParse(parsed(answer.text));
  if (data) return data;
  throw new Fault('TargetUnreachable', 'the target answered something else than its state', { cause: error });
}

/** A rollout target that is reached by the API of its proxy. */
export function httpRolloutTarget({ egress, url, token }: HttpRolloutTargetOptions): RolloutTarget {
  async function call(method: 'GET' | 'PUT', more: Readonly<Record<string, string>>, state?: RolloutState) {
    const headers = { accept: 'application/json', authorization: `Bearer ${await token()}`, ...more };
    const body = state && new TextEncoder().encode(JSON.stringify(state));
    const limits = { maxBytes: MAX_BYTES, timeoutMs: TIMEOUT_MS, maxRedirects: 0 };
    try {
      const response = await egress.request({
        method,
        url: new URL(url),
        headers,
        ...(body ? { body } : {}),
        ...limits,
      });
      return observedIn({ status: response.status, text: Buffer.from(await response.bytes()).toString('utf8') });
    } catch (error) {
      if (!(error instanceof NetworkFailure) && !isFault(error, 'LimitExceeded')) throw error;
      throw new Fault('TargetUnreachable', error.message, { cause: error });
    }
  }

  return {
    read: () => call('GET', {}),
    set: ({ stable, canary, weight }, version) => {
      const state = { ...(stable ? { stable } : {}), ...(canary ? { canary } : {}), weight };
      return call('PUT', { 'content-type': 'application/json', 'if-match': `"${version}"` }, state);
    },
  };
}
