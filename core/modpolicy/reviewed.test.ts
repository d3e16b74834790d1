import { describe, expect, it } from 'vitest';
import { GitSha } from '../../events/fields.ts';
import { ModulePolicy } from './module-policy.ts';
import { asksForReviews, recordReviews } from './reviewed.ts';

const COMMIT = GitSha.parse('1'.repeat(40));
const OTHER = GitSha.parse('2'.repeat(40));
const off = { severity: 'off' };

describe('what is kept of reviews', () => {
  const reviews = [
    ...['ann', 'bob', 'cat', 'ann'].map((reviewer) => ({ reviewer, commit: COMMIT })),
    { reviewer: 'bob', commit: OTHER },
  ];

  it('names whom the policy names, and of all others says once that somebody approved', () => {
    expect(recordReviews(reviews, ModulePolicy.parse({ reviewers: ['ann'] }))).toEqual([
      { reviewer: 'ann', commit: COMMIT },
      { commit: COMMIT },
      { commit: OTHER },
    ]);
  });

  it('names nobody where the policy names nobody', () => {
    const kept = recordReviews(reviews, ModulePolicy.parse({}));
    expect(kept).toEqual([{ commit: COMMIT }, { commit: OTHER }]);
  });

  it('is nothing where nobody approved', () => {
    expect(recordReviews([], ModulePolicy.parse({ reviewers: ['ann'] }))).toEqual([]);
  });
});

it('asks for reviews while a rule is on that one settles', () => {
  expect(asksForReviews(ModulePolicy.parse({}))).toBe(true);
  expect(asksForReviews(ModulePolicy.parse({ 'binary-object': off }))).toBe(true);
  expect(asksForReviews(ModulePolicy.parse({ 'go-sum-changed': off }))).toBe(true);
  expect(asksForReviews(ModulePolicy.parse({ 'binary-object': off, 'go-sum-changed': off }))).toBe(false);
});
