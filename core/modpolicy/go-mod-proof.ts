import type { H1Digest, ModulePath, ModuleVersion } from '../brands.ts';
import { goSumKey } from '../gosum/go-sum.ts';
import { matchesPathPatterns } from '../gosum/module-path.ts';
import type { ChecksumDatabase } from '../ports/checksum-database.ts';
import type { HeadStore } from '../ports/head-store.ts';
import type { SumdbEvidence } from '../sumdb/evidence.ts';
import { openSumdbProver, type ProverOptions } from '../sumdb/prove.ts';
import { parseVerifierKey } from '../tlog/note.ts';
import type { Refusal } from '../verdict.ts';

/** Proof that a go.mod which was served is the one that is recorded, for modules that no go.sum names. */

export type GoModProof =
  | { readonly kind: 'database'; readonly record: number }
  /** Never asked of the public database. */
  | { readonly kind: 'private' }
  | { readonly kind: 'refused'; readonly reason: Refusal };

export interface GoModProofs {
  /** Faults are those of the database: `ChecksumDatabaseUnavailable`. */
  prove(path: ModulePath, version: ModuleVersion, h1: H1Digest): Promise<GoModProof>;
  /** Keeps the newest head that was proved; to be called before anything is reported. */
  saveHead(): Promise<void>;
}

export interface GoModProofDeps {
  readonly database: ChecksumDatabase;
  readonly heads: HeadStore;
  /** Patterns, as GOPRIVATE, of modules that the public database is never asked for. */
  readonly settings: { readonly private: readonly string[] };
  readonly options?: ProverOptions;
  /** Told what shows that the database contradicts itself: it is to be kept with the refusal. */
  readonly contradicted?: (evidence: readonly SumdbEvidence[]) => void;
}

const otherGoMod = (path: string, version: string, expected: string | undefined, found: string): Refusal => ({
  code: 'gosum.mismatch',
  where: `${path}@${version}`.slice(0, 1024),
  expected: `${goSumKey(path, version, 'go.mod')} ${expected ?? '(no line)'}`.slice(0, 1024),
  found,
  fix: 'The module proxy serves another go.mod than is recorded: do not use it before it is known why.',
});

/** The database is opened when the first module asks, and once. */
export function openGoModProofs(deps: GoModProofDeps): GoModProofs {
  const { database, heads, settings, options, contradicted } = deps;
  const { name, id } = parseVerifierKey(database.verifierKey);
  const log = `${name}+${id}`;
  const open = async () => openSumdbProver(database, await heads.load(log), options);
  let opening: ReturnType<typeof open> | undefined;
  return {
    prove: async (path, version, h1) => {
      if (matchesPathPatterns(settings.private, path)) return { kind: 'private' };
      opening ??= open();
      const opened = await opening;
      const proved = opened.kind === 'opened' ? await opened.prover.prove(path, version) : opened;
      if (proved.kind === 'refused') {
        contradicted?.(proved.evidence);
        return { kind: 'refused', reason: proved.reason };
      }
      const recorded = proved.record.hashes.get(goSumKey(path, version, 'go.mod'));
      return recorded === h1
        ? { kind: 'database', record: proved.record.id }
        : { kind: 'refused', reason: otherGoMod(path, version, recorded, h1) };
    },
    saveHead: async () => {
      const opened = await opening;
      if (opened?.kind === 'opened') await heads.save(log, opened.prover.head());
    },
  };
}
