import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { gitFolderSource } from '../../adapters/embedded/git-folder-source.ts';
import { releaseOf } from '../../core/source/module-release.ts';
import { parseReleaseTag } from '../../core/source/release-tag.ts';
import { GIT_ENVIRONMENT } from './loopback-git.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const runs = (tool: string, ...args: string[]) => spawnSync(tool, args).stdout?.toString().trim() ?? '';
const GO_VERSION = 'go1.26.8';
/** A judge that is not here is skipped by name, or a failure where judges are required. */
const missing = (present: boolean) => !present && !process.env.RELSEAL_REQUIRE;
const noGit = missing(runs('git', '--version') !== '');
const noGo = noGit || missing(runs('go', 'env', 'GOVERSION') !== '');
const noSameGo = noGit || missing(runs('go', 'env', 'GOVERSION') === GO_VERSION);

const scratch = mkdtempSync(join(tmpdir(), 'conformance-git-'));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

const environment = {
  ...process.env,
  ...GIT_ENVIRONMENT,
  GIT_CONFIG_COUNT: '1',
  GIT_CONFIG_KEY_0: 'advice.nestedTag',
  GIT_CONFIG_VALUE_0: 'false',
};
const git = (folder: string, ...args: string[]): Buffer =>
  execFileSync('git', ['-C', folder, ...args], { env: environment, maxBuffer: 64 * 1024 * 1024 });
const line = (folder: string, ...args: string[]) =>
  git(folder, ...args)
    .toString()
    .trim();

/** A repository with a long history of one growing file, so that packs hold chains of deltas. */
function makeRepository(folder: string): void {
  mkdirSync(join(folder, 'sub', 'deep'), { recursive: true });
  git(scratch, 'init', '-q', '-b', 'main', folder);
  const lines = Array.from({ length: 2000 }, (_, i) => `line ${i} of a file that compresses poorly ${i * 7919}`);
  for (let i = 0; i < 40; i++) {
    lines[i * 31] = `changed in commit ${i}`;
    lines.push(`added in commit ${i}`);
    writeFileSync(join(folder, 'big.txt'), lines.join('\n'));
    writeFileSync(join(folder, 'sub', 'deep', `file-${i}.txt`), i % 5 === 0 ? '' : `number ${i}\r\n`);
    git(folder, 'add', '-A');
    git(folder, 'commit', '-q', '-m', `commit ${i}`);
    if (i % 10 === 0) git(folder, 'tag', `light-${i}`);
    if (i % 10 === 5) git(folder, 'tag', '-a', `sub/annotated-${i}`, '-m', 'annotated');
  }
  symlinkSync('big.txt', join(folder, 'link'));
  writeFileSync(join(folder, 'größe.bin'), Buffer.from(Array.from({ length: 70_000 }, (_, i) => (i * i) % 251)));
  writeFileSync(join(folder, 'run.sh'), '#!/bin/sh\n', { mode: 0o755 });
  git(folder, 'add', '-A');
  git(folder, 'update-index', '--add', '--cacheinfo', `160000,${line(folder, 'rev-parse', 'HEAD')},module`);
  git(folder, 'commit', '-q', '-m', 'last');
  git(folder, 'tag', '-a', 'inner', '-m', 'inner');
  git(folder, 'tag', '-a', 'outer', 'inner', '-m', 'a tag of a tag');
  git(folder, 'tag', 'of-a-tree', 'HEAD^{tree}');
}

const STORED: [name: string, store: (folder: string) => void][] = [
  ['loose objects and refs', () => {}],
  [
    'one pack with offset deltas and packed refs',
    (folder) => {
      git(folder, 'repack', '-adfq', '--depth=50', '--window=50');
      git(folder, 'pack-refs', '--all');
    },
  ],
  [
    'one pack with named deltas',
    (folder) => {
      git(folder, '-c', 'repack.useDeltaBaseOffset=false', 'repack', '-adfq', '--depth=50');
    },
  ],
  [
    'several packs and loose objects',
    (folder) => {
      git(folder, 'repack', '-adq');
      writeFileSync(join(folder, 'late.txt'), 'late');
      git(folder, 'add', '-A');
      git(folder, 'commit', '-q', '-m', 'late');
      git(folder, 'repack', '-dq');
      writeFileSync(join(folder, 'later.txt'), 'later');
      git(folder, 'add', '-A');
      git(folder, 'commit', '-q', '-m', 'later');
      git(folder, 'tag', 'later');
    },
  ],
];

/** Regular files of a commit as git itself shows them: path and content. */
function filesByGit(folder: string, commit: string): Map<string, string> {
  const entries = git(folder, 'ls-tree', '-r', '-z', commit).toString().split('\0').filter(Boolean);
  return new Map(
    entries.flatMap((entry): [string, string][] => {
      const [, mode, id, path] = /^(\d+) \w+ ([0-9a-f]+)\t(.*)$/s.exec(entry) ?? [];
      if (!mode?.startsWith('100') || !id || !path) return [];
      return [[path, git(folder, 'cat-file', 'blob', id).toString('base64')]];
    }),
  );
}

describe.skipIf(noGit).each(STORED)('our reader, on %s', (name, store) => {
  const folder = join(scratch, name.replaceAll(' ', '-'));
  beforeAll(() => {
    makeRepository(folder);
    store(folder);
  });

  it.skipIf(name.startsWith('loose'))('has deltas to resolve', () => {
    const packs = readdirSync(join(folder, '.git', 'objects', 'pack')).filter((file) => file.endsWith('.idx'));
    const verified = packs.map((file) => line(folder, 'verify-pack', '-v', `.git/objects/pack/${file}`)).join('\n');
    expect(verified).toMatch(/^chain length = [3-9]/m);
  });

  it('resolves every tag as git rev-parse does', async () => {
    const source = gitFolderSource(join(folder, '.git'));
    for (const tag of line(folder, 'tag').split('\n')) {
      const target = line(folder, 'rev-parse', `refs/tags/${tag}`);
      const resolved = await source.resolveTag(tag, undefined);
      if (tag === 'of-a-tree') expect(resolved).toBeUndefined();
      else {
        const commit = line(folder, 'rev-parse', `refs/tags/${tag}^{commit}`);
        expect(resolved?.commit, tag).toBe(commit);
        expect(resolved?.tagObject, tag).toBe(target === commit ? undefined : target);
      }
    }
  });

  it('shows the files that git ls-tree and git cat-file show', async () => {
    const source = gitFolderSource(join(folder, '.git'));
    for (const tag of line(folder, 'tag')
      .split('\n')
      .filter((tag) => tag !== 'of-a-tree')) {
      const resolved = await source.resolveTag(tag, undefined);
      const files = (resolved && (await source.files(resolved.commit, tag))) ?? [];
      const ours = new Map(files.map(({ path, bytes }) => [path, Buffer.from(bytes).toString('base64')]));
      expect(ours, tag).toEqual(filesByGit(folder, tag));
    }
  });
});

/** What the go command says a tag of this repository hashes to, fetched by its own git reader. */
function goSumOf(folder: string, module: string, version: string): { Sum: string; GoModSum: string } {
  const output = execFileSync('go', ['mod', 'download', '-json', `${module}@${version}`], {
    cwd: scratch,
    env: {
      ...environment,
      GOENV: 'off',
      GOFLAGS: '-modcacherw',
      GOPROXY: 'direct',
      GONOSUMDB: '*',
      GOTOOLCHAIN: 'local',
      GOWORK: 'off',
      GOMODCACHE: join(scratch, 'modules'),
      GIT_CONFIG_COUNT: '1',
      // The go command allows secure protocols only, and git then reads the folder in place of the host.
      GIT_ALLOW_PROTOCOL: 'file:https',
      GIT_CONFIG_KEY_0: `url.file://${join(folder, '.git')}.insteadOf`,
      GIT_CONFIG_VALUE_0: 'https://example.com/m',
    },
  });
  return JSON.parse(output.toString());
}

describe.skipIf(noGo)('the go command, on a repository with everything that its zips leave out', () => {
  const folder = join(scratch, 'modules-repository');
  const releases: [tag: string, module: string, version: string][] = [
    ['v1.0.0', 'example.com/m.git', 'v1.0.0'],
    ['v1.24.0', 'example.com/m.git', 'v1.24.0'],
    ['sub/v1.0.0', 'example.com/m.git/sub', 'v1.0.0'],
    ['v2.0.0', 'example.com/m.git/v2', 'v2.0.0'],
  ];
  const write = (path: string, text: string) => {
    mkdirSync(join(folder, path, '..'), { recursive: true });
    writeFileSync(join(folder, path), text);
  };

  beforeAll(() => {
    mkdirSync(folder);
    git(folder, 'init', '-q', '-b', 'main');
    for (const path of ['LICENSE', 'm.go', 'vendor/modules.txt', 'vendor/a/a.go', 'p/vendor/v.go', 'p/vendor/a/a.go'])
      write(path, `${path}\n`);
    for (const path of ['sub/s.go', 'sub/vendor/x.go', '.github/workflow.yml', 'größe.txt', 'cr.txt', 'sub/n/n.go'])
      write(path, `${path}\r\n`);
    write('.gitattributes', 'm.go export-ignore\nLICENSE export-subst\n');
    write('go.mod', 'module example.com/m.git\n\ngo 1.21\n');
    write('sub/go.mod', 'module example.com/m.git/sub\n\ngo 1.21\n');
    write('sub/n/go.mod', 'module example.com/m.git/sub/n\n');
    write('v2/go.mod', 'module example.com/m.git/v2\n\ngo 1.24\n');
    write('v2/two.go', 'package two\n');
    symlinkSync('m.go', join(folder, 'link.go'));
    git(folder, 'add', '-A');
    git(folder, 'commit', '-q', '-m', 'one');
    for (const tag of ['v1.0.0', 'sub/v1.0.0', 'v2.0.0']) git(folder, 'tag', tag);
    write('go.mod', 'module example.com/m.git\n\ngo 1.24\n');
    git(folder, 'commit', '-q', '-am', 'two');
    git(folder, 'tag', 'v1.24.0');
  });

  it.each(releases)('hashes %s as we do', async (tag, module, version) => {
    const source = gitFolderSource(join(folder, '.git'));
    const resolved = await source.resolveTag(tag, undefined);
    const files = (resolved && (await source.files(resolved.commit, tag))) ?? [];
    const release = parseReleaseTag(tag);
    const ours = release && releaseOf(files, release, { kind: 'git', path: folder });
    const theirs = goSumOf(folder, module, version);
    expect(ours).toMatchObject({
      kind: 'found',
      module: { path: module, zipH1: theirs.Sum, goModH1: theirs.GoModSum },
    });
  });
});

/** Every file below a folder, as hex by relative path. */
const contentsOf = (folder: string): Record<string, string> =>
  Object.fromEntries(
    readdirSync(folder, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile() && entry.name !== '.gitattributes')
      .map((entry) => join(entry.parentPath, entry.name))
      .map((file) => [relative(folder, file), readFileSync(file).toString('hex')]),
  );

describe.skipIf(noSameGo)(`demo/rebuild.sh, with ${GO_VERSION}`, () => {
  it('makes the committed inputs again, byte for byte', () => {
    const folder = join(scratch, 'fixtures');
    execFileSync('bash', [join(root, 'demo', 'rebuild.sh'), folder], { stdio: 'pipe' });
    const again = contentsOf(folder);
    const committed = contentsOf(join(root, 'demo', 'fixtures'));
    expect(Object.keys(again).sort()).toEqual(Object.keys(committed).sort());
    const different = Object.keys(committed).filter((file) => again[file] !== committed[file]);
    expect(different).toEqual([]);
  });
});
