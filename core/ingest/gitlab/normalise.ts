import * as z from 'zod';
import { type NormalisedDelivery, NormalisedSourceTag } from '../../../events/normalised.ts';
import { deliveryOf, ignoredDelivery, notUnderstood, rejectedDelivery } from '../outcome.ts';
import { payloadFact, payloadName, payloadSha } from '../payload.ts';
import type { DeliveryHeaders, NormaliseContext } from '../provider.ts';
import { changeDelivery, ignoredChange } from '../source-change.ts';

const Project = z.looseObject({
  path_with_namespace: payloadName(),
  id: payloadFact(),
  git_http_url: payloadFact(1024),
});

const TagPush = z.looseObject({
  ref: payloadName(1024),
  after: payloadSha,
  checkout_sha: payloadSha,
  user_username: payloadFact(),
  project: Project,
});

const MergeRequest = z.looseObject({
  user: z.looseObject({ username: payloadFact() }).nullish(),
  project: Project,
  object_attributes: z.looseObject({
    iid: payloadFact(),
    action: payloadFact(),
    state: payloadFact(),
    target_branch: payloadName(),
    last_commit: z.looseObject({ id: payloadSha }),
  }),
});

const TAGS = 'refs/tags/';
const PROPOSES = new Set(['open', 'reopen', 'update']);

const repositoryOf = ({ path_with_namespace: name, id, git_http_url: url }: z.infer<typeof Project>) => ({
  name,
  id,
  url,
});

/** GitLab's events by the kind in the body, which project and system hooks share. */
export function normalise(_headers: DeliveryHeaders, body: unknown, context: NormaliseContext): NormalisedDelivery {
  const kind = z.looseObject({ object_kind: payloadFact(), event_name: payloadFact() }).safeParse(body).data;
  switch (kind?.object_kind ?? kind?.event_name) {
    case 'tag_push':
      return normaliseTagPush(body, context);
    case 'merge_request':
      return normaliseMergeRequest(body, context);
    case 'push':
      return ignoredDelivery('ref.not-a-tag', 'A branch or another ref, not a tag.');
    case 'release':
      return ignoredDelivery('event.second-notice', 'A second notice of the same tag; the push is the trigger.');
    case null:
    case undefined:
      return rejectedDelivery('event.not-named', 'The body names no kind of event.');
    default:
      return ignoredDelivery('event.not-handled', 'No release follows from this kind of event.');
  }
}

/** `after` is the tag object of an annotated tag and all zero when it was deleted. */
function normaliseTagPush(body: unknown, context: NormaliseContext): NormalisedDelivery {
  const push = TagPush.safeParse(body).data;
  if (!push?.ref.startsWith(TAGS)) return notUnderstood();
  const deleted = push.after === null;
  const commit = deleted ? null : push.checkout_sha;
  const event = NormalisedSourceTag.safeParse({
    kind: 'source-tag',
    id: '',
    detailType: deleted ? 'source.tag.deleted' : 'source.tag.pushed',
    deliveryId: `${context.deliveryId}#0`,
    provider: 'gitlab',
    repository: { host: context.host, ...repositoryOf(push.project) },
    actor: push.user_username,
    occurredAt: null,
    tag: push.ref.slice(TAGS.length),
    deleted,
    commit,
    objectSha: push.after === commit ? null : push.after,
  });
  return event.success ? deliveryOf([{ outcome: 'emit', event: event.data }]) : notUnderstood();
}

function normaliseMergeRequest(body: unknown, context: NormaliseContext): NormalisedDelivery {
  const request = MergeRequest.safeParse(body).data;
  if (!request) return notUnderstood();
  const { iid, action, state, target_branch: base, last_commit: head } = request.object_attributes;
  // An update may be of a title alone; the same head is the same work, so it is judged once all the same.
  if (!PROPOSES.has(action ?? '') || (state !== null && state !== 'opened')) return ignoredChange();
  return changeDelivery(
    {
      provider: 'gitlab',
      repository: repositoryOf(request.project),
      actor: request.user?.username ?? null,
      number: iid,
      base,
      head: head.id,
    },
    context,
  );
}
