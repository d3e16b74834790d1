import { createHash } from 'node:crypto';
import { Fault } from '../faults.ts';
import { fromBase64, toBase64 } from './checkpoint.ts';
import { type CheckedSignature, type Cosigner, checkCosignature } from './cosignature.ts';
import { ED25519_KEY_BYTES, isP256Spki, ML_DSA_44_KEY_BYTES, verifyEd25519, verifyP256 } from './raw-signatures.ts';

/** Signed notes (C2SP signed-note v1.0.0, golang.org/x/mod/sumdb/note), also with ECDSA keys and keys of cosigners. */

/** As Go's note package: at least 16 must be accepted. */
const MAX_SIGNATURES = 100;
const MAX_NOTE_CHARACTERS = 1_000_000;
const SIGNATURE_START = '— ';

export type NoteKeyKind = 'ed25519' | 'ecdsa-p256' | 'ed25519-cosignature' | 'ml-dsa-44-cosignature';
/** The byte that names a kind in verifier keys and key IDs. */
const TYPE_BYTES: Record<NoteKeyKind, number> = {
  ed25519: 0x01,
  'ecdsa-p256': 0x02,
  'ed25519-cosignature': 0x04,
  'ml-dsa-44-cosignature': 0x06,
};

/** A key that notes are verified with; `id` is the 4-byte key ID as hex. */
export interface VerifierKey {
  readonly kind: NoteKeyKind;
  readonly name: string;
  readonly id: string;
  /** Raw; of an ECDSA key the DER of its SubjectPublicKeyInfo. */
  readonly publicKey: Uint8Array;
}

/** A verified line of a cosigner. */
export interface Cosignature {
  readonly key: VerifierKey;
  /** POSIX seconds at which the key says to have signed; 0 when it says nothing of the time. */
  readonly time: number;
  readonly signature: Uint8Array;
}

export interface NoteContent {
  readonly text: string;
  /** Keys with a line that verifies, each once. */
  readonly signers: readonly VerifierKey[];
  /** The lines of cosigners among them. */
  readonly cosignatures: readonly Cosignature[];
  /** Known keys with a line that this platform cannot check: never a signer, never a forgery. */
  readonly notCheckable: readonly VerifierKey[];
}

export type OpenedNote =
  | ({ readonly kind: 'opened' } & NoteContent)
  /** `malformed`: no note · `unverified`: no line of a known key · `forged`: a known key's line does not verify. */
  | { readonly kind: 'malformed' | 'unverified' | 'forged'; readonly why: string };

/** Key names: not empty, no Unicode space, no `+`. */
export const isKeyName = (name: string): boolean =>
  name !== '' && name.isWellFormed() && !/[\p{White_Space}\u0000-\u001f+]/u.test(name);

function isPublicKey(kind: NoteKeyKind, publicKey: Uint8Array): boolean {
  if (kind === 'ecdsa-p256') return isP256Spki(publicKey);
  return publicKey.length === (kind === 'ml-dsa-44-cosignature' ? ML_DSA_44_KEY_BYTES : ED25519_KEY_BYTES);
}

/** The ID of an ECDSA key is of its DER alone; all others bind the name and the kind. */
function keyId(kind: NoteKeyKind, name: string, publicKey: Uint8Array): string {
  const hash = createHash('sha256');
  if (kind !== 'ecdsa-p256') hash.update(name).update(Uint8Array.of(0x0a, TYPE_BYTES[kind]));
  return hash.update(publicKey).digest('hex').slice(0, 8);
}

/** The verifier of a named public key: an Ed25519 key of 32 bytes when no kind is given. */
export function verifierKeyOf(name: string, publicKey: Uint8Array, kind: NoteKeyKind = 'ed25519'): VerifierKey {
  if (!isKeyName(name)) throw new Fault('ConfigurationInvalid', 'the name of a note key has a space or a plus sign');
  if (!isPublicKey(kind, publicKey)) throw new Fault('ConfigurationInvalid', `the key of ${name} is no ${kind} key`);
  return { kind, name, id: keyId(kind, name, publicKey), publicKey };
}

/** What stores call the log of a key: its name and its key ID. */
export const logNameOf = ({ name, id }: Pick<VerifierKey, 'name' | 'id'>): string => `${name}+${id}`;

/** `name+hex(ID)+base64(type ‖ key)`. */
export const formatVerifierKey = ({ kind, name, id, publicKey }: VerifierKey): string =>
  `${name}+${id}+${toBase64(Uint8Array.of(TYPE_BYTES[kind], ...publicKey))}`;

/**
 * A configured verifier key of one of the kinds that are believed in its place, Ed25519 alone when none are given. One that
 * does not parse, or whose ID is not its own, is `ConfigurationInvalid`.
 */
export function parseVerifierKey(vkey: string, kinds: readonly NoteKeyKind[] = ['ed25519']): VerifierKey {
  const [, name = '', id = '', encoded = ''] = /^([^+]+)\+([0-9a-f]{8})\+([A-Za-z0-9+/=]+)$/.exec(vkey) ?? [];
  const key = fromBase64(encoded);
  const kind = kinds.find((known) => TYPE_BYTES[known] === key?.[0]);
  if (!isKeyName(name) || !key || !kind)
    throw new Fault(
      'ConfigurationInvalid',
      `a verifier key reads name+8 hex digits+base64; its kind: ${kinds.join(', ')}`,
    );
  const verifier = verifierKeyOf(name, key.subarray(1), kind);
  if (verifier.id !== id) throw new Fault('ConfigurationInvalid', `the verifier key of ${name} has another key ID`);
  return verifier;
}

const isCosigner = (key: VerifierKey): key is VerifierKey & Cosigner =>
  key.kind === 'ed25519-cosignature' || key.kind === 'ml-dsa-44-cosignature';

function checkSignature(key: VerifierKey, text: string, signature: Uint8Array): CheckedSignature {
  if (isCosigner(key)) return checkCosignature(key, text, signature);
  const verifySignature = key.kind === 'ed25519' ? verifyEd25519 : verifyP256;
  return verifySignature(key.publicKey, new TextEncoder().encode(text), signature) ? { kind: 'good' } : { kind: 'bad' };
}

/** False as well where the platform cannot tell. */
export const verifyNoteSignature = (key: VerifierKey, text: string, signature: Uint8Array): boolean =>
  checkSignature(key, text, signature).kind === 'good';

/** `— <name> <base64(ID ‖ signature)>` and a newline. */
export const formatSignatureLine = (key: Pick<VerifierKey, 'name' | 'id'>, signature: Uint8Array): string =>
  `${SIGNATURE_START}${key.name} ${Buffer.concat([Buffer.from(key.id, 'hex'), signature]).toString('base64')}\n`;

/** A whole note: `text` (which ends in a newline), an empty line, the signature lines. */
export const formatNote = (text: string, signatureLines: readonly string[]): string =>
  `${text}\n${signatureLines.join('')}`;

interface SignatureLine {
  readonly name: string;
  readonly id: string;
  readonly signature: Uint8Array;
}

function parseSignatureLine(line: string): SignatureLine | undefined {
  if (!line.startsWith(SIGNATURE_START)) return undefined;
  const [name = '', encoded = '', ...rest] = line.slice(SIGNATURE_START.length).split(' ');
  const bytes = fromBase64(encoded);
  if (!isKeyName(name) || rest.length > 0 || bytes === undefined || bytes.length < 5) return undefined;
  return { name, id: Buffer.from(bytes.subarray(0, 4)).toString('hex'), signature: bytes.subarray(4) };
}

type SplitNote = { readonly text: string; readonly lines: readonly SignatureLine[] };

function splitNote(note: string): SplitNote | string {
  if (note.length > MAX_NOTE_CHARACTERS) return 'the note is too long';
  if (!note.isWellFormed()) return 'the note is not Unicode text';
  if (/[\u0000-\u0009\u000b-\u001f]/.test(note)) return 'the note holds control characters';
  const at = note.lastIndexOf('\n\n');
  if (at < 0 || !note.endsWith('\n')) return 'the note has no signature block';
  const rows = note.slice(at + 2, -1).split('\n');
  if (rows.length > MAX_SIGNATURES) return 'the note has too many signatures';
  const lines = rows.map(parseSignatureLine);
  return lines.every((line) => line !== undefined)
    ? { text: note.slice(0, at + 1), lines }
    : 'a signature line is malformed';
}

/** The text of a note that nobody verified yet: fit for finding out whose keys to open it with, and for nothing else. */
export function unverifiedText(note: string): string | undefined {
  const split = splitNote(note);
  return typeof split === 'string' ? undefined : split.text;
}

/**
 * Opens a note with the keys that are trusted for it. Lines of unknown keys are ignored; a line of a known key that does
 * not verify rejects the whole note. Which and how many signers are needed is the caller's policy: at least one is.
 */
export function openNote(note: string, verifiers: readonly VerifierKey[]): OpenedNote {
  const split = splitNote(note);
  if (typeof split === 'string') return { kind: 'malformed', why: split };
  const signers = new Set<VerifierKey>();
  const notCheckable = new Set<VerifierKey>();
  const cosignatures: Cosignature[] = [];
  for (const { name, id, signature } of split.lines) {
    for (const key of verifiers.filter((known) => known.name === name && known.id === id)) {
      const checked = checkSignature(key, split.text, signature);
      if (checked.kind === 'bad') return { kind: 'forged', why: `the signature of ${name} does not verify` };
      if (checked.kind === 'not-checkable') notCheckable.add(key);
      else signers.add(key);
      if (checked.kind === 'good' && checked.time !== undefined)
        cosignatures.push({ key, time: checked.time, signature });
    }
  }
  if (signers.size === 0)
    return {
      kind: 'unverified',
      why: `no signature is of a known key${notCheckable.size > 0 ? ' that can be checked here' : ''}`,
    };
  return { kind: 'opened', text: split.text, signers: [...signers], cosignatures, notCheckable: [...notCheckable] };
}
