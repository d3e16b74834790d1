import * as z from 'zod';
import { Fault } from '../../core/faults.ts';
import type { ObservedRollout, RolloutState, RolloutTarget } from '../../core/ports/rollout-target.ts';
import { OciDigest } from '../../events/fields.ts';
import { type Sqlite, transaction } from './sqlite.ts';

export interface LocalRolloutOptions {
  readonly database: Sqlite;
  /** Under which its state is kept. */
  readonly name: string;
  /** What a target runs that nobody has set yet. */
  readonly stable?: OciDigest;
  /** Where each revision answers; no other can be set. */
  readonly revisions: readonly { readonly digest: OciDigest; readonly url: string }[];
}

/** A target that also says where each request goes. */
export interface LocalRolloutTarget extends RolloutTarget {
  readonly name: string;
  readonly revisions: readonly OciDigest[];
  /** Where the next request goes; `undefined` when nothing runs that would take it. */
  route(): { readonly revision: OciDigest; readonly url: URL } | undefined;
}

const Stored = z.object({
  stable: OciDigest.nullable(),
  canary: OciDigest.nullable(),
  weight: z.int().min(0).max(100),
  version: z.int().positive(),
});
/** What a target runs, and how often that was set. */
type Kept = RolloutState & { readonly sets: number };

const SLOTS = 100;
/**
 * Requests take the slots 0 to 99 in steps of 61, and those below the weight go to the canary. Any 100 requests in a row
 * take each slot once, so that per cent are exact. The step is near the golden section of 100 and has no factor of it:
 * the canary's requests lie far apart, and clients that ask in a rhythm of 10 meet it with each of their 10 requests.
 */
const STRIDE = 61;

function keptOf(found: unknown, otherwise: OciDigest | undefined): Kept {
  if (found === undefined) return { ...(otherwise ? { stable: otherwise } : {}), weight: 0, sets: 0 };
  const { stable, canary, weight, version } = Stored.parse(found);
  return { ...(stable === null ? {} : { stable }), ...(canary === null ? {} : { canary }), weight, sets: version };
}

const observed = ({ sets, ...state }: Kept): ObservedRollout => ({ ...state, version: String(sets) });
const revisionsOf = ({ stable, canary }: RolloutState) => [stable, canary].filter((digest) => digest !== undefined);

function requireWeight({ canary, weight }: RolloutState): void {
  if (!Number.isInteger(weight) || weight < 0 || weight > SLOTS)
    throw new Fault('TargetRefused', `the weight ${weight} is not a whole number from 0 to ${SLOTS}`);
  if (weight > 0 && canary === undefined) throw new Fault('TargetRefused', 'a weight without a canary');
}

/** The row of one target. A write that fails may have been kept all the same, so that what counts is read again. */
function rolloutRow({ database, name, stable: first }: LocalRolloutOptions) {
  database.exec(`CREATE TABLE IF NOT EXISTS rollouts (
    target TEXT PRIMARY KEY, stable TEXT, canary TEXT, weight INTEGER NOT NULL, version INTEGER NOT NULL)
    STRICT, WITHOUT ROWID;`);
  const select = database.prepare('SELECT stable, canary, weight, version FROM rollouts WHERE target = ?');
  const put = database.prepare('INSERT OR REPLACE INTO rollouts VALUES (?, ?, ?, ?, ?)');
  const guarded = <T>(work: () => T): T => {
    try {
      return work();
    } catch (error) {
      throw new Fault('TargetUnreachable', `the database of target ${name} failed`, { cause: error });
    }
  };
  return {
    load: (): Kept => guarded(() => keptOf(select.get(name), first)),
    /** `undefined`, changing nothing, when what is kept is at another version. */
    replace: (state: RolloutState, version: string): Kept | undefined =>
      guarded(() =>
        transaction(database, () => {
          const { sets } = keptOf(select.get(name), first);
          if (String(sets) !== version) return undefined;
          put.run(name, state.stable ?? null, state.canary ?? null, state.weight, sets + 1);
          return { ...state, sets: sets + 1 };
        }),
      ),
  };
}

/**
 * What the local proxy runs: kept in SQLite, in force from the moment that it is kept. Requests of one client are not
 * held together: each takes the next slot.
 */
export function localRolloutTarget(options: LocalRolloutOptions): LocalRolloutTarget {
  const { name, revisions } = options;
  const row = rolloutRow(options);
  const urls = new Map(revisions.map(({ digest, url }) => [digest, new URL(url)]));
  if (urls.size !== revisions.length)
    throw new Fault('ConfigurationInvalid', `target ${name} lists a revision more than once`);
  const strangerIn = (state: RolloutState) => revisionsOf(state).find((digest) => !urls.has(digest));

  let inForce = row.load();
  const lost = strangerIn(inForce);
  if (lost) throw new Fault('ConfigurationInvalid', `target ${name} runs ${lost}, which its revisions no longer list`);
  let slot = 0;

  return {
    name,
    revisions: [...urls.keys()],
    read: async () => {
      inForce = row.load();
      return observed(inForce);
    },
    set: async ({ stable, canary, weight }, version) => {
      const state = { ...(stable ? { stable } : {}), ...(canary ? { canary } : {}), weight };
      requireWeight(state);
      const stranger = strangerIn(state);
      if (stranger) throw new Fault('TargetRefused', `target ${name} knows no revision ${stranger}`);
      const next = row.replace(state, version);
      if (!next) throw new Fault('TargetConflict', `target ${name} is no longer at version ${version}`);
      inForce = next;
      return observed(next);
    },
    route: () => {
      slot = (slot + STRIDE) % SLOTS;
      const revision = slot < inForce.weight ? inForce.canary : inForce.stable;
      const url = revision && urls.get(revision);
      return revision && url ? { revision, url } : undefined;
    },
  };
}
