import type { GitSha, RepositoryRef } from '../../events/fields.ts';

/** One person's approval of one commit, as the source host records it. */
export interface Review {
  /** Who approved, by the source host's own name of the account. */
  readonly reviewer: string;
  readonly commit: GitSha;
}

/**
 * Reviews at the source host. Trusted for who approved what, as far as the host is. Unreachable: `SourceUnreachable`.
 */
export interface Reviews {
  /**
   * Approvals in force of changes that `commit` is made of, the author's own left out: one that was dismissed, or that is
   * of a commit before the last push, MUST NOT be given. `undefined` when the host keeps no reviews for the repository.
   */
  of(repository: RepositoryRef, commit: GitSha): Promise<readonly Review[] | undefined>;
}
