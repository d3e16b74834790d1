import { ModulePath, ModuleVersion } from '../brands.ts';
import { type FaultName, isFault } from '../faults.ts';
import { mapBounded } from '../gosum/bounded.ts';
import type { ModuleAt } from '../gosum/go-mod.ts';
import { goSumKey, parseGoSum } from '../gosum/go-sum.ts';
import { hashModuleZip } from '../gosum/module-zip.ts';
import type { ModuleOrigins, OriginZip } from '../ports/module-origins.ts';
import type { ModuleSource } from '../ports/module-source.ts';
import type { OriginComparison } from './module-facts.ts';

/** The proxy's modules beside those at their origins. What the proxy serves is what go.sum says: that was verified. */

const MAX_ORIGINS = 4;
const MAX_SHOWN = 1024;

/** Compares the modules that go.sum has a zip line of; others are not built from a zip. */
export async function compareOrigins(
  origins: ModuleOrigins,
  goSum: string,
  modules: readonly ModuleAt[],
): Promise<OriginComparison[]> {
  const lines = new Map(
    parseGoSum(goSum).lines.map(({ module, version, kind, h1 }) => [goSumKey(module, version, kind), h1]),
  );
  const compared = await mapBounded(modules, MAX_ORIGINS, async ({ path, version }) => {
    const h1 = lines.get(goSumKey(path, version, 'zip'));
    if (h1 === undefined) return [];
    const origin = await origins.zip(ModulePath.parse(path), ModuleVersion.parse(version));
    return [{ module: { path, version }, h1, origin }];
  });
  return compared.flat();
}

/** What keeps an origin from being read; whoever set it up that way may still release. */
const UNREADABLE: readonly FaultName[] = [
  'ModuleProxyUnreachable',
  'SourceUnreachable',
  'EgressRefused',
  'CredentialRefused',
  'LimitExceeded',
];

const notChecked = (why: string): OriginZip => ({ kind: 'not-checked', why: why.slice(0, MAX_SHOWN) });

/** Origins by a source of modules that goes to them directly. */
export const originsOf = (direct: Pick<ModuleSource, 'zip'>): ModuleOrigins => ({
  zip: async (path, version) => {
    try {
      const zip = await direct.zip(path, version);
      if (!zip) return notChecked('the origin has no such version');
      try {
        const hashed = await hashModuleZip(zip, path, version);
        return hashed.kind === 'hashed' ? hashed : notChecked(hashed.why);
      } finally {
        await zip.release();
      }
    } catch (error) {
      // An origin that is gone is a finding of its own, never the end of a run.
      if (isFault(error) && UNREADABLE.includes(error.name)) return notChecked(error.message);
      throw error;
    }
  },
});
