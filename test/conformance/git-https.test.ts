import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import * as z from 'zod';
import { gitFolderSource } from '../../adapters/embedded/git-folder-source.ts';
import { openEgress } from '../../adapters/network/egress.ts';
import { gitHttpsSource } from '../../adapters/network/git-https-source.ts';
import type { SourceFile } from '../../core/ports/source-host.ts';
import { GitSha } from '../../events/fields.ts';
import { sourceHostContract } from '../contracts/source-host.contract.ts';
import { GIT_ENVIRONMENT, type LoopbackGit, startGit } from './loopback-git.ts';

const noGit = spawnSync('git', ['--version']).status !== 0 && !process.env.RELSEAL_REQUIRE;

const scratch = mkdtempSync(join(tmpdir(), 'conformance-git-https-'));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

const git = (folder: string, ...args: string[]): Buffer =>
  execFileSync('git', ['-C', folder, '-c', 'advice.nestedTag=false', ...args], {
    env: { ...process.env, ...GIT_ENVIRONMENT },
  });
const line = (folder: string, ...args: string[]) =>
  git(folder, ...args)
    .toString()
    .trim();

const shown = (files: readonly SourceFile[] | undefined) =>
  files?.map(({ path, bytes }) => [path, createHash('sha256').update(bytes).digest('hex')]);

/** A repository whose trees share much, so that packs hold deltas, with every kind of tag. */
function makeRepository(folder: string): void {
  mkdirSync(join(folder, 'sub'), { recursive: true });
  git(scratch, 'init', '-q', '-b', 'main', folder);
  const lines = Array.from({ length: 600 }, (_, i) => `line ${i} of a file that compresses poorly ${i * 7919}`);
  writeFileSync(join(folder, 'go.mod'), 'module example.com/m\n');
  for (let i = 0; i < 12; i++) {
    lines[i * 31] = `changed in commit ${i}`;
    for (const name of [`copy-${i}.txt`, 'sub/latest.txt']) writeFileSync(join(folder, name), lines.join('\n'));
    git(folder, 'add', '-A');
    git(folder, 'commit', '-q', '-m', `commit ${i}`);
    if (i === 3) git(folder, 'tag', 'v1.0.0');
    if (i === 6) git(folder, 'tag', '-a', 'sub/v1.0.0', '-m', 'annotated');
  }
  git(folder, 'tag', '-a', 'inner', '-m', 'inner');
  git(folder, 'tag', '-a', 'v2.0.0', 'inner', '-m', 'a tag of a tag');
  git(folder, 'tag', 'of-a-tree', 'HEAD^{tree}');
  git(folder, 'update-ref', 'refs/pull/7/head', 'HEAD~2');
  git(folder, 'repack', '-adfq', '--depth=50', '--window=50');
}

describe.skipIf(noGit)('git http-backend', () => {
  const folder = join(scratch, 'repository');
  let server: LoopbackGit;
  beforeAll(async () => {
    makeRepository(folder);
    cpSync(join(folder, '.git'), join(scratch, 'served', 'm.git'), { recursive: true });
    server = await startGit(join(scratch, 'served'));
  });
  afterAll(() => server.stop());

  const source = (host = server.host) =>
    gitHttpsSource({ egress: openEgress([{ host, private: true }]), url: new URL(`http://${host}/m.git`) });

  describe.each([2, 1, 0] as const)('with protocol version %s', (version) => {
    beforeAll(() => {
      server.highestVersion = version;
    });

    it('resolves every tag as git rev-parse does, and shows its objects as git cat-file does', async () => {
      const tags = line(folder, 'tag').split('\n');
      expect(tags).toHaveLength(5);
      for (const tag of tags) {
        const resolved = await source().resolveTag(tag, undefined);
        const raw = await source().rawTag(tag);
        if (tag === 'of-a-tree') {
          expect([resolved, raw]).toEqual([undefined, undefined]);
          continue;
        }
        const target = line(folder, 'rev-parse', `refs/tags/${tag}`);
        const commit = line(folder, 'rev-parse', `refs/tags/${tag}^{commit}`);
        expect([resolved?.commit, resolved?.tagObject]).toEqual([commit, target === commit ? undefined : target]);
        expect(Buffer.from(raw?.commitObject ?? []), tag).toEqual(git(folder, 'cat-file', 'commit', commit));
        if (target === commit) expect(raw?.tagObject).toBeUndefined();
        else expect(Buffer.from(raw?.tagObject ?? []), tag).toEqual(git(folder, 'cat-file', 'tag', target));
      }
    });

    it('shows the files of a tag as the folder itself does, deltas resolved', async () => {
      const local = gitFolderSource(join(folder, '.git'));
      for (const tag of ['v1.0.0', 'sub/v1.0.0', 'v2.0.0']) {
        const commit = GitSha.parse(line(folder, 'rev-parse', `refs/tags/${tag}^{commit}`));
        const files = await source().files(commit, tag);
        expect(files?.length, tag).toBeGreaterThan(5);
        expect(shown(files), tag).toEqual(shown(await local.files(commit, tag)));
      }
    });

    it('reads no commit that the tag does not name, though it is in the repository', async () => {
      const commit = GitSha.parse(line(folder, 'rev-parse', 'HEAD~4'));
      expect(await source().files(commit, 'v1.0.0')).toBeUndefined();
    });

    it('shows the head of a change and its files', async () => {
      const head = GitSha.parse(line(folder, 'rev-parse', 'HEAD~2'));
      expect(await source().resolveChange('7')).toBe(head);
      expect(await source().resolveChange('8')).toBeUndefined();
      expect((await source().files(head, '7'))?.map(({ path }) => path)).toContain('copy-9.txt');
    });
  });

  it('is told credentials only where they are configured', async () => {
    server.authorization = `Basic ${Buffer.from('u:p').toString('base64')}`;
    await expect(source().resolveTag('v1.0.0', undefined)).rejects.toMatchObject({ name: 'SourceUnreachable' });
    const options = {
      egress: openEgress([{ host: server.host, private: true }]),
      url: new URL(`http://${server.host}/m.git`),
      credentials: async () => ({ username: 'u', password: 'p' }),
    };
    expect(await gitHttpsSource(options).resolveTag('v1.0.0', undefined)).toMatchObject({ resolution: 'resolved' });
    server.authorization = undefined;
  });

  it.skipIf(!line(scratch, 'version').includes('git version 2'))('has SHA-256 repositories refused', async () => {
    const other = join(scratch, 'served', 'sha256.git');
    git(scratch, 'init', '-q', '--bare', '--object-format=sha256', other);
    server.highestVersion = 2;
    const options = {
      egress: openEgress([{ host: server.host, private: true }]),
      url: new URL(`http://${server.host}/sha256.git`),
    };
    await expect(gitHttpsSource(options).resolveTag('v1.0.0', undefined)).rejects.toMatchObject({
      name: 'ConfigurationInvalid',
    });
  });
});

const FIXTURES = fileURLToPath(new URL('../../demo/fixtures', import.meta.url));
const { commits } = z
  .object({ commits: z.object({ 'v1.0.0': GitSha }) })
  .parse(JSON.parse(readFileSync(join(FIXTURES, 'inputs.json'), 'utf8')));

if (!noGit)
  sourceHostContract('a git server', async () => {
    const server = await startGit(FIXTURES);
    return {
      host: gitHttpsSource({
        egress: openEgress([{ host: server.host, private: true }]),
        url: new URL(`http://${server.host}/sample.git`),
      }),
      tag: 'v1.0.0',
      commit: commits['v1.0.0'],
      breakDown: () => server.stop(),
    };
  });
