import { TenantId } from '../../events/fields.ts';
import { sha256Hex } from '../evidence.ts';
import type { SignedCheckpoint } from '../ports/ledger-store.ts';
import { type EntryDraft, entryKeyOf } from './entry.ts';

/**
 * The log of logs. Its entries are checkpoints of the others, so whoever witnesses it sees that there is one history of
 * each; no tenant has its name.
 */
export const META_LOG = TenantId.parse('meta-log');

export const anchoredSubject = (origin: string, size: number): string => `${origin}@${size}`;

/**
 * A checkpoint as an entry of the log of logs. One of the same size with another root is `IdempotencyConflict`: the log of
 * this origin was forked.
 */
export const checkpointDraft = (origin: string, { size, root }: SignedCheckpoint): EntryDraft => ({
  key: entryKeyOf(META_LOG, {
    businessKey: sha256Hex(origin),
    machine: 'checkpoint',
    step: 'publish-checkpoint',
    replay: 0,
    kind: 'checkpoint.anchored',
    ordinal: size,
  }),
  content: {
    kind: 'checkpoint.anchored',
    release: { kind: 'log', id: origin },
    subjects: [{ name: anchoredSubject(origin, size), digest: { sha256: root } }],
    outcome: 'info',
  },
});
