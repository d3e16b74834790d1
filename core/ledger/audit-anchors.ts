import type { TenantId } from '../../events/fields.ts';
import type { LedgerHead, PublishedCheckpoint } from '../ports/ledger-store.ts';
import { type Checkpoint, parseCheckpoint } from '../tlog/checkpoint.ts';
import { appendToEdge, rootOfEdge, sameBytes } from '../tlog/merkle.ts';
import { openNote, type VerifierKey } from '../tlog/note.ts';
import { type AnchorName, anchorNameOf, anchorNames } from './anchor-list.ts';
import { type AuditCode, type AuditedBatch, type AuditedLog, type NoteFinding, readKept } from './audit-finding.ts';
import { fromHex, toHex } from './hex.ts';

/** The tree head of a note that the log's key signed; else what is wrong with it. */
function openedCheckpoint(
  note: string,
  key: VerifierKey,
  codes: { readonly signature: AuditCode; readonly malformed: AuditCode },
): Checkpoint | AuditCode {
  const opened = openNote(note, [key]);
  if (opened.kind === 'unverified' || opened.kind === 'forged') return codes.signature;
  const checkpoint = opened.kind === 'opened' ? parseCheckpoint(opened.text) : undefined;
  if (!checkpoint) return codes.malformed;
  return checkpoint.origin === key.name ? checkpoint : 'ledger.origin-mismatch';
}

const ANCHOR = { signature: 'ledger.anchor-signature', malformed: 'ledger.anchor-malformed' } as const;
const CHECKPOINT = { signature: 'ledger.checkpoint-signature', malformed: 'ledger.checkpoint-malformed' } as const;

/** Checks that each anchor that a walk passes is signed, and of the tree that the walk has come to. */
export function anchorChecker(log: AuditedLog, tenant: TenantId, from: number, key: VerifierKey, note: NoteFinding) {
  const anchors = anchorNames(log.worm, tenant, from);
  let next: AnchorName | undefined;
  let isOpen = true;
  const advance = async (): Promise<void> => {
    const { done, value } = await anchors.next();
    isOpen = done !== true;
    next = done === true ? undefined : value;
  };
  const check = async ({ name, size }: AnchorName, head: LedgerHead, leaves: readonly Uint8Array[]): Promise<void> => {
    const bytes = await readKept(log, name, 'ledger.anchor-missing', note);
    if (!bytes) return;
    const anchor = openedCheckpoint(new TextDecoder().decode(bytes), key, ANCHOR);
    const root = rootOfEdge(appendToEdge(head.edge.map(fromHex), head.size, leaves.slice(0, size - head.size)));
    if (typeof anchor === 'string') note(anchor, name);
    else if (anchor.size !== size) note('ledger.anchor-malformed', name);
    else if (!sameBytes(anchor.root, root)) note('ledger.anchor-mismatch', name);
  };
  return async (head: LedgerHead, { leaves, next: { size } }: AuditedBatch): Promise<void> => {
    if (isOpen && !next) await advance();
    while (next && next.size <= size) {
      await check(next, head, leaves);
      await advance();
    }
  };
}

/** Checks the published checkpoint: its row, its note, and the newest copy of one that the database knows of. */
export async function checkCheckpoint(
  log: AuditedLog,
  tenant: TenantId,
  { size, root, note: text, anchored }: PublishedCheckpoint,
  key: VerifierKey,
  note: NoteFinding,
): Promise<void> {
  const checkpoint = openedCheckpoint(text, key, CHECKPOINT);
  if (typeof checkpoint === 'string') note(checkpoint, 'checkpoint');
  else if (checkpoint.size !== size || toHex(checkpoint.root) !== root) note('ledger.root-mismatch', 'checkpoint');
  if (anchored) await readKept(log, anchorNameOf(tenant, anchored.size), 'ledger.anchor-missing', note);
}
