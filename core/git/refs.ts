import { GitSha } from '../../events/fields.ts';
import { unreadableGit } from './unreadable.ts';

/** The object id of a ref: SHA-1, as only such repositories are read. */
export const parseRefId = (text: string): GitSha => {
  const id = GitSha.safeParse(text);
  if (!id.success || id.data.length !== 40) throw unreadableGit('a ref holds no SHA-1 object id');
  return id.data;
};

/** A loose ref file. Symbolic refs are refused: no tag is one. */
export const parseLooseRef = (text: string): GitSha => parseRefId(text.replace(/\r?\n$/, ''));

/** `packed-refs`: `<id> <name>` lines; comments and peeled ids (`^`) are hints that we compute ourselves. */
export function parsePackedRefs(text: string): ReadonlyMap<string, GitSha> {
  const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#') && !line.startsWith('^'));
  return new Map(
    lines.map((line) => {
      const space = line.indexOf(' ');
      return [line.slice(space + 1), parseRefId(line.slice(0, Math.max(space, 0)))];
    }),
  );
}

/** Whether a tag name is one git itself allows (git-check-ref-format), and so safe as a path below `refs/tags`. */
export const isTagName = (tag: string): boolean =>
  tag.length <= 255 &&
  !tag.startsWith('-') &&
  !/[\x00-\x20\x7f~^:?*[\\]|\.\.|@\{/.test(tag) &&
  tag !== '@' &&
  tag
    .split('/')
    .every((part) => part !== '' && !part.startsWith('.') && !part.endsWith('.') && !part.endsWith('.lock'));

/** Where hosts keep the head of a proposed change: pull requests of GitHub and Gitea, merge requests of GitLab. */
export const changeRefs = (number: string): readonly string[] =>
  /^[1-9][0-9]{0,17}$/.test(number) ? [`refs/pull/${number}/head`, `refs/merge-requests/${number}/head`] : [];
