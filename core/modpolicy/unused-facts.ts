import { unusedLines } from '../buildlist/unused-lines.ts';
import type { GoModFile } from '../gosum/go-mod.ts';
import { goSumKey, parseGoSum } from '../gosum/go-sum.ts';
import type { ModuleSource } from '../ports/module-source.ts';
import type { SourceFacts } from '../source/source-facts.ts';
import type { ModulePolicyRecord } from './module-facts.ts';
import type { ModulePolicy } from './module-policy.ts';

/** Lines that are named one by one; a go.sum that was never tidied has thousands of others. */
const MAX_NAMED = 200;
const MAX_SHOWN = 1024;

type Unused = NonNullable<ModulePolicyRecord['unused']>;

const bounded = (lines: Unused): Unused => [
  ...lines.slice(0, MAX_NAMED),
  ...(lines.length > MAX_NAMED ? [{ what: `${lines.length - MAX_NAMED} more lines`, where: 'go.sum' }] : []),
];

/**
 * What `go mod tidy` would take away of both files, where the rule is on. Nothing where nobody knows: without facts of the
 * tree, or of a go.mod that is to be corrected first. Reads the zips of modules that are imported; their faults are thrown.
 */
export async function unusedFacts(
  modules: ModuleSource,
  policy: ModulePolicy,
  { goMod, goSum, facts }: { goMod: GoModFile; goSum: string; facts: SourceFacts | undefined },
): Promise<Pick<ModulePolicyRecord, 'unused'>> {
  if (policy['unused-requirement'].severity === 'off' || !facts) return {};
  const found = await unusedLines({ facts, goMod, lines: parseGoSum(goSum).lines, modules });
  if (!found) return {};
  const unused = [
    ...found.requirements.map(({ path, version, line }) => ({ what: `${path} ${version}`, where: `go.mod:${line}` })),
    ...found.sums.map(({ module, version, kind, line }) => ({
      what: goSumKey(module, version, kind),
      where: `go.sum:${line}`,
    })),
  ];
  return { unused: bounded(unused.map(({ what, where }) => ({ what: what.slice(0, MAX_SHOWN), where }))) };
}
