import type { GitSha, RepositoryRef } from '../../events/fields.ts';

/** One person's approval of one commit, as the source host records it. */
export interface Review {
  /** Who approved, by the source host's own name of the account. */
  readonly reviewer: string;
  readonly commit: GitSha;
}

/**
 * Reviews at the source host. Trusted for who approved what and for which change a commit was made by, as far as the host
 * is. Faults: `SourceUnreachable` (try again later), `CredentialRefused`, `ConfigurationInvalid` where the host does not show
 * the repository, `LimitExceeded` where there is more than is read: fewer reviews than there are MUST NOT be given.
 */
export interface Reviews {
  /**
   * Approvals in force of changes whose head or whose merge `commit` is; whoever proposed a change is left out. One that was
   * dismissed, or that is of a commit before the last push, or of which that is not known, MUST NOT be given. `undefined`
   * where no host is asked.
   */
  of(repository: RepositoryRef, commit: GitSha): Promise<readonly Review[] | undefined>;
}
