import type { ModulePath, ModuleVersion } from '../brands.ts';
import type { ChecksumDatabase } from '../ports/checksum-database.ts';
import type { HeadStore } from '../ports/head-store.ts';
import type { SumdbEvidence } from '../sumdb/evidence.ts';
import { openSumdbProver, type ProvedRecord, type ProverOptions } from '../sumdb/prove.ts';
import { logNameOf, parseVerifierKey } from '../tlog/note.ts';

/** The checksum database as one run asks it: whoever asks first opens it, for all. */
export interface AskedDatabase {
  readonly name: string;
  /** Faults are those of the database, `ChecksumDatabaseUnavailable`, and `StoreUnavailable` of the head. */
  prove(path: ModulePath, version: ModuleVersion): Promise<ProvedRecord>;
  /** Keeps the newest head that was proved; to be called before anything is reported. */
  saveHead(): Promise<void>;
}

export interface AskedDatabaseDeps {
  readonly database: ChecksumDatabase;
  readonly heads: HeadStore;
  readonly options?: ProverOptions;
  /** Told once of each thing that shows that the database contradicts itself: it is to be kept with the refusal. */
  readonly contradicted?: (evidence: readonly SumdbEvidence[]) => void;
}

export function askedDatabase({ database, heads, options, contradicted }: AskedDatabaseDeps): AskedDatabase {
  const key = parseVerifierKey(database.verifierKey);
  const log = logNameOf(key);
  const open = async () => {
    const opened = await openSumdbProver(database, await heads.load(log), options);
    if (opened.kind === 'refused') contradicted?.(opened.evidence);
    return opened;
  };
  let opening: ReturnType<typeof open> | undefined;
  return {
    name: key.name,
    prove: async (path, version) => {
      opening ??= open();
      const opened = await opening;
      if (opened.kind === 'refused') return opened;
      const proved = await opened.prover.prove(path, version);
      if (proved.kind === 'refused') contradicted?.(proved.evidence);
      return proved;
    },
    saveHead: async () => {
      const opened = await opening;
      if (opened?.kind === 'opened') await heads.save(log, opened.prover.head());
    },
  };
}
