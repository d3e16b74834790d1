import type { ModuleVersion } from '../../core/brands.ts';
import { descendsFrom, readHistory } from '../../core/direct/history.ts';
import { type ModulePlace, tagOf, versionOf } from '../../core/direct/module-place.ts';
import { type PseudoVersion, parsePseudoVersion, pseudoTime } from '../../core/direct/pseudo-version.ts';
import { Fault } from '../../core/faults.ts';
import { parseCommit } from '../../core/git/content.ts';
import { isTagName } from '../../core/git/refs.ts';
import { filesOfCommit, peelTag, type ReadObject } from '../../core/git/repository.ts';
import { unreadableGit } from '../../core/git/unreadable.ts';
import type { RemoteRef } from '../../core/git/upload-pack.ts';
import { compareVersions } from '../../core/gosum/go-version.ts';
import type { SourceFile } from '../../core/ports/source-host.ts';
import type { GitSha } from '../../events/fields.ts';
import { type GitRemote, type GitRemoteOptions, openGitRemote } from './git-smart-http-helper.ts';

/** Platform helper: the commit that a module version is, and its tree. Only what branches and tags lead to. */

export interface Revision {
  readonly commit: GitSha;
  /** Seconds since 1970, by the committer. */
  readonly committedAt: number;
  /** The ref that named it; absent for a commit within the history. */
  readonly ref?: string;
  /** Blobs as committed, of the whole repository. */
  readonly files: readonly SourceFile[];
}

const TAGS = 'refs/tags/';
/** Refs that a history is asked of. */
const MOST_REFS = 50_000;

async function revisionAt(read: ReadObject, commit: GitSha, ref?: string): Promise<Revision> {
  const object = await read(commit);
  const files = await filesOfCommit(read, commit);
  if (!object || !files) throw unreadableGit(`commit ${commit} is missing`);
  return { commit, committedAt: parseCommit(object.body).committedAt, files, ...(ref === undefined ? {} : { ref }) };
}

/** The commit of a listed ref; a tag of a tree or a blob has none. */
async function revisionOf(remote: GitRemote, { id, name }: RemoteRef): Promise<Revision | undefined> {
  const objects = await remote.fetch({ wants: [id], shallow: true, commitsOnly: false });
  const peeled = await peelTag(objects, id);
  return peeled && revisionAt(objects, peeled.commit, name);
}

async function taggedRevision(options: GitRemoteOptions, tag: string): Promise<Revision | undefined> {
  if (!isTagName(tag)) return undefined;
  const remote = await openGitRemote(options, [`${TAGS}${tag}`]);
  const ref = remote?.refs.find(({ name }) => name === `${TAGS}${tag}`);
  return remote && ref && revisionOf(remote, ref);
}

interface Tip {
  readonly name: string;
  readonly commit: GitSha;
}

/** Commits that the refs lead to, by their own bytes. */
async function tipsOf(read: ReadObject, refs: readonly RemoteRef[]): Promise<Tip[]> {
  const tips: Tip[] = [];
  for (const { id, name } of refs) {
    const peeled = await peelTag(read, id);
    if (peeled) tips.push({ name, commit: peeled.commit });
  }
  return tips;
}

/**
 * Whether a pseudo-version may count from `base`: a tag of that version lies behind the commit, and none of exactly that
 * name on it, for then the tag is its version.
 */
function countsFrom(
  place: ModulePlace,
  base: string,
  commit: GitSha,
  tips: readonly Tip[],
  isBehind: (tip: GitSha) => boolean,
) {
  const tags = tips.flatMap(({ name, commit: tagged }) => {
    const version = name.startsWith(TAGS) ? versionOf(place, name.slice(TAGS.length)) : undefined;
    return version === undefined ? [] : [{ version, tagged }];
  });
  if (tags.some(({ version, tagged }) => version === base && tagged === commit)) return false;
  return tags.some(({ version, tagged }) => compareVersions(version, base) === 0 && isBehind(tagged));
}

/** Finds the commit in the history of every branch and tag: a shallow answer shows neither it nor what it comes after. */
async function revisionInHistory(
  remote: GitRemote,
  place: ModulePlace,
  { base, revision }: PseudoVersion,
): Promise<Revision | undefined> {
  const { refs, givesAncestors } = remote;
  if (refs.length > MOST_REFS) throw new Fault('LimitExceeded', `git: more than ${MOST_REFS} branches and tags`);
  const wants = [...new Set(refs.map(({ id }) => id))];
  if (wants.length === 0) return undefined;
  const objects = await remote.fetch({ wants, shallow: false, commitsOnly: givesAncestors });
  const tips = await tipsOf(objects, refs);
  const history = await readHistory(
    objects,
    tips.map(({ commit }) => commit),
  );
  const [commit, other] = [...history.keys()].filter((id) => id.startsWith(revision));
  if (!commit || other) return undefined;
  const isBehind = (tip: GitSha) => descendsFrom(history, commit, tip);
  if (base !== '' && !countsFrom(place, base, commit, tips, isBehind)) return undefined;
  const whole = givesAncestors ? await remote.fetch({ wants: [commit], shallow: true, commitsOnly: false }) : objects;
  return revisionAt(whole, commit);
}

async function pseudoRevision(
  options: GitRemoteOptions,
  place: ModulePlace,
  pseudo: PseudoVersion,
): Promise<Revision | undefined> {
  const remote = await openGitRemote(options, ['HEAD', 'refs/heads/', TAGS]);
  if (!remote) return undefined;
  const named = remote.refs.filter(({ id, peeled }) => (peeled ?? id).startsWith(pseudo.revision));
  const [first] = named;
  const isOne = new Set(named.map(({ id, peeled }) => peeled ?? id)).size === 1;
  const found =
    pseudo.base === '' && first && isOne
      ? await revisionOf(remote, first)
      : await revisionInHistory(remote, place, pseudo);
  if (!found?.commit.startsWith(pseudo.revision)) return undefined;
  return pseudoTime(found.committedAt) === pseudo.time ? found : undefined;
}

/**
 * The commit of a module version: of a tag, or for a pseudo-version the commit that it names in part, with its time and
 * what it comes after checked. `undefined`: the repository is not there or has no such version.
 */
export function openRevision(
  options: GitRemoteOptions,
  place: ModulePlace,
  version: ModuleVersion,
): Promise<Revision | undefined> {
  const pseudo = parsePseudoVersion(version);
  return pseudo ? pseudoRevision(options, place, pseudo) : taggedRevision(options, tagOf(place, version));
}
