import type { Review } from '../ports/reviews.ts';
import type { ModuleFacts, RecordedReview } from './module-facts.ts';
import type { ModulePolicy, Severity } from './module-policy.ts';

/** Whether a rule is on that a review settles: without one no host is asked, whose absence would fail the check. */
export const asksForReviews = (policy: ModulePolicy): boolean =>
  policy['binary-object'].severity !== 'off' || policy['go-sum-changed'].severity !== 'off';

/** Before anybody can have approved: what a review would settle is told, and refuses the release. */
export const beforeReview = (policy: ModulePolicy): ModulePolicy => {
  const told = <Rule extends { severity: Severity }>(rule: Rule): Rule =>
    rule.severity === 'refuse' ? { ...rule, severity: 'warn' } : rule;
  return {
    ...policy,
    'binary-object': told(policy['binary-object']),
    'go-sum-changed': told(policy['go-sum-changed']),
  };
};

/**
 * What is kept of reviews for good. The record cannot be erased, so an account is named only where the policy, which it
 * holds too, names it; of everybody else it is kept that somebody approved.
 */
export function recordReviews(reviews: readonly Review[], { reviewers }: ModulePolicy): RecordedReview[] {
  const named = new Set(reviewers);
  const recorded = reviews.map(({ reviewer, commit }) => (named.has(reviewer) ? { commit, reviewer } : { commit }));
  return [...new Map(recorded.map((review) => [JSON.stringify(review), review])).values()];
}

/** Whether a person who counts has approved the commit that is released, at the source host or by the policy itself. */
export function isReviewed({ commit, reviews = [] }: ModuleFacts, { reviewers, reviewed }: ModulePolicy): boolean {
  const counts = ({ reviewer }: RecordedReview) =>
    reviewers.length === 0 || (reviewer !== undefined && reviewers.includes(reviewer));
  return [...reviews, ...reviewed].some((review) => review.commit === commit && counts(review));
}
