import { readFile, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { gitFolderSource } from '../adapters/embedded/git-folder-source.ts';
import { sha256Hex } from '../core/evidence.ts';
import { isTagName, parseLooseRef, parsePackedRefs } from '../core/git/refs.ts';
import { parseGoMod } from '../core/gosum/go-mod.ts';
import type { LastRelease } from '../core/modpolicy/module-facts.ts';
import { builtModules } from '../core/modpolicy/selected-modules.ts';
import { treeFactsOf } from '../core/modpolicy/tree-facts.ts';
import type { SourceFile } from '../core/ports/source-host.ts';
import { sourceFactsOf } from '../core/source/source-facts.ts';
import { below } from '../core/source/tree-path.ts';
import { GitSha } from '../events/fields.ts';
import { UsageError } from './command.ts';
import { isMissing } from './missing.ts';
import { placeOf, readTree } from './module-tree.ts';

/** What a change is compared with: the same module in another tree, a checkout or a commit of its repository. */

export interface ChangeBase {
  /** As it was named. */
  readonly name: string;
  /** Its go.sum; empty where it has none. */
  readonly goSum: string;
  /** Takes the place of the last release; absent where that tree has no such module, so that everything is new. */
  readonly release?: LastRelease;
}

/** Of git's empty tree: no commit has it, so no review is of it. */
export const NO_COMMIT = GitSha.parse('4b825dc642cb6eb9a060e54bf8d69288fbee4904');

const MAX_SYMBOLIC = 5;
const MAX_TAG = 255;

async function textOf(file: string): Promise<string | undefined> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    // A folder of refs is no ref.
    if (isMissing(error) || (error instanceof Error && 'code' in error && error.code === 'EISDIR')) return undefined;
    throw new UsageError(`${file}: ${error instanceof Error ? error.message : 'cannot be read'}`);
  }
}

/** Where a repository keeps what is a work tree's own, HEAD, and what its work trees share. */
interface GitFolders {
  readonly own: string;
  readonly shared: string;
}

/** A work tree that was added names its folder in a file. */
async function gitFoldersOf(root: string): Promise<GitFolders> {
  const dotGit = join(root, '.git');
  const [, named] = /^gitdir: ([^\r\n]+)/.exec((await textOf(dotGit)) ?? '') ?? [];
  const own = named === undefined ? dotGit : resolve(root, named);
  const shared = await textOf(join(own, 'commondir'));
  return { own, shared: shared === undefined ? own : resolve(own, shared.trim()) };
}

/** A ref by its full name, followed where it only names another. */
async function readRef(folders: GitFolders, name: string, followed = 0): Promise<GitSha | undefined> {
  const loose = await textOf(join(name === 'HEAD' ? folders.own : folders.shared, name));
  if (loose === undefined) return parsePackedRefs((await textOf(join(folders.shared, 'packed-refs'))) ?? '').get(name);
  const [, target = ''] = /^ref: (\S+)/.exec(loose) ?? [];
  if (target === '') return parseLooseRef(loose);
  return followed < MAX_SYMBOLIC && isTagName(target) ? readRef(folders, target, followed + 1) : undefined;
}

/** The commit that a name means, tags before branches as to git; expressions such as `HEAD~1` mean none. */
async function resolveCommit(folders: GitFolders, name: string): Promise<GitSha | undefined> {
  if (/^[0-9a-f]{40}$/.test(name)) return GitSha.parse(name);
  if (!isTagName(name)) return undefined;
  const tagged = await gitFolderSource(folders.shared).resolveTag(name.replace(/^refs\/tags\//, ''), undefined);
  if (tagged) return tagged.commit;
  const names = /^(?:refs\/|HEAD$)/.test(name) ? [name] : [`refs/heads/${name}`, `refs/remotes/${name}`];
  for (const full of names) {
    const commit = await readRef(folders, full);
    if (commit) return commit;
  }
  return undefined;
}

interface BaseTree {
  readonly commit: GitSha;
  readonly files: readonly SourceFile[];
}

async function readCommit(root: string, name: string): Promise<BaseTree> {
  const folders = await gitFoldersOf(root);
  if ((await textOf(join(folders.own, 'HEAD'))) === undefined)
    throw new UsageError(`--base ${name} is no folder, and ${root} is in no repository whose commit it could be`);
  const commit = await resolveCommit(folders, name);
  const files = commit && (await gitFolderSource(folders.shared).files(commit, name));
  if (!commit || !files)
    throw new UsageError(`--base ${name} is no folder and no commit that ${root} holds: fetch it, or check it out`);
  return { commit, files };
}

/** The module in the folder `directory` of a tree as a release of it would be known. */
function baseOf(name: string, { commit, files }: BaseTree, directory: string): ChangeBase {
  const bytesAt = (file: string) => files.find(({ path }) => path === below(directory, file))?.bytes;
  const [goMod, goSum] = [bytesAt('go.mod'), bytesAt('go.sum')];
  if (!goMod) return { name, goSum: '' };
  const parsed = parseGoMod(Buffer.from(goMod).toString('utf8'));
  const built = parsed.kind === 'parsed' ? builtModules({ goMod: parsed.file }) : [];
  const made = sourceFactsOf(files, directory);
  const release: LastRelease = {
    ...{ tag: name.slice(0, MAX_TAG), commit },
    modules: built.map(({ path, version }) => ({ path, version })),
    ...(goSum ? { goSumSha256: sha256Hex(goSum) } : {}),
    ...(made.kind === 'refused' ? {} : { tree: treeFactsOf(made.facts) }),
  };
  return { name, goSum: Buffer.from(goSum ?? []).toString('utf8'), release };
}

/**
 * Reads the base of the module in `folder`. A folder that is there is a checkout of the base, the module at the same
 * place in it; anything else a commit, branch or tag of the repository around `folder`. `SourceUnreachable`: that cannot
 * be read.
 */
export async function readBase(name: string, folder: string, signal: AbortSignal): Promise<ChangeBase> {
  const { root, directory } = placeOf(folder);
  const found = await stat(name).catch(() => undefined);
  const tree = found?.isDirectory()
    ? { commit: NO_COMMIT, files: await readTree(resolve(name), signal) }
    : await readCommit(root, name);
  return baseOf(name, tree, directory);
}
