import { fromBase64 } from '../tlog/checkpoint.ts';

/** Text armor of signatures: lines between BEGIN and END, base64 (RFC 9580 §6, PROTOCOL.sshsig). */

const MAX_ARMOR = 1024 * 1024;

/** Base64 of these bytes, or `undefined` for what is not exactly one block of this kind. OpenPGP headers are skipped. */
export function armoredBytes(text: string, kind: string): Uint8Array | undefined {
  if (text.length > MAX_ARMOR) return undefined;
  const lines = text
    .replace(/\r\n/g, '\n')
    .split('\n')
    .map((line) => line.trimEnd());
  while (lines.at(-1) === '') lines.pop();
  if (lines[0] !== `-----BEGIN ${kind}-----` || lines.at(-1) !== `-----END ${kind}-----`) return undefined;
  const body = lines.slice(1, -1);
  const blank = body.indexOf('');
  // Headers are `Key: value` lines before an empty one; SSH signatures have none.
  const content =
    blank >= 0 && body.slice(0, blank).every((line) => /^[A-Za-z-]+: /.test(line)) ? body.slice(blank + 1) : body;
  // A line that begins with `=` is the checksum of older writers: it proves nothing and is not needed.
  const last = content.at(-1);
  return fromBase64((last?.startsWith('=') && last.length === 5 ? content.slice(0, -1) : content).join(''));
}
