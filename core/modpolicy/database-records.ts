import { ModulePath, ModuleVersion } from '../brands.ts';
import { mapBounded } from '../gosum/bounded.ts';
import type { ModuleAt } from '../gosum/go-mod.ts';
import type { SumdbRecord } from '../sumdb/lookup.ts';
import type { Refusal } from '../verdict.ts';
import type { AskedDatabase } from './asked-database.ts';

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
 * Asks for each, whoever may know of the question: to be called with modules whose names may be told. Faults are those of
 * the database; its head is kept before anything is reported.
 */
export async function databaseRecords(asked: AskedDatabase, modules: readonly ModuleAt[]): Promise<DatabaseRecords> {
  const answers = await mapBounded(modules, MAX_LOOKUPS, async (module) => ({
    module,
    proved: await asked.prove(ModulePath.parse(module.path), ModuleVersion.parse(module.version)),
  }));
  await asked.saveHead();
  const refused = answers.flatMap(({ proved }) =>
    proved.kind === 'refused' && proved.reason.code !== NONE ? [proved.reason] : [],
  );
  return {
    records: answers.flatMap(({ module, proved }): AskedModule[] => {
      if (proved.kind === 'proved') return [{ module, record: proved.record }];
      return proved.reason.code === NONE ? [{ module }] : [];
    }),
    // A database that cannot even be opened refuses every question with one reason.
    refusals: [...new Set(refused)],
  };
}
