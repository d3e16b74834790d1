import { createHash } from 'node:crypto';
import { canonicalJson } from '../canonical-json.ts';

/** What an SBOM says, before a format: each format is a pure function of this, so both documents always agree. */
export interface Bill {
  /** What the document describes. */
  readonly root: BillComponent;
  /** In the order of `ref`, without repeats. */
  readonly components: readonly BillComponent[];
  /** Edges we know, `from` in the order of `ref`. */
  readonly edges: readonly BillEdges[];
  /**
   * RFC 3339 in whole seconds: SOURCE_DATE_EPOCH or the commit's time, never the time of making. Absent when neither is
   * known.
   */
  readonly created?: string;
}

export interface BillComponent {
  /** Names the component inside the document: its purl where it has one. */
  readonly ref: string;
  readonly type: 'application' | 'container' | 'library';
  readonly name: string;
  readonly version?: string;
  readonly purl?: string;
  /** Hex SHA-256 of the file or manifest itself. A module's `h1:` is not one and is a property. */
  readonly sha256?: string;
  /** Names begin with `relseal:`. */
  readonly properties: readonly { readonly name: string; readonly value: string }[];
}

export interface BillEdges {
  readonly from: string;
  readonly to: readonly string[];
  /** `false`: there may be more. A component without an entry has no edges that we know of. */
  readonly complete: boolean;
}

/** Property of a module's dirhash, in both formats. */
export const H1_PROPERTY = 'relseal:go:h1';

/** Hex SHA-256 of a whole bill: the identity of its documents. */
export const billDigest = (bill: Bill): string => createHash('sha256').update(canonicalJson(bill)).digest('hex');

/** Byte order, the same on every machine. */
const byRef = (a: { ref: string }, b: { ref: string }) => (a.ref < b.ref ? -1 : a.ref > b.ref ? 1 : 0);

/** Sorted by `ref`, the first of each kept. */
export const distinct = (components: readonly BillComponent[]): BillComponent[] =>
  [...new Map([...components].reverse().map((component) => [component.ref, component])).values()].sort(byRef);

const encode = (text: string) => encodeURIComponent(text).replaceAll('%3A', ':');

/** `pkg:golang/<path>@<version>`; letter case is kept, because Go module paths differ by it. */
export const golangPurl = (path: string, version: string): string =>
  `pkg:golang/${path.split('/').map(encode).join('/')}@${encode(version)}`;

/** `pkg:oci/<name>@sha256%3A<hex>?repository_url=<host/path>&tag=<tag>`. */
export function ociPurl(repository: { host: string; name: string }, digest: string, tag: string | undefined): string {
  const name = repository.name.slice(repository.name.lastIndexOf('/') + 1).toLowerCase();
  const url = `${repository.host}/${repository.name}`.split('/').map(encode).join('/');
  const qualifiers = `repository_url=${url}${tag === undefined ? '' : `&tag=${encode(tag)}`}`;
  return `pkg:oci/${encode(name)}@${encodeURIComponent(digest)}?${qualifiers}`;
}
