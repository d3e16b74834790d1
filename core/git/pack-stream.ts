import { createHash, type Hash } from 'node:crypto';
import type { GitSha } from '../../events/fields.ts';
import { Fault } from '../faults.ts';
import { ByteWindow } from './byte-window.ts';
import { applyDelta } from './delta.ts';
import { type GitObject, gitObjectId, inflateStream, requireWithin } from './object.ts';
import {
  PACK_DELTA_DEPTH,
  PACK_ENTRY_HEAD_BYTES,
  PACK_HEADER_BYTES,
  parsePackEntryHead,
  parsePackHeader,
} from './pack.ts';
import { unreadableGit } from './unreadable.ts';

/** A pack as it arrives, without an index: every entry is inflated where it stands, and every id is computed. */

export interface PackLimits {
  readonly objects: number;
  /** Inflated bytes of all objects and deltas together. */
  readonly bytes: number;
}

/** Objects of one pack by their ids. */
export type PackObjects = ReadonlyMap<GitSha, GitObject>;

const CHECKSUM_BYTES = 20;

interface Delta {
  readonly start: number;
  readonly base: number | string;
  readonly bytes: Uint8Array;
}

interface Resolved {
  readonly start: number;
  readonly object: GitObject;
  /** Deltas between this object and a whole one. */
  readonly depth: number;
}

/** Inflated bytes that may still be made; each is paid for before it is made. */
class Budget {
  #left: number;
  constructor(bytes: number) {
    this.#left = bytes;
  }
  get left(): number {
    return this.#left;
  }
  spend(bytes: number): void {
    requireWithin(bytes, this.#left);
    this.#left -= bytes;
  }
}

/** Reads entries in order: whole objects are ready, deltas wait for their bases. */
async function readEntries(window: ByteWindow, checksum: Hash, count: number, budget: Budget) {
  const whole: Resolved[] = [];
  const deltas: Delta[] = [];
  for (let left = count, start = PACK_HEADER_BYTES; left > 0; left--) {
    const { size, length, content } = parsePackEntryHead(await window.peek(PACK_ENTRY_HEAD_BYTES), start, budget.left);
    budget.spend(size);
    // A deflated entry is hardly longer than what it holds; one that is, is damaged.
    const bytes = await window.peek(length + size + Math.ceil(size / 512) + 4096);
    const { body, consumed } = inflateStream(bytes.subarray(length), size);
    if (content.kind === 'whole') whole.push({ start, object: { type: content.type, body }, depth: 0 });
    else deltas.push({ start, base: content.base, bytes: body });
    checksum.update(bytes.subarray(0, length + consumed));
    window.skip(length + consumed);
    start += length + consumed;
  }
  return { whole, deltas };
}

function byBase(deltas: readonly Delta[]): Map<number | string, Delta[]> {
  const waiting = new Map<number | string, Delta[]>();
  for (const delta of deltas) {
    const others = waiting.get(delta.base);
    if (others) others.push(delta);
    else waiting.set(delta.base, [delta]);
  }
  return waiting;
}

/** Applies every delta whose base is known, and then those whose base they are. What waits at the end has none. */
function resolveDeltas(whole: readonly Resolved[], deltas: readonly Delta[], budget: Budget): PackObjects {
  const waiting = byBase(deltas);
  const objects = new Map<GitSha, GitObject>();
  const ready = [...whole];
  for (let next = ready.pop(); next; next = ready.pop()) {
    const { start, object, depth } = next;
    const id = gitObjectId(object);
    objects.set(id, object);
    const upon = [...(waiting.get(start) ?? []), ...(waiting.get(id) ?? [])];
    waiting.delete(start);
    waiting.delete(id);
    if (upon.length > 0 && depth >= PACK_DELTA_DEPTH) throw unreadableGit('a chain of deltas is too long');
    for (const delta of upon) {
      const body = applyDelta(object.body, delta.bytes, budget.left);
      budget.spend(body.length);
      ready.push({ start: delta.start, object: { type: object.type, body }, depth: depth + 1 });
    }
  }
  if (waiting.size > 0) throw unreadableGit('the base of a delta is missing');
  return objects;
}

/**
 * Reads a whole pack: its number of objects, every object with its id computed, its checksum, and nothing after it. A delta
 * whose base is in no such pack, or is made of itself, is a fault: thin packs are not asked for.
 */
export async function readPack(bytes: AsyncIterable<Uint8Array>, limits: PackLimits): Promise<PackObjects> {
  const window = new ByteWindow(bytes);
  const checksum = createHash('sha1');
  const header = await window.take(PACK_HEADER_BYTES);
  checksum.update(header);
  const count = parsePackHeader(header);
  if (count > limits.objects) throw new Fault('LimitExceeded', `git: a pack of ${count} objects is over the limit`);
  const budget = new Budget(limits.bytes);
  const { whole, deltas } = await readEntries(window, checksum, count, budget);
  const stated = await window.take(CHECKSUM_BYTES);
  if (!checksum.digest().equals(stated)) throw unreadableGit('a pack fails its checksum');
  if (!(await window.isAtEnd())) throw unreadableGit('a pack is longer than its objects');
  return resolveDeltas(whole, deltas, budget);
}
