import * as z from 'zod';
import { type NormalisedDelivery, NormalisedSourceTag } from '../../events/normalised.ts';
import { deliveryOf, ignoredDelivery, notUnderstood } from './outcome.ts';
import { payloadFact, payloadName, payloadSha } from './payload.ts';
import type { NormaliseContext } from './provider.ts';

/** The `push` body that GitHub, Gitea and Forgejo share; only fields named here are kept. */
const Push = z.looseObject({
  ref: payloadName(1024),
  after: payloadSha,
  deleted: z.boolean().optional(),
  head_commit: z.looseObject({ id: payloadSha }).nullish(),
  repository: z.looseObject({
    full_name: payloadName(),
    id: payloadFact(),
    clone_url: payloadFact(1024),
  }),
  sender: z.looseObject({ login: payloadFact() }).nullish(),
  pusher: z.looseObject({ login: payloadFact() }).nullish(),
});

const TAGS = 'refs/tags/';

/** A push of a tag, or a coded ignore. An all-zero `after` is a deletion, whatever else the body says. */
export function normalisePush(
  body: unknown,
  context: NormaliseContext,
  provider: 'github' | 'gitea',
): NormalisedDelivery {
  const push = Push.safeParse(body).data;
  if (!push) return notUnderstood();
  if (!push.ref.startsWith(TAGS)) return ignoredDelivery('ref.not-a-tag', 'A branch or another ref, not a tag.');
  const deleted = push.after === null;
  const commit = deleted ? null : (push.head_commit?.id ?? null);
  const event = NormalisedSourceTag.safeParse({
    kind: 'source-tag',
    id: '',
    detailType: deleted ? 'source.tag.deleted' : 'source.tag.pushed',
    deliveryId: `${context.deliveryId}#0`,
    provider,
    repository: {
      host: context.host,
      name: push.repository.full_name,
      id: push.repository.id,
      url: push.repository.clone_url,
    },
    actor: (provider === 'github' ? push.sender?.login : push.pusher?.login) ?? null,
    occurredAt: null,
    tag: push.ref.slice(TAGS.length),
    deleted,
    commit,
    objectSha: push.after === commit ? null : push.after,
  });
  return event.success ? deliveryOf([{ outcome: 'emit', event: event.data }]) : notUnderstood();
}
