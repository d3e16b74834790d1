import { readSshKey, type SshKey } from './ssh-key.ts';
import { SshMalformed } from './ssh-wire.ts';

/** The `allowed_signers` format of ssh-keygen(1): who may sign with which key, for what and when. */

export interface AllowedSigner {
  readonly principals: readonly string[];
  readonly key: SshKey;
  /** Patterns; absent: every namespace. */
  readonly namespaces?: readonly string[];
  /** Milliseconds since 1970; the key is good from and until these instants. */
  readonly validAfterMs?: number;
  readonly validBeforeMs?: number;
  readonly line: number;
}

export interface AllowedSigners {
  readonly signers: readonly AllowedSigner[];
  /** Lines that cannot be read: a file with one is not to be trusted to mean what it says. */
  readonly problems: readonly { readonly line: number; readonly why: string }[];
}

const KEY_TYPE = /^(?:sk-)?(?:ssh-|ecdsa-sha2-)/;

/** Words of a line: separated by blanks, a quoted part may hold blanks. */
const wordsOf = (line: string): string[] => line.match(/(?:[^\s"]|"[^"]*")+/g) ?? [];

/** `20260131`, `202601311200`, `20260131120000`, in UTC with `Z`. ssh-keygen's local time is refused: it means another instant elsewhere. */
function instantOf(text: string): number | undefined {
  const found = /^(\d{4})(\d\d)(\d\d)(?:(\d\d)(\d\d)(\d\d)?)?Z$/.exec(text);
  if (!found) return undefined;
  const [, year, month, day, hour = '00', minute = '00', second = '00'] = found;
  const ms = Date.parse(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`);
  return Number.isNaN(ms) ? undefined : ms;
}

type Options = Pick<AllowedSigner, 'namespaces' | 'validAfterMs' | 'validBeforeMs'>;

function readOptions(text: string): Options | string {
  const options: { -readonly [K in keyof Options]: Options[K] } = {};
  for (const option of text.match(/(?:[^,"]|"[^"]*")+/g) ?? []) {
    const [name = '', quoted = ''] = option.split(/=(.*)/s);
    const value = /^"([^"]*)"$/.exec(quoted)?.[1];
    if (value === undefined) return `the option ${name} is not known or has no quoted value`;
    if (name === 'namespaces') {
      if (options.namespaces) return 'namespaces are given twice';
      if (/(?:^|,)!/.test(value)) return 'a namespace is excluded by `!`: name those that are meant';
      options.namespaces = value.split(',');
    } else if (name === 'valid-after' || name === 'valid-before') {
      const key = name === 'valid-after' ? 'validAfterMs' : 'validBeforeMs';
      const instant = instantOf(value);
      if (options[key] !== undefined) return `${name} is given twice`;
      if (instant === undefined) return `${name} is no UTC time of the form 20260131120000Z`;
      options[key] = instant;
    } else return `the option ${name} is not known`;
  }
  return options;
}

function readLine(text: string, line: number): AllowedSigner | string {
  const [principals = '', ...rest] = wordsOf(text);
  const options = KEY_TYPE.test(rest[0] ?? '') ? {} : readOptions(rest.shift() ?? '');
  if (typeof options === 'string') return options;
  const [type = '', blob = ''] = rest;
  const bytes = Buffer.from(blob, 'base64');
  if (bytes.toString('base64').replace(/=+$/, '') !== blob.replace(/=+$/, '')) return 'its key is not base64';
  try {
    const key = readSshKey(bytes);
    if (key.type !== type) return `its key is of type ${key.type}, not ${type}`;
    return { principals: principals.replaceAll('"', '').split(','), key, ...options, line };
  } catch (error) {
    if (error instanceof SshMalformed) return error.message;
    throw error;
  }
}

export function readAllowedSigners(text: string): AllowedSigners {
  const signers: AllowedSigner[] = [];
  const problems: { line: number; why: string }[] = [];
  for (const [at, row] of text.split(/\r?\n/).entries()) {
    if (/^\s*(?:#|$)/.test(row)) continue;
    const read = readLine(row.trim(), at + 1);
    if (typeof read === 'string') problems.push({ line: at + 1, why: read });
    else signers.push(read);
  }
  return { signers, problems };
}

/** `*` and `?` match any characters and one; everything else is itself. */
const matches = (pattern: string, text: string): boolean =>
  new RegExp(
    `^${pattern
      .replace(/[.+^${}()|[\]\\]/g, '\\$&')
      .replace(/\*+/g, '.*')
      .replaceAll('?', '.')}$`,
    's',
  ).test(text);

/** Who may sign with this key for this namespace at this instant; the first line that fits decides. */
export const signerOf = (
  { signers }: AllowedSigners,
  key: SshKey,
  namespace: string,
  atMs: number,
): AllowedSigner | undefined =>
  signers.find(
    (signer) =>
      Buffer.compare(signer.key.blob, key.blob) === 0 &&
      (signer.namespaces?.some((pattern) => matches(pattern, namespace)) ?? true) &&
      atMs >= (signer.validAfterMs ?? Number.NEGATIVE_INFINITY) &&
      atMs < (signer.validBeforeMs ?? Number.POSITIVE_INFINITY),
  );
