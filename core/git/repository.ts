import type { GitSha } from '../../events/fields.ts';
import { Fault } from '../faults.ts';
import type { RawTag, ResolvedTag, SourceFile } from '../ports/source-host.ts';
import { parseCommitTree, parseTagTarget, parseTree } from './content.ts';
import { type GitObject, type GitObjectType, requireWithin } from './object.ts';
import { unreadableGit } from './unreadable.ts';

/** Walks of a repository over whatever can find its objects by id. */

/** The object of this id, its id recomputed; `undefined` when the repository does not hold it. */
export type ReadObject = (id: GitSha) => Promise<GitObject | undefined>;

export interface TreeLimits {
  readonly files: number;
  /** Bytes of all files together. */
  readonly bytes: number;
  readonly depth: number;
}

/** The port's bounds, and folders no deeper than file systems allow. */
export const TREE_LIMITS: TreeLimits = { files: 100_000, bytes: 500 * 1024 * 1024, depth: 256 };

const TAG_DEPTH = 16;

async function required(read: ReadObject, id: GitSha, type: GitObjectType): Promise<Uint8Array> {
  const object = await read(id);
  if (!object) throw unreadableGit(`${type} ${id} is missing`);
  if (object.type !== type) throw unreadableGit(`${id} is a ${object.type}, not a ${type}`);
  return object.body;
}

/**
 * The objects between a tag's ref and its commit, through annotated tags. A tag of a tree or a blob names no release:
 * `undefined`.
 */
export async function rawTagOf(read: ReadObject, target: GitSha): Promise<RawTag | undefined> {
  let id = target;
  let tagObject: Uint8Array | undefined;
  for (let depth = 0; depth < TAG_DEPTH; depth++) {
    const object = await read(id);
    if (!object) throw unreadableGit(`object ${id} of a tag is missing`);
    if (object.type === 'commit') return { commit: id, commitObject: object.body, ...(tagObject ? { tagObject } : {}) };
    if (object.type !== 'tag') return undefined;
    tagObject ??= object.body;
    id = parseTagTarget(object.body).id;
  }
  throw unreadableGit('a chain of annotated tags is too long');
}

/** The commit a tag's ref leads to; `undefined` as in `rawTagOf`. */
export async function peelTag(read: ReadObject, target: GitSha): Promise<ResolvedTag | undefined> {
  const peeled = await rawTagOf(read, target);
  if (!peeled) return undefined;
  return { commit: peeled.commit, resolution: 'resolved', ...(peeled.tagObject ? { tagObject: target } : {}) };
}

/** Every regular file of a commit, in tree order; `undefined` when the commit itself is not there. */
export async function filesOfCommit(
  read: ReadObject,
  commit: GitSha,
  limits: TreeLimits = TREE_LIMITS,
): Promise<SourceFile[] | undefined> {
  const object = await read(commit);
  if (object === undefined) return undefined;
  if (object.type !== 'commit') throw unreadableGit(`${commit} is a ${object.type}, not a commit`);
  const files: SourceFile[] = [];
  let left = limits.bytes;
  // Folders are counted too, else trees that name one another twice at each level would be walked for ever.
  let entries = 0;
  const walk = async (tree: GitSha, prefix: string, depth: number): Promise<void> => {
    if (depth > limits.depth) throw new Fault('LimitExceeded', 'git: folders are nested too deeply');
    for (const { kind, name, id } of parseTree(await required(read, tree, 'tree'))) {
      if (++entries > 2 * limits.files || files.length >= limits.files)
        throw new Fault('LimitExceeded', `git: more than ${limits.files} files`);
      if (kind === 'tree') await walk(id, `${prefix}${name}/`, depth + 1);
      if (kind !== 'file') continue;
      const bytes = await required(read, id, 'blob');
      requireWithin(bytes.length, left);
      left -= bytes.length;
      files.push({ path: `${prefix}${name}`, bytes });
    }
  };
  await walk(parseCommitTree(object.body), '', 0);
  return files;
}
