import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';

/** What one environment's new revision does, and what its metrics say. */
export type Behaviour = 'healthy' | 'failing' | 'vanishing';

/** One request that the new revision answered. */
interface Served {
  /** Seconds since the epoch. */
  readonly at: number;
  readonly ok: boolean;
  readonly milliseconds: number;
}

/** The demo's service and the metrics of it. Everything it tells was counted from requests that came through the proxy. */
export interface LiveService {
  /** Where the new and the old revision of an environment answer. */
  revision(environment: string, which: 'new' | 'old'): string;
  /** Base of a Prometheus HTTP API. */
  readonly metrics: string;
  /** Sends requests to a proxy until what it gives is called, or the service is closed: what a promotion is judged by. */
  drive(proxy: string): () => void;
  close(): Promise<void>;
}

export const QUERIES = {
  errors: (environment: string) =>
    `sum(increase(requests_total{environment="${environment}",code=~"5.."}[1m])) / sum(increase(requests_total{environment="${environment}"}[1m]))`,
  events: (environment: string) => `sum(increase(requests_total{environment="${environment}"}[1m]))`,
  latency: (environment: string) =>
    `1000 * histogram_quantile(0.95, sum by (le) (rate(request_seconds_bucket{environment="${environment}"}[1m])))`,
} as const;

const WINDOW_S = 60;
/** Of 25 requests the first fails: 4 %, from the first request on. */
const FAILS_OF = 25;
/** Metrics that vanish do so after this many requests: some ticks were good by then. */
const VANISH_AT = 20;
const PAUSE_MS = 50;

const percentile = (values: readonly number[], share: number): number => {
  const sorted = [...values].sort((left, right) => left - right);
  return sorted[Math.min(sorted.length - 1, Math.ceil(sorted.length * share) - 1)] ?? Number.NaN;
};

/** The number a query asks for, as Prometheus would write it; `undefined` for an empty answer. */
function measured(query: string, environment: string, served: readonly Served[]): string | undefined {
  if (query === QUERIES.events(environment)) return String(served.length);
  if (query === QUERIES.errors(environment)) return String(served.filter(({ ok }) => !ok).length / served.length);
  if (query === QUERIES.latency(environment))
    return String(
      percentile(
        served.map(({ milliseconds }) => milliseconds),
        0.95,
      ),
    );
  return undefined;
}

function vector(value: string | undefined, at: number): string {
  const result = value === undefined ? [] : [{ metric: {}, value: [at, value] }];
  return JSON.stringify({ status: 'success', data: { resultType: 'vector', result } });
}

/** A service with an old and a new revision in each environment, and its metrics, on loopback. */
export async function startLiveService(behaviours: Readonly<Record<string, Behaviour>>): Promise<LiveService> {
  const served = new Map<string, Served[]>(Object.keys(behaviours).map((name) => [name, []]));
  const stop = new AbortController();

  function query(url: URL, response: ServerResponse): void {
    const [asked, at] = [url.searchParams.get('query') ?? '', Number(url.searchParams.get('time'))];
    const found = [...served].find(([name]) => asked.includes(`environment="${name}"`));
    const [name = '', all = []] = found ?? [];
    const inWindow = all.filter((one) => one.at <= at && one.at > at - WINDOW_S);
    const vanished = behaviours[name] === 'vanishing' && all.length >= VANISH_AT;
    const value = vanished ? undefined : measured(asked, name, inWindow);
    response.writeHead(200, { 'content-type': 'application/json' }).end(vector(value, at));
  }

  function answer(request: IncomingMessage, response: ServerResponse): void {
    const began = performance.now();
    const url = new URL(request.url ?? '/', 'http://service');
    if (url.pathname === '/api/v1/query') {
      query(url, response);
      return;
    }
    const [, environment = '', which] = url.pathname.split('/');
    const counted = served.get(environment);
    if (which !== 'new' || !counted) {
      response.end('the old revision\n');
      return;
    }
    const ok = behaviours[environment] !== 'failing' || counted.length % FAILS_OF !== 0;
    response.writeHead(ok ? 200 : 500).end('the new revision\n');
    counted.push({ at: Date.now() / 1000, ok, milliseconds: performance.now() - began });
  }

  const server: Server = createServer(answer);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

  async function drive(proxy: string, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      // A server that was killed is down for a while.
      await fetch(proxy, { signal: AbortSignal.any([signal, AbortSignal.timeout(2000)]) })
        .then((response) => response.arrayBuffer())
        .catch(() => undefined);
      await delay(PAUSE_MS, undefined, { signal }).catch(() => undefined);
    }
  }

  return {
    revision: (environment, which) => `${base}/${environment}/${which}`,
    metrics: base,
    drive: (proxy) => {
      const enough = new AbortController();
      void drive(proxy, AbortSignal.any([enough.signal, stop.signal]));
      return () => enough.abort();
    },
    close: () =>
      new Promise((resolve) => {
        stop.abort();
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
}
