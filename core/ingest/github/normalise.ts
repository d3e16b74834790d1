import * as z from 'zod';
import type { NormalisedDelivery } from '../../../events/normalised.ts';
import { judgeArtifact } from '../artifact.ts';
import { deliveryOf, ignoredDelivery, notUnderstood, rejectedDelivery } from '../outcome.ts';
import { payloadDigest, payloadFact, payloadInstant, payloadName } from '../payload.ts';
import type { DeliveryHeaders, NormaliseContext } from '../provider.ts';
import { normalisePullRequest } from '../source-change.ts';
import { normalisePush } from '../source-push.ts';

const GHCR_HOST = 'ghcr.io';

const Package = z.looseObject({
  name: payloadName(),
  namespace: payloadName(),
  package_type: payloadFact(),
  package_version: z.looseObject({
    version: payloadDigest,
    created_at: payloadInstant,
    container_metadata: z
      .looseObject({
        tag: z.looseObject({ name: payloadFact() }).nullish(),
        manifest: z
          .looseObject({
            media_type: payloadFact(),
            config: z.looseObject({ media_type: payloadFact() }).nullish(),
          })
          .nullish(),
      })
      .nullish(),
  }),
});

const PackageNotice = z.looseObject({
  action: payloadFact(),
  registry_package: z.unknown().optional(),
  package: z.unknown().optional(),
  sender: z.looseObject({ login: payloadFact() }).nullish(),
});

/** GitHub's events by `X-GitHub-Event`; packages of type container are GHCR's. */
export function normalise(headers: DeliveryHeaders, body: unknown, context: NormaliseContext): NormalisedDelivery {
  const name = headers['x-github-event'];
  switch (name) {
    case 'push':
      return normalisePush(body, context, 'github');
    case 'pull_request':
      return normalisePullRequest(body, context, 'github');
    case 'create':
    case 'delete':
    case 'release':
      return ignoredDelivery('event.second-notice', 'A second notice of the same tag; the push is the trigger.');
    case 'registry_package':
    case 'package':
      return normalisePackage(body, context);
    case 'ping':
      return ignoredDelivery('event.ping', 'The hook was set up.');
    case undefined:
      return rejectedDelivery('event.not-named', 'The header X-GitHub-Event is missing.');
    default:
      return ignoredDelivery('event.not-handled', 'No release follows from this kind of event.');
  }
}

function normalisePackage(body: unknown, context: NormaliseContext): NormalisedDelivery {
  const notice = PackageNotice.safeParse(body).data;
  const found = Package.safeParse(notice?.registry_package ?? notice?.package).data;
  if (!notice || !found) return notUnderstood();
  const { container_metadata: container, version, created_at: createdAt } = found.package_version;
  if (found.package_type?.toUpperCase() !== 'CONTAINER' && !container)
    return ignoredDelivery('package.not-a-container', 'The package is not a container image.');
  if (notice.action !== 'published' && notice.action !== 'updated')
    return ignoredDelivery('event.not-handled', 'No release follows from this action on a package.');
  if (version === null) return rejectedDelivery('digest.invalid', 'The digest is not a sha256 digest.');
  const config = container?.manifest?.config?.media_type;
  return deliveryOf([
    judgeArtifact({
      deliveryId: `${context.deliveryId}#0`,
      provider: 'ghcr',
      repository: {
        host: GHCR_HOST,
        name: `${found.namespace}/${found.name}`.toLowerCase(),
        id: null,
        url: null,
      },
      actor: notice.sender?.login ?? null,
      occurredAt: createdAt,
      action: 'push',
      tag: container?.tag?.name ?? null,
      digest: version,
      mediaType: container?.manifest?.media_type ?? null,
      artifactType: null,
      ...(config ? { references: [config] } : {}),
    }),
  ]);
}
