import { readFileSync } from 'node:fs';
import { Ajv, type AnySchema } from 'ajv';
import addFormats from 'ajv-formats';
import { describe, expect, it } from 'vitest';
import { cycloneDx } from '../../core/sbom/cyclonedx.ts';
import { InspectionFacts, imageBill } from '../../core/sbom/image-bill.ts';
import { sourceBill } from '../../core/sbom/source-bill.ts';
import { spdx } from '../../core/sbom/spdx.ts';
import { SourceSnapshot } from '../../core/source/snapshot.ts';
import { OciDigest } from '../../events/fields.ts';
import { inspectionDetails, sourceSnapshot } from '../fixtures/sbom/subjects.ts';

const schema = (name: string): AnySchema =>
  JSON.parse(readFileSync(new URL(`../fixtures/sbom/${name}`, import.meta.url), 'utf8'));
const read = (bytes: Uint8Array): unknown => JSON.parse(new TextDecoder().decode(bytes));

/** The publishers' own schemas. Formats of internationalised mail and references are not in ajv-formats; we write none. */
function validators() {
  const ajv = new Ajv({ strict: false, allErrors: true });
  addFormats.default(ajv);
  for (const format of ['idn-email', 'iri-reference']) ajv.addFormat(format, true);
  ajv.addSchema(schema('spdx-licences.schema.json'), 'http://cyclonedx.org/schema/spdx.SNAPSHOT.schema.json');
  ajv.addSchema(schema('jsf-0.82.schema.json'), 'http://cyclonedx.org/schema/jsf-0.82.SNAPSHOT.schema.json');
  return { cycloneDx: ajv.compile(schema('bom-1.6.schema.json')), spdx: ajv.compile(schema('spdx-2.3.schema.json')) };
}

const source = sourceBill(SourceSnapshot.parse(sourceSnapshot), [
  {
    path: 'github.com/spf13/pflag',
    version: 'v1.0.5',
    h1: 'h1:iy+VFUOCP1a+8yFto/drg2CJ5u0yRoB7fZw3DKv/JXA=',
    indirect: false,
  },
  { path: 'example.com/Fork/x', version: 'v2.0.0+incompatible', indirect: true, replaces: 'example.com/x@v1.0.0' },
]);
const image = imageBill(
  {
    repository: { host: 'registry.example.com:5000', name: 'acme/payments' },
    tag: 'v1.4.2',
    digest: OciDigest.parse(`sha256:${'3'.repeat(64)}`),
  },
  [InspectionFacts.parse(inspectionDetails)],
);

describe('SBOM documents', () => {
  const valid = validators();

  it.each([
    ['a source release', source.bill],
    ['an image', image.bill],
  ])('of %s validate against CycloneDX 1.6 and SPDX 2.3', (_what, bill) => {
    valid.cycloneDx(read(cycloneDx(bill)));
    expect(valid.cycloneDx.errors ?? []).toEqual([]);
    valid.spdx(read(spdx(bill)));
    expect(valid.spdx.errors ?? []).toEqual([]);
  });

  it('are judged: a broken document does not validate', () => {
    expect(valid.cycloneDx({ bomFormat: 'CycloneDX', specVersion: '1.6', components: [{ name: 'x' }] })).toBe(false);
    expect(valid.spdx({ spdxVersion: 'SPDX-2.3' })).toBe(false);
  });
});
