import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import * as z from 'zod';
import { type Egress, openEgress } from '../../adapters/network/egress.ts';
import { openDirectModules } from '../../adapters/network/git-direct-modules.ts';
import { ModulePath, ModuleVersion } from '../../core/brands.ts';
import { h1OfGoMod } from '../../core/gosum/dirhash.ts';
import { hashModuleZip } from '../../core/gosum/module-zip.ts';
import { GIT_ENVIRONMENT, type LoopbackGit, startGit } from './loopback-git.ts';

const works = (tool: string, ...args: string[]) => spawnSync(tool, args).status === 0;
const missing = !(works('git', '--version') && works('go', 'version')) && !process.env.RELSEAL_REQUIRE;

const scratch = mkdtempSync(join(tmpdir(), 'conformance-direct-'));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

const folder = join(scratch, 'repository');
/** Seconds since 1970 of the next commit: pseudo-versions are made of it. */
let clock = 1_700_000_000;
const git = (...args: string[]): string => {
  const dates = { GIT_AUTHOR_DATE: `${clock} +0200`, GIT_COMMITTER_DATE: `${clock} +0200` };
  const env = { ...process.env, ...GIT_ENVIRONMENT, ...dates };
  return execFileSync('git', ['-C', folder, '-c', 'core.safecrlf=false', ...args], { env })
    .toString()
    .trim();
};
const write = (path: string, text: string | Buffer) => {
  mkdirSync(join(folder, path, '..'), { recursive: true });
  writeFileSync(join(folder, path), text);
};
/** Commits everything and gives `<time>-<12 digits>`, the end of its pseudo-version. */
function commit(message: string): string {
  clock += 3600;
  git('add', '-A');
  git('commit', '-q', '-m', message);
  const time = new Date(clock * 1000)
    .toISOString()
    .replace(/\.\d+Z$/, '')
    .replace(/\D/g, '');
  return `${time}-${git('rev-parse', 'HEAD').slice(0, 12)}`;
}

const ATTRIBUTES = [
  '[attr]dos text eol=crlf',
  'a/*.go export-ignore',
  'LICENSE export-subst eol=crlf',
  '*.bat eol=crlf',
  '*.auto text=auto eol=crlf',
  '/deep/**/x.txt dos',
  'id.txt ident',
  'binary.bat binary',
  'lf.bat text eol=lf',
  '"quoted name.txt" text eol=crlf',
  'c[a-c].txt !eol text',
].join('\n');

function writeFirstTree(): void {
  write('go.mod', 'module example.com/m.git\n\ngo 1.24\n');
  for (const path of ['LICENSE', 'a/a.go', 'vendor/modules.txt', 'vendor/b/b.go', 'p/vendor/c/c.go', 'deep/er/x.txt'])
    write(path, `${path}\nmore\n`);
  for (const path of [
    'run.bat',
    'lf.bat',
    'ca.txt',
    'quoted name.txt',
    'x.txt',
    'mixed.auto',
    'sub/in.bat',
    'sub/s.go',
  ])
    write(path, `${path}\nsecond line\n`);
  write('mixed.auto', 'one\r\ntwo\n');
  write('plain.auto', 'one\ntwo\n');
  write('lone.auto', 'one\rtwo\n');
  write('binary.auto', Buffer.from([1, 2, 3, 10, 0, 10]));
  write('odd.auto', Buffer.from([...Buffer.from('a'.repeat(500)), 1, 10, 2, 10, 3, 26]));
  write('binary.bat', 'a\nb\n');
  write('id.txt', '$Id$ and $Id: old $ and $Id: some one else $ and $Id: cut\n$\n');
  write('sub/.gitattributes', 'in.bat -text\nlate.bat text\n');
  write('sub/late.bat', 'a\nb\n');
  write('sub/go.mod', 'module example.com/m.git/sub\n');
  write('sub/nested/go.mod', 'module example.com/m.git/sub/nested\n');
  write('sub/nested/n.go', 'package n\n');
  write('.gitattributes', `${ATTRIBUTES}\n`);
  symlinkSync('a/a.go', join(folder, 'link.go'));
}

/** Every version that must hash alike, by module path. */
const same: [path: string, version: string][] = [];
/** Versions that neither of us finds. */
const none: [path: string, version: string][] = [];

function makeRepository(): void {
  mkdirSync(folder);
  execFileSync('git', ['init', '-q', '-b', 'main', folder], { env: { ...process.env, ...GIT_ENVIRONMENT } });
  write('old.go', 'package old\n');
  write('LICENSE', 'old\n');
  const old = commit('no go.mod');
  git('tag', 'v0.1.0');
  git('tag', '-a', 'v3.0.0', '-m', 'incompatible');
  same.push(['example.com/m.git', 'v0.1.0'], ['example.com/m.git', 'v3.0.0+incompatible']);
  writeFirstTree();
  git('add', '-A');
  git('update-index', '--add', '--cacheinfo', `160000,${git('rev-parse', 'HEAD')},module`);
  const first = commit('first');
  git('tag', '-a', 'v1.0.0', '-m', 'one');
  git('tag', 'sub/v1.0.0');
  same.push(['example.com/m.git', 'v1.0.0'], ['example.com/m.git/sub', 'v1.0.0']);
  same.push(['example.com/m.git', `v0.0.0-${old}`], ['example.com/m.git', `v0.1.1-0.${first}`]);
  none.push(['example.com/m.git', 'v1.0.1'], ['example.com/m.git', 'v4.0.0+incompatible']);
  none.push(['example.com/m.git', `v1.0.1-0.${first}`], ['example.com/m.git', `v1.0.1-0.${old}`]);
  write('v2/go.mod', 'module example.com/m.git/v2\n\ngo 1.21\n');
  write('v2/two.go', 'package two\n');
  const second = commit('second');
  git('tag', 'v2.0.0');
  same.push(['example.com/m.git/v2', 'v2.0.0'], ['example.com/m.git', `v1.0.1-0.${second}`]);
  none.push(['example.com/m.git', 'v2.0.0'], ['example.com/m.git', 'v2.0.0+incompatible']);
  none.push(['example.com/m.git/v3', 'v3.0.0'], ['example.com/m.git/absent', 'v1.0.0']);
  none.push(['example.com/m.git', `v1.0.1-0.${second.replace(/^\d{14}/, '20200101000000')}`]);
  git('checkout', '-q', '-b', 'proposed');
  write('a/a.go', 'package proposed\n');
  const proposed = commit('proposed and never merged');
  git('update-ref', 'refs/pull/1/head', 'HEAD');
  git('checkout', '-q', 'main');
  git('branch', '-D', 'proposed');
  none.push(['example.com/m.git', `v1.0.1-0.${proposed}`], ['example.com/m.git', `v0.0.0-${proposed}`]);
  write('a/a.go', 'package last\n');
  const last = commit('last');
  same.push(['example.com/m.git', `v0.0.0-${last}`], ['vanity.example.com/tool', 'v1.0.0']);
  none.push(['vanity.example.com/none', 'v1.0.0']);
}

/** A page that leads a path of another host to the repository; also a proxy, by which the go command reaches it. */
async function startPages(): Promise<{ server: Server; port: number }> {
  const page =
    '<html><head><meta name="go-import" content="vanity.example.com/tool git https://example.com/m"></head></html>';
  const server = createServer((request, response) => {
    const { pathname, searchParams } = new URL(request.url ?? '/', 'http://vanity.example.com');
    const isPage = pathname === '/tool' && searchParams.get('go-get') === '1';
    response.writeHead(isPage ? 200 : 404, { 'content-type': 'text/html' }).end(isPage ? page : 'nothing here');
  });
  server.on('connect', (_request, socket) => socket.end('HTTP/1.1 502 no tunnel\r\n\r\n'));
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  const address = server.address();
  return { server, port: typeof address === 'object' && address ? address.port : 0 };
}

/** The hosts of the modules, answered on loopback. */
function egressTo(places: Readonly<Record<string, number>>): Egress {
  const hosts = Object.values(places).map((port) => ({ host: `127.0.0.1:${port}`, private: true }));
  const egress = openEgress(hosts);
  return {
    ...egress,
    request: (request) => {
      const { host, pathname, search } = request.url;
      const port = places[host];
      return egress.request(
        port === undefined ? request : { ...request, url: new URL(`http://127.0.0.1:${port}${pathname}${search}`) },
      );
    },
  };
}

const Downloaded = z.object({ Sum: z.string(), GoModSum: z.string() });

describe.skipIf(missing)('modules straight from their repository', () => {
  let server: LoopbackGit;
  let pages: Awaited<ReturnType<typeof startPages>>;
  beforeAll(async () => {
    makeRepository();
    cpSync(join(folder, '.git'), join(scratch, 'served', 'm.git'), { recursive: true });
    server = await startGit(join(scratch, 'served'));
    pages = await startPages();
  });
  afterAll(async () => {
    await server.stop();
    pages.server.closeAllConnections();
    pages.server.close();
  });

  const ours = () =>
    openDirectModules({
      egress: egressTo({ 'example.com': server.port, 'vanity.example.com': pages.port }),
      temporaryFolder: scratch,
    });
  /** The go command must not block this process, which answers it. */
  const go = (module: string) =>
    new Promise<{ code: number; output: string }>((done) => {
      const child = spawn('go', ['mod', 'download', '-json', module], { cwd: scratch, env: goEnvironment() });
      let output = '';
      child.stdout.on('data', (piece: Buffer) => {
        output += piece.toString();
      });
      child.on('close', (code) => done({ code: code ?? -1, output }));
    });
  const goEnvironment = () => ({
    PATH: process.env.PATH,
    HOME: scratch,
    ...GIT_ENVIRONMENT,
    GOENV: 'off',
    GOFLAGS: '-modcacherw',
    GOPROXY: 'direct',
    GONOSUMDB: '*',
    GOINSECURE: '*.example.com',
    GOTOOLCHAIN: 'local',
    GOWORK: 'off',
    GOMODCACHE: join(scratch, 'modules'),
    GOCACHE: join(scratch, 'cache'),
    HTTP_PROXY: `http://127.0.0.1:${pages.port}`,
    HTTPS_PROXY: `http://127.0.0.1:${pages.port}`,
    GIT_ALLOW_PROTOCOL: 'http:https',
    GIT_CONFIG_COUNT: '1',
    GIT_CONFIG_KEY_0: `url.http://${server.host}/.insteadOf`,
    GIT_CONFIG_VALUE_0: 'https://example.com/',
  });

  it('hash as the go command has them, whatever their repository holds and whichever version they are', async () => {
    for (const [path, version] of same) {
      const theirs = await go(`${path}@${version}`);
      const { Sum, GoModSum } = Downloaded.parse(JSON.parse(theirs.output));
      const [module, exact] = [ModulePath.parse(path), ModuleVersion.parse(version)];
      const goMod = await ours().goMod(module, exact);
      const zip = await ours().zip(module, exact);
      expect(goMod && h1OfGoMod(goMod), `${path}@${version}`).toBe(GoModSum);
      const hashed = zip && (await hashModuleZip(zip, module, exact));
      expect(hashed, `${path}@${version}`).toMatchObject({ kind: 'hashed', h1: Sum });
      await zip?.release();
    }
    expect(same.length).toBe(10);
  });

  it('are absent where the go command finds none: no tag, other majors, bare commits, invented times and bases', async () => {
    for (const [path, version] of none) {
      expect((await go(`${path}@${version}`)).code, `${path}@${version}`).not.toBe(0);
      const [module, exact] = [ModulePath.parse(path), ModuleVersion.parse(version)];
      expect(await ours().goMod(module, exact), `${path}@${version}`).toBeUndefined();
      expect(await ours().zip(module, exact), `${path}@${version}`).toBeUndefined();
    }
  });

  it('list the versions that their tags give', async () => {
    const listed = await ours().versions(ModulePath.parse('example.com/m.git'));
    expect(listed?.versions).toEqual(['v0.1.0', 'v1.0.0']);
    expect((await ours().versions(ModulePath.parse('example.com/m.git/sub')))?.versions).toEqual(['v1.0.0']);
    expect((await ours().versions(ModulePath.parse('example.com/m.git/v2')))?.versions).toEqual(['v2.0.0']);
  });

  it('say when they were made, of which commit and tag', async () => {
    const facts = await ours().info(ModulePath.parse('example.com/m.git'), ModuleVersion.parse('v1.0.0'));
    const hash = git('rev-parse', 'v1.0.0^{commit}');
    expect(facts).toMatchObject({
      time: expect.stringMatching(/^2023-11-\d\dT/),
      origin: { hash, ref: 'refs/tags/v1.0.0' },
    });
  });
});
