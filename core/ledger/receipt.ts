import type { TenantId } from '../../events/fields.ts';
import { Fault } from '../faults.ts';
import type { NoteSigner } from '../ports/note-signer.ts';
import { signReceipt } from '../tlog/cose-receipt.ts';
import { inclusionProof, leafHash, rootOfInclusion } from '../tlog/merkle.ts';
import { openNote, verifierKeyOf } from '../tlog/note.ts';
import { tileHashReader } from '../tlog/tile.ts';
import { toHex } from './hex.ts';
import { entriesOf, type LogDeps, readTile } from './log-tiles.ts';
import { servedCheckpoint } from './read.ts';

export interface ReceiptDeps extends LogDeps {
  readonly noteSigner: NoteSigner;
  /** Name of a tenant's log and of its key. */
  originOf(tenant: TenantId): string;
}

export type ReceiptOutcome =
  | { readonly kind: 'made'; readonly receipt: Uint8Array; readonly size: number }
  | { readonly kind: 'refused'; readonly code: 'receipt.not-published' | 'receipt.one-entry' };

/**
 * A receipt of inclusion (RFC 9942) of one entry under the published checkpoint. Only a root that this very key has
 * published is signed: a checkpoint of another key, and entries that do not lead to it, are `LedgerInconsistent`.
 */
export async function makeReceipt(deps: ReceiptDeps, tenant: TenantId, index: number): Promise<ReceiptOutcome> {
  const served = await servedCheckpoint(deps, tenant);
  if (!served || index >= served.size) return { kind: 'refused', code: 'receipt.not-published' };
  if (served.size === 1) return { kind: 'refused', code: 'receipt.one-entry' };
  const key = verifierKeyOf(deps.originOf(tenant), await deps.noteSigner.publicKey());
  if (openNote(served.note, [key]).kind !== 'opened')
    throw new Fault('LedgerInconsistent', `the checkpoint of ${tenant} is not one that this key signed`);
  const read = tileHashReader(served.size, (tile) => readTile(deps, tenant, tile));
  const [path, [bytes = new Uint8Array()]] = [
    await inclusionProof(index, served.size, read),
    await entriesOf(deps, tenant, index, 1),
  ];
  const leaf = leafHash(bytes);
  const root = rootOfInclusion(leaf, index, served.size, path);
  if (!root || toHex(root) !== served.root)
    throw new Fault('LedgerInconsistent', `entry ${index} of ${tenant} does not lead to the published root`);
  const inclusion = { index, size: served.size, path };
  return {
    kind: 'made',
    size: served.size,
    receipt: await signReceipt(inclusion, leaf, (text) => deps.noteSigner.sign(text)),
  };
}
