import type { H1Digest, ModulePath, ModuleVersion } from '../brands.ts';
import { goSumKey } from '../gosum/go-sum.ts';
import { matchesPathPatterns } from '../gosum/module-path.ts';
import type { Refusal } from '../verdict.ts';
import type { AskedDatabase } from './asked-database.ts';

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

const otherGoMod = (path: string, version: string, expected: string | undefined, found: string): Refusal => ({
  code: 'gosum.mismatch',
  where: `${path}@${version}`.slice(0, 1024),
  expected: `${goSumKey(path, version, 'go.mod')} ${expected ?? '(no line)'}`.slice(0, 1024),
  found,
  fix: 'The module proxy serves another go.mod than is recorded: do not use it before it is known why.',
});

/** Modules that match one of `privatePatterns`, as GOPRIVATE, are never asked for. */
export const openGoModProofs = (asked: AskedDatabase, privatePatterns: readonly string[]): GoModProofs => ({
  prove: async (path, version, h1) => {
    if (matchesPathPatterns(privatePatterns, path)) return { kind: 'private' };
    const proved = await asked.prove(path, version);
    if (proved.kind === 'refused') return { kind: 'refused', reason: proved.reason };
    const recorded = proved.record.hashes.get(goSumKey(path, version, 'go.mod'));
    return recorded === h1
      ? { kind: 'database', record: proved.record.id }
      : { kind: 'refused', reason: otherGoMod(path, version, recorded, h1) };
  },
  saveHead: asked.saveHead,
});
