import type { GoModFile, ModuleAt, Requirement } from '../gosum/go-mod.ts';
import { type GoSumLine, goSumKey } from '../gosum/go-sum.ts';
import type { ReleasedTree } from './judge-lines.ts';
import { localPackagesOf } from './local-packages.ts';
import { compareGoVersions, moduleKey } from './module-order.ts';
import { needKey, type RequiredLinesInputs, type RequiredLinesOutcome, requiredLines } from './required-lines.ts';
import { openZipPackages } from './zip-packages.ts';

/** What `go mod tidy` would take away. */
export interface UnusedLines {
  readonly requirements: readonly Requirement[];
  readonly sums: readonly GoSumLine[];
}

/** Whose go.sum tidy keeps fit for the Go before, which read the whole graph; since 1.21 for no other Go. */
const isKeptForOlder = (go: string): boolean => compareGoVersions(go, '1.17') >= 0 && compareGoVersions(go, '1.18') < 0;

const withGoMod = (inputs: RequiredLinesInputs, file: GoModFile): RequiredLinesInputs => {
  const mains = inputs.mains.mains.map(({ directory }) => ({ directory, file }));
  return { ...inputs, mains: { ...inputs.mains, mains } };
};

/** The requirements that tidy would write; what it adds to go.mod has no line there. */
function tidied(goMod: GoModFile, roots: readonly ModuleAt[]): GoModFile {
  const written = new Map(goMod.requirements.map((each) => [each.path, each]));
  const requirements = roots.map((root) => ({ indirect: true, line: 0, ...written.get(root.path), ...root }));
  return { ...goMod, requirements };
}

const isSame = (a: GoModFile, b: GoModFile): boolean => {
  const keys = ({ requirements }: GoModFile) => new Set(requirements.map(moduleKey));
  const [ours, theirs] = [keys(a), keys(b)];
  return ours.size === theirs.size && [...ours].every((key) => theirs.has(key));
};

/** Keys of the lines that tidy keeps, of a go.mod that is tidy; `undefined` where something about it is not known. */
async function keptLines(
  inputs: RequiredLinesInputs,
  { written, tidy }: { readonly written: Written; readonly tidy: GoModFile },
): Promise<ReadonlySet<string> | undefined> {
  const of = (file: GoModFile) => requiredLines(withGoMod(inputs, file));
  const outcomes = [
    isSame(written.goMod, tidy) ? written.outcome : await of(tidy),
    ...(isKeptForOlder(tidy.go ?? '') ? [await of({ ...tidy, go: '1.16' })] : []),
  ];
  const kept = new Set<string>();
  for (const outcome of outcomes) {
    if (outcome.kind === 'refused' || outcome.problems.length > 0) return undefined;
    for (const need of [...outcome.required, ...outcome.tidy]) kept.add(needKey(need));
  }
  return kept;
}

/** A go.mod as it stands, and what was found out by it. */
interface Written {
  readonly goMod: GoModFile;
  readonly outcome: RequiredLinesOutcome;
}

async function unusedIn(inputs: RequiredLinesInputs, goMod: GoModFile, lines: readonly GoSumLine[]) {
  const outcome = await requiredLines(inputs);
  const roots = outcome.kind === 'loaded' ? await outcome.tidyRequirements() : undefined;
  if (!roots) return undefined;
  const kept = await keptLines(inputs, { written: { goMod, outcome }, tidy: tidied(goMod, roots) });
  if (!kept) return undefined;
  const paths = new Set(roots.map(({ path }) => path));
  return {
    requirements: goMod.requirements.filter(({ path }) => !paths.has(path)),
    sums: lines.filter(({ module, version, kind }) => !kept.has(goSumKey(module, version, kind))),
  };
}

/**
 * Compares go.mod and go.sum with what the packages of the tree need; a go.work is left aside. `undefined`: nobody knows,
 * for go.mod has no go line, is to be corrected first, or something of a module cannot be read. Faults of the source are
 * thrown.
 */
export async function unusedLines({ facts, goMod, lines, modules }: ReleasedTree): Promise<UnusedLines | undefined> {
  // The go command would write the version of itself first, and look at everything by that.
  if (goMod.go === undefined) return undefined;
  const { goModIn } = localPackagesOf(facts);
  const reader = openZipPackages(modules);
  try {
    const mains = { mains: [{ directory: facts.directory, file: goMod }], goModIn };
    return await unusedIn({ mains, facts, source: modules, reader }, goMod, lines ?? []);
  } finally {
    await reader.close();
  }
}
