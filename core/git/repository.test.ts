import { describe, expect, it } from 'vitest';
import type { GitSha } from '../../events/fields.ts';
import { type GitObject, type GitObjectType, gitObjectId } from './object.ts';
import { filesOfCommit, peelTag, type ReadObject } from './repository.ts';

/** A repository in memory; `add` gives the id. */
function repository() {
  const objects = new Map<string, GitObject>();
  const add = (type: GitObjectType, body: Uint8Array | string): GitSha => {
    const object = { type, body: Buffer.from(body) };
    const id = gitObjectId(object);
    objects.set(id, object);
    return id;
  };
  const read: ReadObject = async (id) => objects.get(id);
  const tree = (...entries: [mode: string, name: string, id: GitSha][]) =>
    add(
      'tree',
      Buffer.concat(entries.flatMap(([mode, name, id]) => [Buffer.from(`${mode} ${name}\0`), Buffer.from(id, 'hex')])),
    );
  const commit = (of: GitSha) => add('commit', `tree ${of}\nauthor a <a> 0 +0000\n\nmessage\n`);
  const tag = (of: GitSha, type: GitObjectType) => add('tag', `object ${of}\ntype ${type}\ntag t\n\nmessage\n`);
  return { add, read, tree, commit, tag };
}

const limits = { files: 10, bytes: 100, depth: 4 };

describe('the files of a commit', () => {
  it('are its regular files at every depth, without symbolic links and submodules', async () => {
    const { add, read, tree, commit } = repository();
    const blob = add('blob', 'hello');
    const inner = tree(['100755', 'run', blob], ['120000', 'link', blob]);
    const id = commit(tree(['100644', 'a', blob], ['40000', 'd', inner], ['160000', 's', blob]));
    const files = await filesOfCommit(read, id, limits);
    expect(files?.map(({ path }) => path)).toEqual(['a', 'd/run']);
  });

  it('are undefined when the commit is not there', async () => {
    const { read, tree } = repository();
    expect(await filesOfCommit(read, tree(), limits).catch(({ name }) => name)).toBe('SourceUnreachable');
    expect(await filesOfCommit(repository().read, tree(), limits)).toBeUndefined();
  });

  it('cannot be read when a tree or blob is missing or of another type', async () => {
    const { add, read, tree, commit } = repository();
    const blob = add('blob', 'hello');
    const gone = repository().add('blob', 'gone');
    for (const root of [gone, blob, tree(['100644', 'a', gone]), tree(['40000', 'a', blob])])
      await expect(filesOfCommit(read, commit(root), limits)).rejects.toMatchObject({ name: 'SourceUnreachable' });
  });

  it('are bounded in number, bytes and depth', async () => {
    const { add, read, tree, commit } = repository();
    const blob = add('blob', 'x'.repeat(60));
    const empty = add('blob', '');
    const names = Array.from({ length: 11 }, (_, i) => String(i));
    const many = tree(...names.map((name): [string, string, GitSha] => ['100644', name, empty]));
    let deep = tree(['100644', 'a', empty]);
    for (let i = 0; i < 5; i++) deep = tree(['40000', 'd', deep]);
    for (const root of [many, deep, tree(['100644', 'a', blob], ['100644', 'b', blob])])
      await expect(filesOfCommit(read, commit(root), limits)).rejects.toMatchObject({ name: 'LimitExceeded' });
  });

  it('do not run away in folders that double at each level', async () => {
    const { read, tree, commit } = repository();
    let bomb = tree();
    for (let i = 0; i < 60; i++) bomb = tree(['40000', 'a', bomb], ['40000', 'b', bomb]);
    const wide = { files: 1000, bytes: 100, depth: 100 };
    await expect(filesOfCommit(read, commit(bomb), wide)).rejects.toMatchObject({ name: 'LimitExceeded' });
  });
});

describe('a tag', () => {
  it('leads to its commit, directly or through annotated tags', async () => {
    const { read, tree, commit, tag } = repository();
    const id = commit(tree());
    const annotated = tag(id, 'commit');
    const twice = tag(annotated, 'tag');
    expect(await peelTag(read, id)).toEqual({ commit: id, resolution: 'resolved' });
    expect(await peelTag(read, twice)).toEqual({ commit: id, tagObject: twice, resolution: 'resolved' });
  });

  it('of a tree or a blob names no release', async () => {
    const { add, read, tree, tag } = repository();
    expect(await peelTag(read, add('blob', 'x'))).toBeUndefined();
    expect(await peelTag(read, tag(tree(), 'tree'))).toBeUndefined();
  });

  it('cannot be read when what it points to is missing or its chain is too long', async () => {
    const { read, tree, commit, tag } = repository();
    const gone = repository().add('commit', 'gone');
    let chain = commit(tree());
    for (let i = 0; i < 20; i++) chain = tag(chain, i === 0 ? 'commit' : 'tag');
    for (const target of [gone, tag(gone, 'commit'), chain])
      await expect(peelTag(read, target)).rejects.toMatchObject({ name: 'SourceUnreachable' });
  });
});
