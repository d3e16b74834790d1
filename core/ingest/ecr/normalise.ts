import * as z from 'zod';
import type { NormalisedDelivery } from '../../../events/normalised.ts';
import { judgeArtifact } from '../artifact.ts';
import { deliveryOf, ignoredDelivery, notUnderstood, rejectedDelivery } from '../outcome.ts';
import { payloadDigest, payloadFact, payloadInstant, payloadName } from '../payload.ts';
import type { DeliveryHeaders, NormaliseContext } from '../provider.ts';

/** The EventBridge envelope, as far as it decides whose event it is. */
export const EcrEvent = z.looseObject({
  id: payloadName(128),
  source: z.literal('aws.ecr'),
  'detail-type': payloadName(),
  account: z.string().regex(/^[0-9]{12}$/),
  region: z.string().regex(/^[a-z0-9-]{1,32}$/),
  time: payloadInstant,
  detail: z.unknown(),
});

const Action = z.looseObject({
  result: payloadFact(),
  'action-type': payloadFact(),
  'repository-name': payloadName(),
  'image-digest': payloadDigest,
  'image-tag': payloadFact(),
  'manifest-media-type': payloadFact(),
  'artifact-media-type': payloadFact(),
});

const hostOf = (account: string, region: string) =>
  `${account}.dkr.ecr.${region}.amazonaws.com${region.startsWith('cn-') ? '.cn' : ''}`;

/** `ECR Image Action` and `ECR Referrer Action`; replication and scans are other rules' business. */
export function normalise(_headers: DeliveryHeaders, body: unknown, context: NormaliseContext): NormalisedDelivery {
  const event = EcrEvent.safeParse(body).data;
  if (!event) return notUnderstood();
  if (event.account !== context.instance)
    return rejectedDelivery('source.other-account', 'The event is of another account.');
  const referrer = event['detail-type'] === 'ECR Referrer Action';
  if (!referrer && event['detail-type'] !== 'ECR Image Action')
    return ignoredDelivery('event.not-handled', 'No release follows from this kind of event.');
  const action = Action.safeParse(event.detail).data;
  if (!action) return notUnderstood();
  const kind = action['action-type'];
  if (action.result !== 'SUCCESS' || (kind !== 'PUSH' && kind !== 'DELETE'))
    return ignoredDelivery('event.not-handled', 'Neither a push nor a deletion that succeeded.');
  if (action['image-digest'] === null) return rejectedDelivery('digest.invalid', 'The digest is not a sha256 digest.');
  const artifactType = action['artifact-media-type'];
  return deliveryOf([
    judgeArtifact({
      deliveryId: `${context.deliveryId}#0`,
      provider: 'ecr',
      repository: {
        host: hostOf(event.account, event.region),
        name: action['repository-name'],
        id: null,
        url: null,
      },
      actor: null,
      occurredAt: event.time,
      action: kind === 'PUSH' ? 'push' : 'delete',
      tag: action['image-tag'],
      digest: action['image-digest'],
      mediaType: action['manifest-media-type'],
      artifactType,
      referrer,
    }),
  ]);
}
