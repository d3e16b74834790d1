import * as z from 'zod';
import { Fault } from '../../core/faults.ts';
import type { Review, Reviews } from '../../core/ports/reviews.ts';
import { GitSha } from '../../events/fields.ts';
import { NetworkFailure } from './egress.ts';
import { apiHeaders, repositoryUrl, type ScmApiOptions } from './scm-api-helper.ts';

const LIMITS = { maxBytes: 8 * 1024 * 1024, timeoutMs: 10_000, maxRedirects: 0 };
/** As much as Gitea gives at once, unless it is set up for more. */
const PAGE = 50;
const MAX_PAGES = 10;
/** Answers that may be another one later: a limit of calls is 403 or 429. */
const LATER = [403, 408, 425, 429];

const Account = z.string().min(1).max(255);
const Index = z.int().positive();

interface Answer {
  readonly status: number;
  readonly body: Uint8Array;
}

/** One host's API, and the repository in it that is asked about. */
interface Api {
  readonly kind: ScmApiOptions['kind'];
  readonly repository: string;
  /** `path` starts below the repository. */
  get<T>(path: string, schema: z.ZodType<T>): Promise<T>;
  /** `undefined` where there is no such thing in the repository; that the repository is there is made sure. */
  find<T>(path: string, schema: z.ZodType<T>): Promise<T | undefined>;
}

function refusedBy(kind: ScmApiOptions['kind'], repository: string, status: number): Fault {
  const message = `the ${kind} API answered ${status} about ${repository}`;
  if (status === 401) return new Fault('CredentialRefused', message);
  const passes = status < 300 || status >= 500 || LATER.includes(status);
  return new Fault(passes ? 'SourceUnreachable' : 'ConfigurationInvalid', message);
}

function read<T>(kind: ScmApiOptions['kind'], { body }: Answer, schema: z.ZodType<T>): T {
  try {
    return schema.parse(JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body)));
  } catch (cause) {
    // A proxy in between may answer for the host while that is away.
    throw new Fault('SourceUnreachable', `the ${kind} API answered with something else`, { cause });
  }
}

function openApi({ egress, kind, url, token }: ScmApiOptions, repository: string): Api {
  const root = repositoryUrl({ kind, url }, repository);
  const ask = async (path: string): Promise<Answer> => {
    try {
      const headers = apiHeaders(kind, await token());
      const response = await egress.request({ url: new URL(`${root}${path}`), headers, ...LIMITS });
      return { status: response.status, body: await response.bytes() };
    } catch (cause) {
      if (!(cause instanceof NetworkFailure)) throw cause;
      throw new Fault('SourceUnreachable', cause.message, { cause });
    }
  };
  const get = async <T>(path: string, schema: z.ZodType<T>): Promise<T> => {
    const answer = await ask(path);
    if (answer.status !== 200) throw refusedBy(kind, repository, answer.status);
    return read(kind, answer, schema);
  };
  return {
    ...{ kind, repository, get },
    find: async (path, schema) => {
      const answer = await ask(path);
      if (answer.status === 200) return read(kind, answer, schema);
      if (answer.status !== 404) throw refusedBy(kind, repository, answer.status);
      await get('', z.unknown());
      return undefined;
    },
  };
}

async function listAll<T>({ kind, get }: Api, path: string, schema: z.ZodType<T>): Promise<T[]> {
  const found: T[] = [];
  const page = `${path}${path.includes('?') ? '&' : '?'}${kind === 'gitea' ? 'limit' : 'per_page'}=${PAGE}&page=`;
  // A page that is not full may have others behind it: hosts leave out what a token may not see.
  for (let at = 1; ; at += 1) {
    const items = await get(`${page}${at}`, z.array(schema));
    if (items.length === 0) return found;
    if (at > MAX_PAGES) throw new Fault('LimitExceeded', `the ${kind} API has more than ${MAX_PAGES} pages of ${path}`);
    found.push(...items);
  }
}

/** Asks about one change after the other: hosts count calls that come at once. */
async function approversOf<T>(changes: readonly T[], ask: (change: T) => Promise<string[]>): Promise<string[]> {
  const approvers: string[] = [];
  for (const change of changes) approvers.push(...(await ask(change)));
  return approvers;
}

const GithubPull = z.object({
  number: Index,
  state: z.string(),
  /** Absent: an account that is gone. */
  user: z.object({ login: Account }).nullable(),
  merged_at: z.string().nullable(),
  /** Of a pull request that is not merged: a trial that the host made. */
  merge_commit_sha: z.string().nullable(),
  head: z.object({ sha: GitSha }),
  base: z.object({ repo: z.object({ full_name: z.string() }) }),
});

const GithubReview = z.object({
  user: z.object({ login: Account, type: z.string() }).nullable(),
  state: z.string(),
  commit_id: z.string().nullable(),
  author_association: z.string().optional(),
});

/** Reviews that decide; a comment leaves what its author decided before. */
const DECIDING = ['APPROVED', 'CHANGES_REQUESTED', 'DISMISSED'];
/** Who belongs to a repository; in a public one anybody may approve. */
const BELONGING = ['OWNER', 'MEMBER', 'COLLABORATOR'];

/** Accounts whose last word on a pull request is that its head may go in. */
async function githubApprovers(api: Api, { number, user, head }: z.infer<typeof GithubPull>): Promise<string[]> {
  // The author of a change is nobody's reviewer of it, so that it must be known who that is.
  if (user === null) return [];
  const reviews = await listAll(api, `/pulls/${number}/reviews`, GithubReview);
  const last = new Map<string, z.infer<typeof GithubReview>>();
  for (const review of reviews)
    if (review.user?.type === 'User' && DECIDING.includes(review.state)) last.set(review.user.login, review);
  last.delete(user.login);
  return [...last]
    .filter(([, { state, commit_id }]) => state === 'APPROVED' && commit_id === head.sha)
    .filter(([, { author_association }]) => BELONGING.includes(author_association ?? ''))
    .map(([login]) => login);
}

async function githubReviewers(api: Api, commit: GitSha): Promise<string[]> {
  const pulls = await listAll(api, `/commits/${commit}/pulls`, GithubPull);
  const changes = pulls.filter(
    ({ state, merged_at, merge_commit_sha, head, base }) =>
      // A fork's commits are in pull requests of other repositories, too, whose numbers mean something else here.
      base.repo.full_name === api.repository &&
      ((merged_at !== null && merge_commit_sha === commit) ||
        ((merged_at !== null || state === 'open') && head.sha === commit)),
  );
  return approversOf(changes, (change) => githubApprovers(api, change));
}

const GiteaPull = z.object({
  number: Index,
  user: z.object({ login: Account }).nullable(),
  merged: z.boolean(),
  merge_commit_sha: z.string().nullish(),
  head: z.object({ sha: z.string() }),
});

const GiteaReview = z.object({
  user: z.object({ login: Account }).nullish(),
  state: z.string(),
  commit_id: z.string(),
  /** Whether it counts towards the approvals of the branch; of one person's reviews only the last one does. */
  official: z.boolean(),
  stale: z.boolean(),
  dismissed: z.boolean(),
});

async function giteaApprovers(api: Api, { number, user, head }: z.infer<typeof GiteaPull>): Promise<string[]> {
  if (user === null) return [];
  const reviews = await listAll(api, `/pulls/${number}/reviews`, GiteaReview);
  return (
    reviews
      .filter(({ state, official }) => state === 'APPROVED' && official)
      // A push that changes nothing of the change leaves what was approved before it fresh.
      .filter(({ stale, dismissed, commit_id }) => !stale && !dismissed && commit_id === head.sha)
      .flatMap(({ user: reviewer }) => (reviewer && reviewer.login !== user.login ? [reviewer.login] : []))
  );
}

async function giteaReviewers(api: Api, commit: GitSha): Promise<string[]> {
  const merged = await api.find(`/commits/${commit}/pull`, GiteaPull);
  const changes =
    merged?.merged === true && merged.merge_commit_sha === commit
      ? [merged]
      : (await listAll(api, '/pulls?state=open', GiteaPull)).filter(({ head }) => head.sha === commit);
  return approversOf(changes, (change) => giteaApprovers(api, change));
}

const GitlabMergeRequest = z.object({
  iid: Index,
  state: z.string(),
  author: z.object({ username: Account }).nullable(),
  sha: z.string().nullish(),
  merge_commit_sha: z.string().nullish(),
  squash_commit_sha: z.string().nullish(),
});

const instant = z.iso.datetime({ offset: true }).transform((text) => Date.parse(text));
/** What one push, or one change of the target branch, made of a merge request. */
const GitlabVersion = z.object({ head_commit_sha: z.string(), created_at: instant });
const GitlabApprovals = z.object({
  approved_by: z.array(
    z.object({
      user: z.object({ username: Account }),
      /** Older GitLab does not say when. */
      approved_at: instant.nullish(),
    }),
  ),
});

/** The name that GitLab gives to access tokens of projects and groups, which may approve and are no persons. */
const TOKEN_NAME = /^(?:project|group)_\d+_bot/;

/** GitLab keeps approvals over a push unless a project is set up otherwise, so that their time decides. */
async function gitlabApprovers(api: Api, { iid, author, sha }: z.infer<typeof GitlabMergeRequest>): Promise<string[]> {
  if (author === null) return [];
  const versions = await listAll(api, `/merge_requests/${iid}/versions`, GitlabVersion);
  const pushedAt = Math.max(...versions.map(({ created_at }) => created_at));
  // A push whose version is not made yet: what is approved by now is what was there before.
  if (!versions.some((version) => version.created_at === pushedAt && version.head_commit_sha === sha)) return [];
  const { approved_by } = await api.get(`/merge_requests/${iid}/approvals`, GitlabApprovals);
  return approved_by
    .filter(({ approved_at }) => typeof approved_at === 'number' && approved_at > pushedAt)
    .map(({ user }) => user.username)
    .filter((username) => username !== author.username && !TOKEN_NAME.test(username));
}

async function gitlabReviewers(api: Api, commit: GitSha): Promise<string[]> {
  const requests = await listAll(api, `/repository/commits/${commit}/merge_requests`, GitlabMergeRequest);
  const changes = requests.filter(
    ({ state, sha, merge_commit_sha, squash_commit_sha }) =>
      (state === 'merged' && [merge_commit_sha, squash_commit_sha].includes(commit)) ||
      ((state === 'merged' || state === 'opened') && sha === commit),
  );
  return approversOf(changes, (change) => gitlabApprovers(api, change));
}

const REVIEWERS = { github: githubReviewers, gitea: giteaReviewers, gitlab: gitlabReviewers };

/** Approvals of changes. No redirect is followed: a token goes nowhere but to the configured API. */
export function scmReviews(options: ScmApiOptions): Reviews {
  return {
    async of({ name }, commit) {
      const reviewers = await REVIEWERS[options.kind](openApi(options, name), commit);
      return [...new Set(reviewers)].map((reviewer): Review => ({ reviewer, commit }));
    },
  };
}
