import type { ByteWindow } from './byte-window.ts';
import { unreadableGit } from './unreadable.ts';

/** Git's framing (gitprotocol-common, "pkt-line Format"): four hex digits of length, themselves included, then the bytes. */

export type PktLine =
  | { readonly kind: 'line'; readonly bytes: Buffer }
  | { readonly kind: 'flush' }
  | { readonly kind: 'delimiter' }
  | { readonly kind: 'response-end' };

export const FLUSH_PACKET = '0000';
export const DELIMITER_PACKET = '0001';

const HEAD_BYTES = 4;
const MAX_PACKET_BYTES = 65_520;
const SPECIAL = ['flush', 'delimiter', 'response-end'] as const;

/** One line as a packet, its newline added. */
export const linePacket = (line: string): string =>
  `${(Buffer.byteLength(line) + 1 + HEAD_BYTES).toString(16).padStart(4, '0')}${line}\n`;

/** Text of a line without the newline that may end it. */
export const lineText = (bytes: Uint8Array): string => Buffer.from(bytes).toString('utf8').replace(/\n$/, '');

/** What a server says of itself, cut and stripped of what could change a log. */
const quoted = (bytes: Uint8Array) => lineText(bytes.subarray(0, 200)).replace(/[^\x20-\x7e]/g, '?');

/** A server that gives up says so in place of an answer. */
export const serverError = (bytes: Uint8Array) => unreadableGit(`the server says "${quoted(bytes)}"`);

/** The next packet; `undefined` where the answer ends. A line that begins with `ERR ` is thrown. */
export async function readPacket(window: ByteWindow): Promise<PktLine | undefined> {
  if (await window.isAtEnd()) return undefined;
  const digits = (await window.take(HEAD_BYTES)).toString('latin1');
  const length = /^[0-9a-fA-F]{4}$/.test(digits) ? Number.parseInt(digits, 16) : -1;
  const special = SPECIAL[length];
  if (special) return { kind: special };
  if (length < HEAD_BYTES || length > MAX_PACKET_BYTES) throw unreadableGit('a packet has no valid length');
  const bytes = await window.take(length - HEAD_BYTES);
  if (bytes.subarray(0, 4).toString('latin1') === 'ERR ') throw serverError(bytes.subarray(4));
  return { kind: 'line', bytes };
}

/** The lines up to the next packet that is none, which is skipped. */
export async function readLines(window: ByteWindow): Promise<string[]> {
  const lines: string[] = [];
  for (let packet = await readPacket(window); packet?.kind === 'line'; packet = await readPacket(window))
    lines.push(lineText(packet.bytes));
  return lines;
}
