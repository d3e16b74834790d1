import { canonicalBytes } from '../canonical-json.ts';
import { type Bill, type BillComponent, billDigest } from './bill.ts';

export const CYCLONEDX_MEDIA_TYPE = 'application/vnd.cyclonedx+json; version=1.6';

/** CycloneDX 1.6 JSON. Same bill, same bytes: the serial number is derived from the content. */
export function cycloneDx(bill: Bill): Uint8Array {
  const all = [bill.root, ...bill.components];
  const known = new Map(bill.edges.map((edges) => [edges.from, edges]));
  const whole = all.filter(({ ref }) => known.get(ref)?.complete);
  const partial = all.filter(({ ref }) => known.get(ref)?.complete === false);
  const unknown = all.filter(({ ref }) => !known.has(ref));
  return canonicalBytes({
    bomFormat: 'CycloneDX',
    specVersion: '1.6',
    serialNumber: `urn:uuid:${uuidOf(billDigest(bill))}`,
    version: 1,
    metadata: {
      ...(bill.created ? { timestamp: bill.created } : {}),
      tools: { components: [{ type: 'application', name: 'relseal' }] },
      component: component(bill.root),
    },
    components: bill.components.map(component),
    dependencies: bill.edges.map(({ from, to }) => ({ ref: from, ...(to.length > 0 ? { dependsOn: to } : {}) })),
    compositions: [
      ...composition('complete', whole),
      ...composition('incomplete', partial),
      ...composition('unknown', unknown),
    ],
  });
}

const composition = (aggregate: string, of: readonly BillComponent[]) =>
  of.length === 0 ? [] : [{ aggregate, dependencies: of.map(({ ref }) => ref) }];

const component = ({ ref, type, name, version, purl, sha256, properties }: BillComponent) => ({
  type,
  'bom-ref': ref,
  name,
  ...(version === undefined ? {} : { version }),
  ...(purl === undefined ? {} : { purl }),
  ...(sha256 === undefined ? {} : { hashes: [{ alg: 'SHA-256', content: sha256 }] }),
  ...(properties.length === 0 ? {} : { properties }),
});

/** A version 8 UUID (RFC 9562: custom, here the first 122 free bits of a SHA-256). */
function uuidOf(sha256: string): string {
  const variant = (Number.parseInt(sha256.slice(16, 17), 16) & 0x3) | 0x8;
  return [
    sha256.slice(0, 8),
    sha256.slice(8, 12),
    `8${sha256.slice(13, 16)}`,
    `${variant.toString(16)}${sha256.slice(17, 20)}`,
    sha256.slice(20, 32),
  ].join('-');
}
