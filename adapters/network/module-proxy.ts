import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Fault } from '../../core/faults.ts';
import { parseVersionFacts, parseVersionList } from '../../core/gosum/module-index.ts';
import type { ModuleIndex, ModuleSource } from '../../core/ports/module-source.ts';
import type { Egress } from './egress.ts';
import {
  fetchBytes,
  fetchStream,
  type ProxyClient,
  type ProxyEndpoint,
  type ProxyEntry,
  parseProxyList,
} from './goproxy-helper.ts';
import { escapedPath, MAX_GO_MOD_BYTES, openZipFile, resourcePath, saveZip } from './module-file-helper.ts';

const GO_MOD_LIMITS = { maxBytes: MAX_GO_MOD_BYTES, timeoutMs: 30_000 };
const INDEX_LIMITS = { maxBytes: 16 * 1024 * 1024, timeoutMs: 30_000 };
const ZIP_LIMITS = { maxBytes: 500 * 1024 * 1024, timeoutMs: 300_000 };

export interface ModuleProxyOptions {
  /** A GOPROXY list: `,` moves on at 404 and 410, `|` at any failure. */
  readonly proxy: string;
  readonly egress: Egress;
  /** Fetches from origins what the list leads to `direct` for; without it that is `ModuleProxyUnreachable`. */
  readonly direct?: DirectModules;
  /** Where zips lie while they are read; default: the system's folder for temporary files. */
  readonly temporaryFolder?: string;
  /** Waits between attempts; replaced in tests. */
  readonly sleep?: (ms: number) => Promise<void>;
}

const unreachable = (error: unknown): unknown =>
  error instanceof Fault
    ? error
    : new Fault('ModuleProxyUnreachable', error instanceof Error ? error.message : 'the module proxy failed', {
        cause: error,
      });

type DirectModules = ModuleSource & ModuleIndex;

/** What an answer says, or the fault of a source that answers with something else. */
function understood<T>(answer: T | undefined, what: string): T {
  if (answer === undefined) throw new Fault('ModuleProxyUnreachable', `${what}: the answer cannot be read`);
  return answer;
}

/** Asks the entries in their order; what a failure means depends on the separator behind its entry. */
async function firstOf<T>(
  { entries, direct }: { readonly entries: readonly ProxyEntry[]; readonly direct: DirectModules | undefined },
  what: string,
  ask: (endpoint: ProxyEndpoint) => Promise<T | undefined>,
  askOrigin: (origin: DirectModules) => Promise<T | undefined>,
): Promise<T | undefined> {
  let absentSomewhere = false;
  let failure: unknown;
  for (const entry of entries) {
    if (entry.kind === 'off') break;
    if (entry.kind === 'direct' && !direct)
      throw new Fault('ModuleProxyUnreachable', `${what}: GOPROXY leads to "direct", which is not available here`, {
        cause: failure,
      });
    try {
      const found = entry.kind === 'direct' ? direct && (await askOrigin(direct)) : await ask(entry);
      if (found !== undefined) return found;
      absentSomewhere = true;
    } catch (error) {
      if (!entry.onAnyError) throw unreachable(error);
      failure = error;
    }
  }
  // A failure on the way means that not every source was asked: that is no absence.
  if (failure !== undefined) throw unreachable(failure);
  if (!absentSomewhere) throw new Fault('ModuleProxyUnreachable', `${what}: GOPROXY is off`);
  return undefined;
}

/** The versions that the entries of a list know of. */
function indexOf(asking: Parameters<typeof firstOf>[0], client: ProxyClient): ModuleIndex {
  const bytesOf = async <T>(endpoint: ProxyEndpoint, resource: string, read: (bytes: Uint8Array) => T | undefined) => {
    const bytes = await fetchBytes(client, endpoint, resource, INDEX_LIMITS);
    return bytes && understood(read(bytes), resource);
  };
  return {
    versions: async (path) => {
      const resource = `${escapedPath(path)}/@v/list`;
      const read = (bytes: Uint8Array) => {
        const versions = parseVersionList(bytes);
        return versions && { versions, bytes };
      };
      return firstOf(
        asking,
        path,
        (endpoint) => bytesOf(endpoint, resource, read),
        (origin) => origin.versions(path),
      );
    },
    info: async (path, version) => {
      const resource = resourcePath(path, version, 'info');
      // A proxy may answer for a branch or a short hash with another version, never for a version itself.
      const read = (bytes: Uint8Array) => {
        const facts = parseVersionFacts(bytes);
        return facts?.version === version ? facts : undefined;
      };
      return firstOf(
        asking,
        `${path}@${version}`,
        (endpoint) => bytesOf(endpoint, resource, read),
        (origin) => origin.info(path, version),
      );
    },
    latest: async (path) =>
      firstOf(
        asking,
        path,
        (endpoint) => bytesOf(endpoint, `${escapedPath(path)}/@latest`, parseVersionFacts),
        (origin) => origin.latest(path),
      ),
  };
}

/** Modules by the GOPROXY protocol (https://go.dev/ref/mod#goproxy-protocol) over HTTPS and from folders (`file://`). */
export function openModuleProxy(options: ModuleProxyOptions): ModuleSource & ModuleIndex {
  const asking = { entries: parseProxyList(options.proxy), direct: options.direct };
  const client: ProxyClient = { egress: options.egress, sleep: options.sleep ?? sleep };
  const temporaryFolder = options.temporaryFolder ?? tmpdir();
  return {
    ...indexOf(asking, client),
    goMod: async (path, version) => {
      const resource = resourcePath(path, version, 'mod');
      return firstOf(
        asking,
        `${path}@${version}`,
        (endpoint) => fetchBytes(client, endpoint, resource, GO_MOD_LIMITS),
        (origin) => origin.goMod(path, version),
      );
    },
    zip: async (path, version) => {
      const resource = resourcePath(path, version, 'zip');
      return firstOf(
        asking,
        `${path}@${version}`,
        (endpoint) =>
          endpoint.kind === 'file'
            ? openZipFile(join(endpoint.folder, resource))
            : fetchStream(client, endpoint, resource, ZIP_LIMITS, (body) => saveZip(body, temporaryFolder)),
        (origin) => origin.zip(path, version),
      );
    },
  };
}
