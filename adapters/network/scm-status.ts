import { Fault, isFault } from '../../core/faults.ts';
import type { CommitStatus, StatusReport } from '../../core/ports/commit-status.ts';
import type { GitSha } from '../../events/fields.ts';
import { type Egress, NetworkFailure } from './egress.ts';

export interface ScmStatusOptions {
  readonly egress: Egress;
  readonly kind: 'github' | 'gitea' | 'gitlab';
  /** Of the API: `https://api.github.com`, `https://git.example.com/api/v1`, `https://gitlab.example.com/api/v4`. */
  readonly url: string;
  /** Path of the repository at its host. */
  readonly repository: string;
  /** Asked for at each call, so that a rotation needs no restart. */
  token(): Promise<string>;
}

const MAX_BYTES = 256 * 1024;
const TIMEOUT_MS = 10_000;
const LATER = [408, 425, 429];

interface Call {
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Readonly<Record<string, string>>;
}

const STATES = {
  github: { pending: 'pending', passed: 'success', refused: 'failure' },
  gitea: { pending: 'pending', passed: 'success', refused: 'failure' },
  gitlab: { pending: 'pending', passed: 'success', refused: 'failed' },
} as const;

/** The path of a repository in an API's URL, each element escaped: none of its characters is the API's own. */
const escapedPath = (repository: string) => repository.split('/').map(encodeURIComponent).join('/');

function callOf(
  { kind, repository }: ScmStatusOptions,
  token: string,
  commit: GitSha,
  { state, context, description }: StatusReport,
): Call {
  const named = STATES[kind][state];
  if (kind === 'gitlab')
    return {
      path: `projects/${encodeURIComponent(repository)}/statuses/${commit}`,
      headers: { 'private-token': token },
      body: { state: named, name: context, description },
    };
  return {
    path: `repos/${escapedPath(repository)}/statuses/${commit}`,
    headers: { authorization: `${kind === 'github' ? 'Bearer' : 'token'} ${token}` },
    body: { state: named, context, description },
  };
}

/** GitLab refuses a status that the commit has already. */
const hasItAlready = (kind: ScmStatusOptions['kind'], status: number, text: string) =>
  kind === 'gitlab' && status === 400 && /Cannot transition status/.test(text);

/**
 * Commit statuses of GitHub (REST 2022-11-28), Gitea and Forgejo (API v1) and GitLab (API v4). No redirect is followed: a
 * token goes nowhere but to the configured API.
 */
export function scmStatus(options: ScmStatusOptions): CommitStatus {
  const { egress, kind, url, token } = options;
  return {
    async report(commit, report) {
      const { path, headers, body } = callOf(options, await token(), commit, report);
      try {
        const response = await egress.request({
          method: 'POST',
          url: new URL(`${url.replace(/\/$/, '')}/${path}`),
          headers: {
            accept: 'application/json',
            'content-type': 'application/json',
            'user-agent': 'relseal',
            ...(kind === 'github' ? { 'x-github-api-version': '2022-11-28' } : {}),
            ...headers,
          },
          body: new TextEncoder().encode(JSON.stringify(body)),
          maxBytes: MAX_BYTES,
          timeoutMs: TIMEOUT_MS,
          maxRedirects: 0,
        });
        const text = Buffer.from(await response.bytes()).toString('utf8');
        if (response.status === 201 || response.status === 200 || hasItAlready(kind, response.status, text)) return;
        const refused = response.status >= 300 && response.status < 500 && !LATER.includes(response.status);
        throw new Fault(refused ? 'StatusRefused' : 'SourceUnreachable', `the ${kind} API answered ${response.status}`);
      } catch (error) {
        if (!(error instanceof NetworkFailure) && !isFault(error, 'LimitExceeded')) throw error;
        throw new Fault('SourceUnreachable', error.message, { cause: error });
      }
    },
  };
}
