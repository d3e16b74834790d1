import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseVersionFacts, parseVersionList } from './module-index.ts';

const list = (text: string) => parseVersionList(Buffer.from(text));
const facts = (value: unknown) => parseVersionFacts(Buffer.from(JSON.stringify(value)));

describe('a list of versions', () => {
  it.each([
    ['v1.0.0\nv1.1.0\n', ['v1.0.0', 'v1.1.0']],
    ['v1.1.0\r\nv1.0.0', ['v1.1.0', 'v1.0.0']],
    ['v1.0.0 2019-04-11T23:18:29Z\n\n', ['v1.0.0']],
    ['v1.0.0\nv1.0.0\n', ['v1.0.0']],
    ['v0.0.0-20190411231829-abcdefabcdef\nv2.0.0+incompatible\n', ['v2.0.0+incompatible']],
    ['v1.0.0\nnext\n1.2.3\n', ['v1.0.0']],
    ['', []],
    ['\n', []],
  ])('%j is read as the go command reads it', (text, versions) => {
    expect(list(text)).toEqual(versions);
  });

  it.each(['<html>\n<body>Sign in</body>\n', 'not found: module example.com/m', '{"error":"forbidden"}'])(
    '%j is none, so no module loses its versions to an error page',
    (text) => {
      expect(list(text)).toBeUndefined();
    },
  );

  it('never holds what no line begins with, whatever the bytes', () => {
    const line = fc.oneof(fc.constantFrom('v1.0.0', 'v2.1.0-rc.1 2019-04-11T23:18:29Z', '<html>', '\0'), fc.string());
    fc.assert(
      fc.property(fc.array(line), (lines) => {
        const words = lines
          .join('\n')
          .split('\n')
          .map((each) => each.trim().split(/\s/, 1)[0]);
        for (const version of list(lines.join('\n')) ?? []) expect(words).toContain(version);
      }),
    );
    fc.assert(
      fc.property(fc.uint8Array(), (bytes) => {
        parseVersionList(bytes);
      }),
    );
  });

  it('is text', () => {
    expect(parseVersionList(Buffer.of(0xff, 0xfe, 0x76))).toBeUndefined();
  });
});

describe('what a proxy says of a version', () => {
  it('has a version, and a time and an origin where they are told', () => {
    expect(facts({ Version: 'v1.5.2', Time: '2019-04-11T23:18:29Z' })).toMatchObject({
      version: 'v1.5.2',
      time: '2019-04-11T23:18:29Z',
    });
    const Origin = { VCS: 'git', URL: 'https://git.example.com/m', Hash: 'abc', Ref: 'refs/tags/v1.0.0', More: 1 };
    expect(facts({ Version: 'v1.0.0', Origin })?.origin).toEqual({
      vcs: 'git',
      url: 'https://git.example.com/m',
      hash: 'abc',
      ref: 'refs/tags/v1.0.0',
    });
    expect(facts({ Version: 'v1.0.0', Origin: null })?.origin).toBeUndefined();
  });

  it.each([{}, [], 'v1.0.0', { Version: 1 }, { Version: 'latest' }, { Version: 'v1.0.0', Time: 5 }])(
    '%j is nothing said',
    (value) => {
      expect(facts(value)).toBeUndefined();
    },
  );

  it('is nothing said but that version, whatever JSON it is', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.json(),
          fc.record({ Version: fc.string(), Time: fc.string() }).map((each) => JSON.stringify(each)),
        ),
        (text) => {
          const said = parseVersionFacts(Buffer.from(text));
          if (said) expect(JSON.parse(text)).toMatchObject({ Version: said.version });
        },
      ),
    );
    const deep = '['.repeat(200_000);
    expect(parseVersionFacts(Buffer.from(deep))).toBeUndefined();
    const answer = `{"Version":"v1.0.0","More":${deep}${']'.repeat(200_000)}}`;
    expect(parseVersionFacts(Buffer.from(answer))?.version).toBe('v1.0.0');
  });

  it('is no error page and no half of an answer', () => {
    for (const text of ['<html>', '{"Version":"v1.0.0"', ''])
      expect(parseVersionFacts(Buffer.from(text)), text).toBeUndefined();
  });
});
