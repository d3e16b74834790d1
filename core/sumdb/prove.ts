import type { ModulePath, ModuleVersion } from '../brands.ts';
import { Fault, type FaultName, isFault } from '../faults.ts';
import type { ChecksumDatabase } from '../ports/checksum-database.ts';
import type { KeptHead } from '../ports/head-store.ts';
import type { TileCache } from '../ports/tile-cache.ts';
import { sameBytes } from '../tlog/merkle.ts';
import { logNameOf, parseVerifierKey, type VerifierKey } from '../tlog/note.ts';
import type { Refusal } from '../verdict.ts';
import {
  Contradiction,
  evidenceOf,
  forkedHeads,
  invalidProof,
  NoAnswer,
  type SumdbRefusal,
  unknownModule,
  witnessUnreachable,
} from './evidence.ts';
import { frozenSince, openHead, openKeptHead } from './head.ts';
import { parseLookup, type SumdbRecord } from './lookup.ts';
import { type RecordedLookups, recordedLookups } from './recorded-lookups.ts';
import { type TileSupply, tileSupply } from './tile-supply.ts';
import { openTree, type SumdbTree, TileContradicts, type TreeHead } from './tree.ts';

/** Proof of records in a Go checksum database (https://go.dev/design/25530-sumdb), as the go command does it. */

export type ProvedRecord = { readonly kind: 'proved'; readonly record: SumdbRecord } | SumdbRefusal;

export interface SumdbProver {
  /** The record of one module version; 404 and 410 are the refusal `sumdb.unknown-module`. */
  prove(module: ModulePath, version: ModuleVersion): Promise<ProvedRecord>;
  /** The largest head that was proved to extend all others seen: what to keep for the next run. */
  head(): KeptHead;
  /** What refuses nothing, asked once all is proved: `sumdb.frozen`, `sumdb.witness-unreachable`. */
  warnings(): readonly Refusal[];
}

export type OpenedProver = { readonly kind: 'opened'; readonly prover: SumdbProver } | SumdbRefusal;

export interface ProverOptions {
  /** The time of this run, ISO 8601 in UTC; without it no head gets a time and none is found frozen. */
  readonly now?: string;
  /** What earlier runs recorded. Required where the database is `offline`. */
  readonly cache?: TileCache;
  /**
   * The same database by an independent way: its newest head must be of our history too. Where that way is closed the
   * run goes on with a warning: what is proved is proved by the database itself.
   */
  readonly witness?: ChecksumDatabase;
}

/** What keeps a second way from answering; whoever stands in it may do so, hence it says nothing against the database. */
const SILENCE: readonly FaultName[] = [
  'ChecksumDatabaseUnavailable',
  'EgressRefused',
  'CredentialRefused',
  'LimitExceeded',
];
const isSilence = (error: unknown): error is Error =>
  error instanceof NoAnswer || (isFault(error) && SILENCE.includes(error.name));

/** The refusal that an error stands for; what proves nothing is thrown, as the fault it is. */
function refusalOf(error: unknown, key: string, where: string, lookup?: string, heads: readonly TreeHead[] = []) {
  const found =
    error instanceof TileContradicts
      ? new Contradiction(invalidProof(where, 'tiles that lead to the signed root', error.message), {
          heads: [error.head, ...heads],
          tiles: error.tiles,
        })
      : error;
  if (found instanceof NoAnswer) throw new Fault('ChecksumDatabaseUnavailable', found.message, { cause: found });
  if (!(found instanceof Contradiction)) throw found;
  return { kind: 'refused' as const, reason: found.reason, evidence: evidenceOf(key, found, lookup) };
}

async function requirePrefix(tree: SumdbTree, smaller: TreeHead, where: string, ours: TreeHead, theirs: TreeHead) {
  if (await tree.extends(smaller)) return;
  const tiles = await tree.tilesOf({ size: smaller.size });
  throw new Contradiction(forkedHeads(where, ours, theirs), { heads: [ours, theirs], tiles });
}

/** Whether a record holds a line of the version: any other may be in the tree, and is no answer. */
const isOf = ({ hashes }: SumdbRecord, module: ModulePath, version: ModuleVersion): boolean =>
  hashes.has(`${module} ${version}`) || hashes.has(`${module} ${version}/go.mod`);

interface ProverSettings {
  readonly database: ChecksumDatabase;
  readonly key: VerifierKey;
  readonly supply: TileSupply;
  readonly lookups: RecordedLookups;
  readonly kept: KeptHead | undefined;
  readonly now: string | undefined;
}

class Prover implements SumdbProver {
  readonly #settings: ProverSettings;
  /** Every head that was seen, by size, with the tree it was found to belong to; each is judged once. */
  readonly #judged = new Map<number, Promise<TreeHead>>();
  /** Trees of recorded lookups, by size. */
  readonly #trees = new Map<number, Promise<SumdbTree>>();
  #unwitnessed: Refusal | undefined;
  #newest: SumdbTree;

  constructor(settings: ProverSettings, anchor: SumdbTree) {
    this.#settings = settings;
    this.#newest = anchor;
    this.#judged.set(anchor.head.size, Promise.resolve(anchor.head));
  }

  head(): KeptHead {
    const { size, note } = this.#newest.head;
    const { kept, now } = this.#settings;
    const seenAt = (kept?.size === size ? kept.seenAt : undefined) ?? now;
    return { size, note, ...(seenAt === undefined ? {} : { seenAt }) };
  }

  warnings(): readonly Refusal[] {
    const { database, key, now } = this.#settings;
    const frozen =
      database.offline || now === undefined ? undefined : frozenSince(`${key.name}/latest`, this.head(), now);
    return [frozen, this.#unwitnessed].filter((warning) => warning !== undefined);
  }

  async prove(module: ModulePath, version: ModuleVersion): Promise<ProvedRecord> {
    const { lookups } = this.#settings;
    const recorded = await lookups.find(module, version);
    const known = recorded === undefined ? undefined : await this.#proveRecorded(recorded, `${module}@${version}`);
    return known && isOf(known, module, version) ? { kind: 'proved', record: known } : this.#ask(module, version);
  }

  /** A recorded lookup, or `undefined` where it proves nothing: it may be garbled, so it never refuses. */
  async #proveRecorded(body: string, where: string): Promise<SumdbRecord | undefined> {
    try {
      return (await this.#proveBody(body, where)).record;
    } catch (error) {
      const garbled = error instanceof Contradiction || error instanceof TileContradicts || error instanceof NoAnswer;
      if (garbled) return undefined;
      throw error;
    }
  }

  async #ask(module: ModulePath, version: ModuleVersion): Promise<ProvedRecord> {
    const { database, lookups } = this.#settings;
    const where = `${module}@${version}`;
    const body = await database.lookup(module, version);
    if (body === undefined) return { kind: 'refused', reason: unknownModule(where), evidence: [] };
    try {
      const { record, tree } = await this.#proveBody(body, where);
      if (!isOf(record, module, version))
        throw new Contradiction(invalidProof(where, `a record of ${where}`, record.text), { heads: [tree.head] });
      await lookups.record(module, version, record, tree.head);
      return { kind: 'proved', record };
    } catch (error) {
      return refusalOf(error, database.verifierKey, where, body, [this.#newest.head]);
    }
  }

  async #proveBody(body: string, where: string): Promise<{ record: SumdbRecord; tree: SumdbTree }> {
    const lookup = parseLookup(body);
    if (!lookup) throw new NoAnswer(`the lookup of ${where} is no lookup answer`);
    const head = openHead(lookup.note, this.#settings.key, where);
    await this.join(head, where);
    const tree = this.#settings.database.offline ? await this.#treeOf(head) : this.#newest;
    const { record } = lookup;
    if (await tree.includes(record.id, Buffer.from(record.text, 'utf8'))) return { record, tree };
    const expected = `record ${record.id} of the signed tree of ${tree.head.size}`;
    throw new Contradiction(invalidProof(where, expected, record.text), {
      heads: [tree.head],
      tiles: await tree.tilesOf({ record: record.id }),
    });
  }

  #treeOf(head: TreeHead): Promise<SumdbTree> {
    const tree = this.#trees.get(head.size) ?? openTree(this.#settings.supply, head);
    this.#trees.set(head.size, tree);
    return tree;
  }

  /** Proves that a head and ours are of one history; a larger one becomes ours. */
  async join(head: TreeHead, where: string): Promise<void> {
    const judged = this.#judged.get(head.size) ?? this.#judge(head, where);
    this.#judged.set(head.size, judged);
    const known = await judged;
    if (!sameBytes(known.root, head.root))
      throw new Contradiction(forkedHeads(where, known, head), { heads: [known, head] });
  }

  async #judge(head: TreeHead, where: string): Promise<TreeHead> {
    const ours = this.#newest;
    if (head.size <= ours.head.size) {
      await requirePrefix(ours, head, where, ours.head, head);
      return head;
    }
    const larger = await openTree(this.#settings.supply, head);
    await requirePrefix(larger, ours.head, where, ours.head, head);
    // Two larger heads may be judged side by side: each extends the older one, so they must agree with one another.
    const newest = this.#newest;
    if (newest.head.size >= head.size) await requirePrefix(newest, head, where, newest.head, head);
    else {
      if (newest !== ours) await requirePrefix(larger, newest.head, where, newest.head, head);
      this.#newest = larger;
    }
    return head;
  }

  /** Proves the newest head of another way to the database to be of our history, by tiles from whoever has the larger. */
  async compare(witness: ChecksumDatabase): Promise<void> {
    const where = `${this.#settings.key.name}/latest by another way`;
    const smaller = await this.#witnessed(witness, where).catch((error: unknown) => {
      if (!isSilence(error)) throw error;
      this.#unwitnessed = witnessUnreachable(where, error.message);
      return undefined;
    });
    if (smaller) await this.join(smaller, where);
  }

  /** The head of the other way where it is no larger than ours; a larger one is judged by that way's own tiles. */
  async #witnessed(witness: ChecksumDatabase, where: string): Promise<TreeHead | undefined> {
    const { key } = this.#settings;
    const seen = openHead(await witness.latest(), key, where);
    const ours = this.#newest;
    if (seen.size <= ours.head.size) return seen;
    const theirs = await openTree(tileSupply(witness, key.name, undefined), seen);
    await requirePrefix(theirs, ours.head, where, ours.head, seen);
    return undefined;
  }
}

/** The head to begin with, and the other one that must be of its history. */
async function startingHeads(database: ChecksumDatabase, key: VerifierKey, kept: KeptHead | undefined, where: string) {
  const keptHead = kept && openKeptHead(kept, key);
  if (database.offline && keptHead) return [keptHead, undefined] as const;
  const latest = openHead(await database.latest(), key, where);
  return keptHead && keptHead.size > latest.size ? ([keptHead, latest] as const) : ([latest, keptHead] as const);
}

/**
 * Reads the newest head once, authenticates its right edge and joins it with the head kept from before. All records are
 * then proved in the larger of the two. Faults: `ChecksumDatabaseUnavailable` when it could not be asked,
 * `ConfigurationInvalid` for the verifier key, `EvidenceMissing` for a kept head that does not open.
 */
export async function openSumdbProver(
  database: ChecksumDatabase,
  kept: KeptHead | undefined,
  { now, cache, witness }: ProverOptions = {},
): Promise<OpenedProver> {
  const key = parseVerifierKey(database.verifierKey);
  const log = logNameOf(key);
  const where = `${key.name}/latest`;
  const seen: TreeHead[] = [];
  try {
    const [anchor, other] = await startingHeads(database, key, kept, where);
    seen.push(anchor, ...(other ? [other] : []));
    const supply = tileSupply(database, log, cache);
    const lookups = recordedLookups(log, cache);
    const prover = new Prover({ database, key, supply, lookups, kept, now }, await openTree(supply, anchor));
    if (other) await prover.join(other, where);
    if (witness) await prover.compare(witness);
    return { kind: 'opened', prover };
  } catch (error) {
    return refusalOf(error, database.verifierKey, where, undefined, seen);
  }
}
