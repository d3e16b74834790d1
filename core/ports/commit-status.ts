import type { GitSha } from '../../events/fields.ts';

export interface StatusReport {
  /** `passed` and `refused` are the verdict's; `pending` says that it is being made. */
  readonly state: 'pending' | 'passed' | 'refused';
  /** Name that a branch rule can require, `relseal/change`. */
  readonly context: string;
  /** One line for people, at most 140 characters. */
  readonly description: string;
}

/**
 * Where one repository's host shows what is said of a commit. Not trusted: nothing is ever read back. Reporting the same
 * again MUST change nothing that people see. Unreachable or busy: `SourceUnreachable`; a host that says no for good
 * (wrong token, no such commit): `StatusRefused`.
 */
export interface CommitStatus {
  report(commit: GitSha, report: StatusReport): Promise<void>;
}
