import { goSumKey, parseGoSum } from '../gosum/go-sum.ts';
import type { ImageInspection, InspectedBinary } from '../oci/inspect-binaries.ts';
import { refusalOf } from '../oci/refused.ts';
import type { SourceSnapshot } from '../source/snapshot.ts';
import type { Refusal } from '../verdict.ts';

/** Compares what binaries say of themselves with the source release they are said to come from. */

export interface ChainSource {
  readonly snapshot: SourceSnapshot;
  /** Text of go.sum; empty when the tree has none. */
  readonly goSum: string;
}

const at = (module: { path: string; version?: string | undefined }): string =>
  module.version ? `${module.path}@${module.version}` : module.path;

/** All reasons why one platform does not come from this source, as far as build info tells. */
export function comparePlatform({ snapshot, goSum }: ChainSource, inspection: ImageInspection): Refusal[] {
  const { platform, binaries, entrypointFile, environment } = inspection;
  const subjects = binaries.filter(({ main }) => main?.path === snapshot.module.path);
  const hashes = hashesOf(goSum);
  return [
    ...environment.map((name) => refusalOf('chain.environment', { where: `${platform}:${name}` })),
    ...subjects.flatMap((binary) => compareBinary(snapshot, hashes, platform, binary)),
    ...missingSubject(snapshot, inspection, subjects),
    ...(subjects.length === 0 || subjects.some(({ path }) => path === entrypointFile)
      ? []
      : [
          refusalOf('chain.entrypoint-unlinked', {
            where: platform,
            expected: subjects.map(({ path }) => `/${path}`).join(', '),
            found: inspection.entrypoint[0] ?? 'none',
            fix: 'Start a binary of the released module by its absolute path.',
          }),
        ]),
  ];
}

/** Zip lines only: a go.mod hash says nothing of the code that was linked. */
const hashesOf = (goSum: string): ReadonlyMap<string, string> =>
  new Map(
    parseGoSum(goSum)
      .lines.filter(({ kind }) => kind === 'zip')
      .map((line) => [goSumKey(line.module, line.version, 'zip'), line.h1]),
  );

function missingSubject(
  snapshot: SourceSnapshot,
  { platform, binaries, unlinked, entrypointFile }: ImageInspection,
  subjects: readonly InspectedBinary[],
): Refusal[] {
  if (subjects.length > 0) return [];
  const started = binaries.find(({ path }) => path === entrypointFile);
  const where = entrypointFile === undefined ? platform : `${platform}:${entrypointFile}`;
  if (started)
    return [
      refusalOf('chain.main-module', { where, expected: snapshot.module.path, found: started.main?.path ?? 'none' }),
    ];
  const stripped = unlinked.find(({ path }) => path === entrypointFile);
  return stripped
    ? [refusalOf('chain.unlinked', { where, expected: 'Go build info', found: 'none' })]
    : [refusalOf('chain.no-binary', { where, expected: `a binary of ${snapshot.module.path}` })];
}

function compareBinary(
  { commit, module }: SourceSnapshot,
  hashes: ReadonlyMap<string, string>,
  platform: string,
  binary: InspectedBinary,
): Refusal[] {
  const { settings, main, deps } = binary;
  const where = `${platform}:${binary.path}`;
  const reasons: Refusal[] = [];
  const revision = settings['vcs.revision'];
  if (revision !== commit)
    reasons.push(refusalOf('chain.revision', { where, expected: commit, found: revision ?? 'none' }));
  if (settings['vcs.modified'] === 'true' || main?.version?.endsWith('+dirty'))
    reasons.push(refusalOf('chain.dirty', { where, expected: 'vcs.modified=false', found: 'vcs.modified=true' }));
  // Go 1.24 and later stamp the tag's version; before, and without tags at hand, it is a placeholder or pseudo-version.
  if (main?.replace)
    reasons.push(refusalOf('chain.main-module', { where, expected: module.path, found: at(main.replace) }));
  if (settings.GOOS && settings.GOARCH && !platform.startsWith(`${settings.GOOS}/${settings.GOARCH}`))
    reasons.push(
      refusalOf('chain.platform', { where, expected: platform, found: `${settings.GOOS}/${settings.GOARCH}` }),
    );
  return [...reasons, ...deps.flatMap((dep) => compareModule(hashes, where, dep.replace ?? dep))];
}

function compareModule(
  hashes: ReadonlyMap<string, string>,
  where: string,
  linked: { path: string; version?: string | undefined; h1?: string | undefined },
): Refusal[] {
  const place = `${where} ${at(linked)}`;
  if (!linked.h1 || !linked.version)
    return [refusalOf('chain.module-unhashed', { where: place, expected: 'an h1 hash in the build info' })];
  const expected = hashes.get(goSumKey(linked.path, linked.version, 'zip'));
  if (expected === undefined)
    return [refusalOf('chain.module-missing', { where: place, expected: 'a line in go.sum', found: linked.h1 })];
  return expected === linked.h1 ? [] : [refusalOf('chain.module-hash', { where: place, expected, found: linked.h1 })];
}
