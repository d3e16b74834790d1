import { open, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Fault } from '../../core/faults.ts';
import { type Egress, type EgressResponse, NetworkFailure } from './egress.ts';

/** Platform helper: GOPROXY lists and their endpoints, for modules and for the checksum database alike. */

/** One entry of a GOPROXY list. `onAnyError`: it was followed by `|`, so any failure moves on to the next. */
export type ProxyEntry =
  | { readonly kind: 'off'; readonly onAnyError: boolean }
  | { readonly kind: 'direct'; readonly onAnyError: boolean }
  | { readonly kind: 'https'; readonly base: URL; readonly authorization?: string; readonly onAnyError: boolean }
  | { readonly kind: 'file'; readonly folder: string; readonly onAnyError: boolean };

export type ProxyEndpoint = Extract<ProxyEntry, { kind: 'https' | 'file' }>;

function readEntry(text: string, onAnyError: boolean): ProxyEntry {
  if (text === 'off' || text === 'direct') return { kind: text, onAnyError };
  // As the go command: an entry without a scheme is https.
  const written = /^[a-z][a-z0-9+.-]*:\/\//i.test(text) ? text : `https://${text}`;
  if (!URL.canParse(written)) throw new Fault('ConfigurationInvalid', 'a GOPROXY entry is no URL');
  const url = new URL(written);
  if (url.protocol === 'file:') return { kind: 'file', folder: fileURLToPath(url), onAnyError };
  return { ...httpEndpoint(url), onAnyError };
}

/** An endpoint at a URL; what the URL holds as credentials becomes a header. */
export function httpEndpoint(given: URL): Extract<ProxyEntry, { kind: 'https' }> {
  const url = new URL(given);
  if (url.protocol !== 'https:' && url.protocol !== 'http:')
    throw new Fault('ConfigurationInvalid', `a module proxy or checksum database of scheme ${url.protocol}`);
  const [username, password] = [decodeURIComponent(url.username), decodeURIComponent(url.password)];
  url.username = '';
  url.password = '';
  url.pathname = url.pathname.replace(/\/*$/, '/');
  const authorization =
    username || password ? `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}` : undefined;
  return { kind: 'https', base: url, onAnyError: false, ...(authorization ? { authorization } : {}) };
}

/** Parses a GOPROXY list; entries behind `off` or `direct` are never asked, as in the go command. */
export function parseProxyList(list: string): readonly ProxyEntry[] {
  const entries: ProxyEntry[] = [];
  for (const [, text = '', separator] of list.matchAll(/([^,|]*)([,|]|$)/g)) {
    const trimmed = text.trim();
    if (trimmed === '') continue;
    const entry = readEntry(trimmed, separator === '|');
    entries.push(entry);
    if (entry.kind === 'off' || entry.kind === 'direct') break;
  }
  if (entries.length === 0) throw new Fault('ConfigurationInvalid', 'the GOPROXY list is empty');
  return entries;
}

export interface FetchLimits {
  readonly maxBytes: number;
  readonly timeoutMs: number;
}

export interface ProxyClient {
  readonly egress: Egress;
  /** Waits between attempts; replaced in tests. */
  readonly sleep: (ms: number) => Promise<void>;
}

const ATTEMPTS = 4;
const FIRST_DELAY_MS = 200;
const MAX_DELAY_MS = 10_000;

const delayBefore = (attempt: number, retryAfterMs: number): number =>
  Math.min(MAX_DELAY_MS, Math.max(retryAfterMs, FIRST_DELAY_MS * 2 ** attempt * (0.5 + Math.random())));

const isRetryable = (status: number) => status === 408 || status === 429 || status >= 500;
const absent = (status: number) => status === 404 || status === 410;

async function once<T>(
  { egress }: ProxyClient,
  endpoint: Extract<ProxyEndpoint, { kind: 'https' }>,
  url: URL,
  limits: FetchLimits,
  read: (response: EgressResponse) => Promise<T>,
): Promise<{ value: T | undefined } | { failure: NetworkFailure; retryAfterMs: number }> {
  try {
    const headers = endpoint.authorization ? { authorization: endpoint.authorization } : {};
    const response = await egress.request({ url, headers, ...limits });
    if (response.status === 200) return { value: await read(response) };
    response.discard();
    if (absent(response.status)) return { value: undefined };
    const failure = new NetworkFailure('unreachable', `${url.origin}${url.pathname} answered ${response.status}`);
    if (!isRetryable(response.status)) throw failure;
    return { failure, retryAfterMs: Number(response.headers['retry-after'] ?? 0) * 1000 || 0 };
  } catch (error) {
    if (error instanceof NetworkFailure && !/ answered /.test(error.message))
      return { failure: error, retryAfterMs: 0 };
    throw error;
  }
}

/** Reads one resource; `undefined` on 404 and 410. Network failures, 429 and 5xx are tried again, four times in all. */
async function fetchHttps<T>(
  client: ProxyClient,
  endpoint: Extract<ProxyEndpoint, { kind: 'https' }>,
  path: string,
  limits: FetchLimits,
  read: (response: EgressResponse) => Promise<T>,
): Promise<T | undefined> {
  const url = new URL(endpoint.base.href + path);
  for (let attempt = 0; ; attempt += 1) {
    const answer = await once(client, endpoint, url, limits, read);
    if ('value' in answer) return answer.value;
    if (attempt + 1 >= ATTEMPTS) throw answer.failure;
    await client.sleep(delayBefore(attempt, answer.retryAfterMs));
  }
}

/** No such file, or a file where a folder would have to be. */
export const isNotFound = (error: unknown): boolean =>
  error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENOTDIR');

/** A file as bytes; `undefined` when there is none, `LimitExceeded` when it is too large. */
export async function readBounded(file: string, maxBytes: number): Promise<Uint8Array | undefined> {
  try {
    const handle = await open(file, 'r');
    try {
      if ((await handle.stat()).size > maxBytes)
        throw new Fault('LimitExceeded', `${file} is larger than ${maxBytes} bytes`);
      return new Uint8Array(await readFile(handle));
    } finally {
      await handle.close();
    }
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
}

/** A resource of one endpoint as bytes; `undefined` when the endpoint says that there is none. */
export const fetchBytes = (
  client: ProxyClient,
  endpoint: ProxyEndpoint,
  path: string,
  limits: FetchLimits,
): Promise<Uint8Array | undefined> =>
  endpoint.kind === 'file'
    ? readBounded(join(endpoint.folder, path), limits.maxBytes)
    : fetchHttps(client, endpoint, path, limits, (response) => response.bytes());

/** As `fetchBytes`, the body given to `read` in pieces; `read` starts anew at each attempt. */
export const fetchStream = <T>(
  client: ProxyClient,
  endpoint: Extract<ProxyEndpoint, { kind: 'https' }>,
  path: string,
  limits: FetchLimits,
  read: (body: AsyncIterable<Uint8Array>) => Promise<T>,
): Promise<T | undefined> => fetchHttps(client, endpoint, path, limits, (response) => read(response.body));
