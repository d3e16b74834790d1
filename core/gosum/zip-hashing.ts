import { createHash, hash as hashOnce } from 'node:crypto';
import { Sha256Hex } from '../../events/fields.ts';
import type { H1Memo } from '../ports/h1-memo.ts';
import type { RandomAccess } from '../ports/module-source.ts';
import type { ZipHasher } from '../ports/zip-hasher.ts';
import { type HashedZip, hashModuleZip } from './module-zip.ts';

/** Ways to hash module zips: in this thread, once an open zip, or not again at all. */

/** Raise it whenever a zip that was hashed before is refused now: what older rules remembered is forgotten then. */
export const ZIP_RULES = 1;

/** Zips up to this are read at once: faster, and both hashes are then of the same bytes. Few modules have more. */
const MAX_WHOLE_BYTES = 72 * 1024 * 1024;
const PIECE_BYTES = 1024 * 1024;

/** Bytes at hand, to be read as a file is. */
export const accessOf = (bytes: Uint8Array): RandomAccess => ({
  size: bytes.length,
  read: async (offset, length) => {
    if (offset < 0 || offset + length > bytes.length) throw new RangeError('a read outside the bytes');
    return bytes.subarray(offset, offset + length);
  },
});

/** The pieces of a file in order. */
export async function* piecesOf(file: RandomAccess): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < file.size; at += PIECE_BYTES) yield await file.read(at, Math.min(PIECE_BYTES, file.size - at));
}

/** Hashes in the thread that calls, one zip after the other for as long as the bytes are at hand. */
export const plainZipHasher: ZipHasher = {
  async hash(zip, module, version) {
    if (zip.size > MAX_WHOLE_BYTES) return hashModuleZip(zip, module, version);
    const bytes = await zip.read(0, zip.size);
    const hashed = await hashModuleZip(accessOf(bytes), module, version);
    return hashed.kind === 'hashed' ? { ...hashed, sha256: Sha256Hex.parse(hashOnce('sha256', bytes)) } : hashed;
  },
  async sha256(zip) {
    const hash = createHash('sha256');
    for await (const piece of piecesOf(zip)) hash.update(piece);
    return Sha256Hex.parse(hash.digest('hex'));
  },
};

/**
 * Asks the memo first. What is remembered was hashed as a whole from one reading: a file that is exchanged between two
 * readings cannot have the bytes of one remembered under the h1 of the other.
 */
export function rememberingZipHasher(hasher: ZipHasher, memo: H1Memo): ZipHasher {
  return {
    async hash(zip, module, version) {
      const entries = (await memo.find(module, version)).filter(({ rules }) => rules === ZIP_RULES);
      if (entries.length > 0) {
        const sha256 = await hasher.sha256(zip);
        const known = entries.find((entry) => entry.sha256 === sha256);
        if (known) return { kind: 'hashed', h1: known.h1, sha256 };
      }
      const hashed = await hasher.hash(zip, module, version);
      if (hashed.kind === 'hashed' && hashed.sha256 !== undefined)
        await memo.add({ module, version, sha256: hashed.sha256, h1: hashed.h1, rules: ZIP_RULES });
      return hashed;
    },
    sha256: (zip) => hasher.sha256(zip),
  };
}

/** Hashes each open zip once, whoever asks: what one reader made sure of, the next need not. */
export function hashingOnce(hasher: ZipHasher): ZipHasher {
  const hashes = new WeakMap<RandomAccess, Map<string, Promise<HashedZip>>>();
  return {
    hash(zip, module, version) {
      const known = hashes.get(zip) ?? new Map<string, Promise<HashedZip>>();
      hashes.set(zip, known);
      const key = `${module}@${version}`;
      const hashed = known.get(key) ?? hasher.hash(zip, module, version);
      known.set(key, hashed);
      return hashed;
    },
    sha256: (zip) => hasher.sha256(zip),
  };
}
