import { ByteWindow } from '../../core/git/byte-window.ts';
import { type PackLimits, readPack } from '../../core/git/pack-stream.ts';
import type { ReadObject } from '../../core/git/repository.ts';
import { unreadableGit } from '../../core/git/unreadable.ts';
import {
  type FetchRequest,
  fetchRequest,
  lsRefsRequest,
  type RemoteRef,
  readAdvertisement,
  readLsRefs,
  readPackBands,
} from '../../core/git/upload-pack.ts';
import type { Secrets } from '../../core/ports/secrets.ts';
import { type Egress, type EgressResponse, NetworkFailure } from './egress.ts';

/** Platform helper: a git repository behind HTTP, read without a git program (gitprotocol-http, smart servers only). */

const REFS_LIMITS = { maxBytes: 64 * 1024 * 1024, timeoutMs: 30_000 };
const PACK_TRANSFER_LIMITS = { maxBytes: 500 * 1024 * 1024, timeoutMs: 300_000 };
/** Files of a tree within the bounds of a source, its folders, and tags; or a history of commits. */
const PACK_LIMITS: PackLimits = { objects: 1_000_000, bytes: 600 * 1024 * 1024 };

/** With a user name: Basic; a password alone is a bearer token. */
export interface GitCredentials {
  readonly username?: string;
  readonly password: string;
}

/** What a configuration names, read anew each time: a secret may be rotated. */
export const gitCredentials =
  (
    secrets: Secrets,
    { username, password }: { readonly username?: string | undefined; readonly password?: string | undefined },
  ) =>
  async (): Promise<GitCredentials | undefined> => {
    if (password === undefined) return undefined;
    const [value = ''] = await secrets.values(password);
    if (username === undefined) return { password: value };
    const [user = ''] = await secrets.values(username);
    return { username: user, password: value };
  };

export interface GitRemoteOptions {
  readonly egress: Egress;
  /** The repository, as `git clone` takes it. */
  readonly url: URL;
  readonly credentials?: () => Promise<GitCredentials | undefined>;
  /** Bounds of one pack; lower in tests. */
  readonly packLimits?: PackLimits;
  readonly timeoutMs?: number;
}

/** What a server listed, and the way to fetch it. */
export interface GitRemote {
  readonly refs: readonly RemoteRef[];
  /** Whether the server gives a commit behind a ref by its id; where not, only what `refs` names can be wanted. */
  readonly givesAncestors: boolean;
  /**
   * Objects reachable from `wants`, every id computed. Callers MUST want only what `refs` names or what they have found
   * to be an ancestor of it: a server may give out commits that no branch or tag holds.
   */
  fetch(request: FetchRequest): Promise<ReadObject>;
}

const authorizationOf = ({ username, password }: GitCredentials): string =>
  username === undefined
    ? `Bearer ${password}`
    : `Basic ${Buffer.from(`${username}:${password}`, 'utf8').toString('base64')}`;

/** A way that fails and a server that answers with an error are one to whoever reads a source. */
async function reach(egress: Egress, request: Parameters<Egress['request']>[0]): Promise<EgressResponse> {
  try {
    return await egress.request(request);
  } catch (error) {
    throw asUnreadable(error);
  }
}

const asUnreadable = (error: unknown): unknown =>
  error instanceof NetworkFailure ? unreadableGit(error.message, error) : error;

/** Reads an answer to its end or not at all; what is left of it is never waited for. */
async function readBody<T>(
  response: EgressResponse,
  type: string,
  read: (window: ByteWindow) => Promise<T>,
): Promise<T> {
  const window = new ByteWindow(response.body);
  try {
    if (response.status !== 200) throw unreadableGit(`${response.url.host} answered ${response.status}`);
    if (response.headers['content-type'] !== `application/x-git-upload-pack-${type}`)
      throw unreadableGit(`${response.url.host} does not speak the smart protocol`);
    return await read(window);
  } catch (error) {
    throw asUnreadable(error);
  } finally {
    await window.close();
  }
}

const INFO_REFS = '/info/refs';
const QUERY = '?service=git-upload-pack';

/** Where the repository is after redirects: they may move it as a whole, and nothing else. */
function movedTo(answered: URL): string {
  if (!answered.pathname.endsWith(INFO_REFS) || answered.search !== QUERY)
    throw unreadableGit(`${answered.host} redirects away from the repository`);
  return `${answered.origin}${answered.pathname.slice(0, -INFO_REFS.length)}`;
}

const baseOf = (url: URL) => `${url.origin}${url.pathname.replace(/\/+$/, '')}`;

/** Credentials are for the origin they were configured for; a redirect does not take them along. */
async function headersFor({ url, credentials }: GitRemoteOptions, to: string): Promise<Record<string, string>> {
  const known = new URL(to).origin === url.origin ? await credentials?.() : undefined;
  return { 'git-protocol': 'version=2', ...(known ? { authorization: authorizationOf(known) } : {}) };
}

/**
 * Asks a repository for the refs whose names begin with one of `prefixes`. `undefined`: the server says that there is no
 * such repository (404, 410), which it also says to those who may not see it. Throws `SourceUnreachable`,
 * `EgressRefused`, `LimitExceeded`, or `ConfigurationInvalid` for a repository of SHA-256 ids.
 */
export async function openGitRemote(
  options: GitRemoteOptions,
  prefixes: readonly string[],
): Promise<GitRemote | undefined> {
  const { egress, url, packLimits = PACK_LIMITS } = options;
  const withTimeout = (limits: typeof REFS_LIMITS) => ({
    ...limits,
    ...(options.timeoutMs && { timeoutMs: options.timeoutMs }),
  });
  const asked = new URL(`${baseOf(url)}${INFO_REFS}${QUERY}`);
  const headers = await headersFor(options, asked.origin);
  const listing = await reach(egress, { url: asked, headers, ...withTimeout(REFS_LIMITS) });
  if (listing.status === 404 || listing.status === 410) {
    listing.discard();
    return undefined;
  }
  const server = await readBody(listing, 'advertisement', readAdvertisement);
  const base = movedTo(listing.url);

  const post = async (body: string, limits: typeof REFS_LIMITS) =>
    reach(egress, {
      method: 'POST',
      url: new URL(`${base}/git-upload-pack`),
      headers: {
        ...(await headersFor(options, base)),
        'content-type': 'application/x-git-upload-pack-request',
        accept: 'application/x-git-upload-pack-result',
      },
      body: Buffer.from(body),
      ...withTimeout(limits),
    });

  const listed =
    server.version === 2
      ? await readBody(await post(lsRefsRequest(server, prefixes), REFS_LIMITS), 'result', readLsRefs)
      : server.refs;
  return {
    refs: listed.filter(({ name }) => prefixes.some((prefix) => name.startsWith(prefix))),
    givesAncestors: server.version === 2,
    fetch: async (request) => {
      const answer = await post(fetchRequest(server, request), PACK_TRANSFER_LIMITS);
      const read = (window: ByteWindow) => readPack(readPackBands(window, server.version), packLimits);
      const objects = await readBody(answer, 'result', read);
      return async (id) => objects.get(id);
    },
  };
}
