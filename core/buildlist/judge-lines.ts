import type { GoModFile } from '../gosum/go-mod.ts';
import { type GoSumLine, goSumKey } from '../gosum/go-sum.ts';
import type { ModuleSource } from '../ports/module-source.ts';
import type { SourceFacts } from '../source/source-facts.ts';
import type { Refusal } from '../verdict.ts';
import type { Need } from './load-packages.ts';
import { localPackagesOf } from './local-packages.ts';
import type { MainModules } from './main-modules.ts';
import { needKey, reasonOf, requiredLines, unfulfilled } from './required-lines.ts';
import { openZipPackages } from './zip-packages.ts';

/** Judges which lines go.sum lacks, and counts those it could do without. */
export interface JudgedNeeds {
  readonly reasons: readonly Refusal[];
  readonly warnings: readonly Refusal[];
  /** Counts of lines: needed by builds, kept by `go mod tidy` besides, and neither. */
  readonly counts?: { readonly required: number; readonly tidy: number; readonly surplus: number };
}

export interface ReleasedTree {
  readonly facts: SourceFacts;
  readonly goMod: GoModFile;
  /** `undefined`: the tree has no go.sum. */
  readonly lines: readonly GoSumLine[] | undefined;
  readonly modules: ModuleSource;
}

const at = (text: string): string => text.slice(0, 1024);

/** Where the main module asks for it: its requirement, or the replacement of one. */
function placeOf({ requirements, replacements }: GoModFile, { module }: Need): string {
  const replacement = replacements.find(
    ({ target }) => target.kind === 'module' && target.path === module.path && target.version === module.version,
  );
  const required = requirements.find(({ path, version }) => path === module.path && version === module.version);
  const line = required?.line ?? replacement?.line;
  return line === undefined ? 'go.sum' : `go.mod:${line}`;
}

const lacking = (code: string, goMod: GoModFile, need: Need): Refusal => ({
  ...{ code, where: placeOf(goMod, need), expected: at(`${needKey(need)} h1:… in go.sum: ${reasonOf(need)}`) },
  ...{ found: 'no such line', fix: 'Run `go mod tidy`, review the line it adds, and commit go.sum.' },
});

function withoutFile(need: Need): Refusal {
  return {
    ...{ code: 'gosum.file-missing', where: 'go.sum', expected: at(`${needKey(need)} h1:…: ${reasonOf(need)}`) },
    ...{ found: 'no go.sum beside go.mod', fix: 'Run `go mod tidy` and commit go.sum.' },
  };
}

/**
 * What the packages of the tree need, read from the tree's facts and the module zips. Faults of the source are thrown. A
 * go.work of the tree is left aside: those who fetch the release build it without.
 */
export async function judgeNeeds({ facts, goMod, lines, modules }: ReleasedTree): Promise<JudgedNeeds> {
  const { goModIn } = localPackagesOf(facts);
  const mains: MainModules = { mains: [{ directory: facts.directory, file: goMod }], goModIn };
  const reader = openZipPackages(modules);
  try {
    const outcome = await requiredLines({ mains, facts, source: modules, reader });
    if (outcome.kind === 'refused') return { reasons: outcome.reasons, warnings: [] };
    const { required, tidy, problems } = outcome;
    const [first] = required;
    if (!lines) return { reasons: first ? [withoutFile(first)] : [], warnings: problems };
    const known = new Set([...required, ...tidy].map(needKey));
    const surplus = lines.filter(({ module, version, kind }) => !known.has(goSumKey(module, version, kind))).length;
    return {
      reasons: unfulfilled(required, lines).map((need) => lacking('gosum.line-missing', goMod, need)),
      warnings: [...unfulfilled(tidy, lines).map((need) => lacking('gosum.untidy', goMod, need)), ...problems],
      counts: { required: required.length, tidy: tidy.length, surplus },
    };
  } finally {
    await reader.close();
  }
}
