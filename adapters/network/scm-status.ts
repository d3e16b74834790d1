import { Fault, isFault } from '../../core/faults.ts';
import type { CommitStatus, StatusReport } from '../../core/ports/commit-status.ts';
import { NetworkFailure } from './egress.ts';
import { apiHeaders, repositoryUrl, type ScmApiOptions } from './scm-api-helper.ts';

export interface ScmStatusOptions extends ScmApiOptions {
  /** Path of the repository at its host. */
  readonly repository: string;
}

const MAX_BYTES = 256 * 1024;
const TIMEOUT_MS = 10_000;
const LATER = [408, 425, 429];

const STATES = {
  github: { pending: 'pending', passed: 'success', refused: 'failure' },
  gitea: { pending: 'pending', passed: 'success', refused: 'failure' },
  gitlab: { pending: 'pending', passed: 'success', refused: 'failed' },
} as const;

function bodyOf(kind: ScmApiOptions['kind'], { state, context, description }: StatusReport) {
  const named = STATES[kind][state];
  return kind === 'gitlab' ? { state: named, name: context, description } : { state: named, context, description };
}

/** GitLab refuses a status that the commit has already. */
const hasItAlready = (kind: ScmApiOptions['kind'], status: number, text: string) =>
  kind === 'gitlab' && status === 400 && /Cannot transition status/.test(text);

/** Statuses of commits. No redirect is followed: a token goes nowhere but to the configured API. */
export function scmStatus(options: ScmStatusOptions): CommitStatus {
  const { egress, kind, repository, token } = options;
  return {
    async report(commit, report) {
      const headers = apiHeaders(kind, await token());
      try {
        const response = await egress.request({
          method: 'POST',
          url: new URL(`${repositoryUrl(options, repository)}/statuses/${commit}`),
          headers: { ...headers, 'content-type': 'application/json' },
          body: new TextEncoder().encode(JSON.stringify(bodyOf(kind, report))),
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
