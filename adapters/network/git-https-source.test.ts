import type { ServerResponse } from 'node:http';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { GitSha } from '../../events/fields.ts';
import { inBands, objectMaker, packet, packOf } from '../../test/fakes/git-packs.ts';
import { advertisement, type FakeGitServer, packAnswer, startFakeGit } from '../../test/fakes/git-server.ts';
import { openEgress } from './egress.ts';
import { gitHttpsSource } from './git-https-source.ts';
import { gitCredentials } from './git-smart-http-helper.ts';

const unreachable = expect.objectContaining({ name: 'SourceUnreachable' });
const refused = expect.objectContaining({ name: 'EgressRefused' });
const limited = expect.objectContaining({ name: 'LimitExceeded' });

describe('a repository behind https', () => {
  let server: FakeGitServer;
  let commit: GitSha;
  let tag: GitSha;
  let objects: ReturnType<typeof objectMaker>;
  beforeEach(async () => {
    server = await startFakeGit();
    objects = objectMaker();
    commit = objects.commit(objects.tree(['100644', 'go.mod', objects.add('blob', 'module m\n')]));
    tag = objects.tag(commit, 'commit');
    server.refs = [
      { name: 'refs/tags/v1.0.0', id: tag, peeled: commit },
      { name: 'refs/tags/v1.0.1', id: commit },
    ];
    server.pack = packAnswer(packOf([...objects.objects.values()]));
  });
  afterEach(() => server.stop());

  const source = (more: Partial<Parameters<typeof gitHttpsSource>[0]> = {}, ...hosts: string[]) =>
    gitHttpsSource({
      egress: openEgress([server.host, ...hosts].map((host) => ({ host, private: true }))),
      url: server.url,
      ...more,
    });
  /** Answers the GET, the POST of refs or that of a pack with these bytes. */
  const answerTo = (
    question: 'info' | 'ls-refs' | 'fetch',
    bytes: Uint8Array,
    headers: Record<string, string> = {},
  ) => {
    server.intercept = (request, response, body) => {
      const asked = request.method === 'GET' ? 'info' : body.includes('ls-refs') ? 'ls-refs' : 'fetch';
      if (asked !== question) return false;
      const type = asked === 'info' ? 'advertisement' : 'result';
      response.writeHead(200, { 'content-type': `application/x-git-upload-pack-${type}`, ...headers }).end(bytes);
      return true;
    };
  };
  const respond = (write: (response: ServerResponse, url: string) => void, method = 'GET') => {
    server.intercept = (request, response) => {
      if (request.method !== method) return false;
      write(response, request.url ?? '');
      return true;
    };
  };

  it('shows a tag, its objects and its files, and asks for no more than that', async () => {
    expect(await source().resolveTag('v1.0.0', undefined)).toEqual({ commit, tagObject: tag, resolution: 'resolved' });
    expect(server.bodies.at(-1)).toContain('deepen 1\n');
    expect(server.bodies.at(-1)).toContain('filter tree:0\n');
    expect(await source().rawTag('v1.0.0')).toMatchObject({ commit, tagObject: objects.objects.get(tag)?.body });
    expect(await source().rawTag('v1.0.1')).toEqual({ commit, commitObject: objects.objects.get(commit)?.body });
    expect((await source().files(commit, 'v1.0.0'))?.map(({ path }) => path)).toEqual(['go.mod']);
    expect(server.bodies.at(-1)).not.toContain('filter');
    expect(
      server.bodies.filter((body) => body.includes('want')).every((body) => body.match(/want/g)?.length === 1),
    ).toBe(true);
  });

  it('reads no commit that the tag does not name, though the server would give it', async () => {
    const other = objects.commit(objects.tree());
    server.pack = packAnswer(packOf([...objects.objects.values()]));
    expect(await source().files(other, 'v1.0.0')).toBeUndefined();
    expect(server.bodies.some((body) => body.includes('command=fetch'))).toBe(false);
  });

  it('is not believed that a tag leads to a commit which its own bytes do not name', async () => {
    const other = objects.commit(objects.tree(), [commit]);
    server.refs = [{ name: 'refs/tags/v1.0.0', id: tag, peeled: other }];
    server.pack = packAnswer(packOf([...objects.objects.values()]));
    expect((await source().resolveTag('v1.0.0', undefined))?.commit).toBe(commit);
    await expect(source().files(other, 'v1.0.0')).rejects.toThrow(unreachable);
  });

  it('is a fault when it sends another object than was wanted, or half of what the commit needs', async () => {
    const stranger = objectMaker();
    stranger.commit(stranger.tree(), [], 5);
    server.pack = packAnswer(packOf([...stranger.objects.values()]));
    await expect(source().resolveTag('v1.0.0', undefined)).rejects.toThrow(unreachable);
    const [blob] = [...objects.objects].filter(([, { type }]) => type === 'blob');
    const rest = [...objects.objects.values()].filter((object) => object !== blob?.[1]);
    server.pack = packAnswer(packOf(rest));
    await expect(source().files(commit, 'v1.0.0')).rejects.toThrow(unreachable);
  });

  it('has its word for a tag that is gone, and none when it hides the whole repository', async () => {
    expect(await source().resolveTag('v2.0.0', undefined)).toBeUndefined();
    for (const status of [404, 410, 401, 403, 429, 500]) {
      respond((response) => response.writeHead(status).end());
      await expect(source().resolveTag('v2.0.0', undefined), String(status)).rejects.toThrow(unreachable);
    }
  });

  it.each<[string, 'info' | 'ls-refs' | 'fetch', Uint8Array]>([
    ['an empty answer', 'info', Buffer.alloc(0)],
    ['a page instead of packets', 'info', Buffer.from('<html>login</html>')],
    ['a length that is none', 'info', Buffer.from('zzzz')],
    ['a length that is too short', 'info', Buffer.from('0003')],
    ['a packet that ends early', 'info', Buffer.from('00ffversion 2\n')],
    ['refs without capabilities', 'info', packet(`${'a'.repeat(40)} HEAD\n`)],
    ['an error instead of capabilities', 'info', packet('ERR access denied\n')],
    ['no way to list refs', 'info', advertisement(['version 2', 'fetch'])],
    ['no way to fetch', 'info', advertisement(['version 2', 'ls-refs'])],
    ['a ref of an all-zero id', 'ls-refs', packet(`${'0'.repeat(40)} refs/tags/v1.0.0\n`)],
    ['a ref of no id', 'ls-refs', packet('refs/tags/v1.0.0\n')],
    ['a ref of a SHA-256 id', 'ls-refs', packet(`${'a'.repeat(64)} refs/tags/v1.0.0\n`)],
    ['no pack', 'fetch', Buffer.from('0000')],
    ['a pack on another host', 'fetch', Buffer.concat([packet('packfile-uris\n'), packet('packfile\n')])],
    ['an error instead of a pack', 'fetch', packet('ERR upload-pack: not our ref\n')],
    ['an error within the pack', 'fetch', Buffer.concat([packet('packfile\n'), packet('\x03broken\x1b[31m')])],
    ['a band that is none', 'fetch', Buffer.concat([packet('packfile\n'), packet('\x04what')])],
    ['a pack without its flush', 'fetch', packAnswer(packOf([])).subarray(0, -4)],
    ['a pack that is none', 'fetch', Buffer.concat([packet('packfile\n'), inBands(Buffer.from('JUNK'.repeat(9)))])],
  ])('that gives %s is a fault', async (_, question, bytes) => {
    answerTo(question, bytes);
    const error: unknown = await source()
      .resolveTag('v1.0.0', undefined)
      .catch((caught: unknown) => caught);
    expect(error).toEqual(unreachable);
    // What a server says is cut, and holds nothing that moves a terminal's cursor.
    expect(String(error)).toMatch(/^[\x20-\x7e]{1,300}$/);
  });

  it('that has SHA-256 ids is a matter of configuration, and no fault that a retry could mend', async () => {
    answerTo('info', advertisement(['version 2', 'ls-refs', 'fetch=shallow', 'object-format=sha256']));
    await expect(source().resolveTag('v1.0.0', undefined)).rejects.toMatchObject({ name: 'ConfigurationInvalid' });
  });

  it('that answers with another content type is a fault: it may be any page', async () => {
    answerTo('info', advertisement(), { 'content-type': 'text/html' });
    await expect(source().resolveTag('v1.0.0', undefined)).rejects.toThrow(unreachable);
  });

  it('that never answers, stops half-way or sends no end of bytes is given up', async () => {
    server.intercept = () => true;
    await expect(source({ timeoutMs: 100 }).resolveTag('v1.0.0', undefined)).rejects.toThrow(unreachable);
    server.intercept = (request, response) => {
      if (request.method === 'GET') return false;
      response.writeHead(200, { 'content-type': 'application/x-git-upload-pack-result' }).write('00');
      return true;
    };
    await expect(source({ timeoutMs: 100 }).resolveTag('v1.0.0', undefined)).rejects.toThrow(unreachable);
    respond((response) =>
      response
        .writeHead(200, {
          'content-type': 'application/x-git-upload-pack-advertisement',
          'content-length': String(65 * 1024 * 1024),
        })
        .flushHeaders(),
    );
    await expect(source().resolveTag('v1.0.0', undefined)).rejects.toThrow(limited);
  });

  it('that sends too many objects, or what inflates to too much, is over the limit', async () => {
    const few = source({ packLimits: { objects: 2, bytes: 1000 } });
    await expect(few.resolveTag('v1.0.0', undefined)).rejects.toThrow(limited);
    server.pack = packAnswer(packOf([{ type: 'blob', body: Buffer.alloc(2000) }]));
    await expect(few.resolveTag('v1.0.0', undefined)).rejects.toThrow(limited);
  });

  it('may move to a listed host, where its credentials do not follow', async () => {
    const other = await startFakeGit();
    try {
      other.refs = server.refs;
      other.pack = server.pack;
      const seen: (string | undefined)[] = [];
      other.intercept = (request) => {
        seen.push(request.headers.authorization);
        return false;
      };
      respond((response, url) => response.writeHead(301, { location: `http://${other.host}${url}` }).end());
      const credentials = async () => ({ username: 'u', password: 'secret' });
      await expect(source({ credentials }).resolveTag('v1.0.0', undefined)).rejects.toThrow(refused);
      expect((await source({ credentials }, other.host).resolveTag('v1.0.0', undefined))?.commit).toBe(commit);
      expect(seen).toEqual([undefined, undefined, undefined]);
      respond((response) => response.writeHead(302, { location: `http://${other.host}/login` }).end());
      await expect(source({}, other.host).resolveTag('v1.0.0', undefined)).rejects.toThrow(unreachable);
    } finally {
      await other.stop();
    }
  });

  it('is shown the credentials that are configured: a name and password, or a token alone', async () => {
    const seen: (string | undefined)[] = [];
    server.intercept = (request) => {
      seen.push(request.headers.authorization);
      return false;
    };
    const secrets = { values: async (reference: string) => [`${reference}-new`, `${reference}-old`] };
    const basic = gitCredentials(secrets, { username: 'env:U', password: 'env:P' });
    await source({ credentials: basic }).resolveTag('v1.0.0', undefined);
    await source({ credentials: gitCredentials(secrets, { password: 'env:T' }) }).resolveTag('v1.0.0', undefined);
    await source({ credentials: gitCredentials(secrets, {}) }).resolveTag('v1.0.0', undefined);
    const expected = `Basic ${Buffer.from('env:U-new:env:P-new').toString('base64')}`;
    expect(seen).toEqual([
      ...Array(3).fill(expected),
      ...Array(3).fill('Bearer env:T-new'),
      ...Array(3).fill(undefined),
    ]);
  });

  it('shows heads of changes by number, and asks for nothing by what is no number', async () => {
    server.refs = [{ name: 'refs/merge-requests/12/head', id: commit }];
    expect(await source().resolveChange('12')).toBe(commit);
    expect(await source().resolveChange('1')).toBeUndefined();
    expect(await source().resolveChange('../heads/main')).toBeUndefined();
    expect((await source().files(commit, '12'))?.length).toBe(1);
    expect(await source().files(commit, '1')).toBeUndefined();
  });

  it('without protocol version 2 is read by the older ones, whose refs come at once', async () => {
    const refs = [
      `${commit} HEAD\0side-band-64k ofs-delta shallow filter object-format=sha1 agent=git/1.8\n`,
      `${tag} refs/tags/v1.0.0\n`,
      `${commit} refs/tags/v1.0.0^{}\n`,
    ];
    const head = Buffer.concat([packet('# service=git-upload-pack\n'), Buffer.from('0000')]);
    const pack = packOf([...objects.objects.values()]);
    server.intercept = (request, response) => {
      const isPost = request.method === 'POST';
      response.setHeader('content-type', `application/x-git-upload-pack-${isPost ? 'result' : 'advertisement'}`);
      const listing = Buffer.concat([head, ...refs.map(packet), Buffer.from('0000')]);
      const shallow = Buffer.concat([packet(`shallow ${commit}\n`), Buffer.from('0000'), packet('NAK\n')]);
      response.end(isPost ? Buffer.concat([shallow, packet('\x02progress'), inBands(pack)]) : listing);
      return true;
    };
    expect(await source().resolveTag('v1.0.0', undefined)).toMatchObject({ commit, tagObject: tag });
    expect((await source().files(commit, 'v1.0.0'))?.length).toBe(1);
    expect(server.bodies.at(-1)).toContain(
      `want ${tag} side-band-64k no-progress`.replace(' no-progress', ' ofs-delta'),
    );
  });
});
