import * as z from 'zod';
import { Sha256Hex, TenantId, UtcInstant } from '../../events/fields.ts';
import { canonicalJson, isCanonicalJson } from '../canonical-json.ts';
import { Subject } from '../check.ts';
import { EvidenceRef, sha256Hex } from '../evidence.ts';
import { Fault } from '../faults.ts';
import { Refusal } from '../verdict.ts';
import { joinedTexts, type MemberTexts, memberTexts } from './member-texts.ts';

export const MAX_ENTRY_BYTES = 16_384;
export const MAX_ENTRY_REASONS = 20;

const text = (max: number) => z.string().min(1).max(max);
const FAMILIES = 'promotion|stage|rollback|waiver|approval|key|policy|advisories|baseline|audit';
const SINGLE_KINDS =
  'delivery|release\\.claimed|check|verdict|signature|attestation|fault|tick|replay|access|erasure|finding|checkpoint\\.anchored';

/** What happened, in the words of `docs/architecture.md`; a family is followed by its own past-tense word. */
export const EntryKind = z.string().regex(new RegExp(`^(?:${SINGLE_KINDS}|(?:${FAMILIES})\\.[a-z][a-z-]{0,31})$`));

/** Index and leaf hash of an entry: enough to find it and to prove that it is the one. */
export const EntryLink = z.strictObject({ index: z.int().nonnegative(), leaf: Sha256Hex });
export type EntryLink = z.infer<typeof EntryLink>;

const Change = z
  .strictObject({
    commit: text(64).optional(),
    pipeline: text(255).optional(),
    revision: text(255).optional(),
    migration: text(255).optional(),
    ticket: text(255).optional(),
  })
  .refine((change) => Object.keys(change).length > 0, 'an empty change is left out');

/**
 * One leaf of the ledger. Absent means absent: no null, no empty string, no empty list. A published schema is never
 * edited; a new field makes `relseal.entry/2`. It holds no personal data: people appear as pseudonyms.
 */
export const LedgerEntry = z
  .strictObject({
    schema: z.literal('relseal.entry/1'),
    tenant: TenantId,
    kind: EntryKind,
    at: UtcInstant,
    run: z
      .strictObject({
        workflow: text(40),
        name: text(80),
        state: text(80).optional(),
        attempt: z.int().nonnegative().optional(),
      })
      .optional(),
    release: z.strictObject({ kind: z.string().regex(/^[a-z][a-z0-9-]{0,31}$/), id: text(1024) }).optional(),
    /** The previous entry of the same release in this log. */
    prev: EntryLink.optional(),
    subjects: z.array(Subject).min(1).max(64).optional(),
    /** Pseudonym and how the person or system was authenticated. */
    actor: z.strictObject({ id: text(255), authenticated: text(64) }).optional(),
    environment: text(255).optional(),
    change: Change.optional(),
    outcome: z.enum(['pass', 'refuse', 'fault', 'info']),
    /** The first ones, ordered; all of them are in the evidence, `reasonsTotal` in number. */
    reasons: z.array(Refusal).min(1).max(MAX_ENTRY_REASONS).optional(),
    reasonsTotal: z.int().positive().optional(),
    evidence: z.array(EvidenceRef).min(1).max(64).optional(),
    policy: z.strictObject({ name: text(255), sha256: Sha256Hex }).optional(),
    advisories: z.strictObject({ sha256: Sha256Hex }).optional(),
    /** W3C traceparent of what led here. */
    trace: z
      .array(z.string().regex(/^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$/))
      .min(1)
      .max(8)
      .optional(),
  })
  .refine(
    ({ reasons = [], reasonsTotal = 0 }) =>
      reasonsTotal === 0 ? reasons.length === 0 : reasons.length > 0 && reasonsTotal >= reasons.length,
    'reasons and reasonsTotal belong together',
  );
export type LedgerEntry = z.infer<typeof LedgerEntry>;

/** The entry, if it is one; else `InputInvalid`. */
export function checkEntry(entry: LedgerEntry): LedgerEntry {
  const checked = LedgerEntry.safeParse(entry);
  if (!checked.success) throw new Fault('InputInvalid', `a ledger entry: ${z.prettifyError(checked.error)}`);
  return checked.data;
}

/** Bytes of the canonical text of an entry that `checkEntry` passed: what is hashed, stored and proved. */
export function encodeText(text: string): Uint8Array {
  const bytes = new TextEncoder().encode(text);
  if (bytes.length > MAX_ENTRY_BYTES)
    throw new Fault('LimitExceeded', `a ledger entry has ${bytes.length} bytes, more than ${MAX_ENTRY_BYTES}`);
  return bytes;
}

export const encodeEntry = (entry: LedgerEntry): Uint8Array => encodeText(canonicalJson(checkEntry(entry)));

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** The entry that these bytes are the one canonical spelling of, else `undefined`. */
export function tryParseEntry(bytes: Uint8Array): LedgerEntry | undefined {
  if (bytes.length > MAX_ENTRY_BYTES) return undefined;
  try {
    const json = utf8.decode(bytes);
    const value: unknown = JSON.parse(json);
    const entry = isCanonicalJson(json, value) ? LedgerEntry.safeParse(value) : undefined;
    return entry?.data;
  } catch {
    // Not UTF-8, not JSON, or nested too deeply to be read: no entry, whatever the cause.
    return undefined;
  }
}

/** An entry as the store returned it. Bytes that are none are `LedgerInconsistent`. */
export function parseEntry(bytes: Uint8Array): LedgerEntry {
  const entry = tryParseEntry(bytes);
  if (!entry) throw new Fault('LedgerInconsistent', 'a stored ledger entry is not canonical or not of its schema');
  return entry;
}

/** What a writer says; tenant, time and link are added when it is committed. */
export type EntryContent = Omit<LedgerEntry, 'schema' | 'tenant' | 'at' | 'prev'>;

/** One entry to append, at most once for each `key`. */
export interface EntryDraft {
  readonly key: Sha256Hex;
  readonly content: EntryContent;
}

export interface EntryKeyParts {
  readonly businessKey: Sha256Hex;
  readonly machine: string;
  readonly step: string;
  readonly mapIndex?: number;
  readonly replay: number;
  readonly kind: string;
  /** Tick id, `stage:intent`, redrive count of a fault; else 0. */
  readonly ordinal: number | string;
}

/** Idempotency key of an entry. State names are not in it, so renaming a state doubles nothing. */
export const entryKeyOf = (tenant: TenantId, parts: EntryKeyParts): Sha256Hex =>
  sha256Hex(
    canonicalJson([
      tenant,
      parts.businessKey,
      parts.machine,
      parts.step,
      parts.mapIndex ?? null,
      parts.replay,
      parts.kind,
      parts.ordinal,
    ]),
  );

/** The replay a run name says it is: `…-r2` is 2, a first run 0. */
export const replayOfRun = (runName: string): number => Number(/-r([1-9][0-9]{0,8})$/.exec(runName)?.[1] ?? 0);

/**
 * SHA-256 of what makes two requests the same: the content less what differs from one attempt to the next. A signature
 * made again has other bytes, so its evidence does not count either.
 */
export function requestHashOf(content: EntryContent, texts: MemberTexts = memberTexts(content)): Sha256Hex {
  const stable = new Map(texts);
  stable.delete('trace');
  if (content.kind === 'signature') stable.delete('evidence');
  if (content.run?.attempt !== undefined) {
    const { attempt: _attempt, ...run } = content.run;
    stable.set('run', canonicalJson(run));
  }
  return sha256Hex(joinedTexts(stable));
}

/** The weaker sameness of a repeat: outcome, reason codes and subjects. What was stored first then stands. */
export const sameOutcome = (stored: EntryContent, repeat: EntryContent): boolean => {
  const essence = ({ kind, release, outcome, reasons = [], reasonsTotal = 0, subjects = [] }: EntryContent) =>
    canonicalJson({ kind, release, outcome, codes: reasons.map(({ code }) => code), reasonsTotal, subjects });
  return essence(stored) === essence(repeat);
};
