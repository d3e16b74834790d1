import { describe, expect, it } from 'vitest';
import { hasPathPrefix, knownRoot } from './repository-root.ts';

describe('the repository of a module path', () => {
  it.each([
    ['github.com/a/b', 'github.com/a/b', 'https://github.com/a/b'],
    ['github.com/a/b/c/v2', 'github.com/a/b', 'https://github.com/a/b'],
    ['bitbucket.org/a/b/c', 'bitbucket.org/a/b', 'https://bitbucket.org/a/b'],
    ['git.apache.org/thrift.git/lib', 'git.apache.org/thrift.git', 'https://git.apache.org/thrift.git'],
    ['example.com/group/repo.git', 'example.com/group/repo.git', 'https://example.com/group/repo'],
    ['example.com/repo.git/sub/v2', 'example.com/repo.git', 'https://example.com/repo'],
  ])('%s is %s, at %s', (path, root, url) => {
    expect(knownRoot(path)).toEqual({ root, url, vcs: 'git', subdirectory: '' });
  });

  it('may be of another kind than git', () => {
    expect(knownRoot('example.com/repo.hg/sub')).toMatchObject({ vcs: 'hg', root: 'example.com/repo.hg' });
  });

  it.each(['github.com/a', 'github.com/a/b.git', 'bitbucket.org/a/b.hg', 'github.com/a/b/~c'])(
    'cannot be that of %s',
    (path) => {
      expect(knownRoot(path)).toBe('invalid');
    },
  );

  it.each(['golang.org/x/mod', 'example.com/.git', 'example.git/repo', 'githubXcom/a/b', 'github.com.example.com/a/b'])(
    'is asked of the host for %s',
    (path) => {
      expect(knownRoot(path)).toBe('unknown');
    },
  );

  it('is a prefix of whole elements only', () => {
    expect([hasPathPrefix('a/b', 'a'), hasPathPrefix('a', 'a'), hasPathPrefix('ab', 'a')]).toEqual([true, true, false]);
  });
});
