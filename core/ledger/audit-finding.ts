import type { TenantId } from '../../events/fields.ts';
import { canonicalJson } from '../canonical-json.ts';
import { sha256Hex } from '../evidence.ts';
import type { LedgerHead } from '../ports/ledger-store.ts';
import type { WormStore, WormVersions } from '../ports/worm-store.ts';
import { type EntryDraft, entryKeyOf, MAX_ENTRY_REASONS } from './entry.ts';
import type { LogDeps } from './log-tiles.ts';

/** What an audit can find. The words of `verify ledger` where it finds the same. */
const AUDIT_CODES = [
  'ledger.checkpoint-missing',
  'ledger.checkpoint-malformed',
  'ledger.checkpoint-signature',
  'ledger.origin-mismatch',
  'ledger.root-mismatch',
  'ledger.truncated',
  'ledger.batch-missing',
  'ledger.batch-differs',
  'ledger.entry-differs',
  'ledger.key-differs',
  'ledger.segment-missing',
  'ledger.segment-changed',
  'ledger.bundle-missing',
  'ledger.bundle-mismatch',
  'ledger.tile-missing',
  'ledger.tile-mismatch',
  'ledger.anchor-missing',
  'ledger.anchor-malformed',
  'ledger.anchor-signature',
  'ledger.anchor-mismatch',
  'ledger.object-hidden',
  'ledger.object-versions',
  'ledger.object-unexpected',
] as const;
export type AuditCode = (typeof AUDIT_CODES)[number];

export interface AuditFinding {
  readonly code: AuditCode;
  /** The object's name, `checkpoint` or `batch`; behind `#` the index of an entry, or the first and the last. */
  readonly where: string;
}

export type NoteFinding = (code: AuditCode, where: string) => void;

/** What is audited: all a log is made of. */
export interface AuditedLog extends LogDeps {
  readonly worm: WormStore & WormVersions;
}

/** One batch as its segment has it, or as far as it is known without. */
export interface AuditedBatch {
  readonly entries: readonly Uint8Array[];
  readonly leaves: readonly Uint8Array[];
  /** The head after it. */
  readonly next: LedgerHead;
}

export const rangeOf = (name: string, first: number, end: number): string =>
  `${name}#${first}${end - first > 1 ? `-${end - 1}` : ''}`;

/** As many are told of one round: a log with more is not mended by a list. */
const MAX_FINDINGS = 1000;

/** Notes each finding once. */
export function findingNotes() {
  const findings = new Map<string, AuditFinding>();
  const note: NoteFinding = (code, where) => {
    if (findings.size < MAX_FINDINGS) findings.set(`${code} ${where}`, { code, where });
  };
  return { note, findings: () => [...findings.values()] };
}

/** Notes what is kept of an object besides its one version, and answers whether something hides it. */
export async function checkVersions(
  { worm }: Pick<AuditedLog, 'worm'>,
  name: string,
  note: NoteFinding,
): Promise<boolean> {
  const { versions, markers } = await worm.versionsOf(name);
  if (markers > 0) note('ledger.object-hidden', name);
  else if (versions > 1) note('ledger.object-versions', name);
  return markers > 0;
}

/** The bytes of an object that must be there, in one version that nothing hides; what is wrong with it is noted. */
export async function readKept(
  log: Pick<AuditedLog, 'worm'>,
  name: string,
  missing: AuditCode,
  note: NoteFinding,
): Promise<Uint8Array | undefined> {
  const isHidden = await checkVersions(log, name, note);
  const bytes = await log.worm.get(name);
  if (!bytes && !isHidden) note(missing, name);
  return bytes;
}

/**
 * One entry for each kind of finding. Its key is of what was found alone: the same finding, met again by a run that was
 * cut short or comes round, is no second entry.
 */
export function findingDrafts(tenant: TenantId, runName: string, findings: readonly AuditFinding[]): EntryDraft[] {
  const places = new Map<AuditCode, string[]>();
  for (const { code, where } of findings) places.set(code, [...(places.get(code) ?? []), where]);
  return [...places].map(([code, wheres]) => ({
    key: entryKeyOf(tenant, {
      businessKey: sha256Hex(canonicalJson([code, wheres])),
      machine: 'audit',
      step: 'audit-ledger',
      replay: 0,
      kind: 'audit.failed',
      ordinal: 0,
    }),
    content: {
      kind: 'audit.failed',
      run: { workflow: 'audit', name: runName },
      outcome: 'refuse',
      reasons: wheres.slice(0, MAX_ENTRY_REASONS).map((where) => ({ code, where })),
      reasonsTotal: wheres.length,
    },
  }));
}
