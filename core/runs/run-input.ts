import { createHash } from 'node:crypto';
import * as z from 'zod';
import { GitSha, OciDigest, Sha256Hex, TenantId } from '../../events/fields.ts';
import { canonicalJson } from '../canonical-json.ts';

/** What a run is about, resolved before it started: a commit or a digest, never a bare tag. */
export const SourceSubject = z.strictObject({
  kind: z.literal('source'),
  host: z.string().min(1).max(255),
  repository: z.string().min(1).max(255),
  tag: z.string().min(1).max(255),
  commit: GitSha,
  /** `claimed`: the hook named it and the source cannot show it. */
  resolution: z.enum(['resolved', 'claimed']),
  generation: z.int().nonnegative(),
});
export type SourceSubject = z.infer<typeof SourceSubject>;

/** A pull or merge request at one head commit, before it is merged. */
export const ChangeSubject = z.strictObject({
  kind: z.literal('change'),
  host: z.string().min(1).max(255),
  repository: z.string().min(1).max(255),
  number: z.string().regex(/^[1-9][0-9]{0,17}$/),
  /** Branch that it is to be merged into. */
  base: z.string().min(1).max(255),
  commit: GitSha,
});
export type ChangeSubject = z.infer<typeof ChangeSubject>;

export const ImageSubject = z.strictObject({
  kind: z.literal('image'),
  host: z.string().min(1).max(255),
  repository: z.string().min(1).max(255),
  tag: z.string().min(1).max(255).optional(),
  digest: OciDigest,
  generation: z.int().nonnegative(),
});
export type ImageSubject = z.infer<typeof ImageSubject>;

/** One digest going to one environment, for the `attempt`-th time. Its rollback is about the same. */
export const PromotionSubject = z.strictObject({
  kind: z.literal('promotion'),
  host: z.string().min(1).max(255),
  repository: z.string().min(1).max(255),
  digest: OciDigest,
  environment: z.string().regex(/^[a-z][a-z0-9-]{0,31}$/),
  attempt: z.int().nonnegative(),
});
export type PromotionSubject = z.infer<typeof PromotionSubject>;

export const RunSubject = z.discriminatedUnion('kind', [SourceSubject, ChangeSubject, ImageSubject, PromotionSubject]);
export type RunSubject = z.infer<typeof RunSubject>;

/** The whole input of a release run. */
export const RunInput = z.strictObject({
  schema: z.literal('relseal.run/1'),
  tenant: TenantId,
  businessKey: Sha256Hex,
  subject: RunSubject,
});
export type RunInput = z.infer<typeof RunInput>;

/**
 * The business key: SHA-256 over canonical JSON of what the work is about. The same work announced twice has the same
 * key, so it runs once; a tag that really moved has another generation and runs again.
 */
export const businessKeyOf = (tenant: TenantId, subject: RunSubject): Sha256Hex =>
  Sha256Hex.parse(
    createHash('sha256')
      .update(
        canonicalJson({
          tenant,
          type: subject.kind,
          host: subject.host,
          repository: subject.repository,
          ...whatOf(subject),
        }),
      )
      .digest('hex'),
  );

const whatOf = (subject: RunSubject) => {
  if (subject.kind === 'change')
    return { ref: `${subject.number} ${subject.base}`, target: subject.commit, generation: 0 };
  if (subject.kind === 'promotion')
    return { ref: '', target: subject.digest, environment: subject.environment, generation: subject.attempt };
  return {
    ref: subject.tag ?? '',
    target: subject.kind === 'source' ? subject.commit : subject.digest,
    generation: subject.generation,
  };
};

/** `<machine>-<40 hex>`, then `-r<n>` from the first replay on: a valid execution name on both engines. */
export const runNameOf = (machine: string, businessKey: Sha256Hex, replay: number): string =>
  `${machine}-${businessKey.slice(0, 40)}${replay > 0 ? `-r${replay}` : ''}`;

/** Release id: what entries of one release are linked by; a promotion is of its image's release. */
export function releaseIdOf(subject: RunSubject): string {
  const repository = `${subject.host}/${subject.repository}`;
  if (subject.kind === 'source') return `${repository}@${subject.tag}`;
  return subject.kind === 'change' ? `${repository}#${subject.number}` : `${repository}@${subject.digest}`;
}
