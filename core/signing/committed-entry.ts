import type { Sha256Hex, TenantId } from '../../events/fields.ts';
import { Fault } from '../faults.ts';
import type { LedgerHead, LedgerStore } from '../ports/ledger-store.ts';
import { edgeLength, leafHash, rootOfEdge, rootOfHashes, sameBytes } from '../tlog/merkle.ts';

/** Entries read at a time. */
const PAGE = 256;

/**
 * Bytes of an entry that is shown to lie in the committed log: it has this leaf hash, and together with its neighbours
 * recomputes to the subtree of the head's edge it is under. The newest entries lie in the smallest subtrees, so little
 * is read for a verdict that was just appended. Anything else is `LedgerInconsistent`.
 */
export async function committedEntry(
  ledger: LedgerStore,
  tenant: TenantId,
  index: number,
  leaf: Sha256Hex,
): Promise<Uint8Array> {
  const head = await ledger.head(tenant);
  if (index >= head.size) throw new Fault('LedgerInconsistent', `entry ${index} is beyond the committed ${head.size}`);
  const edge = checkedEdge(head);
  const { start, width, position } = subtreeOf(head.size, index);
  const hashes: Uint8Array[] = [];
  let entry: Uint8Array | undefined;
  while (hashes.length < width) {
    const from = start + hashes.length;
    const page = await ledger.entries(tenant, from, Math.min(PAGE, width - hashes.length));
    if (page.length === 0) throw new Fault('LedgerInconsistent', `entry ${from} is missing below the committed head`);
    hashes.push(...page.map(leafHash));
    entry = page[index - from] ?? entry;
  }
  const root = edge[position];
  if (!entry || !root || !sameBytes(rootOfHashes(hashes), root))
    throw new Fault(
      'LedgerInconsistent',
      `entries ${start} to ${start + width - 1} are not those of the committed head`,
    );
  if (hexOf(leafHash(entry)) !== leaf) throw new Fault('LedgerInconsistent', `entry ${index} has another leaf hash`);
  return entry;
}

const hexOf = (hash: Uint8Array) => Buffer.from(hash).toString('hex');

function checkedEdge({ size, root, edge }: LedgerHead): readonly Uint8Array[] {
  const hashes = edge.map((hash) => new Uint8Array(Buffer.from(hash, 'hex')));
  if (hashes.length !== edgeLength(size) || hexOf(rootOfEdge(hashes)) !== root)
    throw new Fault('LedgerInconsistent', 'the edge of the committed head does not lead to its root');
  return hashes;
}

/** The perfect subtree of a tree of `size` that holds `index`, and its position in the edge. */
function subtreeOf(size: number, index: number): { start: number; width: number; position: number } {
  let start = 0;
  for (let position = 0; ; position += 1) {
    let width = 1;
    while (width * 2 <= size - start) width *= 2;
    if (index < start + width) return { start, width, position };
    start += width;
  }
}
