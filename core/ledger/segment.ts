import type { Sha256Hex, TenantId } from '../../events/fields.ts';
import { canonicalBytes } from '../canonical-json.ts';
import { sha256Hex } from '../evidence.ts';
import type { LedgerHead, StoredKey } from '../ports/ledger-store.ts';
import { toBase64 } from '../tlog/checkpoint.ts';
import { appendToEdge, emptyRoot, leafHash, rootOfEdge } from '../tlog/merkle.ts';
import { fromHex, toHex } from './hex.ts';

export const EMPTY_HEAD = (): LedgerHead => ({ size: 0, root: toHex(emptyRoot()), edge: [], batchHash: '' });

export interface Segment {
  readonly name: string;
  readonly bytes: Uint8Array;
  readonly batchHash: Sha256Hex;
  /** The head once the segment is committed. */
  readonly next: LedgerHead;
}

/**
 * A batch as it is kept for ever: entries, their keys, the root they lead to, and the batch before. The hash of these
 * bytes names the segment and is named by the next one, so the chain of segments alone rebuilds the log.
 */
export function segmentOf(
  tenant: TenantId,
  head: LedgerHead,
  entries: readonly Uint8Array[],
  keys: readonly Pick<StoredKey, 'key' | 'requestHash'>[],
): Segment {
  const edge = appendToEdge(head.edge.map(fromHex), head.size, entries.map(leafHash));
  const root = toHex(rootOfEdge(edge));
  const bytes = canonicalBytes({
    schema: 'relseal.segment/1',
    tenant,
    firstIndex: head.size,
    previousBatchHash: head.batchHash,
    rootAfter: root,
    entries: entries.map(toBase64),
    keys: keys.map(({ key, requestHash }) => ({ key, requestHash })),
  });
  const batchHash = sha256Hex(bytes);
  return {
    name: `t/${tenant}/seg/${head.size}-${batchHash}`,
    bytes,
    batchHash,
    next: { size: head.size + entries.length, root, edge: edge.map(toHex), batchHash },
  };
}
