import { describe, expect, it } from 'vitest';
import { parseCommit, parseCommitTree, parseTagTarget, parseTree } from './content.ts';

const ID = 'ce013625030ba8dba906f756967f9e9ca394464a';
const entry = (mode: string, name: string, id = ID) =>
  Buffer.concat([Buffer.from(`${mode} ${name}\0`), Buffer.from(id, 'hex')]);

describe('a tree', () => {
  it('lists files, folders, symbolic links and submodules in stored order', () => {
    const body = Buffer.concat([
      entry('100644', 'a.go'),
      entry('120000', 'link'),
      entry('40000', 'pkg'),
      entry('100755', 'run.sh'),
      entry('160000', 'sub'),
    ]);
    expect(parseTree(body).map(({ kind, name }) => `${kind} ${name}`)).toEqual([
      'file a.go',
      'symlink link',
      'tree pkg',
      'file run.sh',
      'submodule sub',
    ]);
  });

  it.each(['', '.', '..', 'a/b'])('with an entry named "%s" is refused', (name) => {
    expect(() => parseTree(entry('100644', name))).toThrow(expect.objectContaining({ name: 'SourceUnreachable' }));
  });

  it('that names one entry twice, has an unknown mode or is cut short is refused', () => {
    const twice = Buffer.concat([entry('100644', 'a'), entry('40000', 'a')]);
    for (const body of [twice, entry('100000', 'a'), entry('100644', 'a').subarray(0, -1), Buffer.from('100644 a')])
      expect(() => parseTree(body)).toThrow(expect.objectContaining({ name: 'SourceUnreachable' }));
  });
});

describe('a commit', () => {
  it('names its tree in its first line', () => {
    expect(parseCommitTree(Buffer.from(`tree ${ID}\nauthor a\n\nmessage`))).toBe(ID);
  });

  it('names its parents and the time of its committer', () => {
    const head = `tree ${ID}\nparent ${ID}\nparent ${ID}\nauthor a <a> 1 +0000\ncommitter b <b> 1700000000 -0230\n`;
    expect(parseCommit(Buffer.from(`${head}gpgsig x\n\nparent ${ID}\n`))).toEqual({
      parents: [ID, ID],
      committedAt: 1_700_000_000,
    });
  });

  it('is refused with a malformed head', () => {
    const good = `tree ${ID}\nauthor a <a> 1 +0000\ncommitter b <b> 1 +0000\n\n`;
    expect(parseCommit(Buffer.from(good)).parents).toEqual([]);
    for (const text of [good.replace('tree', 'parent'), good.replace('committer', 'x'), good.replace('\n\n', ''), ''])
      expect(() => parseCommit(Buffer.from(text)), text).toThrow(/malformed/);
  });

  it('is refused when the tree is not in its first line', () => {
    expect(() => parseCommitTree(Buffer.from(`parent ${ID}\ntree ${ID}\n`))).toThrow(/malformed/);
  });
});

describe('an annotated tag', () => {
  it('names the object it points to and that object’s type', () => {
    const body = Buffer.from(`object ${ID}\ntype commit\ntag v1.0.0\ntagger a\n\nmessage`);
    expect(parseTagTarget(body)).toEqual({ type: 'commit', id: ID });
  });

  it('is refused with an unknown type or a malformed head', () => {
    for (const text of [`object ${ID}\ntype bulb\ntag v1\n`, `type commit\nobject ${ID}\ntag v1\n`, ''])
      expect(() => parseTagTarget(Buffer.from(text))).toThrow(/malformed/);
  });
});
