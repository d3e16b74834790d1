import {
  Agent,
  createServer,
  type IncomingMessage,
  type OutgoingHttpHeaders,
  request,
  type Server,
  type ServerResponse,
} from 'node:http';
import { pipeline } from 'node:stream/promises';
import { Fault } from '../../core/faults.ts';
import type { RolloutTarget } from '../../core/ports/rollout-target.ts';

/** Where one request goes. */
interface Route {
  readonly revision: string;
  readonly url: URL;
}

export interface RolloutProxyOptions {
  /** Chooses for each request, and is what operators and promotions change. */
  readonly target: RolloutTarget & {
    readonly name: string;
    readonly revisions: readonly string[];
    route(): Route | undefined;
  };
  readonly listen: { readonly host: string; readonly port: number };
  /** How long a revision may take to accept a connection. Default 2000. */
  readonly connectTimeoutMs?: number;
  /** How long a connection may lie still while a request is under way, in either direction. Default 60 000. */
  readonly idleTimeoutMs?: number;
}

export interface RolloutProxy {
  readonly target: RolloutTarget;
  readonly url: string;
  /** Requests by revision and status, in the text format of Prometheus (version 0.0.4). */
  metrics(): string;
  /** Takes no more requests, and waits at most 5 s for those under way. */
  close(): Promise<void>;
}

const CLOSE_MS = 5000;
/** What a revision's requests are counted under when the client left before the answer: not an error of the revision. */
const CLIENT_LEFT = 499;

/** Headers about one connection, which end here (RFC 9110 §7.6.1); `expect` was answered by the server itself. */
const HOP_BY_HOP = [
  'connection',
  'expect',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
];

function endToEnd({ headersDistinct, headers }: IncomingMessage): OutgoingHttpHeaders {
  const named = (headers.connection ?? '').split(',').map((name) => name.trim().toLowerCase());
  const ended = new Set([...HOP_BY_HOP, ...named]);
  return Object.fromEntries(Object.entries(headersDistinct).filter(([name]) => !ended.has(name)));
}

function forwardedHeaders(incoming: IncomingMessage, { url }: Route): OutgoingHttpHeaders {
  const { headers, httpVersion, socket } = incoming;
  const passed = endToEnd(incoming);
  const listOf = (name: string, next: string) => [...[passed[name] ?? []].flat(), next].join(', ');
  return {
    ...passed,
    host: headers.host ?? url.host,
    via: listOf('via', `${httpVersion} relseal`),
    'x-forwarded-for': listOf('x-forwarded-for', socket.remoteAddress ?? 'unknown'),
    // Node.js frames no body of a GET or DELETE by itself; and no client may name the frame in `connection` to take it off.
    ...(headers['content-length'] === undefined ? {} : { 'content-length': headers['content-length'] }),
    ...(headers['transfer-encoding'] === undefined ? {} : { 'transfer-encoding': 'chunked' }),
  };
}

/** Path and query at the revision; `undefined` for a request target that has none (`*`, `host:port`). */
function pathAt({ url: base }: Route, target: string): string | undefined {
  const prefix = base.pathname.replace(/\/$/, '');
  if (target.startsWith('/')) return prefix + target;
  if (!/^https?:\/\//i.test(target) || !URL.canParse(target)) return undefined;
  const { pathname, search } = new URL(target);
  return prefix + pathname + search;
}

const hasBody = ({ headers }: IncomingMessage) =>
  headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;

class Overdue extends Error {}
/** A kept connection was closed by the other side as the request went out on it: the revision has not seen it. */
class StaleConnection extends Error {}

interface Passage {
  readonly incoming: IncomingMessage;
  readonly route: Route;
  readonly path: string;
  /** Aborted when the client leaves. */
  readonly left: AbortSignal;
  readonly connectTimeoutMs: number;
  readonly idleTimeoutMs: number;
}

/** Sends the request on, body and all; resolves with the head of the answer. Without an agent: a connection of its own. */
const send = ({ incoming, route, path, left, ...limits }: Passage, agent: Agent | false): Promise<IncomingMessage> =>
  new Promise((answered, failed) => {
    const { hostname, port } = route.url;
    const sent = request({
      hostname: hostname.replace(/^\[|\]$/g, ''),
      port,
      path,
      method: incoming.method,
      headers: forwardedHeaders(incoming, route),
      agent,
      signal: left,
    });
    sent.on('response', answered);
    sent.on('error', (error) => {
      const stale = sent.reusedSocket && 'code' in error && error.code === 'ECONNRESET';
      failed(stale ? new StaleConnection(error.message, { cause: error }) : error);
    });
    sent.setTimeout(limits.idleTimeoutMs, () => sent.destroy(new Overdue('the revision lies still')));
    sent.on('socket', (socket) => {
      if (!socket.connecting) return;
      const late = () => sent.destroy(new Overdue('the revision accepts no connection'));
      const timer = setTimeout(late, limits.connectTimeoutMs);
      for (const event of ['connect', 'close']) socket.once(event, () => clearTimeout(timer));
    });
    if (!hasBody(incoming)) return sent.end();
    sent.flushHeaders();
    return incoming.pipe(sent);
  });

/** Kept connections are for requests that may be sent twice, since one may be closed as it is used. */
async function ask(passage: Passage, agent: Agent): Promise<IncomingMessage> {
  const { incoming } = passage;
  const repeatable = (incoming.method === 'GET' || incoming.method === 'HEAD') && !hasBody(incoming);
  try {
    return await send(passage, repeatable ? agent : false);
  } catch (error) {
    if (!(error instanceof StaleConnection)) throw error;
    return send(passage, false);
  }
}

const PROBLEMS = {
  400: ['request-invalid', 'The request has no path'],
  501: ['not-supported', 'Neither WebSocket nor transfer codings other than chunked are supported here'],
  502: ['revision-unreachable', 'The revision could not be reached'],
  503: ['no-revision', 'No revision runs here'],
  504: ['revision-overdue', 'The revision took too long'],
} as const;
type ProblemStatus = keyof typeof PROBLEMS;

function refuse(response: ServerResponse, status: ProblemStatus): ProblemStatus {
  const [fact, title] = PROBLEMS[status];
  const code = `proxy.${fact}`;
  response.writeHead(status, { 'content-type': 'application/problem+json', 'cache-control': 'no-store' });
  response.end(JSON.stringify({ type: `urn:relseal:problem:${code}`, title, status, code }));
  return status;
}

/** Passes one request on and its answer back; gives the status that it counts under. */
async function relay(response: ServerResponse, passage: Omit<Passage, 'left'>, agent: Agent): Promise<number> {
  const leaving = new AbortController();
  response.once('close', () => {
    if (!response.writableFinished) leaving.abort();
  });
  let broken = false;
  try {
    const answer = await ask({ ...passage, left: leaving.signal }, agent);
    // Whoever ends first tells: a client that leaves ends the answer as well.
    answer.once('error', () => {
      broken = !leaving.signal.aborted;
    });
    response.writeHead(answer.statusCode ?? 0, endToEnd(answer));
    response.flushHeaders();
    await pipeline(answer, response);
  } catch (error) {
    if (leaving.signal.aborted && !broken) return response.headersSent ? response.statusCode : CLIENT_LEFT;
    if (!response.headersSent) return refuse(response, error instanceof Overdue ? 504 : 502);
    // The client has the head of the answer, and sees its body end too early.
    response.destroy();
    return 502;
  } finally {
    // What a revision did not want of the body must not stop the next request of this connection.
    passage.incoming.unpipe();
    passage.incoming.resume();
  }
  return response.statusCode;
}

/** Requests that are not passed on at all. */
function unsupported({ headers }: IncomingMessage): boolean {
  const coding = headers['transfer-encoding'];
  return /\bwebsocket\b/i.test(headers.upgrade ?? '') || (coding !== undefined && coding.toLowerCase() !== 'chunked');
}

/** Statuses whose series begin at zero: `rate()` does not see the first event of a series that begins with it. */
const COUNTED_FROM_ZERO = [200, 500, 502, 503, 504];
const NO_REVISION = 'none';

function requestCounts(target: string, revisions: readonly string[]) {
  const counts = new Map(
    revisions.map((revision) => [revision, new Map(COUNTED_FROM_ZERO.map((code) => [code, 0]))] as const),
  );
  const name = 'relseal_proxy_requests_total';
  const quoted = (text: string) => text.replace(/[\\"]/g, '\\$&').replaceAll('\n', '\\n');
  return {
    count(revision: string, code: number): void {
      const codes = counts.get(revision) ?? new Map<number, number>();
      counts.set(revision, codes.set(code, (codes.get(code) ?? 0) + 1));
    },
    text(): string {
      const lines = [...counts].flatMap(([revision, codes]) =>
        [...codes].map(
          ([code, value]) => `${name}{target="${quoted(target)}",revision="${revision}",code="${code}"} ${value}\n`,
        ),
      );
      return `# HELP ${name} Requests that ended, by the revision they went to.\n# TYPE ${name} counter\n${lines.join('')}`;
    },
  };
}

const listening = (server: Server, { host, port }: RolloutProxyOptions['listen']): Promise<string> =>
  new Promise((resolve, reject) => {
    server.once('error', (error) =>
      reject(new Fault('ConfigurationInvalid', `cannot listen on ${host}:${port}`, { cause: error })),
    );
    server.listen(port, host, () => {
      const address = server.address();
      const bound = address !== null && typeof address === 'object' ? address.port : port;
      resolve(`http://${host.includes(':') ? `[${host}]` : host}:${bound}`);
    });
  });

/**
 * A reverse proxy of HTTP/1.1 in front of the revisions of one target. Bodies stream both ways; a request under way stays
 * with its revision whatever is set meanwhile.
 */
export async function startRolloutProxy(options: RolloutProxyOptions): Promise<RolloutProxy> {
  const { target, listen, connectTimeoutMs = 2000, idleTimeoutMs = 60_000 } = options;
  const agent = new Agent({ keepAlive: true });
  const counts = requestCounts(target.name, target.revisions);
  const server = createServer(async (incoming, response) => {
    if (unsupported(incoming)) return counts.count(NO_REVISION, refuse(response, 501));
    const route = target.route();
    if (!route) return counts.count(NO_REVISION, refuse(response, 503));
    const path = pathAt(route, incoming.url ?? '');
    if (path === undefined) return counts.count(NO_REVISION, refuse(response, 400));
    const passage = { incoming, route, path, connectTimeoutMs, idleTimeoutMs };
    counts.count(route.revision, await relay(response, passage, agent));
  });
  const url = await listening(server, listen);
  return {
    target,
    url,
    metrics: counts.text,
    close: () =>
      new Promise((closed) => {
        const limit = setTimeout(() => server.closeAllConnections(), CLOSE_MS);
        server.close(() => {
          clearTimeout(limit);
          agent.destroy();
          closed();
        });
      }),
  };
}
