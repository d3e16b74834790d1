import { setTimeout as sleep } from 'node:timers/promises';
import { Fault } from '../../core/faults.ts';
import { escapeModulePath, escapeModuleVersion } from '../../core/gosum/module-path.ts';
import type { ChecksumDatabase } from '../../core/ports/checksum-database.ts';
import { parseVerifierKey } from '../../core/tlog/note.ts';
import { TILE_WIDTH, type Tile, tilePath } from '../../core/tlog/tile.ts';
import type { Egress } from './egress.ts';
import {
  type FetchLimits,
  fetchBytes,
  httpEndpoint,
  type ProxyClient,
  type ProxyEndpoint,
  parseProxyList,
} from './goproxy-helper.ts';

const MAX_TEXT_BYTES = 1024 * 1024;
const TILE_BYTES = TILE_WIDTH * 32;
const TIMEOUT_MS = 30_000;
/** The protocol has no batch; more at once is impolite and no faster. */
const MAX_LOOKUPS = 10;

export interface ChecksumDatabaseOptions {
  /** `name+hash+key`; its name is the host that is asked where no proxy serves the database. */
  readonly verifierKey: string;
  /** A GOPROXY list: the first entry that supports the database serves it, and then only that one. */
  readonly proxy: string;
  /** Where the database is, whatever the proxies say (the second word of GOSUMDB). */
  readonly url?: URL;
  readonly egress: Egress;
  /** Waits between attempts; replaced in tests. */
  readonly sleep?: (ms: number) => Promise<void>;
  /** Longest wait for one answer, 30 s when not given. */
  readonly timeoutMs?: number;
}

/** An endpoint and the folder of the database below it, with its `/`. */
interface Place {
  readonly endpoint: ProxyEndpoint;
  readonly prefix: string;
}

/** Runs work of which at most `limit` is under way; the rest waits in the order it came. */
function inTurns(limit: number): <T>(work: () => Promise<T>) => Promise<T> {
  const waiting: (() => void)[] = [];
  let free = limit;
  return async (work) => {
    if (free === 0) await new Promise<void>((proceed) => waiting.push(proceed));
    else free -= 1;
    try {
      return await work();
    } finally {
      const next = waiting.shift();
      if (next) next();
      else free += 1;
    }
  };
}

const unreachable = (error: unknown): unknown =>
  error instanceof Fault
    ? error
    : new Fault('ChecksumDatabaseUnavailable', error instanceof Error ? error.message : 'the database failed', {
        cause: error,
      });

/** The database through the proxies of a GOPROXY list, else at its own host (https://go.dev/ref/mod#checksum-database). */
export function openChecksumDatabase(options: ChecksumDatabaseOptions): ChecksumDatabase {
  const { name } = parseVerifierKey(options.verifierKey);
  const entries = parseProxyList(options.proxy);
  const client: ProxyClient = { egress: options.egress, sleep: options.sleep ?? sleep };
  const timeoutMs = options.timeoutMs ?? TIMEOUT_MS;
  const textLimits = { maxBytes: MAX_TEXT_BYTES, timeoutMs };
  const tileLimits = { maxBytes: TILE_BYTES, timeoutMs };
  const inTurn = inTurns(MAX_LOOKUPS);
  let found: Promise<Place> | undefined;

  async function findPlace(): Promise<Place> {
    if (options.url) return { endpoint: httpEndpoint(options.url), prefix: '' };
    const prefix = `sumdb/${name}/`;
    for (const entry of entries) {
      if (entry.kind === 'off') throw new Fault('ChecksumDatabaseUnavailable', `${name} is not asked: GOPROXY is off`);
      if (entry.kind === 'direct') break;
      try {
        if ((await fetchBytes(client, entry, `${prefix}supported`, textLimits)) !== undefined)
          return { endpoint: entry, prefix };
      } catch (error) {
        if (!entry.onAnyError) throw error;
      }
    }
    return { endpoint: httpEndpoint(new URL(`https://${name}/`)), prefix: '' };
  }

  /** Where the database is served, found once; a failed search is repeated at the next question. */
  function place(): Promise<Place> {
    found ??= findPlace().catch((error) => {
      found = undefined;
      throw error;
    });
    return found;
  }

  async function get(path: string, limits: FetchLimits): Promise<Uint8Array | undefined> {
    try {
      const { endpoint, prefix } = await place();
      return await fetchBytes(client, endpoint, prefix + path, limits);
    } catch (error) {
      throw unreachable(error);
    }
  }

  const text = (bytes: Uint8Array) => {
    try {
      return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
    } catch (error) {
      throw new Fault('ChecksumDatabaseUnavailable', `${name} answered with what is no text`, { cause: error });
    }
  };

  return {
    verifierKey: options.verifierKey,
    async lookup(path, version) {
      const module = escapeModulePath(path);
      const escaped = escapeModuleVersion(version);
      if (module === undefined || escaped === undefined)
        throw new Fault('InputInvalid', `${path}@${version} is no module version`);
      const bytes = await inTurn(() => get(`lookup/${module}@${escaped}`, textLimits));
      return bytes && text(bytes);
    },
    async latest() {
      const bytes = await get('latest', textLimits);
      if (!bytes) throw new Fault('ChecksumDatabaseUnavailable', `${name} has no /latest`);
      return text(bytes);
    },
    async tile(level, index, width) {
      const tile: Tile = { level, index, width };
      const bytes = await get(tilePath(tile, 'tile/8'), tileLimits);
      if (bytes) return bytes;
      // Partial tiles may be dropped once the full one exists; its beginning is the same.
      const full =
        width < TILE_WIDTH ? await get(tilePath({ ...tile, width: TILE_WIDTH }, 'tile/8'), tileLimits) : undefined;
      if (!full) throw new Fault('ChecksumDatabaseUnavailable', `${name} does not serve ${tilePath(tile, 'tile/8')}`);
      return full.slice(0, width * 32);
    },
  };
}
