import type { ModuleAt } from '../gosum/go-mod.ts';
import { matchesPathPatterns } from '../gosum/module-path.ts';
import { parseVerifierKey } from '../tlog/note.ts';
import type { Refusal } from '../verdict.ts';
import { databaseRecords } from './database-records.ts';
import type { GoModProofDeps } from './go-mod-proof.ts';
import type { ModulePolicyRecord } from './module-facts.ts';
import type { ModulePolicy } from './module-policy.ts';

export interface SightedModules {
  readonly sightings: ModulePolicyRecord['publicSightings'];
  /** What came up while it was asked. */
  readonly refusals: readonly Refusal[];
}

/**
 * Private modules of the build that the checksum database knows. The question tells their names to whoever runs it and to
 * the proxies on the way, and may have them published: it is asked only where the policy says so.
 */
export async function publicSightings(
  deps: GoModProofDeps,
  policy: ModulePolicy,
  built: readonly ModuleAt[],
): Promise<SightedModules> {
  if (!policy['private-from-public'].ask) return { sightings: [], refusals: [] };
  const hidden = built.filter(({ path }) => matchesPathPatterns(deps.settings.private, path));
  const { records, refusals } = await databaseRecords(
    deps,
    hidden.map(({ path, version }) => ({ path, version })),
  );
  const { name } = parseVerifierKey(deps.database.verifierKey);
  const sightings = records.flatMap(({ module, record }) =>
    record ? [{ module, seenAt: `the checksum database ${name}, record ${record.id}` }] : [],
  );
  return { sightings, refusals };
}
