import * as z from 'zod';
import { type NormalisedDelivery, NormalisedSourceChange } from '../../events/normalised.ts';
import { deliveryOf, ignoredDelivery, notUnderstood } from './outcome.ts';
import { payloadFact, payloadName, payloadSha } from './payload.ts';
import type { NormaliseContext } from './provider.ts';

/** What all hosts say of a pull or merge request, whatever they call it. */
export interface ProposedChange {
  readonly provider: 'github' | 'gitea' | 'gitlab';
  readonly repository: { readonly name: string; readonly id: string | null; readonly url: string | null };
  readonly actor: string | null;
  readonly number: string | null;
  readonly base: string;
  readonly head: string | null;
}

/** The event of a change that was opened or got new commits; only the base repository is ever asked about it. */
export function changeDelivery(change: ProposedChange, { host, deliveryId }: NormaliseContext): NormalisedDelivery {
  const { provider, repository, actor, number, base, head } = change;
  const event = NormalisedSourceChange.safeParse({
    kind: 'source-change',
    id: '',
    detailType: 'source.change.proposed',
    deliveryId: `${deliveryId}#0`,
    provider,
    repository: { host, ...repository },
    actor,
    occurredAt: null,
    tag: null,
    number,
    base,
    deleted: false,
    head,
  });
  return event.success ? deliveryOf([{ outcome: 'emit', event: event.data }]) : notUnderstood();
}

export const ignoredChange = (): NormalisedDelivery =>
  ignoredDelivery('change.not-proposed', 'Nothing new to judge was proposed.');

/** Actions by which there may be a head, or a base, that was not judged before: GitHub says `synchronize`, Gitea `synchronized`. */
const PROPOSES = new Set(['opened', 'reopened', 'synchronize', 'synchronized', 'edited', 'ready_for_review']);

/** The `pull_request` body that GitHub, Gitea and Forgejo share. */
const PullRequest = z.looseObject({
  action: payloadFact(),
  number: payloadFact(),
  pull_request: z.looseObject({
    base: z.looseObject({ ref: payloadName() }),
    head: z.looseObject({ sha: payloadSha }),
  }),
  repository: z.looseObject({ full_name: payloadName(), id: payloadFact(), clone_url: payloadFact(1024) }),
  sender: z.looseObject({ login: payloadFact() }).nullish(),
});

/** A pull request that was opened, changed its base or got new commits, or a coded ignore. */
export function normalisePullRequest(
  body: unknown,
  context: NormaliseContext,
  provider: 'github' | 'gitea',
): NormalisedDelivery {
  const pull = PullRequest.safeParse(body).data;
  if (!pull) return notUnderstood();
  if (!PROPOSES.has(pull.action ?? '')) return ignoredChange();
  return changeDelivery(
    {
      provider,
      repository: { name: pull.repository.full_name, id: pull.repository.id, url: pull.repository.clone_url },
      actor: pull.sender?.login ?? null,
      number: pull.number,
      base: pull.pull_request.base.ref,
      head: pull.pull_request.head.sha,
    },
    context,
  );
}
