import * as z from 'zod';
import { OciDigest } from '../../../events/fields.ts';
import type { NormalisedDelivery } from '../../../events/normalised.ts';
import { judgeArtifact } from '../artifact.ts';
import { deliveryOf, ignored, type Judged, notUnderstood, rejected } from '../outcome.ts';
import { payloadFact, payloadInstant, payloadName } from '../payload.ts';
import type { DeliveryHeaders, NormaliseContext } from '../provider.ts';

const Notification = z.looseObject({
  id: payloadFact(128),
  timestamp: payloadInstant,
  action: payloadFact(),
  target: z.looseObject({
    mediaType: payloadFact(),
    digest: payloadFact(),
    repository: payloadName(),
    tag: payloadFact(),
    artifactType: payloadFact(),
    references: z
      .array(z.looseObject({ mediaType: payloadFact() }))
      .max(10_000)
      .nullish(),
  }),
  actor: z.looseObject({ name: payloadFact() }).nullish(),
});

export const DistributionEnvelope = z.looseObject({ events: z.array(z.unknown()).max(256) });

/** The envelope of CNCF distribution: each of `events[]` is judged by itself. */
export function normalise(_headers: DeliveryHeaders, body: unknown, context: NormaliseContext): NormalisedDelivery {
  const envelope = DistributionEnvelope.safeParse(body).data;
  return envelope ? deliveryOf(envelope.events.map((one, at) => judge(one, at, context))) : notUnderstood();
}

function judge(notification: unknown, position: number, context: NormaliseContext): Judged {
  const event = Notification.safeParse(notification).data;
  if (!event) return rejected('body.not-understood', 'The body lacks a field this kind of delivery must have.');
  if (event.action !== 'push' && event.action !== 'delete')
    return ignored('event.not-handled', 'Neither a push nor a deletion.');
  const { target } = event;
  const digest = OciDigest.safeParse(target.digest).data ?? null;
  // Deleting a tag names no digest; anything else without a good one is not what the registry sends.
  if (digest === null && !(event.action === 'delete' && target.digest === null && target.tag !== null))
    return rejected('digest.invalid', 'The digest is not a sha256 digest.');
  const references = target.references?.map(({ mediaType }) => mediaType ?? '');
  return judgeArtifact({
    deliveryId: `${context.deliveryId}#${position}`,
    provider: 'distribution',
    repository: { host: context.host, name: target.repository, id: null, url: null },
    actor: event.actor?.name ?? null,
    occurredAt: event.timestamp,
    action: event.action,
    tag: target.tag,
    digest,
    mediaType: target.mediaType,
    artifactType: target.artifactType,
    ...(references && references.length > 0 ? { references } : {}),
  });
}
