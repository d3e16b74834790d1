import * as z from 'zod';
import { OciDigest } from '../../../events/fields.ts';
import type { NormalisedDelivery } from '../../../events/normalised.ts';
import { judgeArtifact } from '../artifact.ts';
import { deliveryOf, ignoredDelivery, notUnderstood, rejectedDelivery } from '../outcome.ts';
import { payloadFact, payloadInstant, payloadName } from '../payload.ts';
import type { DeliveryHeaders, NormaliseContext } from '../provider.ts';
import { normalisePullRequest } from '../source-change.ts';
import { normalisePush } from '../source-push.ts';

const PackageNotice = z.looseObject({
  action: payloadFact(),
  package: z.looseObject({
    type: payloadFact(),
    name: payloadName(),
    version: payloadName(),
    created_at: payloadInstant,
    owner: z.looseObject({ login: payloadName() }),
  }),
  sender: z.looseObject({ login: payloadFact() }).nullish(),
});

/** Gitea's events by `X-Gitea-Event`. */
export function normalise(headers: DeliveryHeaders, body: unknown, context: NormaliseContext): NormalisedDelivery {
  switch (headers['x-gitea-event']) {
    case 'push':
      return normalisePush(body, context, 'gitea');
    case 'pull_request':
    case 'pull_request_sync':
      return normalisePullRequest(body, context, 'gitea');
    case 'create':
    case 'delete':
    case 'release':
      return ignoredDelivery('event.second-notice', 'A second notice of the same tag; the push is the trigger.');
    case 'package':
      return normalisePackage(body, context);
    case undefined:
      return rejectedDelivery('event.not-named', 'The header X-Gitea-Event is missing.');
    default:
      return ignoredDelivery('event.not-handled', 'No release follows from this kind of event.');
  }
}

/** `version` is the tag, or the digest of a manifest pushed without one; no digest comes with a tag. */
function normalisePackage(body: unknown, context: NormaliseContext): NormalisedDelivery {
  const notice = PackageNotice.safeParse(body).data;
  if (!notice) return notUnderstood();
  const { type, name, version, owner, created_at: createdAt } = notice.package;
  if (type !== 'container') return ignoredDelivery('package.not-a-container', 'The package is not a container image.');
  if (notice.action !== 'created' && notice.action !== 'deleted')
    return ignoredDelivery('event.not-handled', 'No release follows from this action on a package.');
  const digest = OciDigest.safeParse(version).data ?? null;
  return deliveryOf([
    judgeArtifact({
      deliveryId: `${context.deliveryId}#0`,
      provider: 'gitea',
      repository: { host: context.host, name: `${owner.login}/${name}`.toLowerCase(), id: null, url: null },
      actor: notice.sender?.login ?? null,
      occurredAt: createdAt,
      action: notice.action === 'created' ? 'push' : 'delete',
      tag: digest === null ? version : null,
      digest,
      mediaType: null,
      artifactType: null,
    }),
  ]);
}
