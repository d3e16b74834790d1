import type { H1Digest, ModulePath, ModuleVersion } from '../brands.ts';
import type { ModuleSource } from '../ports/module-source.ts';
import type { ZipHasher } from '../ports/zip-hasher.ts';
import type { SumdbEvidence } from '../sumdb/evidence.ts';
import type { SumdbProver } from '../sumdb/prove.ts';
import type { Refusal } from '../verdict.ts';
import { mapBounded } from './bounded.ts';
import { h1OfGoMod } from './dirhash.ts';
import type { GoModFile } from './go-mod.ts';
import { replacedModule } from './go-mod.ts';
import { type GoSumLine, goSumKey } from './go-sum.ts';

/** Judges the lines of one go.sum: what must be there, what each hashes to, and what the checksum database says. */

/** The database protocol has no batch; more at once is impolite and no faster. */
const MAX_LOOKUPS = 10;
/** Hashing is bound by the network and by one core. */
const MAX_HASHES = 8;
const MAX_SHOWN = 1024;

export interface JudgedLine {
  readonly module: ModulePath;
  readonly version: ModuleVersion;
  readonly kind: GoSumLine['kind'];
  readonly h1: H1Digest;
  readonly where: string;
  /** Absent where the module could not be hashed; the refusal says why. */
  readonly recomputed?: H1Digest;
  /** `private`: never asked of the public database. `refused`: not proved, for whatever reason. */
  readonly proved: 'database' | 'private' | 'refused';
  /** Number of its record. */
  readonly record?: number;
}

/** What one module version's record says, or the refusal of asking; `private` and `undecided` are not asked for. */
export type RecordOf = (
  module: ModulePath,
  version: ModuleVersion,
) => Awaited<ReturnType<SumdbProver['prove']>> | { readonly kind: 'private' | 'undecided' };

const at = (text: string) => text.slice(0, MAX_SHOWN);
const mismatch = (line: GoSumLine, expected: string, found: string, fix: string): Refusal => ({
  code: 'gosum.mismatch',
  where: `go.sum:${line.line}`,
  expected: at(`${goSumKey(line.module, line.version, line.kind)} ${expected}`),
  found: at(found),
  fix,
});

/** Where no more than go.mod is known, direct requirements must have both their lines; directories that replace them have none. */
export function missingLines(goMod: GoModFile, lines: readonly GoSumLine[]): Refusal[] {
  const present = new Set(lines.map(({ module, version, kind }) => goSumKey(module, version, kind)));
  return goMod.requirements
    .filter(({ indirect }) => !indirect)
    .flatMap((required) => {
      const module = replacedModule(goMod, required);
      if (!module) return [];
      return (['zip', 'go.mod'] as const)
        .map((kind) => goSumKey(module.path, module.version, kind))
        .filter((key) => !present.has(key))
        .map((key) => ({
          code: 'gosum.line-missing',
          where: `go.mod:${required.line}`,
          expected: at(`${key} h1:… in go.sum`),
          found: 'no such line',
          fix: 'Run `go mod tidy`, review the line it adds, and commit go.sum.',
        }));
    });
}

type Hashed = { readonly h1: H1Digest } | { readonly refusal: Refusal };

async function hashLine(modules: ModuleSource, hasher: ZipHasher, line: GoSumLine): Promise<Hashed> {
  const { module, version } = line;
  const gone = {
    refusal: {
      code: 'gosum.module-missing',
      where: `go.sum:${line.line}`,
      expected: at(`the ${line.kind === 'zip' ? 'zip' : 'go.mod'} of ${module}@${version}`),
      found: 'the module proxy says that there is none',
      fix: 'Require a version that can be fetched, or configure the proxy that holds it.',
    },
  };
  if (line.kind === 'go.mod') {
    const bytes = await modules.goMod(module, version);
    return bytes ? { h1: h1OfGoMod(bytes) } : gone;
  }
  const zip = await modules.zip(module, version);
  if (!zip) return gone;
  try {
    const hashed = await hasher.hash(zip, module, version);
    if (hashed.kind === 'hashed') return { h1: hashed.h1 };
    const fix = 'The proxy serves no valid module zip: ask whoever runs it, and compare with another source.';
    return { refusal: mismatch(line, line.h1, `an invalid zip: ${hashed.why}`, fix) };
  } finally {
    await zip.release();
  }
}

function judgeLine(line: GoSumLine, hashed: Hashed, recordOf: RecordOf): { judged: JudgedLine; reasons: Refusal[] } {
  const reasons: Refusal[] = [];
  const { module, version, kind, h1 } = line;
  const recomputed = 'h1' in hashed ? hashed.h1 : undefined;
  if ('refusal' in hashed) reasons.push(hashed.refusal);
  else if (hashed.h1 !== h1)
    reasons.push(
      mismatch(line, h1, hashed.h1, 'Find out who changed the line or the module; restore the line and verify again.'),
    );
  const answer = recordOf(module, version);
  const recorded = answer.kind === 'proved' ? answer.record.hashes.get(goSumKey(module, version, kind)) : undefined;
  // A line that already differs from the module is one fault, not two: the record is compared with what was not hashed.
  if (answer.kind === 'proved' && recorded !== h1 && reasons.length === 0)
    reasons.push(
      mismatch(
        line,
        h1,
        `the checksum database holds ${recorded ?? 'no such line'}`,
        'The module was served changed, or the line was edited with it: do not build before it is known which.',
      ),
    );
  const proved = answer.kind === 'private' ? 'private' : recorded === h1 ? 'database' : 'refused';
  return {
    judged: {
      ...{ module, version, kind, h1, where: `go.sum:${line.line}`, proved },
      ...(recomputed === undefined ? {} : { recomputed }),
      ...(answer.kind === 'proved' ? { record: answer.record.id } : {}),
    },
    reasons,
  };
}

/** Each module version once, in the order of first mention. */
function versionsOf(modules: readonly { module: ModulePath; version: ModuleVersion }[]) {
  return [...new Map(modules.map((each) => [`${each.module}@${each.version}`, each])).values()];
}

export interface JudgedLines {
  readonly lines: readonly JudgedLine[];
  readonly reasons: readonly Refusal[];
}

/** Asks for the record of each module version once. Refusals to ask (`sumdb.*`) come back as reasons, one a module. */
export async function askRecords(
  prover: SumdbProver | undefined,
  asked: readonly { module: ModulePath; version: ModuleVersion }[],
): Promise<{ recordOf: RecordOf; reasons: readonly Refusal[]; evidence: readonly SumdbEvidence[] }> {
  const prove = (by: SumdbProver) =>
    mapBounded(versionsOf(asked), MAX_LOOKUPS, async ({ module, version }) => ({
      key: `${module}@${version}`,
      answer: await by.prove(module, version),
    }));
  const answers = prover ? await prove(prover) : [];
  const byKey = new Map(answers.map(({ key, answer }) => [key, answer]));
  return {
    recordOf: (module, version) => byKey.get(`${module}@${version}`) ?? { kind: 'undecided' },
    reasons: answers.flatMap(({ answer }) => (answer.kind === 'refused' ? [answer.reason] : [])),
    evidence: answers.flatMap(({ answer }) => (answer.kind === 'refused' ? answer.evidence : [])),
  };
}

/** Recomputes every line and compares it with its record. Order and content follow the file alone. */
export async function judgeLines(
  modules: ModuleSource,
  hasher: ZipHasher,
  lines: readonly GoSumLine[],
  recordOf: RecordOf,
): Promise<JudgedLines> {
  const hashed = await mapBounded(lines, MAX_HASHES, async (line) => ({
    line,
    hashed: await hashLine(modules, hasher, line),
  }));
  const judged = hashed.map((each) => judgeLine(each.line, each.hashed, recordOf));
  return { lines: judged.map((each) => each.judged), reasons: judged.flatMap((each) => each.reasons) };
}
