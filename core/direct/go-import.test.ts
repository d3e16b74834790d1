import { describe, expect, it } from 'vitest';
import { matchGoImport, parseGoImports, sameImport } from './go-import.ts';

const meta = (content: string) => `<meta name="go-import" content="${content}">`;
const root = (text: string) => {
  const [root = '', vcs = '', url = '', subdirectory = ''] = text.split(' ');
  return { root, vcs, url, subdirectory };
};

describe('the page of a module path', () => {
  it('names repositories in its head', () => {
    const html = `<!DOCTYPE html>\n<HTML><HEAD><title>a > b</title><META Name=go-import
      content='e.com/a git https://h/a'>${meta('e.com/b git https://h/b sub/dir')}</head>${meta('e.com/c git x')}`;
    expect(parseGoImports(html)).toEqual([root('e.com/a git https://h/a'), root('e.com/b git https://h/b sub/dir')]);
  });

  it.each([
    ['in its body', `<body>${meta('e.com/a git https://h/a')}`],
    ['in a comment', `<!-- ${meta('e.com/a git https://h/a')} -->`],
    ['of another name', '<meta name="go-source" content="e.com/a git https://h/a">'],
    ['of two fields', meta('e.com/a git')],
    ['of five fields', meta('e.com/a git https://h/a b c')],
    ['in an attribute', `<meta name="other" content='${meta('e.com/a git https://h/a')}'>`],
    ['that never ends', '<meta name="go-import" content="e.com/a git https://h/a"'],
    ['in a comment that never ends', `<!-- ${meta('e.com/a git https://h/a')}`],
    ['nowhere', ''],
  ])('names none %s', (_, html) => {
    expect(parseGoImports(html)).toEqual([]);
  });

  it('has its entities decoded', () => {
    const [found] = parseGoImports(meta('e.com/a git https://h/?a&amp;b&#61;&#x63;&unknown;'));
    expect(found?.url).toBe('https://h/?a&b=c&unknown;');
  });

  it('has module proxies go before repositories of the same root', () => {
    const html = meta('e.com/a git https://h/a') + meta('e.com/b git https://h/b') + meta('e.com/a mod https://p');
    expect(parseGoImports(html).map(({ url }) => url)).toEqual(['https://p', 'https://h/b']);
  });

  it('is for the one root that the path lies below', () => {
    const imports = [root('e.com/a git u1'), root('e.com/ab git u2'), root('f.com git u3')];
    expect(matchGoImport(imports, 'e.com/a/sub')?.url).toBe('u1');
    expect(matchGoImport(imports, 'e.com/other')).toBeUndefined();
    expect(matchGoImport([...imports, root('e.com git u4')], 'e.com/a')).toBeUndefined();
    expect(matchGoImport([root('e.com mod p'), root('e.com/a git u1')], 'e.com/a')?.url).toBe('p');
    expect(matchGoImport([root('e.com mod p'), root('e.com/a mod q')], 'e.com/a')).toBeUndefined();
  });

  it('agrees with another page on all four fields or not', () => {
    const said = root('e.com git https://h/a sub');
    expect(sameImport(said, root('e.com git https://h/a sub'))).toBe(true);
    for (const other of [
      'e.org git https://h/a sub',
      'e.com hg https://h/a sub',
      'e.com git https://h/b sub',
      'e.com git https://h/a',
    ])
      expect(sameImport(said, root(other)), other).toBe(false);
    expect(sameImport(said, undefined)).toBe(false);
  });

  it('is read in time that grows with its length', () => {
    expect(parseGoImports('<!--'.repeat(100_000))).toEqual([]);
    expect(parseGoImports('<a '.repeat(100_000))).toEqual([]);
    expect(parseGoImports(`<meta ${'a '.repeat(100_000)}>`)).toEqual([]);
  });
});
