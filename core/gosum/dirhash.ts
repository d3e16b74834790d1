import { createHash } from 'node:crypto';
import { H1Digest } from '../brands.ts';

/** The h1 dirhash of golang.org/x/mod/sumdb/dirhash: never the SHA-256 of a file. */

export interface HashedFile {
  readonly name: string;
  /** SHA-256 of the content, lower-case hex. */
  readonly sha256: string;
}

const sha256Of = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');

/** h1 over files in byte order of their names. A newline in a name has no h1 and is a programming error here. */
export function h1OfFiles(files: readonly HashedFile[]): H1Digest {
  const sorted = files
    .map(({ name, sha256 }) => ({ bytes: Buffer.from(name, 'utf8'), name, sha256 }))
    .sort((a, b) => Buffer.compare(a.bytes, b.bytes));
  const hash = createHash('sha256');
  for (const { name, sha256 } of sorted) {
    if (name.includes('\n')) throw new RangeError('a file name with a newline has no h1');
    hash.update(`${sha256}  ${name}\n`);
  }
  return H1Digest.parse(`h1:${hash.digest('base64')}`);
}

/** h1 of a go.mod file, as in the `/go.mod` lines of go.sum. */
export const h1OfGoMod = (bytes: Uint8Array): H1Digest => h1OfFiles([{ name: 'go.mod', sha256: sha256Of(bytes) }]);

/** The 32 bytes of an h1 as lower-case hex, for places that carry digests as hex. */
export const h1Hex = (h1: H1Digest): string => Buffer.from(h1.slice('h1:'.length), 'base64').toString('hex');
