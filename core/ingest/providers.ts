import * as z from 'zod';
import type { Provider, Sha256Hex } from '../../events/fields.ts';
import { authenticate as authenticateDistribution } from './distribution/authenticate.ts';
import { DistributionEnvelope, normalise as normaliseDistribution } from './distribution/normalise.ts';
import { authenticate as authenticateEcr } from './ecr/authenticate.ts';
import { EcrEvent, normalise as normaliseEcr } from './ecr/normalise.ts';
import { authenticate as authenticateGitea } from './gitea/authenticate.ts';
import { normalise as normaliseGitea } from './gitea/normalise.ts';
import { authenticate as authenticateGithub } from './github/authenticate.ts';
import { normalise as normaliseGithub } from './github/normalise.ts';
import { authenticate as authenticateGitlab } from './gitlab/authenticate.ts';
import { normalise as normaliseGitlab } from './gitlab/normalise.ts';
import { payloadName } from './payload.ts';
import type { DeliveryHeaders, IngestProvider } from './provider.ts';

const JSON_TYPE = ['application/json'];

const byHeader = (name: string) => (headers: DeliveryHeaders, _body: unknown, bodySha256: Sha256Hex) =>
  payloadName(128).safeParse(headers[name]).data ?? bodySha256;

/** A signed delivery names itself under the signature; an older GitLab does so in a header of its own. */
const gitlabDeliveryId: IngestProvider['deliveryIdOf'] = (headers, _body, bodySha256) =>
  payloadName(128).safeParse(headers['webhook-id'] ?? headers['idempotency-key'] ?? headers['x-gitlab-event-uuid'])
    .data ?? bodySha256;

const SingleId = z.looseObject({ id: payloadName(128) });

/** The registry names its events, not its envelopes: one event lends its id, several are known by their bytes. */
function distributionDeliveryId(_headers: DeliveryHeaders, body: unknown, bodySha256: Sha256Hex): string {
  const events = DistributionEnvelope.safeParse(body).data?.events ?? [];
  const only = events.length === 1 ? SingleId.safeParse(events[0]).data : undefined;
  return only?.id ?? bodySha256;
}

const github = {
  transport: 'webhook',
  contentTypes: JSON_TYPE,
  authenticate: authenticateGithub,
  deliveryIdOf: byHeader('x-github-delivery'),
  normalise: normaliseGithub,
} as const;

const PROVIDERS_BUILT: readonly IngestProvider[] = [
  { provider: 'github', ...github },
  { provider: 'ghcr', ...github },
  {
    provider: 'gitea',
    transport: 'webhook',
    contentTypes: JSON_TYPE,
    authenticate: authenticateGitea,
    deliveryIdOf: byHeader('x-gitea-delivery'),
    normalise: normaliseGitea,
  },
  {
    provider: 'gitlab',
    transport: 'webhook',
    contentTypes: JSON_TYPE,
    authenticate: authenticateGitlab,
    deliveryIdOf: gitlabDeliveryId,
    normalise: normaliseGitlab,
  },
  {
    provider: 'distribution',
    transport: 'webhook',
    contentTypes: [
      'application/json',
      'application/vnd.docker.distribution.events.v1+json',
      'application/vnd.docker.distribution.events.v2+json',
    ],
    authenticate: authenticateDistribution,
    deliveryIdOf: distributionDeliveryId,
    normalise: normaliseDistribution,
  },
  {
    provider: 'ecr',
    transport: 'iam',
    contentTypes: JSON_TYPE,
    authenticate: authenticateEcr,
    deliveryIdOf: (_headers, body, bodySha256) => EcrEvent.safeParse(body).data?.id ?? bodySha256,
    normalise: normaliseEcr,
  },
];

/** The provider of this name, or undefined while none is built. */
export const providerOf = (provider: Provider): IngestProvider | undefined =>
  PROVIDERS_BUILT.find((known) => known.provider === provider);
