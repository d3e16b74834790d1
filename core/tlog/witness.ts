import { createHash } from 'node:crypto';
import { type Checkpoint, parseCheckpoint, parseDecimal, toBase64 } from './checkpoint.ts';
import { type Cosigner, cosign } from './cosignature.ts';
import { verifyConsistency } from './merkle.ts';
import {
  type Cosignature,
  formatNote,
  formatSignatureLine,
  openNote,
  unverifiedText,
  type VerifierKey,
} from './note.ts';
import { parseHashes } from './tlog-proof.ts';

/** Both sides of `add-checkpoint` (C2SP tlog-witness v1.0.0), without the HTTP. */

export interface AddCheckpoint {
  /** The size of the tree that the witness cosigned last, as the client remembers it. */
  readonly oldSize: number;
  /** Proves that the tree of the note begins with that one; empty for size 0. */
  readonly path: readonly Uint8Array[];
  /** The checkpoint with the signature of its log. */
  readonly note: string;
}
/** A request as a witness reads it. Nothing in it is verified. */
export interface SubmittedCheckpoint extends AddCheckpoint {
  readonly text: string;
  readonly checkpoint: Checkpoint;
}

const OLD = 'old ';
/** Room for a note and the longest proof. */
const MAX_BODY_CHARACTERS = 1_100_000;

export const formatAddCheckpoint = ({ oldSize, path, note }: AddCheckpoint): string =>
  `${[`${OLD}${oldSize}`, ...path.map(toBase64)].join('\n')}\n\n${note}`;

/** The body of a request; `undefined` is answered with `malformed`. */
export function parseAddCheckpoint(body: string): SubmittedCheckpoint | undefined {
  const at = body.length > MAX_BODY_CHARACTERS ? -1 : body.indexOf('\n\n');
  const [first = '', ...hashes] = body.slice(0, Math.max(at, 0)).split('\n');
  const oldSize = first.startsWith(OLD) ? parseDecimal(first.slice(OLD.length)) : undefined;
  const path = parseHashes(hashes);
  const note = body.slice(at + 2);
  const text = unverifiedText(note);
  const checkpoint = text === undefined ? undefined : parseCheckpoint(text);
  if (oldSize === undefined || !path || text === undefined || !checkpoint) return undefined;
  return { oldSize, path, note, text, checkpoint };
}

/** What a witness knows of a log: its keys and the tree that it cosigned last, of size 0 before the first. */
export interface WitnessedLog {
  readonly keys: readonly VerifierKey[];
  readonly size: number;
  readonly root: Uint8Array;
}

export type WitnessRefusal =
  /** 400: no request, or the old size is above the new one. */
  | { readonly kind: 'malformed' }
  /** 403: no signature of a key of the log, or a false one. */
  | { readonly kind: 'not-signed' }
  /** 404: the witness does not know the origin. */
  | { readonly kind: 'unknown-log' }
  /** 409: the witness cosigned a tree of this size last; ask again from there. */
  | { readonly kind: 'conflict'; readonly size: number }
  /** 422: not the same log as before, or not proved to be. */
  | { readonly kind: 'inconsistent' };
export type WitnessDecision = { readonly kind: 'cosign'; readonly submitted: SubmittedCheckpoint } | WitnessRefusal;

/**
 * What a witness does with a request; `log` is what it knows under the origin of the checkpoint. Before a cosignature
 * leaves, the new size and root MUST be stored on condition that the stored size is still `log.size`; where it is another
 * one by then, the answer is `conflict`. A second request could roll the log back otherwise.
 */
export function decideAddCheckpoint(submitted: SubmittedCheckpoint, log: WitnessedLog | undefined): WitnessDecision {
  const { oldSize, path, note, checkpoint } = submitted;
  if (!log) return { kind: 'unknown-log' };
  if (openNote(note, log.keys).kind !== 'opened') return { kind: 'not-signed' };
  if (oldSize > checkpoint.size) return { kind: 'malformed' };
  if (oldSize !== log.size) return { kind: 'conflict', size: log.size };
  // Sizes 0 and equal sizes need no case of their own: the empty tree has one root, and equal trees an empty proof.
  return verifyConsistency(oldSize, log.root, checkpoint.size, checkpoint.root, path)
    ? { kind: 'cosign', submitted }
    : { kind: 'inconsistent' };
}

/** The line of a witness for a checkpoint that it decided to cosign, at `time` in POSIX seconds. */
export const cosignatureLine = async (
  key: VerifierKey & Cosigner,
  text: string,
  time: number,
  sign: (message: Uint8Array) => Promise<Uint8Array>,
): Promise<string> => formatSignatureLine(key, await cosign(key, text, time, sign));

export type WitnessAnswer = { readonly kind: 'cosigned'; readonly signatureLines: string } | WitnessRefusal;
export interface WitnessResponse {
  readonly status: number;
  readonly contentType: string;
  readonly body: string;
}

const PLAIN = 'text/plain; charset=utf-8';
const SIZE = 'text/x.tlog.size';
const REFUSALS: Record<Exclude<WitnessRefusal['kind'], 'conflict'>, Omit<WitnessResponse, 'contentType'>> = {
  malformed: { status: 400, body: 'the request is malformed\n' },
  'not-signed': { status: 403, body: 'the checkpoint is not signed by its log\n' },
  'unknown-log': { status: 404, body: 'the log is not known here\n' },
  inconsistent: { status: 422, body: 'the checkpoint is not proved to continue the one cosigned last\n' },
};

export function formatWitnessAnswer(answer: WitnessAnswer): WitnessResponse {
  if (answer.kind === 'cosigned') return { status: 200, contentType: PLAIN, body: answer.signatureLines };
  if (answer.kind === 'conflict') return { status: 409, contentType: SIZE, body: `${answer.size}\n` };
  return { ...REFUSALS[answer.kind], contentType: PLAIN };
}

function parseConflict({ contentType, body }: WitnessResponse): WitnessAnswer | undefined {
  const [mediaType = ''] = contentType.split(';');
  const size = body.endsWith('\n') ? parseDecimal(body.slice(0, -1)) : undefined;
  return mediaType.trim().toLowerCase() === SIZE && size !== undefined ? { kind: 'conflict', size } : undefined;
}

/**
 * What a witness answered; `undefined` is no answer of the protocol, and as good as none. Older witnesses say `not-signed`
 * of a log that they do not know.
 */
export function parseWitnessAnswer(response: WitnessResponse): WitnessAnswer | undefined {
  switch (response.status) {
    case 200:
      return { kind: 'cosigned', signatureLines: response.body };
    case 400:
      return { kind: 'malformed' };
    case 403:
      return { kind: 'not-signed' };
    case 404:
      return { kind: 'unknown-log' };
    case 409:
      return parseConflict(response);
    case 422:
      return { kind: 'inconsistent' };
    default:
      return undefined;
  }
}

/**
 * The cosignatures in a witness's answer that are of the text of `note`, by keys of `witnesses`, with a time: those of
 * other keys are ignored, and a false one of a known key takes all others with it.
 */
export function acceptedCosignatures(
  note: string,
  signatureLines: string,
  witnesses: readonly VerifierKey[],
): readonly Cosignature[] {
  const text = unverifiedText(note);
  const opened = text === undefined ? undefined : openNote(formatNote(text, [signatureLines]), witnesses);
  return opened?.kind === 'opened' && opened.text === text ? opened.cosignatures.filter(({ time }) => time > 0) : [];
}

/** The note with these lines behind those that it has. */
export const withCosignatures = (note: string, cosignatures: readonly Cosignature[]): string =>
  note + cosignatures.map(({ key, signature }) => formatSignatureLine(key, signature)).join('');

/** Where a witness serves the newest checkpoint that it cosigned of a log, below its monitoring prefix. */
export const witnessedCheckpointPath = (origin: string): string =>
  `${createHash('sha256').update(origin, 'utf8').digest('hex')}/checkpoint`;
