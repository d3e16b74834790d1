import { GitSha } from '../../events/fields.ts';
import { GIT_OBJECT_TYPES, type GitObjectType } from './object.ts';
import { unreadableGit } from './unreadable.ts';

/** What trees, commits and annotated tags say, as far as finding files needs it. */

export interface TreeEntry {
  readonly kind: 'file' | 'tree' | 'symlink' | 'submodule';
  readonly name: string;
  readonly id: GitSha;
}

const KINDS: Readonly<Record<string, TreeEntry['kind']>> = {
  '100644': 'file',
  '100755': 'file',
  // Written by git before 2005 and still in old repositories.
  '100664': 'file',
  '40000': 'tree',
  '120000': 'symlink',
  '160000': 'submodule',
};

const gitSha = (hex: string): GitSha => {
  const id = GitSha.safeParse(hex);
  if (!id.success) throw unreadableGit('an object names no valid id');
  return id.data;
};

/** Entries in stored order. Bytes that are not UTF-8 become U+FFFD, which no module file name may hold. */
export function parseTree(body: Uint8Array): TreeEntry[] {
  const bytes = Buffer.from(body.buffer, body.byteOffset, body.length);
  const entries: TreeEntry[] = [];
  const names = new Set<string>();
  for (let at = 0; at < bytes.length; ) {
    const space = bytes.indexOf(0x20, at);
    const zero = bytes.indexOf(0, space + 1);
    const kind = KINDS[bytes.toString('latin1', at, Math.max(space, at))];
    const name = bytes.toString('utf8', space + 1, zero);
    if (space < 0 || zero < 0 || zero + 21 > bytes.length || !kind) throw unreadableGit('a tree is malformed');
    if (name === '' || name === '.' || name === '..' || name.includes('/') || names.has(name))
      throw unreadableGit('a tree holds a name that no folder may hold');
    names.add(name);
    entries.push({ kind, name, id: gitSha(bytes.toString('hex', zero + 1, zero + 21)) });
    at = zero + 21;
  }
  return entries;
}

const headerText = (body: Uint8Array) => Buffer.from(body.subarray(0, 1024)).toString('latin1');

/** The tree of a commit. */
export function parseCommitTree(body: Uint8Array): GitSha {
  const tree = /^tree ([0-9a-f]{40})\n/.exec(headerText(body))?.[1];
  if (!tree) throw unreadableGit('a commit is malformed');
  return gitSha(tree);
}

export interface CommitHead {
  readonly parents: readonly GitSha[];
  /** When the committer says it was made, in seconds since 1970. */
  readonly committedAt: number;
}

/** Parents and time of a commit. */
export function parseCommit(body: Uint8Array): CommitHead {
  const text = Buffer.from(body).toString('latin1');
  const head = text.slice(0, text.indexOf('\n\n') + 1);
  const found =
    /^tree [0-9a-f]{40}\n((?:parent [0-9a-f]{40}\n)*)author [^\n]*\ncommitter [^\n]* (\d{1,12}) [-+]\d+\n/.exec(head);
  if (!found) throw unreadableGit('a commit is malformed');
  const parents = (found[1] ?? '').split('\n').filter(Boolean);
  return { parents: parents.map((parent) => gitSha(parent.slice('parent '.length))), committedAt: Number(found[2]) };
}

/** What an annotated tag points to, itself possibly a tag. */
export function parseTagTarget(body: Uint8Array): { type: GitObjectType; id: GitSha } {
  const found = /^object ([0-9a-f]{40})\ntype ([a-z]+)\ntag /.exec(headerText(body));
  const type = GIT_OBJECT_TYPES.find((known) => known === found?.[2]);
  if (!found?.[1] || !type) throw unreadableGit('an annotated tag is malformed');
  return { type, id: gitSha(found[1]) };
}
