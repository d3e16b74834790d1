/** The signature of a git tag or commit, and the very bytes it was made over (git's `gpg-interface`, raw object bodies). */

export type SignatureFormat = 'openpgp' | 'ssh' | 'x509';

export interface SignedObject {
  readonly payload: Uint8Array;
  /** Armored, as it stands in the object. */
  readonly signature: string;
  readonly format: SignatureFormat;
}

const BEGINS: Readonly<Record<string, SignatureFormat>> = {
  '-----BEGIN PGP SIGNATURE-----': 'openpgp',
  '-----BEGIN PGP MESSAGE-----': 'openpgp',
  '-----BEGIN SSH SIGNATURE-----': 'ssh',
  '-----BEGIN SIGNED MESSAGE-----': 'x509',
};

const latin1 = (bytes: Uint8Array) => Buffer.from(bytes).toString('latin1');

/** Format of an armored signature by its first line. */
const formatOf = (text: string): SignatureFormat | undefined => BEGINS[text.split('\n', 1)[0] ?? ''];

/** A tag ends with its signature: the last line that begins one decides, as in git, so a quoted one above is text. */
export function signedTag(body: Uint8Array): SignedObject | undefined {
  const text = latin1(body);
  let at = -1;
  for (const begin of Object.keys(BEGINS))
    at = Math.max(at, text.startsWith(begin) ? 0 : text.lastIndexOf(`\n${begin}\n`));
  if (at < 0) return undefined;
  const start = at === 0 ? 0 : at + 1;
  const signature = text.slice(start);
  const format = formatOf(signature);
  return format && { payload: body.subarray(0, start), signature, format };
}

/** A commit carries its signature in a header whose further lines begin with a blank; the rest is what was signed. */
export function signedCommit(body: Uint8Array): SignedObject | undefined {
  const text = latin1(body);
  const end = text.indexOf('\n\n');
  const header = end < 0 ? text : text.slice(0, end + 1);
  const found = /^gpgsig (?:.*\n)(?: .*\n)*/m.exec(header);
  if (!found) return undefined;
  const [whole] = found;
  const signature = whole.slice('gpgsig '.length).replaceAll('\n ', '\n');
  const format = formatOf(signature);
  const payload = Buffer.from(
    header.slice(0, found.index) + header.slice(found.index + whole.length) + (end < 0 ? '' : text.slice(end + 1)),
    'latin1',
  );
  return format && { payload, signature, format };
}

export interface TagFacts {
  readonly object: string;
  readonly type: string;
  /** The name that the tagger gave it, whatever ref leads to it now. */
  readonly name: string;
}

/** The first three headers of a tag object; `undefined` where they are not there in git's order. */
export function tagFacts(body: Uint8Array): TagFacts | undefined {
  const found = /^object ([0-9a-f]{40}|[0-9a-f]{64})\ntype ([a-z]+)\ntag ([^\n]+)\n/.exec(
    Buffer.from(body).toString('utf8'),
  );
  return found ? { object: found[1] ?? '', type: found[2] ?? '', name: found[3] ?? '' } : undefined;
}
