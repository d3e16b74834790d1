import type { TenantId } from '../../events/fields.ts';
import { Fault } from '../faults.ts';
import type { Checkpoint } from '../tlog/checkpoint.ts';
import type { LogPolicy } from '../tlog/log-policy.ts';
import { leafHash } from '../tlog/merkle.ts';
import { type ProofVerdict, parseLogProof, verifyLogProof } from '../tlog/tlog-proof.ts';
import { anchorNameOf } from './anchor-list.ts';
import { type LedgerEntry, parseEntry, tryParseEntry } from './entry.ts';
import { toHex } from './hex.ts';
import { entriesOf, type LogDeps } from './log-tiles.ts';
import { anchoredSubject, META_LOG } from './meta-log.ts';
import { inclusionProofUnder, readInclusionProof, servedCheckpoint } from './read.ts';

/** An entry proved under a checkpoint that the log of logs has as an entry, which is proved in turn: two tlog-proofs. */
export interface NestedProof {
  readonly proof: string;
  readonly meta: string;
}

/** The newest entry of the log of logs about the log of this origin that its shown checkpoint covers. */
async function newestAnchored(
  deps: LogDeps,
  origin: string,
): Promise<{ index: number; entry: LedgerEntry } | undefined> {
  const shown = (await servedCheckpoint(deps, META_LOG))?.size ?? 0;
  const [pointer] = await deps.ledger.releasePointers(META_LOG, [origin]);
  let index = pointer?.index;
  while (index !== undefined) {
    const [bytes] = await entriesOf(deps, META_LOG, index, 1);
    if (!bytes) throw new Fault('LedgerInconsistent', `the log of logs lacks entry ${index}`);
    const entry = parseEntry(bytes);
    if (index < shown) return { index, entry };
    index = entry.prev?.index;
  }
  return undefined;
}

/** `undefined` while the log of logs shows no checkpoint of this log that covers the entry. */
export async function readNestedProof(
  deps: LogDeps,
  tenant: TenantId,
  origin: string,
  index: number,
): Promise<NestedProof | undefined> {
  const anchored = await newestAnchored(deps, origin);
  const size = Number(anchored?.entry.subjects?.[0]?.name.slice(origin.length + 1) ?? 0);
  if (!anchored || index >= size) return undefined;
  const note = await deps.worm.get(anchorNameOf(tenant, size));
  if (!note) throw new Fault('LedgerInconsistent', `the copy of the checkpoint of ${size} entries is missing`);
  const proof = await inclusionProofUnder(deps, tenant, index, { size, note: new TextDecoder().decode(note) });
  const meta = await readInclusionProof(deps, META_LOG, anchored.index);
  return meta === undefined ? undefined : { proof, meta };
}

/** Verifies that the log of logs has this checkpoint: by a proof of it, and by who is believed about that log. */
export function verifyAnchored(checkpoint: Checkpoint, meta: string, policy: LogPolicy): ProofVerdict {
  const bytes = parseLogProof(meta)?.extra;
  if (!bytes) return { kind: 'refused', why: 'it is no tlog-proof that holds its entry' };
  const verdict = verifyLogProof(meta, leafHash(bytes), policy);
  if (verdict.kind === 'refused') return verdict;
  const entry = tryParseEntry(bytes);
  const name = anchoredSubject(checkpoint.origin, checkpoint.size);
  const isOfIt = entry?.subjects?.some((one) => one.name === name && one.digest.sha256 === toHex(checkpoint.root));
  if (entry?.kind !== 'checkpoint.anchored' || !isOfIt)
    return { kind: 'refused', why: `its entry is not the checkpoint ${name} of the other proof` };
  return verdict;
}
