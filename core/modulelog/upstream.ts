import type { ModulePath, ModuleVersion } from '../brands.ts';
import type { ChecksumDatabase } from '../ports/checksum-database.ts';
import type { Clock } from '../ports/clock.ts';
import type { HeadStore } from '../ports/head-store.ts';
import type { TileCache } from '../ports/tile-cache.ts';
import { type OpenedProver, openSumdbProver, type ProvedRecord } from '../sumdb/prove.ts';
import { logNameOf, parseVerifierKey } from '../tlog/note.ts';

export interface UpstreamDeps {
  readonly database: ChecksumDatabase;
  readonly heads: HeadStore;
  readonly tiles?: TileCache;
  readonly clock: Pick<Clock, 'now'>;
}

/** How long one newest head serves: a build asks for hundreds of modules within it. */
const FRESH_MS = 60_000;

/** Proves records in the public database for a server that lives long; the head is kept as it grows. */
export function upstreamProver({ database, heads, tiles, clock }: UpstreamDeps) {
  const log = logNameOf(parseVerifierKey(database.verifierKey));
  let opened: { readonly at: number; readonly prover: Promise<OpenedProver> } | undefined;

  function prover(): Promise<OpenedProver> {
    const now = clock.now();
    if (opened && now - opened.at < FRESH_MS) return opened.prover;
    const options = { now: new Date(now).toISOString(), ...(tiles ? { cache: tiles } : {}) };
    const opening = heads.load(log).then((kept) => openSumdbProver(database, kept, options));
    opened = { at: now, prover: opening };
    // What failed is tried again by the next question.
    opening.catch(() => {
      opened = undefined;
    });
    return opening;
  }

  return async (path: ModulePath, version: ModuleVersion): Promise<ProvedRecord> => {
    const current = await prover();
    if (current.kind === 'refused') return current;
    const proved = await current.prover.prove(path, version);
    await heads.save(log, current.prover.head());
    return proved;
  };
}
