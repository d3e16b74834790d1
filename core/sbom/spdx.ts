import { canonicalBytes } from '../canonical-json.ts';
import { sha256Hex } from '../evidence.ts';
import { type Bill, type BillComponent, billDigest } from './bill.ts';

export const SPDX_MEDIA_TYPE = 'application/spdx+json; version=2.3';

/** SPDX requires a date and we invent none: the epoch says "unknown" and stays the same for ever. */
const UNKNOWN_DATE = '1970-01-01T00:00:00Z';
const TOOL = 'Tool: relseal';

/** SPDX 2.3 JSON. Same bill, same bytes: the namespace is derived from the content. */
export function spdx(bill: Bill): Uint8Array {
  const created = bill.created ?? UNKNOWN_DATE;
  const all = [bill.root, ...bill.components];
  return canonicalBytes({
    spdxVersion: 'SPDX-2.3',
    dataLicense: 'CC0-1.0',
    SPDXID: 'SPDXRef-DOCUMENT',
    name: bill.root.version === undefined ? bill.root.name : `${bill.root.name}@${bill.root.version}`,
    documentNamespace: `https://relseal.dev/spdx/${billDigest(bill)}`,
    creationInfo: {
      created,
      creators: [TOOL],
      ...(bill.created ? {} : { comment: 'The time of the commit is not known; the date is a fixed placeholder.' }),
    },
    packages: all.map((component) => packageOf(component, created)),
    relationships: [
      relationship('SPDXRef-DOCUMENT', 'DESCRIBES', idOf(bill.root.ref)),
      ...all.flatMap(({ ref }) => relationshipsOf(bill, ref)),
    ],
  });
}

/** NOASSERTION marks where more edges may exist than are listed. */
function relationshipsOf(bill: Bill, ref: string) {
  const edges = bill.edges.find(({ from }) => from === ref);
  const known = edges?.to.map((to) => relationship(idOf(ref), 'DEPENDS_ON', idOf(to))) ?? [];
  if (!edges?.complete) return [...known, relationship(idOf(ref), 'DEPENDS_ON', 'NOASSERTION')];
  return known.length > 0 ? known : [relationship(idOf(ref), 'DEPENDS_ON', 'NONE')];
}

const relationship = (spdxElementId: string, relationshipType: string, relatedSpdxElement: string) => ({
  spdxElementId,
  relationshipType,
  relatedSpdxElement,
});

/** SPDX ids allow few characters, refs many. */
const idOf = (ref: string) => `SPDXRef-${sha256Hex(ref).slice(0, 32)}`;

const PURPOSE = { application: 'APPLICATION', container: 'CONTAINER', library: 'LIBRARY' } as const;

const packageOf = ({ ref, type, name, version, purl, sha256, properties }: BillComponent, annotationDate: string) => ({
  SPDXID: idOf(ref),
  name,
  ...(version === undefined ? {} : { versionInfo: version }),
  primaryPackagePurpose: PURPOSE[type],
  supplier: 'NOASSERTION',
  downloadLocation: 'NOASSERTION',
  filesAnalyzed: false,
  licenseConcluded: 'NOASSERTION',
  licenseDeclared: 'NOASSERTION',
  copyrightText: 'NOASSERTION',
  ...(sha256 === undefined ? {} : { checksums: [{ algorithm: 'SHA256', checksumValue: sha256 }] }),
  ...(purl === undefined
    ? {}
    : {
        externalRefs: [{ referenceCategory: 'PACKAGE-MANAGER', referenceType: 'purl', referenceLocator: purl }],
      }),
  ...(properties.length === 0
    ? {}
    : {
        annotations: properties.map(({ name: property, value }) => ({
          annotationDate,
          annotationType: 'OTHER',
          annotator: TOOL,
          comment: `${property}=${value}`,
        })),
      }),
});
