import { createServer, type IncomingHttpHeaders } from 'node:http';
import { afterAll, describe, expect, it } from 'vitest';
import type { StatusReport } from '../../core/ports/commit-status.ts';
import { GitSha } from '../../events/fields.ts';
import { loopbackServers } from '../../test/fakes/loopback-servers.ts';
import { openEgress } from './egress.ts';
import { type ScmStatusOptions, scmStatus } from './scm-status.ts';

const COMMIT = GitSha.parse('a'.repeat(40));
const REPORT: StatusReport = { state: 'refused', context: 'relseal/change', description: 'Refused: gosum.mismatch' };
const loopback = loopbackServers();
afterAll(loopback.stop);

interface Asked {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** An API on loopback that answers all calls alike, and what it was asked. */
async function api(status: number, body = '{}', headers: Record<string, string> = {}) {
  const asked: Asked[] = [];
  const server = createServer(async (request, response) => {
    let text = '';
    for await (const piece of request) text += String(piece);
    asked.push({ method: request.method ?? '', url: request.url ?? '', headers: request.headers, body: text });
    response.writeHead(status, headers).end(body);
  });
  return { host: await loopback.listen(server), asked };
}

const open = (host: string, kind: ScmStatusOptions['kind'], path = '') =>
  scmStatus({
    egress: openEgress([{ host, private: true }]),
    kind,
    url: `http://${host}${path}`,
    repository: 'acme/sub group/app',
    token: async () => 'test-token',
  });

describe('a commit status', () => {
  it.each([
    ['github', '', '/repos/acme/sub%20group/app/statuses/', 'authorization', 'Bearer test-token', 'failure'],
    [
      'gitea',
      '/api/v1/',
      '/api/v1/repos/acme/sub%20group/app/statuses/',
      'authorization',
      'token test-token',
      'failure',
    ],
    [
      'gitlab',
      '/api/v4',
      '/api/v4/projects/acme%2Fsub%20group%2Fapp/statuses/',
      'private-token',
      'test-token',
      'failed',
    ],
  ] as const)('is told to %s in its own words', async (kind, path, where, header, credential, state) => {
    const { host, asked } = await api(201);
    await open(host, kind, path).report(COMMIT, REPORT);
    expect(asked).toMatchObject([{ method: 'POST', url: `${where}${COMMIT}`, headers: { [header]: credential } }]);
    const named = kind === 'gitlab' ? { name: REPORT.context } : { context: REPORT.context };
    expect(JSON.parse(asked[0]?.body ?? '')).toEqual({ state, ...named, description: REPORT.description });
  });

  it('says pending and success alike to all', async () => {
    for (const kind of ['github', 'gitea', 'gitlab'] as const) {
      const { host, asked } = await api(201);
      await open(host, kind).report(COMMIT, { ...REPORT, state: 'pending' });
      await open(host, kind).report(COMMIT, { ...REPORT, state: 'passed' });
      expect(asked.map(({ body }) => JSON.parse(body).state)).toEqual(['pending', 'success']);
    }
  });

  it('is done when GitLab has it already', async () => {
    const { host } = await api(400, '{"message":"Cannot transition status via :enqueue from :pending"}');
    await open(host, 'gitlab').report(COMMIT, REPORT);
    await expect(open(host, 'github').report(COMMIT, REPORT)).rejects.toMatchObject({ name: 'StatusRefused' });
  });

  it.each([400, 401, 403, 404, 422])('is refused for good with %i', async (status) => {
    const { host } = await api(status, 'test-token is wrong');
    const refused = await open(host, 'github')
      .report(COMMIT, REPORT)
      .catch((error: unknown) => error);
    expect(refused).toMatchObject({ name: 'StatusRefused' });
    expect(String(refused)).not.toContain('test-token');
  });

  it.each([429, 500, 503])('is told again later after %i', async (status) => {
    const { host } = await api(status);
    await expect(open(host, 'gitea').report(COMMIT, REPORT)).rejects.toMatchObject({ name: 'SourceUnreachable' });
  });

  it('follows no redirect, so that the token stays where it belongs', async () => {
    const other = await api(201);
    const { host } = await api(307, '', { location: `http://${other.host}/` });
    await expect(open(host, 'github').report(COMMIT, REPORT)).rejects.toMatchObject({ name: 'StatusRefused' });
    expect(other.asked).toEqual([]);
  });

  it('is told again later where nobody answers or the answer has no end', async () => {
    const long = await api(201, 'x'.repeat(300_000));
    await expect(open(long.host, 'github').report(COMMIT, REPORT)).rejects.toMatchObject({ name: 'SourceUnreachable' });
    await expect(open('127.0.0.1:1', 'github').report(COMMIT, REPORT)).rejects.toMatchObject({
      name: 'SourceUnreachable',
    });
  });
});
