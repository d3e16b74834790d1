/** Where a module path's repository is: the hosts and suffixes that the go command knows (cmd/go/internal/vcs). */

export interface RepositoryRoot {
  /** The part of the module path that is the repository. */
  readonly root: string;
  /** `git`, `hg`, …, or `mod`: a module proxy. */
  readonly vcs: string;
  readonly url: string;
  /** Folder that the root is at, by the fourth field of a meta tag; else `''`. */
  readonly subdirectory: string;
}

/** `unknown`: the path's own host says where (`?go-get=1`). `invalid`: no such repository can be. */
export type KnownRoot = RepositoryRoot | 'unknown' | 'invalid';

const VERSION_CONTROLS = ['bzr', 'fossil', 'git', 'hg', 'svn'];
const suffixOf = (element: string): string | undefined =>
  VERSION_CONTROLS.find((vcs) => element.endsWith(`.${vcs}`) && element.length > vcs.length + 1);

const HOSTS: readonly { readonly prefix: string; readonly root: RegExp; readonly suffix: boolean }[] = [
  { prefix: 'github.com', root: /^github\.com\/[\w.-]+\/[\w.-]+/, suffix: false },
  { prefix: 'bitbucket.org', root: /^bitbucket\.org\/[\w.-]+\/[\w.-]+/, suffix: false },
  { prefix: 'hub.jazz.net/git', root: /^hub\.jazz\.net\/git\/[a-z0-9]+\/[\w.-]+/, suffix: false },
  { prefix: 'git.apache.org', root: /^git\.apache\.org\/[a-z0-9_.-]+\.git(?=\/|$)/, suffix: true },
  { prefix: 'git.openstack.org', root: /^git\.openstack\.org\/[\w.-]+\/[\w.-]+/, suffix: true },
];

export const hasPathPrefix = (path: string, prefix: string): boolean =>
  path === prefix || path.startsWith(`${prefix}/`);

const git = (root: string): RepositoryRoot => ({ root, vcs: 'git', url: `https://${root}`, subdirectory: '' });

/** The repository of a valid module path, as far as it is known without asking anybody. */
export function knownRoot(path: string): KnownRoot {
  const host = HOSTS.find(({ prefix }) => hasPathPrefix(path, prefix));
  if (host) {
    const root = host.root.exec(path)?.[0];
    const rest = path.slice(root?.length ?? 0);
    if (root === undefined || !/^(?:\/[\w.-]+)*$/.test(rest)) return 'invalid';
    return !host.suffix && suffixOf(root) !== undefined ? 'invalid' : git(root);
  }
  // A path may name its repository by a suffix: `example.com/repo.git/sub`; the URL is without it.
  const elements = path.split('/');
  const at = elements.findIndex((element, index) => index > 0 && suffixOf(element) !== undefined);
  const vcs = suffixOf(elements[at] ?? '');
  if (vcs === undefined || !elements.slice(1).every((element) => /^~?[\w.-]+$/.test(element))) return 'unknown';
  const root = elements.slice(0, at + 1).join('/');
  return { root, vcs, url: `https://${root.slice(0, -vcs.length - 1)}`, subdirectory: '' };
}
