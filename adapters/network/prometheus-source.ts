import * as z from 'zod';
import { isFault } from '../../core/faults.ts';
import type { MetricAnswer, MetricSource } from '../../core/ports/metric-source.ts';
import { type Egress, type EgressResponse, NetworkFailure } from './egress.ts';

export interface PrometheusSourceOptions {
  readonly egress: Egress;
  /** Of the server, with the path it is served below; `http` only for loopback. */
  readonly url: string;
}

const LIMITS = { maxBytes: 1024 * 1024, timeoutMs: 5000, maxRedirects: 0 };

/** Seconds since the epoch, and the value as text: JSON has no NaN. */
const Point = z.tuple([z.number(), z.string()]);

/** What is not named here is not looked at (https://prometheus.io/docs/prometheus/latest/querying/api/). */
const QueryAnswer = z.object({
  status: z.literal('success'),
  /** Present where a part of what was asked about could not be read. */
  warnings: z.array(z.string()).optional(),
  data: z.discriminatedUnion('resultType', [
    // A native histogram has no `value` and is no number.
    z.object({ resultType: z.literal('vector'), result: z.array(z.object({ value: Point })) }),
    z.object({ resultType: z.literal('scalar'), result: Point }),
    z.object({ resultType: z.enum(['matrix', 'string']) }),
  ]),
});
type QueryAnswer = z.infer<typeof QueryAnswer>;

const ErrorAnswer = z.object({ status: z.literal('error'), errorType: z.string().regex(/^[a-z_]{1,32}$/) });

function parsed(raw: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(raw));
  } catch {
    return undefined;
  }
}

function pointsOf({ data }: QueryAnswer): z.infer<typeof Point>[] | undefined {
  if (data.resultType === 'vector') return data.result.map(({ value }) => value);
  return data.resultType === 'scalar' ? [data.result] : undefined;
}

/** Says in fixed words what is wrong; of what the server wrote, only its own name for the kind of error. */
function answerOf(status: number, raw: Uint8Array, at: number): MetricAnswer {
  const error = (reason: string): MetricAnswer => ({ kind: 'error', raw, reason });
  const body = parsed(raw);
  const said = ErrorAnswer.safeParse(body).data?.errorType;
  if (status !== 200) return error(`HTTP ${status}${said ? ` (${said})` : ''}`);
  if (body === undefined) return error('the answer is no JSON');
  if (said !== undefined) return error(`the query failed (${said})`);
  const { data } = QueryAnswer.safeParse(body);
  if (!data) return error('the answer is not one of the query API');
  if (data.warnings && data.warnings.length > 0) return error('the answer rests on a part of the series');
  const points = pointsOf(data);
  if (!points) return error(`a ${data.data.resultType}, not a vector or scalar`);
  // A cache in between may answer what was asked about another instant.
  if (points.some(([instant]) => instant !== at)) return error('the answer is of another instant');
  return { kind: 'values', raw, values: points.map(([, value]) => value) };
}

/** Why nothing came; the messages of the egress client name the host and the path, which an answer need not. */
function silence(cause: unknown): MetricAnswer {
  if (cause instanceof NetworkFailure) return { kind: 'error', reason: cause.kind };
  return { kind: 'error', reason: isFault(cause) ? cause.name : 'the request failed' };
}

/** Numbers from Prometheus, or what speaks its query API, by instant queries. */
export function prometheusSource({ egress, url }: PrometheusSourceOptions): MetricSource {
  const base = new URL(url.endsWith('/') ? url : `${url}/`);
  return {
    async query(expression, at) {
      const asked = new URL('api/v1/query', base);
      asked.search = new URLSearchParams({ query: expression, time: String(at) }).toString();
      let response: EgressResponse;
      let raw: Uint8Array;
      try {
        response = await egress.request({ url: asked, headers: { accept: 'application/json' }, ...LIMITS });
        raw = await response.bytes();
      } catch (error) {
        // The port's promise: whatever goes wrong is an answer.
        return silence(error);
      }
      return answerOf(response.status, raw, at);
    },
  };
}
