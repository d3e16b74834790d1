import { changeRefs, isTagName } from '../../core/git/refs.ts';
import { filesOfCommit, peelTag, rawTagOf } from '../../core/git/repository.ts';
import { unreadableGit } from '../../core/git/unreadable.ts';
import type { SourceHost } from '../../core/ports/source-host.ts';
import type { GitSha } from '../../events/fields.ts';
import { type GitRemote, type GitRemoteOptions, openGitRemote } from './git-smart-http-helper.ts';

const TAGS = 'refs/tags/';

/** An absent repository and one that is hidden from us look alike: neither is a repository without tags. */
async function open(options: GitRemoteOptions, prefixes: readonly string[]): Promise<GitRemote> {
  const remote = await openGitRemote(options, prefixes);
  if (!remote) throw unreadableGit(`${options.url.host} shows no such repository`);
  return remote;
}

interface OpenedTag {
  readonly remote: GitRemote;
  readonly target: GitSha;
}

async function openTag(options: GitRemoteOptions, tag: string): Promise<OpenedTag | undefined> {
  const name = `${TAGS}${tag}`;
  // For a name that git does not allow the server is asked too: one that is down is no server without the tag.
  const remote = await open(options, [isTagName(tag) ? name : 'HEAD']);
  const ref = remote.refs.find((listed) => listed.name === name);
  return ref && { remote, target: ref.id };
}

/** The tag's own objects; trees are left out where the server can do that. */
const tagObjects = ({ remote, target }: OpenedTag) =>
  remote.fetch({ wants: [target], shallow: true, commitsOnly: true });

/** Refs that may name a commit to be read: of a release its tag, of a change its head. */
const refsOf = (tag: string): readonly string[] => [...(isTagName(tag) ? [`${TAGS}${tag}`] : []), ...changeRefs(tag)];

/**
 * A repository behind HTTPS. A commit is read only through the ref that names it: a server may give out commits that
 * nobody merged. Files are the blobs as committed. Refs are the server's word (TLS); all below them is proved by ids.
 */
export function gitHttpsSource(options: GitRemoteOptions): SourceHost {
  return {
    kind: 'git',
    resolveTag: async (tag) => {
      const opened = await openTag(options, tag);
      return opened && peelTag(await tagObjects(opened), opened.target);
    },
    rawTag: async (tag) => {
      const opened = await openTag(options, tag);
      return opened && rawTagOf(await tagObjects(opened), opened.target);
    },
    resolveChange: async (number) => {
      const names = changeRefs(number);
      const { refs } = await open(options, names.length > 0 ? names : ['HEAD']);
      return refs.find(({ name }) => names.includes(name))?.id;
    },
    files: async (commit, tag) => {
      const names = refsOf(tag);
      const { refs, fetch } = await open(options, names.length > 0 ? names : ['HEAD']);
      const ref = refs.find(({ name, id, peeled }) => names.includes(name) && (peeled ?? id) === commit);
      if (!ref) return undefined;
      const objects = await fetch({ wants: [ref.id], shallow: true, commitsOnly: false });
      const resolved = await peelTag(objects, ref.id);
      if (resolved?.commit !== commit) throw unreadableGit(`${ref.name} leads to another commit than the server says`);
      return filesOfCommit(objects, commit);
    },
  };
}
