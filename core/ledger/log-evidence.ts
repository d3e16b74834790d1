import * as z from 'zod';
import { Sha256Hex, TenantId } from '../../events/fields.ts';
import { sha256Hex } from '../evidence.ts';
import type { WormStore } from '../ports/worm-store.ts';
import { parseDecimal } from '../tlog/checkpoint.ts';
import type { Refusal } from '../verdict.ts';
import { anchorsAfter } from './anchors.ts';
import { toHex } from './hex.ts';

/** What write-once storage says of a log, whatever became of its database. */
export interface LogEvidence {
  /** Every segment, by where it begins: the committed one, and those of writers who lost the race for its place. */
  readonly segments: ReadonlyMap<number, readonly SegmentName[]>;
  readonly byHash: ReadonlyMap<Sha256Hex, SegmentName>;
  /** Roots that were published, by size, smallest first. */
  readonly roots: ReadonlyMap<number, Sha256Hex>;
}

export interface SegmentName {
  readonly name: string;
  readonly firstIndex: number;
  readonly batchHash: Sha256Hex;
}

const StoredSegment = z.strictObject({
  schema: z.literal('relseal.segment/1'),
  tenant: TenantId,
  firstIndex: z.int().nonnegative(),
  previousBatchHash: z.union([Sha256Hex, z.literal('')]),
  rootAfter: Sha256Hex,
  entries: z.array(z.base64()).min(1),
  keys: z.array(z.strictObject({ key: Sha256Hex, requestHash: Sha256Hex })).min(1),
});
export type KeptSegment = SegmentName & z.infer<typeof StoredSegment>;

/** A tree ends there once the segment is committed. */
export const sizeAfter = ({ firstIndex, entries }: KeptSegment): number => firstIndex + entries.length;

export const isRefusal = (found: object): found is Refusal => 'code' in found;

export const changed = (name: string, found: string): Refusal => ({
  code: 'ledger.segment-changed',
  where: name,
  found,
});

function parseName(name: string, prefix: string): SegmentName | undefined {
  const [, first = '', hash] = /^([0-9]+)-([0-9a-f]{64})$/.exec(name.slice(prefix.length)) ?? [];
  const [firstIndex, batchHash] = [parseDecimal(first), Sha256Hex.safeParse(hash)];
  return firstIndex === undefined || !batchHash.success ? undefined : { name, firstIndex, batchHash: batchHash.data };
}

/** Lists all of it once. A name that no segment can have is no segment. */
export async function readLogEvidence(worm: WormStore, tenant: TenantId): Promise<LogEvidence> {
  const segments = new Map<number, SegmentName[]>();
  const byHash = new Map<Sha256Hex, SegmentName>();
  const prefix = `t/${tenant}/seg/`;
  for await (const name of worm.list(prefix)) {
    const parsed = parseName(name, prefix);
    if (!parsed) continue;
    segments.set(parsed.firstIndex, [...(segments.get(parsed.firstIndex) ?? []), parsed]);
    byHash.set(parsed.batchHash, parsed);
  }
  const roots = new Map<number, Sha256Hex>();
  for await (const anchor of anchorsAfter(worm, tenant, 0)) roots.set(anchor.size, toHex(anchor.root));
  return { segments, byHash, roots };
}

/** The segment of a name; its hash is in the name, so whatever else is there is not it. */
export async function readSegment(
  worm: WormStore,
  tenant: TenantId,
  named: SegmentName,
): Promise<KeptSegment | Refusal> {
  const bytes = await worm.get(named.name);
  if (!bytes) return { code: 'ledger.segment-missing', where: named.name };
  if (sha256Hex(bytes) !== named.batchHash) return changed(named.name, 'other bytes than it is named after');
  let json: unknown;
  try {
    json = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch {
    return changed(named.name, 'no JSON');
  }
  const parsed = StoredSegment.safeParse(json);
  if (!parsed.success || parsed.data.tenant !== tenant || parsed.data.firstIndex !== named.firstIndex)
    return changed(named.name, 'no segment of this log and place');
  return { ...parsed.data, ...named };
}

/** The segments that were written on top of a head. */
export async function followersOf(
  worm: WormStore,
  tenant: TenantId,
  { segments }: LogEvidence,
  { size, batchHash }: { readonly size: number; readonly batchHash: Sha256Hex | '' },
): Promise<KeptSegment[] | Refusal> {
  const found: KeptSegment[] = [];
  for (const named of segments.get(size) ?? []) {
    const segment = await readSegment(worm, tenant, named);
    if (isRefusal(segment)) return segment;
    if (segment.previousBatchHash === batchHash) found.push(segment);
  }
  return found;
}
