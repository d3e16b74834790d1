import { createServer, type IncomingHttpHeaders } from 'node:http';
import { afterAll, describe, expect, it } from 'vitest';
import { GitSha } from '../../events/fields.ts';
import { loopbackServers } from '../../test/fakes/loopback-servers.ts';
import { openEgress } from './egress.ts';
import type { ScmApiOptions } from './scm-api-helper.ts';
import { scmReviews } from './scm-reviews.ts';

const [COMMIT, HEAD, OLD] = ['a', 'b', 'c'].map((digit) => GitSha.parse(digit.repeat(40)));
if (!COMMIT || !HEAD || !OLD) throw new Error('no commits');
const REPOSITORY = { host: 'git.test', name: 'acme/app' };
const token = async () => 'test-token';
const loopback = loopbackServers();
afterAll(loopback.stop);

interface Asked {
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
}

/** What an API answers by path: a list in pages, anything else as it is, a status alone as that; nothing is 404. */
type Routes = Readonly<Record<string, object | number>>;

/** A host on loopback that pages as it is asked to, at most `most` at once; `body` is what a status alone comes with. */
async function hostOf(routes: Routes, { most = 50, body = '' } = {}) {
  const asked: Asked[] = [];
  const server = createServer((request, response) => {
    const { pathname, searchParams } = new URL(request.url ?? '', 'http://host.test');
    asked.push({ path: request.url ?? '', headers: request.headers });
    const found = routes[pathname] ?? 404;
    if (typeof found === 'number') return response.writeHead(found, { location: 'http://127.0.0.1:1/' }).end(body);
    const size = Math.min(most, Number(searchParams.get('per_page') ?? searchParams.get('limit')));
    const from = (Number(searchParams.get('page')) - 1) * size;
    return response.writeHead(200).end(JSON.stringify(Array.isArray(found) ? found.slice(from, from + size) : found));
  });
  return { host: await loopback.listen(server), asked };
}

const open = (host: string, kind: ScmApiOptions['kind'], path = '') =>
  scmReviews({
    egress: openEgress([{ host, private: true }]),
    kind,
    url: `http://${host}${path}`,
    token,
  });

const from =
  (kind: ScmApiOptions['kind']) =>
  async (routes: Routes, options = {}): Promise<string[]> => {
    const { host } = await hostOf(routes, options);
    const reviews = await open(host, kind).of(REPOSITORY, COMMIT);
    expect(reviews?.every(({ commit }) => commit === COMMIT)).toBe(true);
    return reviews?.map(({ reviewer }) => reviewer) ?? [];
  };

describe('reviews at GitHub', () => {
  const of = from('github');
  const PULLS = `/repos/acme/app/commits/${COMMIT}/pulls`;
  const REVIEWS = '/repos/acme/app/pulls/7/reviews';
  const user = (login: string, type = 'User') => ({ login, type, id: 1 });
  const merged = {
    ...{ number: 7, state: 'closed', user: user('author'), merged_at: '2026-01-02T03:04:05Z' },
    ...{ merge_commit_sha: COMMIT, head: { sha: HEAD, repo: null }, base: { repo: { full_name: 'acme/app' } } },
  };
  const review = (login: string, changes: object = {}) => ({
    ...{ id: 1, user: user(login), state: 'APPROVED', commit_id: HEAD, author_association: 'MEMBER', body: '' },
    ...changes,
  });

  it('are those of the pull request that was merged as the commit, of its head', async () => {
    const reviews = [
      ...[
        review('ann'),
        review('ann'),
        review('bob', { commit_id: OLD }),
        review('author'),
        review('gone', { user: null }),
      ],
      review('eve', { commit_id: null }),
    ];
    expect(await of({ [PULLS]: [merged], [REVIEWS]: reviews })).toEqual(['ann']);
  });

  it.each([
    ['an approval', [review('ann')], ['ann']],
    ['an approval and a comment', [review('ann'), review('ann', { state: 'COMMENTED' })], ['ann']],
    ['a refusal that was taken back', [review('ann', { state: 'CHANGES_REQUESTED' }), review('ann')], ['ann']],
    ['an approval that was taken back', [review('ann'), review('ann', { state: 'CHANGES_REQUESTED' })], []],
    ['an approval that was dismissed', [review('ann', { state: 'DISMISSED' })], []],
    ['a pending one', [review('ann', { state: 'PENDING' })], []],
    ['an approval of old and one of now', [review('ann', { commit_id: OLD }), review('ann')], ['ann']],
    ['an approval by a machine', [review('bot', { user: user('bot', 'Bot') })], []],
    ['an approval by anybody', [review('eve', { author_association: 'NONE' })], []],
    ['an approval by a contributor', [review('eve', { author_association: 'CONTRIBUTOR' })], []],
    ['an approval by an outside collaborator', [review('cat', { author_association: 'COLLABORATOR' })], ['cat']],
    ['an approval by somebody of whom nothing is said', [review('eve', { author_association: undefined })], []],
  ])('count by the last word of each account: %s', async (_what, reviews, reviewers) => {
    expect(await of({ [PULLS]: [merged], [REVIEWS]: reviews })).toEqual(reviewers);
  });

  it.each([
    [
      'an open one with this head',
      { state: 'open', merged_at: null, merge_commit_sha: null, head: { sha: COMMIT } },
      1,
    ],
    ['a merged one with this head', { merge_commit_sha: OLD, head: { sha: COMMIT } }, 1],
    ['an open one whose trial merge it is', { state: 'open', merged_at: null }, 0],
    ['one that was closed', { merged_at: null, merge_commit_sha: null, head: { sha: COMMIT } }, 0],
    ['one that merely holds it', { merge_commit_sha: OLD }, 0],
    ['one of another repository', { base: { repo: { full_name: 'eve/app' } } }, 0],
    ['one whose author is gone', { user: null }, 0],
  ])('are of pull requests that the commit is: %s', async (_what, changes, count) => {
    const pull = { ...merged, ...changes };
    const reviews = [review('ann', { commit_id: pull.head.sha })];
    expect(await of({ [PULLS]: [pull], [REVIEWS]: reviews })).toHaveLength(count);
  });

  it('are read to the last page, and never fewer than there are', async () => {
    const many = (count: number) => Array.from({ length: count }, (_each, at) => review(`r${at}`));
    expect(await of({ [PULLS]: [merged], [REVIEWS]: many(120) })).toHaveLength(120);
    expect(await of({ [PULLS]: [merged], [REVIEWS]: many(500) })).toHaveLength(500);
    await expect(of({ [PULLS]: [merged], [REVIEWS]: many(501) })).rejects.toMatchObject({ name: 'LimitExceeded' });
  });

  it('are none where no pull request has the commit', async () => {
    expect(await of({ [PULLS]: [] })).toEqual([]);
  });

  it.each([
    ['a list that is none', { [PULLS]: { message: 'ok' } }],
    ['a number that is a path', { [PULLS]: [{ ...merged, number: '7/../../../eve' }] }],
    ['a negative number', { [PULLS]: [{ ...merged, number: -7 }] }],
    ['a head that is no commit', { [PULLS]: [{ ...merged, head: { sha: 'main' } }] }],
    ['an account without a name', { [PULLS]: [merged], [REVIEWS]: [review('')] }],
    ['a name without an end', { [PULLS]: [merged], [REVIEWS]: [review('x'.repeat(256))] }],
  ])('are not known from %s', async (_what, routes) => {
    await expect(of(routes)).rejects.toMatchObject({ name: 'SourceUnreachable' });
  });
});

describe('reviews at Gitea', () => {
  const of = from('gitea');
  const REPO = '/repos/acme/app';
  const REVIEWS = `${REPO}/pulls/7/reviews`;
  const merged = {
    ...{ number: 7, state: 'closed', user: { login: 'author' }, merged: true, merge_commit_sha: COMMIT },
    head: { sha: HEAD },
  };
  const review = (login: string, changes: object = {}) => ({
    ...{ id: 1, user: { login }, state: 'APPROVED', commit_id: HEAD, official: true, stale: false, dismissed: false },
    ...changes,
  });

  it.each([
    ['an approval', {}, ['ann']],
    ['one that a push made stale', { stale: true }, []],
    ['one that was dismissed', { dismissed: true }, []],
    ['one that does not count for the branch', { official: false }, []],
    ['one of another head, though nothing changed', { commit_id: OLD }, []],
    ['a refusal', { state: 'REQUEST_CHANGES' }, []],
    ['a request to review', { state: 'REQUEST_REVIEW', user: null }, []],
    ['a comment', { state: 'COMMENT' }, []],
    ['the own one', { user: { login: 'author' } }, []],
  ])('of the merged pull request: %s', async (_what, changes, reviewers) => {
    const routes = { [`${REPO}/commits/${COMMIT}/pull`]: merged, [REVIEWS]: [review('ann', changes)] };
    expect(await of(routes)).toEqual(reviewers);
  });

  it('are those of an open pull request with this head where none was merged as the commit', async () => {
    const pulls = [
      { ...merged, number: 6, merged: false, merge_commit_sha: null },
      { ...merged, merged: false, merge_commit_sha: null, head: { sha: COMMIT } },
    ];
    const routes = { [REPO]: {}, [`${REPO}/pulls`]: pulls, [REVIEWS]: [review('ann', { commit_id: COMMIT })] };
    expect(await of(routes)).toEqual(['ann']);
    expect(await of({ ...routes, [`${REPO}/pulls`]: [pulls[0] ?? {}] })).toEqual([]);
  });

  it('are not known from a repository that the host does not show', async () => {
    await expect(of({ [`${REPO}/pulls`]: [] })).rejects.toMatchObject({ name: 'ConfigurationInvalid' });
  });

  it('are read to the last page where the host gives fewer at once than it is asked for', async () => {
    const reviews = Array.from({ length: 45 }, (_each, at) => review(`r${at}`));
    const routes = { [`${REPO}/commits/${COMMIT}/pull`]: merged, [REVIEWS]: reviews };
    expect(await of(routes, { most: 10 })).toHaveLength(45);
  });
});

describe('reviews at GitLab', () => {
  const of = from('gitlab');
  const PROJECT = '/projects/acme%2Fapp';
  const REQUESTS = `${PROJECT}/repository/commits/${COMMIT}/merge_requests`;
  const [VERSIONS, APPROVALS] = ['versions', 'approvals'].map((what) => `${PROJECT}/merge_requests/7/${what}`);
  const merged = {
    ...{ iid: 7, state: 'merged', author: { username: 'author' }, sha: HEAD },
    ...{ merge_commit_sha: COMMIT, squash_commit_sha: null },
  };
  const version = (head: string, at: string) => ({ id: 1, head_commit_sha: head, created_at: at });
  const versions = [version(HEAD, '2026-01-02T10:00:00.000Z'), version(OLD, '2026-01-01T10:00:00.000Z')];
  const approval = (username: string, at?: string) => ({
    user: { username },
    ...(at === undefined ? {} : { approved_at: at }),
  });
  const AFTER = '2026-01-02T10:00:00.001Z';
  const routesOf = (request: object, approved_by: object[], made: object[] = versions): Routes => ({
    [REQUESTS]: [request],
    [VERSIONS ?? '']: made,
    [APPROVALS ?? '']: { approved_by },
  });

  it.each([
    ['after the last push', approval('ann', AFTER), ['ann']],
    ['after it, in another time zone', approval('ann', '2026-01-02T12:30:00+02:00'), ['ann']],
    ['before the last push', approval('ann', '2026-01-01T11:00:00.000Z'), []],
    ['before it, though the text is later', approval('ann', '2026-01-02T11:00:00+02:00'), []],
    ['at that very instant', approval('ann', '2026-01-02T10:00:00.000Z'), []],
    ['at no time that is told', approval('ann'), []],
    ['by the author', approval('author', AFTER), []],
    ['by an access token', approval('project_12_bot_0123abcd', AFTER), []],
  ])('count when they were given %s', async (_what, given, reviewers) => {
    expect(await of(routesOf(merged, [given]))).toEqual(reviewers);
  });

  it.each([
    ['one that was squashed into it', { merge_commit_sha: OLD, squash_commit_sha: COMMIT }, 1],
    ['one whose trial squash it is', { state: 'opened', merge_commit_sha: null, squash_commit_sha: COMMIT }, 0],
    ['one that was closed', { state: 'closed' }, 0],
    ['one that merely holds it', { merge_commit_sha: null }, 0],
    ['one whose author is gone', { author: null }, 0],
  ])('are of merge requests that the commit is: %s', async (_what, changes, count) => {
    expect(await of(routesOf({ ...merged, ...changes }, [approval('ann', AFTER)]))).toHaveLength(count);
  });

  it('are those of an open merge request, or one without a merge commit, with this head', async () => {
    const made = [version(COMMIT, '2026-01-02T10:00:00.000Z')];
    for (const state of ['opened', 'merged']) {
      const request = { ...merged, state, sha: COMMIT, merge_commit_sha: null };
      expect(await of(routesOf(request, [approval('ann', AFTER)], made))).toEqual(['ann']);
    }
  });

  it('are none while the last push has no version yet, or nothing has one', async () => {
    expect(await of(routesOf(merged, [approval('ann', AFTER)], versions.slice(1)))).toEqual([]);
    expect(await of(routesOf(merged, [approval('ann', AFTER)], []))).toEqual([]);
  });

  it('are not known from a time that is none', async () => {
    const routes = routesOf(merged, [approval('ann', 'tomorrow')]);
    await expect(of(routes)).rejects.toMatchObject({ name: 'SourceUnreachable' });
  });
});

describe('a host that is asked for reviews', () => {
  const PATHS = {
    github: `/repos/acme/app/commits/${COMMIT}/pulls`,
    gitea: `/repos/acme/app/commits/${COMMIT}/pull`,
    gitlab: `/projects/acme%2Fapp/repository/commits/${COMMIT}/merge_requests`,
  };

  it.each([
    ['github', '', 'authorization', 'Bearer test-token'],
    ['gitea', '/api/v1/', 'authorization', 'token test-token'],
    ['gitlab', '/api/v4', 'private-token', 'test-token'],
  ] as const)('is %s with its own paths and its own header', async (kind, path, header, credential) => {
    const { host, asked } = await hostOf({});
    await expect(open(host, kind, path).of(REPOSITORY, COMMIT)).rejects.toMatchObject({ name: 'ConfigurationInvalid' });
    const [first] = asked;
    expect(first?.path.split('?')[0]).toBe(`${path.replace(/\/$/, '')}${PATHS[kind]}`);
    expect(first?.headers[header]).toBe(credential);
  });

  const KINDS = ['github', 'gitea', 'gitlab'] as const;
  it.each([
    ['SourceUnreachable', [200, 403, 408, 429, 500, 502, 503]],
    ['CredentialRefused', [401]],
    ['ConfigurationInvalid', [301, 307, 400, 404, 410, 422]],
  ])('is %s by the status of its answer', async (name, statuses) => {
    for (const { kind, status } of statuses.flatMap((each) => KINDS.map((kind) => ({ kind, status: each })))) {
      const { host } = await hostOf({ [PATHS[kind]]: status }, { body: 'test-token <html>' });
      const fault = await open(host, kind)
        .of(REPOSITORY, COMMIT)
        .catch((error: unknown) => error);
      expect([kind, status, fault]).toMatchObject([kind, status, { name }]);
      expect(String(fault)).not.toContain('test-token');
    }
  });

  it('is SourceUnreachable where nobody answers', async () => {
    const asked = open('127.0.0.1:1', 'github').of(REPOSITORY, COMMIT);
    await expect(asked).rejects.toMatchObject({ name: 'SourceUnreachable' });
  });

  it('is refused when it is not listed, and read no longer than the limit', async () => {
    const unlisted = scmReviews({ egress: openEgress([]), kind: 'github', url: 'https://api.example.com', token });
    await expect(unlisted.of(REPOSITORY, COMMIT)).rejects.toMatchObject({ name: 'EgressRefused' });
    const { host } = await hostOf({ [PATHS.github]: 200 }, { body: ' '.repeat(8 * 1024 * 1024 + 1) });
    await expect(open(host, 'github').of(REPOSITORY, COMMIT)).rejects.toMatchObject({ name: 'LimitExceeded' });
  });
});
