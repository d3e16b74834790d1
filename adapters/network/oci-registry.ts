import { createHash } from 'node:crypto';
import * as z from 'zod';
import { Fault } from '../../core/faults.ts';
import type { Clock } from '../../core/ports/clock.ts';
import type { Descriptor, Registry } from '../../core/ports/registry.ts';
import { OciDigest } from '../../events/fields.ts';
import { type Egress, type EgressResponse, NetworkFailure } from './egress.ts';
import { type Authorize, type Exchange, type RegistryCredentials, tokenFlow } from './oci-token.ts';

export interface OciRegistryOptions {
  readonly egress: Egress;
  readonly clock: Clock;
  /** Origin of the registry, `https://host[:port]`; `http` only for loopback in tests. */
  readonly url: string;
  /** Host as events and signatures name it. */
  readonly host: string;
  /** Path of the repository. */
  readonly name: string;
  /** Host (with port) of the token service; absent: the registry's own. */
  readonly tokenHost?: string;
  credentials(): Promise<RegistryCredentials | undefined>;
}

const REPOSITORY_NAME = /^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:\/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*$/;
const TAG = /^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$/;
const INDEX = 'application/vnd.oci.image.index.v1+json';
/** A HEAD that does not name all four is answered 404 by registries for the ones left out. */
const MANIFEST_TYPES = [
  INDEX,
  'application/vnd.oci.image.manifest.v1+json',
  'application/vnd.docker.distribution.manifest.list.v2+json',
  'application/vnd.docker.distribution.manifest.v2+json',
].join(', ');
const MAX_MANIFEST_BYTES = 4 * 1024 * 1024;
/** Callers stop at the size they expect; this is for those who lie about theirs. */
const MAX_BLOB_BYTES = 16 * 1024 ** 3;
const MANIFEST_TIMEOUT_MS = 30_000;
const BLOB_TIMEOUT_MS = 15 * 60_000;
const MAX_REFERRERS = 1000;
const MAX_PAGES = 100;
const MAX_ATTEMPTS = 3;
const MAX_WAIT_MS = 30_000;

const Referrers = z.object({
  manifests: z.array(
    z.object({
      mediaType: z.string(),
      digest: OciDigest,
      size: z.int().nonnegative(),
      artifactType: z.string().optional(),
      annotations: z.record(z.string(), z.string()).optional(),
    }),
  ),
});

/** One repository of an OCI registry over HTTP (distribution-spec 1.1). */
export function ociRegistry(options: OciRegistryOptions): Registry {
  const { host, name } = options;
  const base = new URL(options.url);
  if (!REPOSITORY_NAME.test(name)) throw new Fault('InputInvalid', `${name} is no repository name`);
  const send = sender(options, base);
  const at = (path: string) => new URL(`/v2/${name}/${path}`, base);

  const registry: Registry = {
    repository: `${host}/${name}`,

    async resolveTag(tag) {
      const response = await send({ method: 'HEAD', url: at(`manifests/${reference(tag)}`), accept: MANIFEST_TYPES });
      response.discard();
      if (response.status === 404) return undefined;
      expectStatus(response, 200);
      const named = OciDigest.safeParse(header(response, 'docker-content-digest'));
      if (named.success) return named.data;
      const manifest = await registry.manifest(tag);
      return manifest && digestOfBytes(manifest.bytes);
    },

    async manifest(ref) {
      const response = await send({ method: 'GET', url: at(`manifests/${reference(ref)}`), accept: MANIFEST_TYPES });
      if (response.status === 404) return absent(response);
      expectStatus(response, 200);
      return { mediaType: mediaTypeOf(response), bytes: await bytesOf(response) };
    },

    async blob(digest) {
      const response = await send({ method: 'GET', url: at(`blobs/${digest}`), large: true });
      if (response.status === 404) return absent(response);
      expectStatus(response, 200);
      return streamOf(response);
    },

    async referrers(digest) {
      return (await listReferrers(send, at(`referrers/${digest}`))) ?? (await fallbackReferrers(registry, digest));
    },

    async pushBlob(digest, bytes) {
      const existing = await send({ method: 'HEAD', url: at(`blobs/${digest}`) });
      existing.discard();
      if (existing.status === 200) return;
      if (existing.status !== 404) expectStatus(existing, 200);
      const session = await send({ method: 'POST', url: at('blobs/uploads/') });
      expectStatus(session, 202);
      session.discard();
      const upload = nextUrl(header(session, 'location'), at('blobs/uploads/'));
      upload.searchParams.set('digest', digest);
      const done = await send({
        method: 'PUT',
        url: upload,
        type: 'application/octet-stream',
        body: bytes,
        large: true,
      });
      expectStatus(done, 201);
      done.discard();
    },

    async pushManifest(ref, mediaType, bytes) {
      const url = at(`manifests/${reference(ref)}`);
      const response = await send({ method: 'PUT', url, type: mediaType, body: bytes });
      expectStatus(response, 201);
      response.discard();
      return { indexed: header(response, 'oci-subject') !== undefined };
    },
  };
  return registry;
}

function reference(ref: string): string {
  if (!TAG.test(ref) && !OciDigest.safeParse(ref).success)
    throw new Fault('InputInvalid', `${ref} is no tag or digest`);
  return ref;
}

const digestOfBytes = (bytes: Uint8Array): OciDigest =>
  OciDigest.parse(`sha256:${createHash('sha256').update(bytes).digest('hex')}`);

const header = ({ headers }: EgressResponse, name: string): string | undefined => {
  const value = headers[name];
  return Array.isArray(value) ? value[0] : value;
};
const mediaTypeOf = (response: EgressResponse) => (header(response, 'content-type') ?? '').split(';')[0]?.trim() ?? '';

/** `undefined` when the registry has no Referrers API: then the fallback tag counts (distribution-spec 1.1). */
async function listReferrers(send: Send, first: URL): Promise<Descriptor[] | undefined> {
  const found: Descriptor[] = [];
  let url: URL | undefined = first;
  for (let page = 0; url && page < MAX_PAGES && found.length < MAX_REFERRERS; page += 1) {
    const response: EgressResponse = await send({ method: 'GET', url, accept: INDEX });
    const supported = response.status === 200 && mediaTypeOf(response) === INDEX;
    if (!supported && page === 0 && [200, 400, 404, 405, 406].includes(response.status)) return absent(response);
    expectStatus(response, 200);
    found.push(...parseReferrers(await bytesOf(response)));
    const link = /<([^>]*)>\s*;[^,]*rel="?next"?/.exec(header(response, 'link') ?? '')?.[1];
    url = link === undefined ? undefined : sameOrigin(nextUrl(link, url), first);
  }
  return found.slice(0, MAX_REFERRERS);
}

async function fallbackReferrers(registry: Registry, digest: OciDigest): Promise<Descriptor[]> {
  const index = await registry.manifest(digest.replace(':', '-'));
  return index?.mediaType === INDEX ? parseReferrers(index.bytes).slice(0, MAX_REFERRERS) : [];
}

function parseReferrers(bytes: Uint8Array): Descriptor[] {
  try {
    const { manifests } = Referrers.parse(JSON.parse(Buffer.from(bytes).toString('utf8')));
    return manifests.map(({ artifactType, annotations, ...descriptor }) => ({
      ...descriptor,
      ...(artifactType === undefined ? {} : { artifactType }),
      ...(annotations === undefined ? {} : { annotations }),
    }));
  } catch (cause) {
    throw new Fault('RegistryUnreachable', 'the registry lists referrers in a form that cannot be read', { cause });
  }
}

interface Message {
  readonly method: 'GET' | 'HEAD' | 'POST' | 'PUT';
  readonly url: URL;
  readonly accept?: string;
  /** Media type of `body`. */
  readonly type?: string;
  readonly body?: Uint8Array;
  readonly large?: boolean;
}
type Send = (message: Message) => Promise<EgressResponse>;

/** One exchange with authentication and waiting. Credentials go to the registry's own origin only. */
function sender(options: OciRegistryOptions, base: URL): Send {
  const exchange = patiently(options.egress, options.clock);
  const authorize: Authorize = tokenFlow({
    exchange,
    clock: options.clock,
    origin: base.origin,
    tokenHost: options.tokenHost ?? base.host,
    credentials: () => options.credentials(),
  });
  let challenge: string | undefined;

  return async (message) => {
    const scope = `repository:${options.name}:${message.method === 'GET' || message.method === 'HEAD' ? 'pull' : 'pull,push'}`;
    const own = message.url.origin === base.origin;
    const known = own && challenge !== undefined ? await authorize(challenge, scope) : undefined;
    const response = await exchange(requestOf(message, known));
    if (response.status !== 401 || !own) return response;
    const asked = header(response, 'www-authenticate');
    response.discard();
    if (!asked) throw new Fault('RegistryUnreachable', 'the registry answered 401 without a challenge');
    challenge = asked;
    // A second 401 is the answer: fewer rights than asked for show only here.
    return exchange(requestOf(message, await authorize(asked, scope, known)));
  };
}

function requestOf({ method, url, accept, type, body, large }: Message, authorization: string | undefined) {
  return {
    method,
    url,
    headers: {
      ...(accept ? { accept } : {}),
      ...(type ? { 'content-type': type } : {}),
      ...(authorization ? { authorization } : {}),
    },
    ...(body ? { body } : {}),
    maxBytes: large ? MAX_BLOB_BYTES : MAX_MANIFEST_BYTES,
    timeoutMs: large ? BLOB_TIMEOUT_MS : MANIFEST_TIMEOUT_MS,
  };
}

/** Waits as asked on 429 and 503, which mean that nothing was done; a lost answer is asked for again only when reading. */
function patiently(egress: Egress, clock: Clock): Exchange {
  return async (request) => {
    const reads = request.method === undefined || request.method === 'GET' || request.method === 'HEAD';
    for (let attempt = 1; ; attempt += 1) {
      const last = attempt >= MAX_ATTEMPTS;
      let waitMs = 250 * 2 ** attempt;
      try {
        const response = await egress.request(request);
        if (last || (response.status !== 429 && response.status !== 503)) return response;
        waitMs = retryAfterMs(header(response, 'retry-after'), clock) ?? waitMs;
        response.discard();
      } catch (error) {
        if (!(error instanceof NetworkFailure)) throw error;
        if (last || !reads) throw new Fault('RegistryUnreachable', error.message, { cause: error });
      }
      await clock.sleep(Math.min(waitMs, MAX_WAIT_MS));
    }
  };
}

/** Seconds or an HTTP date (RFC 9110 §10.2.3). */
function retryAfterMs(after: string | undefined, clock: Clock): number | undefined {
  if (after === undefined) return undefined;
  if (/^\d{1,9}$/.test(after)) return Number(after) * 1000;
  const until = Date.parse(after);
  return Number.isNaN(until) ? undefined : Math.max(0, until - clock.now());
}

/** Never from HTTPS to anything weaker, and no credentials hidden in the URL. */
function nextUrl(location: string | undefined, from: URL): URL {
  if (!location || !URL.canParse(location, from.href))
    throw new Fault('RegistryUnreachable', 'the registry names no next URL');
  const next = new URL(location, from);
  if ((next.protocol !== 'https:' && next.protocol !== from.protocol) || next.username || next.password)
    throw new Fault('EgressRefused', `the registry sends us to ${next.protocol}//${next.host}`);
  return next;
}

function sameOrigin(url: URL, as: URL): URL {
  if (url.origin !== as.origin) throw new Fault('EgressRefused', `the registry pages to ${url.host}`);
  return url;
}

function expectStatus(response: EgressResponse, status: number): void {
  if (response.status === status) return;
  response.discard();
  throw new Fault('RegistryUnreachable', `the registry answered ${response.status} where ${status} was expected`);
}

function absent(response: EgressResponse): undefined {
  response.discard();
  return undefined;
}

async function bytesOf(response: EgressResponse): Promise<Uint8Array> {
  try {
    return await response.bytes();
  } catch (error) {
    throw brokenOff(error);
  }
}

/** Body as a stream; one that breaks off is the registry's fault, not an end. */
async function* streamOf(response: EgressResponse): AsyncIterable<Uint8Array> {
  try {
    yield* response.body;
  } catch (error) {
    throw brokenOff(error);
  }
}

const brokenOff = (error: unknown): unknown =>
  error instanceof NetworkFailure
    ? new Fault('RegistryUnreachable', 'the answer of the registry broke off', { cause: error })
    : error;
