import type { ModulePath, ModuleVersion } from '../brands.ts';
import { Fault } from '../faults.ts';
import type { ChecksumDatabase } from '../ports/checksum-database.ts';
import type { KeptHead } from '../ports/head-store.ts';
import { parseCheckpoint } from '../tlog/checkpoint.ts';
import { sameBytes } from '../tlog/merkle.ts';
import { openNote, parseVerifierKey, type VerifierKey } from '../tlog/note.ts';
import type { Refusal } from '../verdict.ts';
import { parseLookup, type SumdbRecord } from './lookup.ts';
import { openTree, type SumdbTree, TileContradicts, type TreeHead } from './tree.ts';

/** Proof of records in a Go checksum database (https://go.dev/design/25530-sumdb), as the go command does it. */

export type ProvedRecord =
  | { readonly kind: 'proved'; readonly record: SumdbRecord }
  | { readonly kind: 'refused'; readonly reason: Refusal };

export interface SumdbProver {
  /** The record of one module version; 404 and 410 are the refusal `sumdb.unknown-module`. */
  prove(module: ModulePath, version: ModuleVersion): Promise<ProvedRecord>;
  /** The largest head that was proved to extend all others seen: what to keep for the next run. */
  head(): KeptHead;
}

export type OpenedProver =
  | { readonly kind: 'opened'; readonly prover: SumdbProver }
  | { readonly kind: 'refused'; readonly reason: Refusal };

const TREE_ORIGIN = 'go.sum database tree';
const MAX_SHOWN = 1024;

/** A refusal on its way out of a proof; never leaves this file. */
class Contradiction extends Error {
  override readonly name = 'Contradiction';
  readonly reason: Refusal;
  constructor(reason: Refusal) {
    super(reason.code);
    this.reason = reason;
  }
}

const invalid = (where: string, expected: string, found: string): Contradiction =>
  new Contradiction({
    code: 'sumdb.proof-invalid',
    where: where.slice(0, MAX_SHOWN),
    expected,
    found: found.slice(0, MAX_SHOWN),
    fix: 'Do not use this proxy or database until it is known why its answers contradict its signature.',
  });

const forked = (where: string, ours: TreeHead, theirs: TreeHead): Contradiction =>
  new Contradiction({
    code: 'sumdb.fork',
    where: where.slice(0, MAX_SHOWN),
    expected: ours.note.slice(0, MAX_SHOWN),
    found: theirs.note.slice(0, MAX_SHOWN),
    fix: 'Keep both signed heads and report them: the checksum database shows different histories to different readers.',
  });

/** A signed head. A note that is no note proves nothing (fault); one signed by another key contradicts (refusal). */
function openHead(note: string, key: VerifierKey, where: string): TreeHead {
  const opened = openNote(note, [key]);
  if (opened.kind === 'malformed')
    throw new Fault('ChecksumDatabaseUnavailable', `${where} of ${key.name} is no signed note: ${opened.why}`);
  if (opened.kind !== 'opened') throw invalid(where, `a tree head signed by ${key.name}+${key.id}`, opened.why);
  const head = parseCheckpoint(opened.text);
  if (head?.origin !== TREE_ORIGIN) throw invalid(where, `a head of a "${TREE_ORIGIN}"`, opened.text);
  return { size: head.size, root: head.root, note };
}

function openKeptHead(kept: KeptHead, key: VerifierKey): TreeHead {
  try {
    return openHead(kept.note, key, 'the kept head');
  } catch (error) {
    throw new Fault('EvidenceMissing', `the kept head of ${key.name} does not open`, { cause: error });
  }
}

const asRefusal = (error: unknown, where: string): Refusal => {
  if (error instanceof Contradiction) return error.reason;
  if (error instanceof TileContradicts)
    return invalid(where, 'tiles that lead to the signed root', error.message).reason;
  throw error;
};

class Prover implements SumdbProver {
  readonly #database: ChecksumDatabase;
  readonly #key: VerifierKey;
  /** Every head that was seen, by size, with the tree it was found to belong to; each is judged once. */
  readonly #judged = new Map<number, Promise<TreeHead>>();
  #newest: SumdbTree;

  constructor(database: ChecksumDatabase, key: VerifierKey, anchor: SumdbTree) {
    this.#database = database;
    this.#key = key;
    this.#newest = anchor;
    this.#judged.set(anchor.head.size, Promise.resolve(anchor.head));
  }

  head(): KeptHead {
    return { size: this.#newest.head.size, note: this.#newest.head.note };
  }

  async prove(module: ModulePath, version: ModuleVersion): Promise<ProvedRecord> {
    const where = `${module}@${version}`;
    const body = await this.#database.lookup(module, version);
    if (body === undefined) return { kind: 'refused', reason: unknownModule(where) };
    try {
      return { kind: 'proved', record: await this.#proveBody(body, where) };
    } catch (error) {
      return { kind: 'refused', reason: asRefusal(error, where) };
    }
  }

  async #proveBody(body: string, where: string): Promise<SumdbRecord> {
    const lookup = parseLookup(body);
    if (!lookup) throw new Fault('ChecksumDatabaseUnavailable', `the lookup of ${where} is no lookup answer`);
    const head = openHead(lookup.note, this.#key, where);
    await this.join(head, where);
    const { record } = lookup;
    if (!(await this.#newest.includes(record.id, Buffer.from(record.text, 'utf8'))))
      throw invalid(where, `record ${record.id} of the signed tree of ${this.#newest.head.size}`, record.text);
    return record;
  }

  /** Proves that a head and ours are of one history; a larger one becomes ours. */
  async join(head: TreeHead, where: string): Promise<void> {
    const judged = this.#judged.get(head.size) ?? this.#judge(head, where);
    this.#judged.set(head.size, judged);
    const known = await judged;
    if (!sameBytes(known.root, head.root)) throw forked(where, known, head);
  }

  async #judge(head: TreeHead, where: string): Promise<TreeHead> {
    const ours = this.#newest;
    if (head.size <= ours.head.size) {
      if (!(await ours.extends(head))) throw forked(where, ours.head, head);
      return head;
    }
    const larger = await openTree(this.#database, head);
    if (!(await larger.extends(ours.head))) throw forked(where, ours.head, head);
    // Two larger heads may be judged side by side: each extends the older one, so they must agree with one another.
    if (this.#newest.head.size < head.size) {
      if (this.#newest !== ours && !(await larger.extends(this.#newest.head)))
        throw forked(where, this.#newest.head, head);
      this.#newest = larger;
    } else if (!(await this.#newest.extends(head))) throw forked(where, this.#newest.head, head);
    return head;
  }
}

const unknownModule = (where: string): Refusal => ({
  code: 'sumdb.unknown-module',
  where: where.slice(0, MAX_SHOWN),
  expected: 'a record in the checksum database',
  found: 'none',
  fix: 'Make the module fetchable by the public proxy, or declare it private.',
});

/**
 * Reads the newest head once, authenticates its right edge and joins it with the head kept from before. All records are
 * then proved in the larger of the two. Faults: `ChecksumDatabaseUnavailable` when it could not be asked,
 * `ConfigurationInvalid` for the verifier key, `EvidenceMissing` for a kept head that does not open.
 */
export async function openSumdbProver(database: ChecksumDatabase, kept: KeptHead | undefined): Promise<OpenedProver> {
  const key = parseVerifierKey(database.verifierKey);
  const where = `${key.name}/latest`;
  try {
    const latest = openHead(await database.latest(), key, where);
    const keptHead = kept && openKeptHead(kept, key);
    const [anchor, other] = keptHead && keptHead.size > latest.size ? [keptHead, latest] : [latest, keptHead];
    const prover = new Prover(database, key, await openTree(database, anchor));
    if (other) await prover.join(other, where);
    return { kind: 'opened', prover };
  } catch (error) {
    return { kind: 'refused', reason: asRefusal(error, where) };
  }
}
