import { ModulePath, ModuleVersion } from '../brands.ts';
import { mapBounded } from '../gosum/bounded.ts';
import type { ModuleAt } from '../gosum/go-mod.ts';
import type { SumdbRecord } from '../sumdb/lookup.ts';
import { openSumdbProver } from '../sumdb/prove.ts';
import { logNameOf, parseVerifierKey } from '../tlog/note.ts';
import type { Refusal } from '../verdict.ts';
import type { GoModProofDeps } from './go-mod-proof.ts';

/** What the checksum database has of modules, where that it has none of one is an answer like any other. */

export interface AskedModule {
  readonly module: ModuleAt;
  /** Proved to be in the tree; absent: the database says that it has none. */
  readonly record?: SumdbRecord;
}

export interface DatabaseRecords {
  /** In the order of the question, without those whose answer is refused. */
  readonly records: readonly AskedModule[];
  /** Answers that contradict what the database signed. */
  readonly refusals: readonly Refusal[];
}

/** As for lookups of lines. */
const MAX_LOOKUPS = 10;
const NONE = 'sumdb.unknown-module';

/**
 * Asks for each, whoever may know of the question: to be called with modules whose names may be told. Faults:
 * `ChecksumDatabaseUnavailable`, and `StoreUnavailable` of the head, which is kept before anything is reported.
 */
export async function databaseRecords(
  { database, heads, options, contradicted }: Omit<GoModProofDeps, 'settings'>,
  modules: readonly ModuleAt[],
): Promise<DatabaseRecords> {
  if (modules.length === 0) return { records: [], refusals: [] };
  const log = logNameOf(parseVerifierKey(database.verifierKey));
  const opened = await openSumdbProver(database, await heads.load(log), options);
  if (opened.kind === 'refused') {
    contradicted?.(opened.evidence);
    return { records: [], refusals: [opened.reason] };
  }
  const { prover } = opened;
  const answers = await mapBounded(modules, MAX_LOOKUPS, async (module) => ({
    module,
    proved: await prover.prove(ModulePath.parse(module.path), ModuleVersion.parse(module.version)),
  }));
  await heads.save(log, prover.head());
  for (const { proved } of answers) if (proved.kind === 'refused') contradicted?.(proved.evidence);
  return {
    records: answers.flatMap(({ module, proved }): AskedModule[] => {
      if (proved.kind === 'proved') return [{ module, record: proved.record }];
      return proved.reason.code === NONE ? [{ module }] : [];
    }),
    refusals: answers.flatMap(({ proved }) =>
      proved.kind === 'refused' && proved.reason.code !== NONE ? [proved.reason] : [],
    ),
  };
}
