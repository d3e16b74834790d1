import type { SourceSnapshot } from '../source/snapshot.ts';
import type { Refusal } from '../verdict.ts';
import { type BillComponent, distinct, golangPurl, H1_PROPERTY } from './bill.ts';
import type { BillFinding } from './keep-sbom.ts';

/** One requirement of the main module's go.mod, after replacement. */
export interface BilledModule {
  readonly path: string;
  /** Absent for a replacement by a folder. */
  readonly version?: string;
  /** Dirhash of its zip by go.sum. */
  readonly h1?: string;
  /** Marked `// indirect`: some other module imports it. */
  readonly indirect: boolean;
  /** `path[@version]` that go.mod requires, where another module stands in for it. */
  readonly replaces?: string;
}

/**
 * The module and what its go.mod requires. Edges lead from the module to its direct requirements; which requirement needs
 * which other is not in go.mod, so further edges are stated as unknown.
 */
export function sourceBill(snapshot: SourceSnapshot, required: readonly BilledModule[]): BillFinding {
  const { module, repository } = snapshot;
  const purl = golangPurl(module.path, module.version);
  const root: BillComponent = {
    ref: purl,
    type: 'application',
    name: module.path,
    version: module.version,
    purl,
    properties: [
      { name: H1_PROPERTY, value: snapshot.zipH1 },
      { name: 'relseal:go:mod-h1', value: snapshot.goModH1 },
      { name: 'relseal:vcs:repository', value: `${repository.host}/${repository.name}` },
      { name: 'relseal:vcs:tag', value: snapshot.tag },
      { name: 'relseal:vcs:revision', value: snapshot.commit },
      { name: 'relseal:vcs:resolution', value: snapshot.commitResolution },
    ],
  };
  const direct = required.filter(({ indirect }) => !indirect).map((required) => componentOf(required).ref);
  return {
    bill: {
      root,
      components: distinct(required.map(componentOf)),
      edges: [{ from: root.ref, to: [...new Set(direct)].sort(), complete: true }],
    },
    reasons: required.flatMap(missingFacts),
  };
}

function componentOf({ path, version, h1, indirect, replaces }: BilledModule): BillComponent {
  const purl = version === undefined ? undefined : golangPurl(path, version);
  return {
    ref: purl ?? `module:${path}`,
    type: 'library',
    name: path,
    ...(version !== undefined && purl !== undefined ? { version, purl } : {}),
    properties: [
      { name: H1_PROPERTY, value: h1 ?? 'unknown' },
      { name: 'relseal:go:indirect', value: String(indirect) },
      ...(replaces === undefined ? [] : [{ name: 'relseal:go:replaces', value: replaces }]),
    ],
  };
}

/**
 * Every module needs a version. An indirect one that no build reads has no zip line in a tidy go.sum, so its hash may
 * stay unknown; a direct one is always read.
 */
function missingFacts({ path, version, h1, indirect }: BilledModule): Refusal[] {
  const where = version === undefined ? path : `${path}@${version}`;
  const fix = 'Require a published version instead of a folder, run go mod tidy and commit go.mod and go.sum.';
  if (version === undefined)
    return [{ code: 'sbom.incomplete', where: where.slice(0, 1024), expected: 'a version', found: 'a folder', fix }];
  if (h1 === undefined && !indirect)
    return [{ code: 'sbom.incomplete', where: where.slice(0, 1024), expected: 'a hash in go.sum', found: 'none', fix }];
  return [];
}
