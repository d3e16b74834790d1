import { describe, expect, it } from 'vitest';
import { changeRefs, isTagName, parseLooseRef, parsePackedRefs } from './refs.ts';

const ID = 'ce013625030ba8dba906f756967f9e9ca394464a';

describe('refs', () => {
  it('are read from packed-refs without its comments and peeled ids', () => {
    const text = `# pack-refs with: peeled fully-peeled sorted \n${ID} refs/tags/v1.0.0\n^${ID}\n${ID} refs/tags/a/v2\n`;
    expect([...parsePackedRefs(text)]).toEqual([
      ['refs/tags/v1.0.0', ID],
      ['refs/tags/a/v2', ID],
    ]);
  });

  it('are refused when they are symbolic, all zero or of another hash', () => {
    for (const text of ['ref: refs/heads/main\n', `${'0'.repeat(40)}\n`, 'a'.repeat(64), ''])
      expect(() => parseLooseRef(text)).toThrow(expect.objectContaining({ name: 'SourceUnreachable' }));
    expect(parseLooseRef(`${ID}\n`)).toBe(ID);
  });

  it.each(['v1.0.0', 'sub/v1.0.0', 'v1.0.0-rc.1+x', 'größe'])('allow the tag name %s', (tag) => {
    expect(isTagName(tag)).toBe(true);
  });

  it.each(['', '/', 'a//b', '../x', 'a/../b', '.a', 'a/.b', 'a.lock', 'a.', 'a b', 'a\\b', 'a:b', 'a\0b', '-a', '@'])(
    'allow no tag named "%s"',
    (tag) => {
      expect(isTagName(tag)).toBe(false);
    },
  );

  it('of a change are those of its number, and none of what is no number', () => {
    expect(changeRefs('7')).toEqual(['refs/pull/7/head', 'refs/merge-requests/7/head']);
    for (const number of ['', '0', '07', '-1', '../heads/main', '1'.repeat(19)]) expect(changeRefs(number)).toEqual([]);
  });
});
