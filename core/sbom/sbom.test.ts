import { describe, expect, it } from 'vitest';
import { OciDigest } from '../../events/fields.ts';
import { inspectionDetails, sourceSnapshot } from '../../test/fixtures/sbom/subjects.ts';
import { SourceSnapshot } from '../source/snapshot.ts';
import { golangPurl, ociPurl } from './bill.ts';
import { cycloneDx } from './cyclonedx.ts';
import { InspectionFacts, imageBill } from './image-bill.ts';
import { type BilledModule, sourceBill } from './source-bill.ts';
import { spdx } from './spdx.ts';

const H1 = 'h1:iy+VFUOCP1a+8yFto/drg2CJ5u0yRoB7fZw3DKv/JXA=';
const OTHER_H1 = 'h1:wHxEcudfqmLYa8iTfL+OuZPbBZkmvliBWKIezN3kD9Y=';
const snapshot = SourceSnapshot.parse(sourceSnapshot);
const pflag: BilledModule = { path: 'github.com/spf13/pflag', version: 'v1.0.5', h1: H1, indirect: false };
const indirect: BilledModule = { path: 'example.com/y', version: 'v0.1.0', indirect: true };
const image = {
  repository: { host: 'registry.example.com', name: 'acme/payments' },
  digest: OciDigest.parse(`sha256:${'3'.repeat(64)}`),
};
const inspection = InspectionFacts.parse(inspectionDetails);
const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);

describe('a source bill', () => {
  it('has the same bytes whatever the order of requirements', () => {
    const one = sourceBill(snapshot, [pflag, indirect]).bill;
    const two = sourceBill(snapshot, [indirect, pflag]).bill;
    for (const format of [cycloneDx, spdx]) expect(text(format(one))).toBe(text(format(two)));
  });

  it('changes its identity with its content', () => {
    const changed = sourceBill(snapshot, [{ ...pflag, h1: OTHER_H1 }]).bill;
    const serial = (bytes: Uint8Array) => JSON.parse(text(bytes)).serialNumber;
    expect(serial(cycloneDx(sourceBill(snapshot, [pflag]).bill))).not.toBe(serial(cycloneDx(changed)));
    expect(serial(cycloneDx(changed))).toMatch(
      /^urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/,
    );
  });

  it('leads to direct requirements only and calls every other edge unknown', () => {
    const { bill } = sourceBill(snapshot, [pflag, indirect]);
    const document = JSON.parse(text(cycloneDx(bill)));
    const purl = 'pkg:golang/github.com/spf13/pflag@v1.0.5';
    expect(document.dependencies).toEqual([{ ref: 'pkg:golang/github.com/spf13/cobra@v1.8.1', dependsOn: [purl] }]);
    expect(document.compositions[1]).toEqual({
      aggregate: 'unknown',
      dependencies: ['pkg:golang/example.com/y@v0.1.0', purl],
    });
    expect(text(spdx(bill))).toContain('"relatedSpdxElement":"NOASSERTION"');
  });

  it('writes a dirhash as a property, never as a file hash', () => {
    const { bill } = sourceBill(snapshot, [pflag]);
    expect(text(cycloneDx(bill))).toContain(`{"name":"relseal:go:h1","value":"${H1}"}`);
    expect(text(spdx(bill))).toContain(`"comment":"relseal:go:h1=${H1}"`);
    expect(text(cycloneDx(bill)) + text(spdx(bill))).not.toMatch(/"hashes"|"checksums"/);
  });

  it('names no time when none is known', () => {
    const { bill } = sourceBill(snapshot, [pflag]);
    expect(JSON.parse(text(cycloneDx(bill))).metadata).not.toHaveProperty('timestamp');
    expect(JSON.parse(text(spdx(bill))).creationInfo.created).toBe('1970-01-01T00:00:00Z');
  });

  it('is incomplete without the version of a module or the hash of a direct one', () => {
    const codes = (module: BilledModule) => sourceBill(snapshot, [module]).reasons.map(({ code }) => code);
    expect(codes(pflag)).toEqual([]);
    expect(codes(indirect)).toEqual([]);
    expect(codes({ path: 'example.com/y', version: 'v0.1.0', indirect: false })).toEqual(['sbom.incomplete']);
    expect(codes({ path: 'example.com/y', indirect: true })).toEqual(['sbom.incomplete']);
  });
});

describe('an image bill', () => {
  it('holds each binary with its file hash, its modules after replacement, and the standard library', () => {
    const { bill, reasons } = imageBill(image, [inspection]);
    expect(reasons).toEqual([]);
    expect(bill.components.map(({ ref }) => ref)).toEqual([
      'binary:linux/amd64:/payments',
      'pkg:golang/example.com/fork@v1.0.1',
      'pkg:golang/github.com/spf13/pflag@v1.0.5',
      'pkg:golang/stdlib@1.26.8',
    ]);
    expect(bill.components[0]?.sha256).toBe('4'.repeat(64));
    expect(bill.created).toBe('2026-11-20T10:00:00Z');
  });

  it('has the same bytes whatever the order of platforms', () => {
    const arm = { ...inspection, platform: 'linux/arm64' };
    expect(text(spdx(imageBill(image, [inspection, arm]).bill))).toBe(
      text(spdx(imageBill(image, [arm, inspection]).bill)),
    );
  });

  it('is incomplete without binaries and for a linked module without hash', () => {
    const [binary] = inspection.binaries;
    const local = { ...inspection, binaries: [{ ...binary, deps: [{ path: 'example.com/x', version: '(devel)' }] }] };
    const codes = (details: unknown) =>
      imageBill(image, [InspectionFacts.parse(details)]).reasons.map(({ code }) => code);
    expect(codes({ ...inspection, binaries: [] })).toEqual(['sbom.incomplete']);
    expect(codes(local)).toEqual(['sbom.incomplete']);
  });

  it('refuses two hashes for one module version', () => {
    const [binary] = inspection.binaries;
    const deps = (h1: string) => [{ path: 'github.com/spf13/pflag', version: 'v1.0.5', h1 }];
    const both = {
      ...inspection,
      binaries: [
        { ...binary, deps: deps(H1) },
        { ...binary, path: '/b', deps: deps(OTHER_H1) },
      ],
    };
    expect(imageBill(image, [InspectionFacts.parse(both)]).reasons).toMatchObject([{ code: 'sbom.hash-conflict' }]);
  });
});

describe('package URLs', () => {
  it('keep the case of Go paths and escape what a purl must', () => {
    expect(golangPurl('github.com/Masterminds/semver', 'v2.0.0+incompatible')).toBe(
      'pkg:golang/github.com/Masterminds/semver@v2.0.0%2Bincompatible',
    );
    expect(ociPurl(image.repository, image.digest, 'v1')).toBe(
      `pkg:oci/payments@sha256%3A${'3'.repeat(64)}?repository_url=registry.example.com/acme/payments&tag=v1`,
    );
  });
});
