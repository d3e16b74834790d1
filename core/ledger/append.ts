import type { Sha256Hex, TenantId } from '../../events/fields.ts';
import { Fault, isFault } from '../faults.ts';
import type { Clock } from '../ports/clock.ts';
import type { LedgerHead, LedgerStore, ReleasePointer, StoredKey } from '../ports/ledger-store.ts';
import type { WormStore } from '../ports/worm-store.ts';
import { leafHash, rootOfEdge } from '../tlog/merkle.ts';
import {
  checkEntry,
  type EntryDraft,
  type EntryLink,
  encodeText,
  parseEntry,
  requestHashOf,
  sameOutcome,
} from './entry.ts';
import { fromHex, toHex } from './hex.ts';
import { joinedTexts, type MemberTexts, memberTexts } from './member-texts.ts';
import { segmentOf } from './segment.ts';

export interface AppendDeps {
  readonly ledger: LedgerStore;
  readonly worm: WormStore;
  readonly clock: Clock;
}

export interface AppendedEntry {
  readonly index: number;
  readonly leaf: Sha256Hex;
  readonly kind: string;
  /** An earlier request had stored it. */
  readonly existed: boolean;
}

/** A draft that will encode whatever its link and time will be. */
export interface CheckedDraft extends EntryDraft {
  readonly texts: MemberTexts;
  readonly requestHash: Sha256Hex;
}

/** One caller's drafts: appended together, or none of them when one conflicts. */
export type AppendRequest = readonly CheckedDraft[];
export type AppendOutcome = readonly AppendedEntry[] | Fault;

const CONFLICTS = 40;
const UNKNOWN_OUTCOMES = 5;
const FIRST_DELAY_MS = 4;
const LAST_DELAY_MS = 250;

/** Counts how much of a batch drafts take: one for each entry, one for each distinct release. */
export class BatchWeight {
  readonly #releases = new Set<string>();
  #entries = 0;
  /** What the batch weighs once the drafts are in it. */
  add(drafts: readonly EntryDraft[]): number {
    this.#entries += drafts.length;
    for (const { content } of drafts) if (content.release) this.#releases.add(content.release.id);
    return this.#entries + this.#releases.size;
  }
}

/** What an entry says besides its content. */
const frameOf = (tenant: TenantId, at: string, prev: EntryLink | undefined) => ({
  schema: 'relseal.entry/1' as const,
  tenant,
  at,
  ...(prev ? { prev } : {}),
});

const encodedOf = (texts: MemberTexts, frame: ReturnType<typeof frameOf>): Uint8Array =>
  encodeText(joinedTexts(new Map([...texts, ...memberTexts(frame)])));

const ANY_TIME = '2000-01-01T00:00:00.000Z';
const WIDEST_LINK: EntryLink = { index: Number.MAX_SAFE_INTEGER, leaf: toHex(new Uint8Array(32)) };

/** Throws what `encodeEntry` throws, before a batch is shared with others; any link and time will still fit. */
export const checkDrafts = (tenant: TenantId, drafts: readonly EntryDraft[]): CheckedDraft[] =>
  drafts.map((draft) => {
    const widest = frameOf(tenant, ANY_TIME, WIDEST_LINK);
    checkEntry({ ...draft.content, ...widest });
    const texts = memberTexts(draft.content);
    encodedOf(texts, widest);
    return { ...draft, texts, requestHash: requestHashOf(draft.content, texts) };
  });

interface Plan {
  /** Drafts that no entry exists for, in order, each key once. */
  readonly fresh: readonly CheckedDraft[];
  readonly stored: ReadonlyMap<Sha256Hex, StoredKey>;
  /** Requests that ask for something else under a key that is taken. */
  readonly conflicts: ReadonlyMap<AppendRequest, Fault>;
}

const conflictOf = ({ content, key }: EntryDraft) =>
  new Fault('IdempotencyConflict', `a ${content.kind} entry exists under key ${key} with another outcome`);

async function planOf(
  ledger: LedgerStore,
  tenant: TenantId,
  requests: readonly AppendRequest[],
  head: LedgerHead,
): Promise<Plan> {
  const keys = [...new Set(requests.flat().map(({ key }) => key))];
  const stored = new Map((await ledger.storedKeys(tenant, keys)).map((row) => [row.key, row]));
  const isRepeat = async ({ content, requestHash }: CheckedDraft, row: StoredKey): Promise<boolean> => {
    if (row.requestHash === requestHash) return true;
    const [bytes] = await ledger.entries(tenant, row.index, 1);
    // A key committed after the head was read names an entry that this read may not return.
    if (!bytes && row.index >= head.size) throw new Fault('LedgerConflict', 'the log grew while it was read');
    if (!bytes || toHex(leafHash(bytes)) !== row.leaf)
      throw new Fault('LedgerInconsistent', `entry ${row.index} is not the one its key names`);
    return sameOutcome(parseEntry(bytes), content);
  };
  const fresh = new Map<Sha256Hex, CheckedDraft>();
  const conflicts = new Map<AppendRequest, Fault>();
  for (const request of requests) {
    const mine = new Map<Sha256Hex, CheckedDraft>();
    for (const draft of request) {
      const row = stored.get(draft.key);
      const twin = mine.get(draft.key) ?? fresh.get(draft.key);
      const fits = row
        ? await isRepeat(draft, row)
        : !twin || twin.requestHash === draft.requestHash || sameOutcome(twin.content, draft.content);
      if (!fits) conflicts.set(request, conflictOf(draft));
      else if (!row && !twin) mine.set(draft.key, draft);
    }
    if (!conflicts.has(request)) for (const [key, draft] of mine) fresh.set(key, draft);
  }
  return { fresh: [...fresh.values()], stored, conflicts };
}

/** Commits what is fresh on top of `head`, which must still be the head when the store commits. */
async function commitFresh(
  { ledger, worm, clock }: AppendDeps,
  tenant: TenantId,
  head: LedgerHead,
  fresh: readonly CheckedDraft[],
): Promise<StoredKey[]> {
  if (toHex(rootOfEdge(head.edge.map(fromHex))) !== head.root)
    throw new Fault('LedgerInconsistent', 'the edge of the head does not lead to its root');
  const releases = [...new Set(fresh.flatMap(({ content }) => content.release?.id ?? []))];
  const pointers = new Map<string, ReleasePointer>(
    (await ledger.releasePointers(tenant, releases)).map((pointer) => [pointer.release, pointer]),
  );
  const at = new Date(clock.now()).toISOString();
  const entries: Uint8Array[] = [];
  const keys: StoredKey[] = [];
  for (const draft of fresh) {
    const { key, texts, requestHash } = draft;
    const release = draft.content.release?.id;
    const prev = release === undefined ? undefined : pointers.get(release);
    const bytes = encodedOf(texts, frameOf(tenant, at, prev && { index: prev.index, leaf: prev.leaf }));
    const row = { key, index: head.size + entries.length, leaf: toHex(leafHash(bytes)), requestHash };
    if (release !== undefined) pointers.set(release, { release, index: row.index, leaf: row.leaf });
    entries.push(bytes);
    keys.push(row);
  }
  const { name, bytes, batchHash, next } = segmentOf(tenant, head, entries, keys);
  // Write-once first: what is acknowledged is then already immutable. Losing the race below leaves an orphan segment,
  // which no later segment and no checkpoint refers to.
  await worm.put(name, bytes);
  const batch = {
    firstIndex: head.size,
    entries,
    segment: name,
    previousBatchHash: head.batchHash,
    batchHash,
    keys,
    releases: [...pointers.values()],
  };
  await ledger.commit(tenant, batch, next, head);
  return keys;
}

async function appendOnce(
  deps: AppendDeps,
  tenant: TenantId,
  requests: readonly AppendRequest[],
): Promise<AppendOutcome[]> {
  // The head comes first: had anything below changed since it was read, the commit would find another head.
  const head = await deps.ledger.head(tenant);
  const { fresh, stored, conflicts } = await planOf(deps.ledger, tenant, requests, head);
  const made = fresh.length > 0 ? await commitFresh(deps, tenant, head, fresh) : [];
  const rows = new Map([...stored.values(), ...made].map((row) => [row.key, row]));
  return requests.map(
    (request) =>
      conflicts.get(request) ??
      request.map(({ key, content: { kind } }) => {
        const row = rows.get(key);
        if (!row) throw new Fault('LedgerInconsistent', `no entry for key ${key} after its commit`);
        return { index: row.index, leaf: row.leaf, kind, existed: stored.has(key) };
      }),
  );
}

/** Jitter without a source of chance: a hash that differs between writers because their requests do. */
const jitterOf = (requests: readonly AppendRequest[], attempt: number): number => {
  const key = requests[0]?.[0]?.key ?? '';
  const at = (attempt * 4) % 60;
  return Number.parseInt(key.slice(at, at + 4) || '8000', 16) / 0x10000;
};

/**
 * Appends requests that together weigh at most the store's `batchWeight`, in one commit. Another writer's commit is
 * retried on the new head. After `StoreUnavailable` the commit may have been stored: the next round reads the keys and
 * then knows.
 */
export async function appendRequests(
  deps: AppendDeps,
  tenant: TenantId,
  requests: readonly AppendRequest[],
): Promise<AppendOutcome[]> {
  let unknown = 0;
  for (let attempt = 0; ; attempt += 1) {
    try {
      return await appendOnce(deps, tenant, requests);
    } catch (error) {
      if (isFault(error, 'StoreUnavailable')) unknown += 1;
      else if (!isFault(error, 'LedgerConflict')) throw error;
      if (attempt >= CONFLICTS || unknown >= UNKNOWN_OUTCOMES) throw error;
      const ceiling = Math.min(LAST_DELAY_MS, FIRST_DELAY_MS * 2 ** Math.min(attempt, 10));
      await deps.clock.sleep(Math.ceil(ceiling * (0.25 + 0.75 * jitterOf(requests, attempt))));
    }
  }
}

function* chunksOf(drafts: readonly CheckedDraft[], most: number): Generator<CheckedDraft[]> {
  let chunk: CheckedDraft[] = [];
  let weight = new BatchWeight();
  for (const draft of drafts) {
    if (weight.add([draft]) > most && chunk.length > 0) {
      yield chunk;
      chunk = [];
      weight = new BatchWeight();
      weight.add([draft]);
    }
    chunk.push(draft);
  }
  if (chunk.length > 0) yield chunk;
}

/**
 * Appends each draft exactly once and answers where it is: durable and in write-once storage before it resolves. Drafts
 * of one release are linked in their order. A key that is taken by another outcome is `IdempotencyConflict`; as many
 * entries and releases as one commit may hold are then appended together or not at all, a longer list in consecutive parts.
 */
export async function appendEntries(
  deps: AppendDeps,
  tenant: TenantId,
  drafts: readonly EntryDraft[],
): Promise<{ entries: AppendedEntry[] }> {
  const entries: AppendedEntry[] = [];
  for (const chunk of chunksOf(checkDrafts(tenant, drafts), deps.ledger.batchWeight)) {
    const [outcome = []] = await appendRequests(deps, tenant, [chunk]);
    if (outcome instanceof Fault) throw outcome;
    entries.push(...outcome);
  }
  return { entries };
}
