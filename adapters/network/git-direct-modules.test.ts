import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ModulePath, ModuleVersion } from '../../core/brands.ts';
import { openModuleZip } from '../../core/gosum/module-zip.ts';
import type { ModuleIndex, ModuleSource } from '../../core/ports/module-source.ts';
import type { GitSha } from '../../events/fields.ts';
import { objectMaker, packOf } from '../../test/fakes/git-packs.ts';
import { type FakeGitServer, packAnswer, startFakeGit } from '../../test/fakes/git-server.ts';
import { withCredentials } from './credentials.ts';
import { type Egress, openEgress } from './egress.ts';
import { type DirectModulesOptions, openDirectModules } from './git-direct-modules.ts';

const version = (text: string) => ModuleVersion.parse(text);
const path = (text: string) => ModulePath.parse(text);
const unreachable = expect.objectContaining({ name: 'ModuleProxyUnreachable' });

describe('modules straight from their repositories', () => {
  let git: FakeGitServer;
  let pages: Server;
  let pagePort = 0;
  /** Status and body by path; others are 404. */
  let pageOf: Record<string, readonly [number, string]> = {};
  const folder = mkdtempSync(join(tmpdir(), 'direct-test-'));
  beforeEach(async () => {
    git = await startFakeGit();
    pageOf = {};
    pages = createServer((request, response) => {
      const [status, body] = pageOf[request.url ?? ''] ?? [404, 'nothing'];
      response.writeHead(status).end(body);
    });
    await new Promise<void>((listening) => pages.listen(0, '127.0.0.1', listening));
    const address = pages.address();
    pagePort = typeof address === 'object' && address ? address.port : 0;
  });
  afterAll(() => rmSync(folder, { recursive: true }));
  afterEach(async () => {
    pages.closeAllConnections();
    pages.close();
    await git.stop();
  });

  /** Hosts under their names: `git.example.com` and `pages.example.com`, answered on loopback. */
  const egress = (): Egress => {
    const hosts = new Map([
      ['git.example.com', git.host],
      ['pages.example.com', `127.0.0.1:${pagePort}`],
    ]);
    const real = openEgress([...hosts.values()].map((host) => ({ host, private: true })));
    return {
      ...real,
      request: (request) => {
        const host = hosts.get(request.url.host);
        const url = new URL(`http://${host ?? request.url.host}${request.url.pathname}${request.url.search}`);
        return real.request(host === undefined ? request : { ...request, url });
      },
    };
  };
  const open = (more: Partial<DirectModulesOptions> = {}) =>
    openDirectModules({ egress: egress(), temporaryFolder: folder, ...more });
  const page = (content: string) => `<head><meta name="go-import" content="${content}"></head>`;

  /** One commit of these files, and tags of it. */
  function publish(files: Readonly<Record<string, string>>, ...tags: string[]): GitSha {
    const made = objectMaker();
    const entries = Object.entries(files).map(([name, text]): [string, string, GitSha] => [
      '100644',
      name,
      made.add('blob', text),
    ]);
    const commit = made.commit(made.tree(...entries));
    git.refs = tags.map((tag) => ({ name: `refs/tags/${tag}`, id: commit }));
    git.pack = packAnswer(packOf([...made.objects.values()]));
    return commit;
  }
  const text = (bytes: Uint8Array | undefined) => bytes && Buffer.from(bytes).toString();

  it('give go.mod as committed, and one made up where the repository has none', async () => {
    publish({ 'go.mod': 'module git.example.com/m.git // here\n' }, 'v1.0.0');
    expect(text(await open().goMod(path('git.example.com/m.git'), version('v1.0.0')))).toContain('// here');
    publish({ 'a.go': 'package a\n' }, 'v1.0.0', 'v2.0.0');
    const found = await open().goMod(path('git.example.com/m.git'), version('v2.0.0+incompatible'));
    expect(text(found)).toBe('module git.example.com/m.git\n');
  });

  it('give a zip that our own reader takes, and leave nothing behind when it is released', async () => {
    publish({ 'go.mod': 'module git.example.com/m.git\n', 'a.go': 'package a\n' }, 'v1.0.0');
    const [module, exact] = [path('git.example.com/m.git'), version('v1.0.0')];
    const zip = await open().zip(module, exact);
    if (!zip) throw new Error('there is a zip');
    expect((await openModuleZip(zip, module, exact)).files.map((file) => file.path).sort()).toEqual(['a.go', 'go.mod']);
    await zip.release();
    expect(readdirSync(folder)).toEqual([]);
  });

  it('make no zip where the go command would make none', async () => {
    publish({ 'go.mod': 'module git.example.com/m.git\n', 'A.go': '', 'a.go': '' }, 'v1.0.0');
    await expect(open().zip(path('git.example.com/m.git'), version('v1.0.0'))).rejects.toThrow(unreachable);
    expect(readdirSync(folder)).toEqual([]);
  });

  it('are absent without their tag, their folder, their major version or their repository', async () => {
    publish({ 'go.mod': 'module git.example.com/m.git\n' }, 'v1.0.0', 'v2.0.0', 'sub/v1.0.0');
    for (const [module, exact] of [
      ['git.example.com/m.git', 'v1.0.1'],
      ['git.example.com/m.git', 'v2.0.0'],
      ['git.example.com/m.git', 'v2.0.0+incompatible'],
      ['git.example.com/m.git', 'v1.0.0+incompatible'],
      ['git.example.com/m.git', 'v1.0'],
      ['git.example.com/m.git/v2', 'v2.0.0'],
      ['git.example.com/m.git/sub', 'v1.0.0'],
      ['pages.example.com/none', 'v1.0.0'],
      ['github.com/only', 'v1.0.0'],
    ] as const) {
      expect(await open().goMod(path(module), version(exact)), `${module}@${exact}`).toBeUndefined();
      expect(await open().zip(path(module), version(exact)), `${module}@${exact}`).toBeUndefined();
    }
    git.intercept = (_request, response) => {
      response.writeHead(404).end();
      return true;
    };
    expect(await open().goMod(path('git.example.com/m.git'), version('v1.0.0'))).toBeUndefined();
    expect(await open().versions(path('git.example.com/m.git'))).toBeUndefined();
  });

  it('are found by the page of their path, once the root says the same', async () => {
    publish({ 'go.mod': 'module pages.example.com/tool\n' }, 'v1.0.0');
    pageOf['/tool?go-get=1'] = [500, page('pages.example.com/tool git https://git.example.com/m')];
    expect(text(await open().goMod(path('pages.example.com/tool'), version('v1.0.0')))).toContain('tool');
    expect(git.asked[0]).toBe('GET /m/info/refs?service=git-upload-pack');
  });

  it('are a fault when the page of the root says otherwise, or is silent on it', async () => {
    publish({ 'go.mod': 'module pages.example.com/tool\n' }, 'v1.0.0');
    const said = page('pages.example.com/tool git https://git.example.com/m');
    pageOf['/tool/sub?go-get=1'] = [200, said];
    for (const root of [page('pages.example.com/tool git https://evil.example.com/m'), 'nothing']) {
      pageOf['/tool?go-get=1'] = [200, root];
      await expect(open().goMod(path('pages.example.com/tool/sub'), version('v1.0.0'))).rejects.toThrow(unreachable);
    }
    expect(git.asked).toEqual([]);
  });

  it.each([
    ['of another kind', 'pages.example.com/tool hg https://git.example.com/m'],
    ['of a scheme that is no http', 'pages.example.com/tool git ssh://git@git.example.com/m'],
    ['that is no URL', 'pages.example.com/tool git git@git.example.com:m'],
    ['that is a module proxy, where none can be opened', 'pages.example.com/tool mod https://git.example.com/m'],
  ])('are a fault with a repository %s', async (_, content) => {
    pageOf['/tool?go-get=1'] = [200, page(content)];
    await expect(open().goMod(path('pages.example.com/tool'), version('v1.0.0'))).rejects.toThrow(unreachable);
  });

  it('are a fault when the page or the repository fails, which is no absence', async () => {
    pageOf['/tool?go-get=1'] = [503, 'later'];
    await expect(open().goMod(path('pages.example.com/tool'), version('v1.0.0'))).rejects.toThrow(unreachable);
    git.intercept = (_request, response) => {
      response.writeHead(503).end();
      return true;
    };
    await expect(open().zip(path('git.example.com/m.git'), version('v1.0.0'))).rejects.toThrow(unreachable);
  });

  it('are not read from a host that is not listed', async () => {
    pageOf['/tool?go-get=1'] = [200, page('pages.example.com/tool git https://evil.example.com/m')];
    for (const module of ['pages.example.com/tool', 'evil.example.com/m.git'])
      await expect(open().goMod(path(module), version('v1.0.0'))).rejects.toMatchObject({ name: 'EgressRefused' });
  });

  it('are read by the proxy that their page names', async () => {
    pageOf['/tool?go-get=1'] = [200, page('pages.example.com/tool mod https://proxy.example.com')];
    const modules: ModuleSource & ModuleIndex = {
      goMod: async () => Buffer.from('from the proxy'),
      zip: async () => undefined,
      versions: async () => ({ versions: [version('v1.0.0')], bytes: Buffer.from('v1.0.0\n') }),
      info: async () => undefined,
      latest: async () => undefined,
    };
    const asked: string[] = [];
    const direct = open({
      proxyAt: (base) => {
        asked.push(base);
        return modules;
      },
    });
    expect(text(await direct.goMod(path('pages.example.com/tool'), version('v1.0.0')))).toBe('from the proxy');
    expect((await direct.versions(path('pages.example.com/tool')))?.versions).toEqual(['v1.0.0']);
    expect(asked).toEqual(['https://proxy.example.com', 'https://proxy.example.com']);
  });

  it('show credentials to the host of the repository', async () => {
    publish({ 'go.mod': 'module git.example.com/m.git\n' }, 'v1.0.0');
    const seen = new Set<string | undefined>();
    git.intercept = (request) => {
      seen.add(request.headers.authorization);
      return false;
    };
    const deps = { egress: egress(), clock: { now: () => 0 }, secrets: { values: async () => ['token'] } };
    const shown = withCredentials(deps, [{ kind: 'bearer', host: 'git.example.com', token: 'env:TOKEN' }]);
    await open({ egress: shown }).goMod(path('git.example.com/m.git'), version('v1.0.0'));
    expect(seen).toContain('Bearer token');
  });

  it('have no pseudo-version of a commit that no branch or tag leads to, though the server would give it', async () => {
    const made = objectMaker();
    const tree = made.tree(['100644', 'go.mod', made.add('blob', 'module git.example.com/m.git\n')]);
    const merged = made.commit(tree);
    const proposed = made.commit(tree, [merged]);
    git.refs = [
      { name: 'refs/heads/main', id: merged },
      { name: 'refs/pull/1/head', id: proposed },
    ];
    git.pack = packAnswer(packOf([...made.objects.values()]));
    const of = (commit: GitSha) => version(`v0.0.0-20231114221320-${commit.slice(0, 12)}`);
    const module = path('git.example.com/m.git');
    expect(await open().goMod(module, of(proposed))).toBeUndefined();
    expect(text(await open().goMod(module, of(merged)))).toContain('module');
    expect(await open().info(module, of(merged))).toMatchObject({
      time: '2023-11-14T22:13:20Z',
      origin: { hash: merged, ref: 'refs/heads/main' },
    });
    const late = version(`v0.0.0-20231114221321-${merged.slice(0, 12)}`);
    expect(await open().goMod(module, late)).toBeUndefined();
  });

  it('are a fault when the history of a commit is cut: what is not shown cannot be ruled out', async () => {
    const made = objectMaker();
    const old = made.commit(made.tree());
    const merged = made.commit(made.tree(), [old]);
    made.objects.delete(old);
    git.refs = [{ name: 'refs/heads/main', id: merged }];
    git.pack = packAnswer(packOf([...made.objects.values()]));
    const wanted = version('v0.0.0-20231114221320-0123456789ab');
    await expect(open().goMod(path('git.example.com/m.git'), wanted)).rejects.toThrow(unreachable);
  });

  it('list what is a version in tags of their folder, lowest first', async () => {
    publish({}, 'v1.10.0', 'v1.9.0', 'v1.0', 'v2.0.0', 'v1.0.0+meta', 'v0.0.0-20231114221320-0123456789ab', 'vx');
    expect((await open().versions(path('git.example.com/m.git')))?.versions).toEqual(['v1.9.0', 'v1.10.0']);
    expect(text((await open().versions(path('git.example.com/m.git/v2')))?.bytes)).toBe('v2.0.0\n');
  });

  it('need a path that a module can have', async () => {
    await expect(open().goMod(path('../etc'), version('v1.0.0'))).rejects.toMatchObject({ name: 'InputInvalid' });
  });
});
