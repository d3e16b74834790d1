import type { GitSha } from '../../events/fields.ts';

/** One regular file of a source tree; `path` is relative to the tree's root, with `/`. */
export interface SourceFile {
  readonly path: string;
  readonly bytes: Uint8Array;
}

/** A tag as its source has it. `claimed` when the source cannot show commits (a module proxy): what the hook said. */
export interface ResolvedTag {
  readonly commit: GitSha;
  readonly tagObject?: GitSha;
  readonly resolution: 'resolved' | 'claimed';
}

/** Where one repository's tags and trees come from. Trusted for availability. Unreachable: `SourceUnreachable`. */
export interface SourceHost {
  readonly kind: 'git' | 'module-proxy';
  /** `undefined` when the source itself says there is no such tag. `claimed` is the commit the hook named, if any. */
  resolveTag(tag: string, claimed: GitSha | undefined): Promise<ResolvedTag | undefined>;
  /**
   * Every regular file at this commit (symbolic links and submodules left out), object ids recomputed on the way;
   * `undefined` when the source names the commit absent. Bounded: 500 MiB in all, 100,000 files.
   */
  files(commit: GitSha, tag: string): Promise<readonly SourceFile[] | undefined>;
}
