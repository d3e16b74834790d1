import type { ModulePath, ModuleVersion } from '../brands.ts';
import { h1OfGoMod } from '../gosum/dirhash.ts';
import type { ModuleSource } from '../ports/module-source.ts';
import type { ZipHasher } from '../ports/zip-hasher.ts';
import type { ModuleHashes } from './pin.ts';

export type HashedModule =
  | { readonly kind: 'hashed'; readonly hashes: ModuleHashes }
  | { readonly kind: 'absent' }
  | { readonly kind: 'invalid'; readonly why: string };

/** Both hashes of a module version, from whoever serves it. */
export async function hashModule(
  modules: ModuleSource,
  hasher: ZipHasher,
  path: ModulePath,
  version: ModuleVersion,
): Promise<HashedModule> {
  const goMod = await modules.goMod(path, version);
  const zip = goMod && (await modules.zip(path, version));
  if (!zip) return { kind: 'absent' };
  try {
    const hashed = await hasher.hash(zip, path, version);
    return hashed.kind === 'hashed'
      ? { kind: 'hashed', hashes: { path, version, zipH1: hashed.h1, goModH1: h1OfGoMod(goMod) } }
      : { kind: 'invalid', why: hashed.why };
  } finally {
    await zip.release();
  }
}
