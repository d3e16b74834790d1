import { createHash, createPublicKey, verify } from 'node:crypto';
import { Fault } from '../faults.ts';
import { fromBase64, toBase64 } from './checkpoint.ts';

/** Signed notes (C2SP signed-note v1.0.0, golang.org/x/mod/sumdb/note) with Ed25519 keys, type byte 0x01. */

const ED25519 = 0x01;
const KEY_BYTES = 32;
const SIGNATURE_BYTES = 64;
/** As Go's note package: at least 16 must be accepted. */
const MAX_SIGNATURES = 100;
const MAX_NOTE_CHARACTERS = 1_000_000;
const SIGNATURE_START = '— ';

/** A key that notes are verified with; `id` is the 4-byte key ID as hex. */
export interface VerifierKey {
  readonly name: string;
  readonly id: string;
  readonly publicKey: Uint8Array;
}

export type OpenedNote =
  | { readonly kind: 'opened'; readonly text: string; readonly signers: readonly VerifierKey[] }
  /** `malformed`: no note · `unverified`: no line of a known key · `forged`: a known key's line does not verify. */
  | { readonly kind: 'malformed' | 'unverified' | 'forged'; readonly why: string };

/** Key names: not empty, no Unicode space, no `+`. */
export const isKeyName = (name: string): boolean =>
  name !== '' && name.isWellFormed() && !/[\p{White_Space}\u0000-\u001f+]/u.test(name);

const keyId = (name: string, publicKey: Uint8Array): string =>
  createHash('sha256').update(name).update(Uint8Array.of(0x0a, ED25519)).update(publicKey).digest('hex').slice(0, 8);

/** The verifier of a named raw 32-byte Ed25519 public key. */
export function verifierKeyOf(name: string, publicKey: Uint8Array): VerifierKey {
  if (!isKeyName(name)) throw new Fault('ConfigurationInvalid', 'the name of a note key has a space or a plus sign');
  if (publicKey.length !== KEY_BYTES) throw new Fault('ConfigurationInvalid', 'an Ed25519 key has 32 bytes');
  return { name, id: keyId(name, publicKey), publicKey };
}

/** What stores call the log of a key: its name and its key ID. */
export const logNameOf = ({ name, id }: Pick<VerifierKey, 'name' | 'id'>): string => `${name}+${id}`;

/** `name+hex(ID)+base64(type ‖ key)`. */
export const formatVerifierKey = ({ name, id, publicKey }: VerifierKey): string =>
  `${name}+${id}+${toBase64(Uint8Array.of(ED25519, ...publicKey))}`;

/** A configured verifier key. One that does not parse, or whose ID is not its own, is `ConfigurationInvalid`. */
export function parseVerifierKey(vkey: string): VerifierKey {
  const [, name = '', id = '', encoded = ''] = /^([^+]+)\+([0-9a-f]{8})\+([A-Za-z0-9+/=]+)$/.exec(vkey) ?? [];
  const key = fromBase64(encoded);
  if (!isKeyName(name) || key?.[0] !== ED25519 || key.length !== KEY_BYTES + 1)
    throw new Fault('ConfigurationInvalid', 'a verifier key reads name+8 hex digits+base64 of an Ed25519 key');
  const verifier = verifierKeyOf(name, key.subarray(1));
  if (verifier.id !== id) throw new Fault('ConfigurationInvalid', `the verifier key of ${name} has another key ID`);
  return verifier;
}

/** DER prefix of an Ed25519 SubjectPublicKeyInfo (RFC 8410). */
const SPKI_PREFIX = Buffer.from('302a300506032b6570032100', 'hex');

export function verifyNoteSignature(key: VerifierKey, text: string, signature: Uint8Array): boolean {
  if (signature.length !== SIGNATURE_BYTES) return false;
  const spki = Buffer.concat([SPKI_PREFIX, key.publicKey]);
  return verify(
    null,
    Buffer.from(text, 'utf8'),
    createPublicKey({ key: spki, format: 'der', type: 'spki' }),
    signature,
  );
}

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

/**
 * Opens a note with the keys that are trusted for it. Lines of unknown keys are ignored; a line of a known key that does
 * not verify rejects the whole note. Which and how many signers are needed is the caller's policy: at least one is.
 */
export function openNote(note: string, verifiers: readonly VerifierKey[]): OpenedNote {
  const split = splitNote(note);
  if (typeof split === 'string') return { kind: 'malformed', why: split };
  const signers = new Set<VerifierKey>();
  for (const { name, id, signature } of split.lines) {
    for (const key of verifiers.filter((known) => known.name === name && known.id === id)) {
      if (!verifyNoteSignature(key, split.text, signature))
        return { kind: 'forged', why: `the signature of ${name} does not verify` };
      signers.add(key);
    }
  }
  if (signers.size === 0) return { kind: 'unverified', why: 'no signature is of a known key' };
  return { kind: 'opened', text: split.text, signers: [...signers] };
}
