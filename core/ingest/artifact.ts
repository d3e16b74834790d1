import type { OciDigest, Provider } from '../../events/fields.ts';
import { NormalisedArtifact } from '../../events/normalised.ts';
import { ignored, type Judged, rejected } from './outcome.ts';

/** One push or deletion in a registry, in no vendor's words. */
export interface Announced {
  readonly deliveryId: string;
  readonly provider: Provider;
  readonly repository: { host: string; name: string; id: string | null; url: string | null };
  readonly actor: string | null;
  readonly occurredAt: string | null;
  readonly action: 'push' | 'delete';
  readonly tag: string | null;
  readonly digest: OciDigest | null;
  readonly mediaType: string | null;
  readonly artifactType: string | null;
  /** Media types the manifest refers to, its configuration first; undefined where the source does not tell. */
  readonly references?: readonly string[];
  /** The source itself says that this is a referrer. */
  readonly referrer?: boolean;
}

export const MANIFEST_TYPES: readonly string[] = [
  'application/vnd.oci.image.manifest.v1+json',
  'application/vnd.oci.image.index.v1+json',
  'application/vnd.docker.distribution.manifest.v2+json',
  'application/vnd.docker.distribution.manifest.list.v2+json',
];
export const INDEX_TYPES: readonly string[] = [
  'application/vnd.oci.image.index.v1+json',
  'application/vnd.docker.distribution.manifest.list.v2+json',
];
export const IMAGE_CONFIG_TYPES: readonly string[] = [
  'application/vnd.oci.image.config.v1+json',
  'application/vnd.docker.container.image.v1+json',
];
/** Configurations of manifests that hold a statement about another manifest. */
const EMPTY_CONFIG = 'application/vnd.oci.empty.v1+json';
const STATEMENT_LAYER = /sigstore|simplesigning|in-toto|dsse|spdx|cyclonedx|notary/;

/** cosign's tags (`.sig`, `.att`, `.sbom`) and the referrers fallback tag, which has no suffix. */
const REFERRER_TAG = /^sha256-[0-9a-f]{64}(?:\.[a-z0-9._-]+)?$/;
const DIGEST_TAG = /^sha256:[0-9a-f]{64}$/;

/** Whether a manifest with these references is a statement about another one: a signature, attestation or SBOM. */
export function holdsStatements(references: readonly string[]): boolean {
  const [config, ...layers] = references;
  return config === EMPTY_CONFIG || (layers.length > 0 && layers.every((type) => STATEMENT_LAYER.test(type)));
}

/** The loop rules, in order: signing must never start the work that leads to signing. */
export function judgeArtifact(announced: Announced): Judged {
  const { action, tag, mediaType, references } = announced;
  const index = mediaType !== null && INDEX_TYPES.includes(mediaType);
  if (action === 'push' && mediaType !== null && !MANIFEST_TYPES.includes(mediaType))
    return ignored('artifact.blob', 'A blob, not a manifest.');
  if (announced.referrer || (tag !== null && REFERRER_TAG.test(tag))) return referrer(announced);
  if (action === 'push' && references && !index && holdsStatements(references)) return referrer(announced);
  if (action === 'delete') return keep(announced, 'artifact.image.deleted');
  if (tag === null || DIGEST_TAG.test(tag)) return keep({ ...announced, tag: null }, 'artifact.manifest.pushed');
  if (references && !index && !IMAGE_CONFIG_TYPES.includes(references[0] ?? ''))
    return ignored('artifact.not-an-image', 'The configuration is not that of a container image.');
  return keep(announced, 'artifact.image.pushed');
}

const referrer = (announced: Announced): Judged =>
  announced.action === 'delete'
    ? ignored('artifact.referrer-deleted', 'A signature, attestation or SBOM was deleted.')
    : keep(announced, 'artifact.referrer.pushed');

function keep(announced: Announced, detailType: NormalisedArtifact['detailType']): Judged {
  const { action, references: _references, referrer: _referrer, ...facts } = announced;
  const event = NormalisedArtifact.safeParse({
    kind: 'artifact',
    id: '',
    detailType,
    ...facts,
    deleted: action === 'delete',
  });
  if (!event.success) return rejected('body.not-understood', 'The body lacks a field this kind of delivery must have.');
  if (detailType === 'artifact.manifest.pushed')
    return { outcome: 'audit', event: event.data, code: 'artifact.no-tag', why: 'Pushed without a tag.' };
  if (detailType === 'artifact.referrer.pushed')
    return { outcome: 'audit', event: event.data, code: 'artifact.referrer', why: 'A signature, attestation or SBOM.' };
  return { outcome: 'emit', event: event.data };
}
