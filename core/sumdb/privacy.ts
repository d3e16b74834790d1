import type { TenantConfig } from '../config.ts';
import { hasPathPrefix } from '../direct/repository-root.ts';
import { matchesPathPatterns } from '../gosum/module-path.ts';
import type { Refusal } from '../verdict.ts';

/**
 * Who may be asked about a module. A lookup in a public database publishes the path for ever, so a path is asked for
 * only when the tenant said that it is public; a host that nobody decided about is a question to the tenant.
 */

export interface PrivacySettings {
  /** Patterns, as GOPRIVATE, that the tenant calls private: they win over everything else. */
  readonly private: readonly string[];
  /** Patterns that the tenant calls public; `*` is everything that is not the tenant's own. */
  readonly public: readonly string[];
  /** Prefixes of the tenant's own paths (`ownPrefixes`), private unless a public pattern names them literally. */
  readonly own: readonly string[];
}

export type Privacy = 'private' | 'public' | 'undecided';

/** Hosts where strangers have their own organisations: owning one there says nothing about its neighbours. */
const SHARED_HOSTS = new Set([
  'bitbucket.org',
  'codeberg.org',
  'dev.azure.com',
  'gitea.com',
  'gitee.com',
  'github.com',
  'gitlab.com',
  'git.sr.ht',
  'gopkg.in',
  'golang.org',
]);

/** The go command asks for it whatever its settings say; it is published by the Go project alone. */
const TOOLCHAIN = 'golang.org/toolchain';

/** What owning a repository or a module makes one's own: the organisation on a shared host, elsewhere the whole host. */
function prefixOf(path: string): string {
  const [host = '', organisation] = path.split('/');
  return SHARED_HOSTS.has(host) && organisation ? `${host}/${organisation}` : host;
}

/** Prefixes of what is one's own, of the paths of repositories (`host/name`) and of modules. */
export const ownPrefixes = (paths: readonly string[]): readonly string[] => [...new Set(paths.map(prefixOf))].sort();

/** The settings of a tenant: its own are its repositories with source and the modules released from them. */
export const privacySettings = ({ modules, sources }: Pick<TenantConfig, 'modules' | 'sources'>): PrivacySettings => ({
  private: modules.private,
  public: modules.public,
  own: ownPrefixes(
    sources.flatMap(({ host, instance, repositories }) =>
      repositories.flatMap(({ name, fetch }) => [
        ...(fetch ? [`${host ?? instance}/${name}`] : []),
        ...(fetch?.kind === 'module-proxy' ? [fetch.module] : []),
      ]),
    ),
  ),
});

/** The one rule of who may be asked: an explicit private, then one's own, then an explicit public. */
export function classifyModule(path: string, settings: PrivacySettings): Privacy {
  if (path === TOOLCHAIN) return 'public';
  if (matchesPathPatterns(settings.private, path)) return 'private';
  const own = settings.own.find((prefix) => hasPathPrefix(path, prefix));
  // A pattern made of wildcards means others' modules: it never opens what is one's own.
  const patterns =
    own === undefined ? settings.public : settings.public.filter((pattern) => hasPathPrefix(pattern, own));
  if (matchesPathPatterns(patterns, path)) return 'public';
  return own === undefined ? 'undecided' : 'private';
}

/** The question about a host that nobody decided on, asked before its first lookup. */
export function undecidedHost(path: string): Refusal {
  const prefix = prefixOf(path);
  return {
    code: 'modpolicy.host-undecided',
    where: path.slice(0, 1024),
    expected: 'an answer whether modules of this host are public or private',
    found: `none for ${prefix}`.slice(0, 1024),
    fix: `Add ${prefix.slice(0, 200)} (or '*') to modules.public, or to modules.private, of the tenant's configuration.`,
  };
}

/** What is private, as patterns, for whoever judges by patterns alone. */
export const privatePatterns = (settings: PrivacySettings): readonly string[] => [
  ...settings.private,
  ...settings.own.filter((prefix) => classifyModule(prefix, settings) !== 'public'),
];
