import { cp, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { copyDemoInputs, type DemoInputs, SAMPLE } from '../demo/inputs.ts';
import { readBase } from './module-base.ts';

let root: string;
let inputs: DemoInputs;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'relseal-module-base-'));
  inputs = copyDemoInputs(fileURLToPath(new URL('../demo/fixtures', import.meta.url)), join(root, 'inputs'));
});
afterAll(() => rm(root, { recursive: true, force: true }));

const put = async (file: string, text: string) => {
  await mkdir(join(file, '..'), { recursive: true });
  await writeFile(file, text);
};
const signal = new AbortController().signal;
const { good, killed } = SAMPLE.tags;

/** A work tree that was added to a repository: what is its own lies apart from what it shares. */
async function workTree(name: string): Promise<string> {
  const [folder, shared] = [join(root, name), join(root, `${name}.git`)];
  const own = join(shared, 'worktrees', name);
  await cp(inputs.repository, shared, { recursive: true });
  await put(join(folder, '.git'), `gitdir: ${own}\n`);
  await put(join(own, 'commondir'), '../..\n');
  await put(join(own, 'HEAD'), 'ref: refs/heads/topic\n');
  await put(join(shared, 'refs', 'heads', 'topic'), `${inputs.commits[killed]}\n`);
  await put(join(shared, 'refs', 'remotes', 'origin', 'main'), `${inputs.commits[good]}\n`);
  await put(join(shared, 'refs', 'remotes', 'origin', 'HEAD'), 'ref: refs/remotes/origin/main\n');
  await put(join(shared, 'refs', 'remotes', 'origin', 'endless'), 'ref: refs/remotes/origin/endless\n');
  return folder;
}

describe('a base', () => {
  it.each([
    ['a tag', good, good],
    ['a tag by its full name', `refs/tags/${good}`, good],
    ['a branch', 'topic', killed],
    ['a branch of a remote', 'origin/main', good],
    ['a ref by its full name', 'refs/remotes/origin/main', good],
    ['a ref that names another', 'origin/HEAD', good],
    ['what is checked out', 'HEAD', killed],
  ] as const)('is %s of the repository around the folder', async (what, name, tag) => {
    const { release, goSum } = await readBase(name, await workTree(what.replaceAll(' ', '-')), signal);
    const { module, version } = SAMPLE.requirement;
    expect(release).toMatchObject({ tag: name, commit: inputs.commits[tag], tree: { objects: [] } });
    expect(release?.modules).toContainEqual({ path: module, version });
    expect(goSum).toContain(`${module} ${version} h1:`);
  });

  it('is a commit by its whole id', async () => {
    const commit = inputs.commits[good];
    expect(await readBase(commit, await workTree('whole'), signal)).toMatchObject({ release: { commit } });
  });

  it('is a checkout, the module at the same place in it', async () => {
    const [folder, base] = [join(root, 'now', 'service'), join(root, 'before')];
    await put(join(root, 'now', '.git', 'HEAD'), 'ref: refs/heads/main\n');
    await mkdir(folder, { recursive: true });
    await put(join(base, 'go.mod'), 'module example.com/root\n');
    expect(await readBase(base, folder, signal)).toEqual({ name: base, goSum: '' });
    await put(join(base, 'service', 'go.mod'), 'module example.com/m\n\nrequire example.com/a v1.0.0\n');
    const { release } = await readBase(base, folder, signal);
    expect(release).toMatchObject({ modules: [{ path: 'example.com/a', version: 'v1.0.0' }] });
    expect(release).not.toHaveProperty('goSumSha256');
  });

  it.each(['nowhere', 'HEAD~1', '../topic', 'origin', 'origin/endless', '-x', '', 'a'.repeat(40)])(
    'is no %j, which is neither a folder nor a commit that is there',
    async (name) => {
      const folder = await workTree(`no-${Buffer.from(name).toString('hex').slice(0, 40)}`);
      await expect(readBase(name, folder, signal)).rejects.toMatchObject({
        name: 'UsageError',
        message: expect.stringContaining('fetch it'),
      });
    },
  );

  it('needs a repository where it is no folder', async () => {
    await mkdir(join(root, 'plain'));
    await expect(readBase('main', join(root, 'plain'), signal)).rejects.toMatchObject({ name: 'UsageError' });
  });

  it('that git cannot be read from is the fault of the source', async () => {
    const folder = await workTree('damaged');
    await put(join(root, 'damaged.git', 'refs', 'heads', 'topic'), 'no id\n');
    await expect(readBase('topic', folder, signal)).rejects.toMatchObject({ name: 'SourceUnreachable' });
  });
});
