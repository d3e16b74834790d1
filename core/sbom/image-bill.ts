import * as z from 'zod';
import { OciDigest, Sha256Hex } from '../../events/fields.ts';
import type { Refusal } from '../verdict.ts';
import { type Bill, type BillComponent, type BillEdges, distinct, golangPurl, H1_PROPERTY, ociPurl } from './bill.ts';
import type { BillFinding } from './keep-sbom.ts';

/** What we read of an inspect-binaries report; the binaries' own build info, a claim of whoever built them. */
const LinkedModule = z.looseObject({
  path: z.string().min(1),
  version: z.string().optional(),
  h1: z.string().optional(),
});
const BinaryFacts = z.looseObject({
  path: z.string().min(1),
  sha256: Sha256Hex,
  goVersion: z.string().min(1),
  main: LinkedModule.optional(),
  deps: z.array(LinkedModule.extend({ replace: LinkedModule.optional() })),
  settings: z.record(z.string(), z.string()),
});
type BinaryFacts = z.infer<typeof BinaryFacts>;

export const InspectionFacts = z.looseObject({
  platform: z.string().min(1),
  digest: OciDigest,
  binaries: z.array(BinaryFacts),
});
export type InspectionFacts = z.infer<typeof InspectionFacts>;

export interface BilledImage {
  readonly repository: { readonly host: string; readonly name: string };
  readonly tag?: string | undefined;
  readonly digest: OciDigest;
}

/** The image, each Go binary of each platform, and the modules linked into it. */
export function imageBill(image: BilledImage, inspections: readonly InspectionFacts[]): BillFinding {
  const root: BillComponent = {
    ref: ociPurl(image.repository, image.digest, image.tag),
    type: 'container',
    name: `${image.repository.host}/${image.repository.name}`,
    version: image.tag ?? image.digest,
    purl: ociPurl(image.repository, image.digest, image.tag),
    sha256: image.digest.slice('sha256:'.length),
    properties: [],
  };
  const binaries = inspections.flatMap(({ platform, binaries: found }) =>
    found.map((binary) => billBinary(platform, binary)),
  );
  const created = commonCommitTime(inspections.flatMap(({ binaries: found }) => found));
  const bill: Bill = {
    root,
    components: distinct(binaries.flatMap(({ component, modules }) => [component, ...modules])),
    edges: [
      { from: root.ref, to: sorted(binaries.map(({ component }) => component.ref)), complete: false },
      ...edgesOf(binaries),
    ],
    ...(created === undefined ? {} : { created }),
  };
  const reasons = [...binaries.flatMap((binary) => binary.reasons), ...contradictions(binaries)];
  return { bill, reasons: binaries.length === 0 ? [noBinaries(root.ref)] : reasons };
}

interface BilledBinary {
  readonly component: BillComponent;
  readonly modules: readonly BillComponent[];
  readonly reasons: readonly Refusal[];
}

function billBinary(platform: string, binary: BinaryFacts): BilledBinary {
  const { main, goVersion, settings } = binary;
  const where = `${platform}:${binary.path}`;
  const modules = binary.deps.map((dep) => billModule(where, dep));
  return {
    component: {
      ref: `binary:${where}`,
      type: 'application',
      name: main?.path ?? binary.path,
      ...(main?.version ? { version: main.version, purl: golangPurl(main.path, main.version) } : {}),
      sha256: binary.sha256,
      properties: [
        { name: 'relseal:path', value: binary.path },
        { name: 'relseal:platform', value: platform },
        { name: 'relseal:go:version', value: goVersion },
        ...(main?.h1 ? [{ name: H1_PROPERTY, value: main.h1 }] : []),
        ...(settings['vcs.revision'] ? [{ name: 'relseal:vcs:revision', value: settings['vcs.revision'] }] : []),
      ],
    },
    modules: [standardLibrary(goVersion), ...modules.map(({ component }) => component)],
    reasons: modules.flatMap(({ reasons }) => reasons),
  };
}

/** `go1.24.1 X:nocoverageredesign` is standard library 1.24.1. */
function standardLibrary(goVersion: string): BillComponent {
  const version = goVersion.replace(/^go/, '').split(' ')[0] ?? goVersion;
  const purl = golangPurl('stdlib', version);
  return { ref: purl, type: 'library', name: 'stdlib', version, purl, properties: [] };
}

/** A replaced module is what was linked; the name it goes by in imports is a property. */
function billModule(where: string, dep: BinaryFacts['deps'][number]): { component: BillComponent; reasons: Refusal[] } {
  const { path, version, h1 } = dep.replace ?? dep;
  const missing = [...(version ? [] : ['version']), ...(h1 ? [] : ['h1'])];
  const purl = version ? golangPurl(path, version) : undefined;
  return {
    component: {
      ref: purl ?? `module:${path}`,
      type: 'library',
      name: path,
      ...(version && purl ? { version, purl } : {}),
      properties: [
        ...(h1 ? [{ name: H1_PROPERTY, value: h1 }] : []),
        ...(dep.replace
          ? [{ name: 'relseal:go:replaces', value: [dep.path, dep.version].filter(Boolean).join('@') }]
          : []),
      ],
    },
    reasons: missing.map((what) => ({
      code: 'sbom.incomplete',
      where: `${where} ${[path, version].filter(Boolean).join('@')}`.slice(0, 1024),
      expected: `a ${what} in the build info`,
      found: 'none',
      fix: 'Build with modules from a proxy: local replacements, workspaces and -mod=vendor leave no hash.',
    })),
  };
}

function edgesOf(binaries: readonly BilledBinary[]): BillEdges[] {
  return binaries
    .map(({ component, modules }) => ({
      from: component.ref,
      to: sorted(modules.map(({ ref }) => ref)),
      complete: true,
    }))
    .sort((a, b) => (a.from < b.from ? -1 : 1));
}

/** Two hashes for one version cannot both be the module. */
function contradictions(binaries: readonly BilledBinary[]): Refusal[] {
  const first = new Map<string, string>();
  const found: Refusal[] = [];
  for (const { ref, properties } of binaries.flatMap(({ modules }) => modules)) {
    const h1 = properties.find(({ name }) => name === H1_PROPERTY)?.value;
    const known = first.get(ref);
    if (h1 === undefined) continue;
    if (known === undefined) first.set(ref, h1);
    else if (known !== h1) found.push({ code: 'sbom.hash-conflict', where: ref, expected: known, found: h1 });
  }
  return found;
}

const noBinaries = (where: string): Refusal => ({
  code: 'sbom.incomplete',
  where,
  expected: 'at least one Go binary',
  found: 'none',
});

/** The commit time that all binaries are stamped with, if it is one. */
function commonCommitTime(binaries: readonly BinaryFacts[]): string | undefined {
  const [first, ...others] = new Set(binaries.map(({ settings }) => settings['vcs.time']));
  const instant = first === undefined || others.length > 0 ? Number.NaN : Date.parse(first);
  return Number.isNaN(instant) ? undefined : `${new Date(instant).toISOString().slice(0, 19)}Z`;
}

const sorted = (refs: readonly string[]): string[] => [...new Set(refs)].sort();
