import type { TenantId } from '../../events/fields.ts';
import type { H1Digest, ModulePath, ModuleVersion } from '../brands.ts';
import type { ModuleBytesKind, ModuleCache } from '../ports/module-cache.ts';
import type { ModuleSource } from '../ports/module-source.ts';
import type { ZipHasher } from '../ports/zip-hasher.ts';
import { h1Hex, h1OfGoMod } from './dirhash.ts';
import { type GoSumLine, goSumKey } from './go-sum.ts';
import { accessOf, hashingOnce } from './zip-hashing.ts';

/** Module bytes from a cache first, so that nothing is fetched twice. */

/** Where the bytes of an h1 lie, in object stores and folders alike. */
export const moduleObjectName = (tenant: TenantId, kind: ModuleBytesKind, h1: H1Digest): string =>
  `t/${tenant}/modules/${kind}/${h1Hex(h1)}`;

/** The h1 that go.sum states for a module. */
export type StatedH1 = (module: ModulePath, version: ModuleVersion, kind: ModuleBytesKind) => H1Digest | undefined;

export function statedH1(lines: readonly GoSumLine[]): StatedH1 {
  const stated = new Map(lines.map(({ module, version, kind, h1 }) => [goSumKey(module, version, kind), h1]));
  return (module, version, kind) => stated.get(goSumKey(module, version, kind));
}

export interface CachedModulesDeps {
  readonly source: ModuleSource;
  readonly cache: ModuleCache;
  /** Of the caller as well, and `hashingOnce`, or every zip is hashed twice. */
  readonly hasher: ZipHasher;
  readonly stated: StatedH1;
}

/**
 * A source in front of another. What the cache holds under the stated h1 counts only when it hashes to it; what is
 * fetched is stored only under the h1 that it hashes to, whatever was stated.
 */
export function cachedModules({ source, cache, hasher, stated }: CachedModulesDeps): ModuleSource {
  async function cachedGoMod(h1: H1Digest): Promise<Uint8Array | undefined> {
    const kept = await cache.get('go.mod', h1);
    if (!kept) return undefined;
    try {
      const bytes = await kept.read(0, kept.size);
      return h1OfGoMod(bytes) === h1 ? bytes : undefined;
    } finally {
      await kept.release();
    }
  }
  async function cachedZip(path: ModulePath, version: ModuleVersion, h1: H1Digest) {
    const kept = await cache.get('zip', h1);
    if (!kept) return undefined;
    let good = false;
    try {
      const hashed = await hasher.hash(kept, path, version);
      good = hashed.kind === 'hashed' && hashed.h1 === h1;
      return good ? kept : undefined;
    } finally {
      if (!good) await kept.release();
    }
  }
  return {
    async goMod(path, version) {
      const h1 = stated(path, version, 'go.mod');
      const kept = h1 && (await cachedGoMod(h1));
      if (kept) return kept;
      const bytes = await source.goMod(path, version);
      if (bytes && bytes.length > 0) await cache.put('go.mod', h1OfGoMod(bytes), accessOf(bytes));
      return bytes;
    },
    async zip(path, version) {
      const h1 = stated(path, version, 'zip');
      const kept = h1 && (await cachedZip(path, version, h1));
      if (kept) return kept;
      const zip = await source.zip(path, version);
      if (!zip) return undefined;
      try {
        const hashed = await hasher.hash(zip, path, version);
        if (hashed.kind === 'hashed') await cache.put('zip', hashed.h1, zip);
        return zip;
      } catch (error) {
        await zip.release();
        throw error;
      }
    },
  };
}

/** Sources asked one after the other; the first that has the module is believed to. A fault of one ends the asking. */
export function inOrder(...sources: readonly ModuleSource[]): ModuleSource {
  const first = async <T>(ask: (source: ModuleSource) => Promise<T | undefined>): Promise<T | undefined> => {
    for (const source of sources) {
      const found = await ask(source);
      if (found !== undefined) return found;
    }
    return undefined;
  };
  return {
    goMod: (path, version) => first((source) => source.goMod(path, version)),
    zip: (path, version) => first((source) => source.zip(path, version)),
  };
}

/** What reads modules by the lines of a go.sum: through a cache where there is one, each zip hashed once. */
export function modulesByLines(
  { modules, cache, hasher }: { modules: ModuleSource; cache?: ModuleCache; hasher: ZipHasher },
  lines: readonly GoSumLine[],
): { readonly modules: ModuleSource; readonly hasher: ZipHasher } {
  if (!cache) return { modules, hasher };
  const once = hashingOnce(hasher);
  return { modules: cachedModules({ source: modules, cache, hasher: once, stated: statedH1(lines) }), hasher: once };
}
