import { createHash } from 'node:crypto';
import { zipSync } from 'fflate';
import { H1Digest, ModulePath, ModuleVersion } from '../../core/brands.ts';
import { h1OfFiles, h1OfGoMod } from '../../core/gosum/dirhash.ts';
import { moduleDatabase } from '../../core/modulelog/database.ts';
import type { ModuleHashes } from '../../core/modulelog/pin.ts';
import { upstreamProver } from '../../core/modulelog/upstream.ts';
import type { ModuleLogStore } from '../../core/ports/module-log-store.ts';
import type { ModuleSource } from '../../core/ports/module-source.ts';
import { classifyModule } from '../../core/sumdb/privacy.ts';
import { TenantId } from '../../events/fields.ts';
import { fixedClock } from './fixed-clock.ts';
import { memoryHeadStore } from './memory-head-store.ts';
import { memoryNoteSigner } from './memory-signers.ts';
import { testChecksumDatabase } from './test-checksum-database.ts';

/** A small module with all its bytes and hashes. */
export interface SmallModule extends ModuleHashes {
  readonly goMod: Uint8Array;
  readonly zip: Uint8Array;
}

export function smallModule(path: string, version = 'v1.0.0', code = 'package m\n'): SmallModule {
  const goMod = Buffer.from(`module ${path}\n`);
  const files = { [`${path}@${version}/go.mod`]: goMod, [`${path}@${version}/m.go`]: Buffer.from(code) };
  const hashed = Object.entries(files).map(([name, bytes]) => ({
    name,
    sha256: createHash('sha256').update(bytes).digest('hex'),
  }));
  return {
    ...{ path: ModulePath.parse(path), version: ModuleVersion.parse(version) },
    ...{ zipH1: H1Digest.parse(h1OfFiles(hashed)), goModH1: H1Digest.parse(h1OfGoMod(goMod)) },
    ...{ goMod, zip: zipSync(files) },
  };
}

/** Serves the modules that `at` has at that moment. */
export function sourceOf(at: () => readonly SmallModule[]): ModuleSource {
  const find = (path: string, version: string) => at().find((each) => each.path === path && each.version === version);
  return {
    goMod: async (path, version) => find(path, version)?.goMod,
    zip: async (path, version) => {
      const zip = find(path, version)?.zip;
      return (
        zip && {
          size: zip.length,
          read: async (offset, length) => zip.subarray(offset, offset + length),
          release: async () => {},
        }
      );
    },
  };
}

export const ACME = TenantId.parse('acme');

/** A merged database of one tenant: `git.example.com` is private, `example.com` public, the rest undecided. */
export function moduleLogWorld(
  store: ModuleLogStore,
  own: readonly SmallModule[],
  published: readonly SmallModule[],
  signer = memoryNoteSigner('a module log key'),
) {
  const upstream = testChecksumDatabase(
    published.map(({ path, version, zipH1, goModH1 }) => ({ module: path, version, zipH1, goModH1 })),
  );
  const clock = fixedClock();
  const heads = memoryHeadStore();
  const privacy = { private: [], own: ['git.example.com'], public: ['example.com'] };
  const database = moduleDatabase({
    ...{ store, clock, tenant: ACME, name: 'modules.test.example/acme', signer },
    classify: (path) => classifyModule(path, privacy),
    modules: sourceOf(() => own),
    prove: upstreamProver({ database: upstream, heads, clock }),
  });
  return { database, upstream, clock, heads };
}
