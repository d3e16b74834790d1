import type { ModuleAt } from '../gosum/go-mod.ts';
import { matchesPathPatterns } from '../gosum/module-path.ts';
import type { Refusal } from '../verdict.ts';
import type { AskedDatabase } from './asked-database.ts';
import { databaseRecords } from './database-records.ts';
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
  asked: AskedDatabase,
  policy: ModulePolicy,
  { built, privatePatterns }: { readonly built: readonly ModuleAt[]; readonly privatePatterns: readonly string[] },
): Promise<SightedModules> {
  if (!policy['private-from-public'].ask) return { sightings: [], refusals: [] };
  const hidden = built.filter(({ path }) => matchesPathPatterns(privatePatterns, path));
  const { records, refusals } = await databaseRecords(
    asked,
    hidden.map(({ path, version }) => ({ path, version })),
  );
  const sightings = records.flatMap(({ module, record }) =>
    record ? [{ module, seenAt: `the checksum database ${asked.name}, record ${record.id}` }] : [],
  );
  return { sightings, refusals };
}
