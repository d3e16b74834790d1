import type { ModuleFacts } from './module-facts.ts';
import type { ModulePolicy } from './module-policy.ts';

/** Whether a person who counts has approved the commit that is released, at the source host or by the policy itself. */
export function isReviewed({ commit, reviews = [] }: ModuleFacts, { reviewers, reviewed }: ModulePolicy): boolean {
  const counts = (reviewer: string) => reviewers.length === 0 || reviewers.includes(reviewer);
  return [...reviews, ...reviewed].some((review) => review.commit === commit && counts(review.reviewer));
}
