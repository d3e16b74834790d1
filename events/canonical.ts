import * as z from 'zod';
import { GitSha, OciDigest, Provider, Sha256Hex, UtcInstant } from './fields.ts';

/** Canonical events, version 1: CloudEvents 1.0 structured JSON, at most 64 KiB. Published schemas are never edited. */

export const DETAIL_TYPES = [
  'source.tag.pushed',
  'source.tag.deleted',
  'source.change.proposed',
  'artifact.image.pushed',
  'artifact.image.deleted',
  'artifact.manifest.pushed',
  'artifact.referrer.pushed',
] as const;
export const DetailType = z.enum(DETAIL_TYPES);
export type DetailType = z.infer<typeof DetailType>;

export const AuthScheme = z.enum([
  'hmac-sha256',
  'standard-webhooks',
  'shared-token',
  'static-token',
  'oidc-jwt',
  'iam',
  'url-secret',
  'none',
]);
export type AuthScheme = z.infer<typeof AuthScheme>;

const text = (max: number) => z.string().min(1).max(max);

/** How the delivery that announced it was received and authenticated. */
export const DeliveryFacts = z.strictObject({
  /** The vendor's delivery id, `#` and the position in it. */
  id: text(300),
  receivedAt: UtcInstant,
  attempt: z.int().positive(),
  auth: AuthScheme,
  authKeyId: text(128),
  bodySha256: Sha256Hex,
  /** Name in the erasable store. */
  raw: text(1024).nullable(),
});

export const RepositoryFacts = z.strictObject({
  host: text(255),
  name: text(255),
  id: text(255).nullable(),
  url: text(1024).nullable(),
});

/** Who the vendor says did it: a keyed pseudonym, never a name. */
export const ActorFacts = z.strictObject({
  id: text(255).nullable(),
  authenticatedBy: z.literal('source'),
});

export const Change = z.enum(['created', 'moved', 'republished', 'deleted']);

const common = {
  provider: Provider,
  instance: text(255),
  delivery: DeliveryFacts,
  repository: RepositoryFacts,
  change: Change,
  /** Observed changes of this tag before this event, from our own tag table. */
  generation: z.int().nonnegative(),
  actor: ActorFacts,
  occurredAt: UtcInstant.nullable(),
};

export const RefFacts = z.strictObject({
  type: z.literal('tag'),
  name: text(255),
  fullName: text(265),
  /** Whether the name is a Go semantic version, after a module directory prefix is removed. */
  semver: z.boolean(),
});

export const CommitFacts = z.strictObject({
  sha: GitSha.nullable(),
  objectSha: GitSha.nullable(),
  previousSha: GitSha.nullable(),
  resolution: z.enum(['payload', 'api', 'unresolved']),
});

export const SourceTagData = z.strictObject({ ...common, ref: RefFacts, commit: CommitFacts });
export type SourceTagData = z.infer<typeof SourceTagData>;

/** A pull or merge request: what is proposed, and onto which branch. */
export const ProposalFacts = z.strictObject({
  /** The number people know it by, decimal. */
  number: z.string().regex(/^[1-9][0-9]{0,17}$/),
  base: text(255),
});

export const SourceChangeData = z.strictObject({
  ...common,
  proposal: ProposalFacts,
  /** Its head as the source shows it now, which may be newer than what the hook named. */
  head: z.strictObject({ sha: GitSha }),
});
export type SourceChangeData = z.infer<typeof SourceChangeData>;

export const ImageFacts = z.strictObject({
  tag: text(255).nullable(),
  digest: OciDigest.nullable(),
  previousDigest: OciDigest.nullable(),
  mediaType: text(255).nullable(),
  artifactType: text(255).nullable(),
  kind: z.enum(['image', 'index', 'artifact', 'unknown']),
  platforms: z.array(text(64)).max(64),
  digestResolution: z.enum(['payload', 'resolved-after-push', 'unresolved']),
});

export const ArtifactData = z.strictObject({ ...common, image: ImageFacts });
export type ArtifactData = z.infer<typeof ArtifactData>;

const envelope = <T extends DetailType, D extends z.ZodType>(detailType: T, data: D) =>
  z.strictObject({
    specversion: z.literal('1.0'),
    /** ULID, ours. */
    id: z.string().regex(/^[0-9A-HJKMNP-TV-Z]{26}$/),
    source: text(512),
    type: z.literal(`dev.relseal.${detailType}.v1`),
    subject: text(1024),
    time: UtcInstant,
    datacontenttype: z.literal('application/json'),
    dataschema: z.literal(`urn:relseal:schema:${detailType}:1`),
    traceparent: z.string().regex(/^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$/),
    businesskey: Sha256Hex,
    data,
  });

export const SourceTagPushed = envelope('source.tag.pushed', SourceTagData);
export type SourceTagPushed = z.infer<typeof SourceTagPushed>;
export const SourceTagDeleted = envelope('source.tag.deleted', SourceTagData);
export type SourceTagDeleted = z.infer<typeof SourceTagDeleted>;
export const SourceChangeProposed = envelope('source.change.proposed', SourceChangeData);
export type SourceChangeProposed = z.infer<typeof SourceChangeProposed>;
export const ArtifactImagePushed = envelope('artifact.image.pushed', ArtifactData);
export type ArtifactImagePushed = z.infer<typeof ArtifactImagePushed>;
export const ArtifactImageDeleted = envelope('artifact.image.deleted', ArtifactData);
export type ArtifactImageDeleted = z.infer<typeof ArtifactImageDeleted>;
export const ArtifactManifestPushed = envelope('artifact.manifest.pushed', ArtifactData);
export type ArtifactManifestPushed = z.infer<typeof ArtifactManifestPushed>;
export const ArtifactReferrerPushed = envelope('artifact.referrer.pushed', ArtifactData);
export type ArtifactReferrerPushed = z.infer<typeof ArtifactReferrerPushed>;

export const CanonicalEvent = z.discriminatedUnion('type', [
  SourceTagPushed,
  SourceTagDeleted,
  SourceChangeProposed,
  ArtifactImagePushed,
  ArtifactImageDeleted,
  ArtifactManifestPushed,
  ArtifactReferrerPushed,
]);
export type CanonicalEvent = z.infer<typeof CanonicalEvent>;

/** The EventBridge `DetailType` of an event: the CloudEvents type without its prefix and version. */
export const detailTypeOf = (event: CanonicalEvent): DetailType =>
  DetailType.parse(event.type.slice('dev.relseal.'.length, -'.v1'.length));
