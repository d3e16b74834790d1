import * as z from 'zod';
import { DetailType } from './canonical.ts';
import { GitSha, OciDigest, Provider, UtcInstant } from './fields.ts';

/** What a normaliser makes of one authenticated delivery, before anything is asked of the source. Kept in the row. */

const text = (max: number) => z.string().min(1).max(max);

const announced = {
  /** Given at receipt; `''` while only normalised. */
  id: z.string(),
  detailType: DetailType,
  /** The vendor's delivery id, `#` and the position in it. */
  deliveryId: text(300),
  provider: Provider,
  repository: z.strictObject({
    host: text(255),
    name: text(255),
    id: text(255).nullable(),
    url: text(1024).nullable(),
  }),
  /** The vendor's name for the actor until receipt replaces it by a pseudonym. */
  actor: text(255).nullable(),
  occurredAt: UtcInstant.nullable(),
};

export const NormalisedSourceTag = z.strictObject({
  kind: z.literal('source-tag'),
  ...announced,
  tag: text(255),
  deleted: z.boolean(),
  commit: GitSha.nullable(),
  objectSha: GitSha.nullable(),
});
export type NormalisedSourceTag = z.infer<typeof NormalisedSourceTag>;

/** A pull or merge request that was opened or got new commits. */
export const NormalisedSourceChange = z.strictObject({
  kind: z.literal('source-change'),
  ...announced,
  /** No tag: what is kept of tags does not apply to it. */
  tag: z.null(),
  number: z.string().regex(/^[1-9][0-9]{0,17}$/),
  base: text(255),
  deleted: z.literal(false),
  head: GitSha,
});
export type NormalisedSourceChange = z.infer<typeof NormalisedSourceChange>;

export const NormalisedArtifact = z.strictObject({
  kind: z.literal('artifact'),
  ...announced,
  tag: text(255).nullable(),
  digest: OciDigest.nullable(),
  mediaType: text(255).nullable(),
  artifactType: text(255).nullable(),
  deleted: z.boolean(),
});
export type NormalisedArtifact = z.infer<typeof NormalisedArtifact>;

export const NormalisedEvent = z.discriminatedUnion('kind', [
  NormalisedSourceTag,
  NormalisedSourceChange,
  NormalisedArtifact,
]);
export type NormalisedEvent = z.infer<typeof NormalisedEvent>;

/**
 * `emit` reaches the bus, `audit` and `ignore` leave a ledger entry only, `reject` is recorded and alarmed. Where one
 * delivery holds several events, the strongest outcome names it and `events` holds what is kept.
 */
export const NormalisedDelivery = z.strictObject({
  outcome: z.enum(['emit', 'audit', 'ignore', 'reject']),
  /** Coded reason of an ignore, audit or reject. */
  code: z
    .string()
    .regex(/^[a-z]+(?:\.[a-z][a-z0-9-]*)+$/)
    .nullable(),
  /** The sentence that goes with the code. */
  why: z.string().max(512).nullable(),
  events: z.array(NormalisedEvent).max(256),
});
export type NormalisedDelivery = z.infer<typeof NormalisedDelivery>;
