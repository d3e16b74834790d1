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

/** What a tag says in its own bytes: the bodies of git objects, ids computed, as signatures are made over them. */
export interface RawTag {
  readonly commit: GitSha;
  readonly commitObject: Uint8Array;
  /** Of an annotated tag. Of a tag of a tag the outer one, whose `object` line is then not the commit. */
  readonly tagObject?: Uint8Array;
}

/** Where one repository's tags and trees come from. Trusted for availability. Unreachable: `SourceUnreachable`. */
export interface SourceHost {
  readonly kind: 'git' | 'module-proxy';
  /** `undefined` when the source itself says there is no such tag. `claimed` is the commit the hook named, if any. */
  resolveTag(tag: string, claimed: GitSha | undefined): Promise<ResolvedTag | undefined>;
  /** `undefined` when there is no such tag, or when the source cannot show objects (a module proxy). */
  rawTag(tag: string): Promise<RawTag | undefined>;
  /** Head of a pull or merge request as the source names it now; `undefined` when it names none or cannot. */
  resolveChange(number: string): Promise<GitSha | undefined>;
  /**
   * Every regular file at this commit (symbolic links and submodules left out), object ids recomputed on the way;
   * `undefined` when the source names the commit absent. Bounded: 500 MiB in all, 100,000 files. `tag` is what led to the
   * commit: a tag, or the number of a change; a remote source reads no commit that this does not name.
   */
  files(commit: GitSha, tag: string): Promise<readonly SourceFile[] | undefined>;
}
