import { type FileHandle, mkdtemp, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ModulePath, ModuleVersion } from '../../core/brands.ts';
import { Fault } from '../../core/faults.ts';
import { escapeModulePath, escapeModuleVersion } from '../../core/gosum/module-path.ts';
import type { ModuleSource, ModuleZip } from '../../core/ports/module-source.ts';
import type { Egress } from './egress.ts';
import { fetchBytes, fetchStream, type ProxyClient, type ProxyEndpoint, parseProxyList } from './goproxy-helper.ts';

const MAX_GO_MOD_BYTES = 16 * 1024 * 1024;
const MAX_ZIP_BYTES = 500 * 1024 * 1024;
const GO_MOD_TIMEOUT_MS = 30_000;
const ZIP_TIMEOUT_MS = 300_000;

export interface ModuleProxyOptions {
  /** A GOPROXY list: `,` moves on at 404 and 410, `|` at any failure. */
  readonly proxy: string;
  readonly egress: Egress;
  /** Where zips lie while they are read; default: the system's folder for temporary files. */
  readonly temporaryFolder?: string;
  /** Waits between attempts; replaced in tests. */
  readonly sleep?: (ms: number) => Promise<void>;
}

function resourcePath(path: ModulePath, version: ModuleVersion, suffix: 'mod' | 'zip'): string {
  const module = escapeModulePath(path);
  const escaped = escapeModuleVersion(version);
  if (module === undefined || escaped === undefined)
    throw new Fault('InputInvalid', `${path}@${version} is no module version`);
  return `${module}/@v/${escaped}.${suffix}`;
}

const zipOf = (handle: FileHandle, size: number, cleanUp: () => Promise<void>): ModuleZip => ({
  size,
  async read(offset, length) {
    const bytes = new Uint8Array(length);
    for (let at = 0; at < length; ) {
      const { bytesRead } = await handle.read(bytes, at, length - at, offset + at);
      if (bytesRead === 0) throw new Fault('ModuleProxyUnreachable', 'a module zip ends early');
      at += bytesRead;
    }
    return bytes;
  },
  async release() {
    await handle.close();
    await cleanUp();
  },
});

const isNotFound = (error: unknown): boolean => error instanceof Error && 'code' in error && error.code === 'ENOENT';

async function openLocalZip(file: string): Promise<ModuleZip | undefined> {
  try {
    const handle = await open(file, 'r');
    return zipOf(handle, (await handle.stat()).size, async () => {});
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
}

/** Writes a body to a new file of its own folder; nothing is left behind when it fails. */
async function saveZip(body: AsyncIterable<Uint8Array>, temporaryFolder: string): Promise<ModuleZip> {
  const folder = await mkdtemp(join(temporaryFolder, 'relseal-zip-'));
  const cleanUp = () => rm(folder, { recursive: true, force: true });
  try {
    const handle = await open(join(folder, 'module.zip'), 'wx+', 0o600);
    try {
      let size = 0;
      for await (const chunk of body) {
        await handle.writeFile(chunk);
        size += chunk.length;
      }
      return zipOf(handle, size, cleanUp);
    } catch (error) {
      await handle.close();
      throw error;
    }
  } catch (error) {
    await cleanUp();
    throw error;
  }
}

const unreachable = (error: unknown): unknown =>
  error instanceof Fault
    ? error
    : new Fault('ModuleProxyUnreachable', error instanceof Error ? error.message : 'the module proxy failed', {
        cause: error,
      });

/** Modules by the GOPROXY protocol (https://go.dev/ref/mod#goproxy-protocol) over HTTPS and from folders (`file://`). */
export function openModuleProxy(options: ModuleProxyOptions): ModuleSource {
  const entries = parseProxyList(options.proxy);
  const client: ProxyClient = { egress: options.egress, sleep: options.sleep ?? sleep };

  async function firstOf<T>(
    what: string,
    ask: (endpoint: ProxyEndpoint) => Promise<T | undefined>,
  ): Promise<T | undefined> {
    let absentSomewhere = false;
    let failure: unknown;
    for (const entry of entries) {
      if (entry.kind === 'off') break;
      if (entry.kind === 'direct')
        throw new Fault(
          'ModuleProxyUnreachable',
          `${what}: GOPROXY leads to "direct", and fetching from origins is not supported`,
          {
            cause: failure,
          },
        );
      try {
        const found = await ask(entry);
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

  const goModLimits = { maxBytes: MAX_GO_MOD_BYTES, timeoutMs: GO_MOD_TIMEOUT_MS };
  const zipLimits = { maxBytes: MAX_ZIP_BYTES, timeoutMs: ZIP_TIMEOUT_MS };
  return {
    goMod(path, version) {
      const resource = resourcePath(path, version, 'mod');
      return firstOf(`${path}@${version}`, (endpoint) => fetchBytes(client, endpoint, resource, goModLimits));
    },
    zip(path, version) {
      const resource = resourcePath(path, version, 'zip');
      return firstOf(`${path}@${version}`, (endpoint) =>
        endpoint.kind === 'file'
          ? openLocalZip(join(endpoint.folder, resource))
          : fetchStream(client, endpoint, resource, zipLimits, (body) =>
              saveZip(body, options.temporaryFolder ?? tmpdir()),
            ),
      );
    },
  };
}
