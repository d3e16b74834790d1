import { type LookupAddress, lookup as systemLookup } from 'node:dns';
import { Agent as HttpAgent, request as httpRequest, type IncomingHttpHeaders, type IncomingMessage } from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import { isIP, type LookupFunction } from 'node:net';
import { Fault } from '../../core/faults.ts';
import { isLoopbackAddress, isReservedAddress } from './address.ts';

/** Platform helper: the one way out to other hosts, for every network adapter (docs/security.md). */

/** A host that may be reached. `host` is exact: a name, or `name:port` where the port is not the scheme's own. */
export interface EgressHost {
  readonly host: string;
  /** Loopback and private addresses are refused without this; `http:` is for loopback only. */
  readonly private: boolean;
}

export interface EgressRequest {
  readonly method?: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  readonly url: URL;
  /** Lower-case names. `authorization` and `cookie` are dropped when a redirect leaves the origin. */
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Uint8Array;
  /** Longest body that is read; more is `LimitExceeded`. */
  readonly maxBytes: number;
  /** From the call to the last byte of the body, redirects included. */
  readonly timeoutMs: number;
  /** Redirects of GET and HEAD that are followed; the rest are returned. Default 5. */
  readonly maxRedirects?: number;
}

export interface EgressResponse {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  /** Where the answer came from, after redirects. */
  readonly url: URL;
  /** The body once, in pieces; or all of it. An unread body MUST be discarded. */
  readonly body: AsyncIterable<Uint8Array>;
  bytes(): Promise<Uint8Array>;
  discard(): void;
}

/** Throws `EgressRefused` (never retry), `LimitExceeded` (body too long), or `NetworkFailure` (may pass later). */
export interface Egress {
  request(request: EgressRequest): Promise<EgressResponse>;
  /** Closes idle connections. */
  close(): void;
}

/** The other side or the way to it failed; adapters translate it into their own fault. Messages hold no credentials. */
export class NetworkFailure extends Error {
  override readonly name = 'NetworkFailure';
  readonly kind: 'unreachable' | 'timeout';
  constructor(kind: 'unreachable' | 'timeout', message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.kind = kind;
  }
}

export type ResolveHost = (hostname: string) => Promise<readonly LookupAddress[]>;

const resolveWithSystem: ResolveHost = (hostname) =>
  new Promise((resolve, reject) =>
    systemLookup(hostname, { all: true, verbatim: true }, (error, addresses) =>
      error ? reject(error) : resolve(addresses),
    ),
  );

const REDIRECTS = new Set([301, 302, 303, 307, 308]);
const CREDENTIALS = new Set(['authorization', 'cookie', 'proxy-authorization']);
const DEFAULT_REDIRECTS = 5;
const MAX_SOCKETS = 16;

const bareHostname = (url: URL) => url.hostname.replace(/^\[|\]$/g, '');
/** Origin and path; a query may hold a token. */
const shown = (url: URL) => `${url.origin}${url.pathname}`;

/** Checks that the URL is of a listed host and, where it names an address, that this address is allowed. */
function listedHost(hosts: ReadonlyMap<string, EgressHost>, url: URL): EgressHost {
  const listed = hosts.get(url.host);
  if (!listed) throw new Fault('EgressRefused', `${url.host} is not a listed host`);
  if (url.username !== '' || url.password !== '')
    throw new Fault('EgressRefused', `the URL of ${url.host} holds credentials`);
  if (url.protocol !== 'https:' && !(url.protocol === 'http:' && listed.private))
    throw new Fault('EgressRefused', `${url.protocol} is not allowed for ${url.host}`);
  const hostname = bareHostname(url);
  if (isIP(hostname) !== 0) checkAddress(hostname, listed, url.protocol);
  return listed;
}

function checkAddress(address: string, listed: EgressHost, protocol: string): void {
  if (!listed.private && isReservedAddress(address))
    throw new Fault('EgressRefused', `${listed.host} leads to a private address`);
  if (protocol === 'http:' && !isLoopbackAddress(address))
    throw new Fault('EgressRefused', `http is not allowed for ${listed.host}: only for loopback`);
}

/** Sockets connect to the very addresses that were checked: nothing resolves the name a second time. */
const pinnedLookup =
  (resolve: ResolveHost, listed: EgressHost, protocol: string): LookupFunction =>
  (hostname, options, done) => {
    const answer = async () => {
      const addresses = await resolve(hostname);
      for (const { address } of addresses) checkAddress(address, listed, protocol);
      return addresses;
    };
    answer().then(
      (addresses) => {
        const [first] = addresses;
        if (!first) done(new Error('the name has no address'), '');
        else if (options.all === true) done(null, [...addresses]);
        else done(null, first.address, first.family);
      },
      (error) => done(error, ''),
    );
  };

/** Headers for another URL: credentials never cross an origin. */
function headersFor(headers: Readonly<Record<string, string>>, from: URL, to: URL): Record<string, string> {
  if (from.origin === to.origin) return { ...headers };
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !CREDENTIALS.has(name.toLowerCase())));
}

function failureOf(error: unknown, url: URL, timedOut: boolean): Error {
  if (error instanceof Fault) return error;
  if (timedOut) return new NetworkFailure('timeout', `${shown(url)} took too long`, { cause: error });
  const code = error instanceof Error && 'code' in error ? ` (${String(error.code)})` : '';
  return new NetworkFailure('unreachable', `${shown(url)} could not be reached${code}`, { cause: error });
}

/** One deadline for a request, its redirects and its body. */
class Deadline {
  readonly controller = new AbortController();
  readonly #timer: NodeJS.Timeout;
  constructor(timeoutMs: number) {
    this.#timer = setTimeout(() => this.controller.abort(), timeoutMs);
  }
  get passed(): boolean {
    return this.controller.signal.aborted;
  }
  end(): void {
    clearTimeout(this.#timer);
  }
}

async function* limitedBody(message: IncomingMessage, url: URL, maxBytes: number, deadline: Deadline) {
  let size = 0;
  try {
    for await (const chunk of message) {
      const bytes: Uint8Array = chunk;
      size += bytes.length;
      if (size > maxBytes) throw new Fault('LimitExceeded', `${shown(url)} sent more than ${maxBytes} bytes`);
      yield bytes;
    }
    // A message that ends early is `aborted` and throws; one without a length ends when it ends.
  } catch (error) {
    throw failureOf(error, url, deadline.passed);
  } finally {
    deadline.end();
    message.destroy();
  }
}

function responseOf(message: IncomingMessage, url: URL, request: EgressRequest, deadline: Deadline): EgressResponse {
  const { maxBytes } = request;
  const hasBody = request.method !== 'HEAD';
  if (Number(message.headers['content-length'] ?? 0) > maxBytes && hasBody) {
    deadline.end();
    message.destroy();
    throw new Fault('LimitExceeded', `${shown(url)} announces more than ${maxBytes} bytes`);
  }
  const body = limitedBody(message, url, maxBytes, deadline);
  return {
    status: message.statusCode ?? 0,
    headers: message.headers,
    url,
    body,
    bytes: async () => {
      const chunks: Uint8Array[] = [];
      for await (const chunk of body) chunks.push(chunk);
      return new Uint8Array(Buffer.concat(chunks));
    },
    discard: () => {
      deadline.end();
      // Short bodies are read to keep the connection; the limit of what is read is the socket's buffer.
      message.on('error', () => {});
      message.resume();
    },
  };
}

/** The egress client over the listed hosts. `resolve` replaces the system's resolver in tests. */
export function openEgress(hosts: readonly EgressHost[], resolve: ResolveHost = resolveWithSystem): Egress {
  const listed = new Map(hosts.map((host) => [host.host.toLowerCase(), host]));
  const agents = {
    'http:': new HttpAgent({ keepAlive: true, maxSockets: MAX_SOCKETS }),
    'https:': new HttpsAgent({ keepAlive: true, maxSockets: MAX_SOCKETS }),
  };

  const send = (url: URL, request: EgressRequest, headers: Record<string, string>, deadline: Deadline) =>
    new Promise<IncomingMessage>((answered, failed) => {
      const host = listedHost(listed, url);
      const secure = url.protocol === 'https:';
      const outgoing = (secure ? httpsRequest : httpRequest)(url, {
        method: request.method ?? 'GET',
        headers: { ...headers, ...(request.body ? { 'content-length': String(request.body.length) } : {}) },
        agent: secure ? agents['https:'] : agents['http:'],
        lookup: pinnedLookup(resolve, host, url.protocol),
        signal: deadline.controller.signal,
      });
      outgoing.on('response', answered);
      outgoing.on('error', (error) => failed(failureOf(error, url, deadline.passed)));
      outgoing.end(request.body);
    });

  const follow = async (request: EgressRequest, deadline: Deadline): Promise<EgressResponse> => {
    const repeatable = request.method === undefined || request.method === 'GET' || request.method === 'HEAD';
    let url = request.url;
    let headers: Record<string, string> = { ...request.headers };
    for (let left = request.maxRedirects ?? DEFAULT_REDIRECTS; ; left -= 1) {
      const message = await send(url, request, headers, deadline);
      const location = message.headers.location;
      if (!REDIRECTS.has(message.statusCode ?? 0) || !repeatable || location === undefined || left <= 0)
        return responseOf(message, url, request, deadline);
      message.on('error', () => {});
      message.resume();
      if (!URL.canParse(location, url.href))
        throw new NetworkFailure('unreachable', `${shown(url)} redirects to what is no URL`);
      const next = new URL(location, url.href);
      headers = headersFor(headers, url, next);
      url = next;
    }
  };

  return {
    async request(request) {
      const deadline = new Deadline(request.timeoutMs);
      try {
        return await follow(request, deadline);
      } catch (error) {
        deadline.end();
        throw error;
      }
    },
    close() {
      agents['http:'].destroy();
      agents['https:'].destroy();
    },
  };
}
