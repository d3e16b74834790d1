import { type GoSumLine, goSumKey, parseGoSum } from '../gosum/go-sum.ts';
import { matchesPathPatterns } from '../gosum/module-path.ts';
import { linesOf } from '../modulelog/pin.ts';
import type { ModuleFacts } from './module-facts.ts';
import type { ModulePolicy } from './module-policy.ts';
import type { Publisher } from './publisher.ts';
import { builtModules, type SelectedModule } from './selected-modules.ts';

/** A module version that its publisher is asked to vouch for. */
export interface PublishedModule extends SelectedModule {
  readonly publisher: Publisher;
  /** What is signed, its two lines of go.sum; absent: go.sum has none for its go.mod. */
  readonly lines?: string;
}

/**
 * Versions of the build that are new since the last release and that a publisher answers for. What go.sum has no zip of
 * is not compiled, so there is nothing to vouch for.
 */
export function publishedModules(
  facts: Pick<ModuleFacts, 'goMod' | 'goSum' | 'buildList' | 'lastRelease'>,
  { 'publisher-signature': { publishers } }: ModulePolicy,
): PublishedModule[] {
  if (publishers.length === 0) return [];
  const before = new Set(facts.lastRelease?.modules.map(({ path, version }) => `${path}@${version}`));
  const hashes = new Map(
    parseGoSum(facts.goSum).lines.map((line): [string, GoSumLine] => [
      goSumKey(line.module, line.version, line.kind),
      line,
    ]),
  );
  return builtModules(facts).flatMap((module) => {
    const { path, version } = module;
    const publisher = publishers.find(({ modules }) => matchesPathPatterns(modules, path));
    const zip = hashes.get(goSumKey(path, version, 'zip'));
    if (!publisher || !zip || before.has(`${path}@${version}`)) return [];
    const goMod = hashes.get(goSumKey(path, version, 'go.mod'));
    const named = { path: zip.module, version: zip.version };
    return [
      { ...module, publisher, ...(goMod ? { lines: linesOf({ ...named, zipH1: zip.h1, goModH1: goMod.h1 }) } : {}) },
    ];
  });
}
