import type { Egress } from './egress.ts';

/** Platform helper: the APIs of GitHub (REST 2022-11-28), Gitea and Forgejo (API v1) and GitLab (API v4). */

export interface ScmApiOptions {
  readonly egress: Egress;
  readonly kind: 'github' | 'gitea' | 'gitlab';
  /** Of the API: `https://api.github.com`, `https://git.example.com/api/v1`, `https://gitlab.example.com/api/v4`. */
  readonly url: string;
  /** Asked for at each call, so that a rotation needs no restart. */
  token(): Promise<string>;
}

/** Where a repository begins, each element of its path escaped: none of its characters is the API's own. */
export function repositoryUrl({ kind, url }: Pick<ScmApiOptions, 'kind' | 'url'>, repository: string): string {
  const path =
    kind === 'gitlab'
      ? `projects/${encodeURIComponent(repository)}`
      : `repos/${repository.split('/').map(encodeURIComponent).join('/')}`;
  return `${url.replace(/\/$/, '')}/${path}`;
}

/** What every call has, and the token where its API looks for it. */
export const apiHeaders = (kind: ScmApiOptions['kind'], token: string): Record<string, string> => ({
  accept: 'application/json',
  'user-agent': 'relseal',
  ...(kind === 'github' ? { 'x-github-api-version': '2022-11-28', authorization: `Bearer ${token}` } : {}),
  ...(kind === 'gitea' ? { authorization: `token ${token}` } : {}),
  ...(kind === 'gitlab' ? { 'private-token': token } : {}),
});
