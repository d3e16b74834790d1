import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { foldKey, parseStrictJson, StrictJsonError } from './strict-json.ts';

const parse = (text: string, maxDepth?: number) =>
  parseStrictJson(Buffer.from(text, 'utf8'), maxDepth === undefined ? {} : { maxDepth });

describe('strict JSON', () => {
  it('reads what JSON.parse reads, alike', () => {
    fc.assert(
      fc.property(fc.json({ noUnicodeString: false }), (text) => {
        let value: unknown;
        try {
          value = parse(text);
        } catch (error) {
          expect(error).toBeInstanceOf(StrictJsonError);
          expect(String(error)).toMatch(/folds|2\^53|surrogate/);
          return;
        }
        expect(value).toEqual(JSON.parse(text));
      }),
      { numRuns: 500 },
    );
  });

  it('reads nothing that JSON.parse refuses', () => {
    fc.assert(
      fc.property(
        fc.json(),
        fc.nat(),
        fc.constantFrom('"', '{', ',', '0', '\\', ' ', 'e', ']', '\u0000'),
        (text, at, extra) => {
          const place = at % (text.length + 1);
          const changed = text.slice(0, place) + extra + text.slice(place);
          let value: unknown;
          try {
            value = parse(changed);
          } catch (error) {
            expect(error).toBeInstanceOf(StrictJsonError);
            return;
          }
          expect(value).toEqual(JSON.parse(changed));
        },
      ),
      { numRuns: 1000 },
    );
  });

  it.each([
    ['{"a":1,"a":2}', 'twice'],
    ['{"layers":[],"Layers":[]}', 'in two cases'],
    ['{"s":1,"\u017f":2}', 'with long s'],
    ['{"k":1,"\u212a":2}', 'with the Kelvin sign'],
    ['{"a":1,"\\u0041":2}', 'escaped'],
  ])('refuses a key %s %s', (text) => {
    expect(() => parse(text)).toThrow(/folds/);
  });

  it('says where the second key is', () => {
    expect(() => parse('{"a":1,"A":2}')).toThrow(expect.objectContaining({ position: 8 }));
  });

  it('refuses numbers beyond 2^53, depth, size, invalid UTF-8 and a byte order mark', () => {
    expect(parse('9007199254740991')).toBe(Number.MAX_SAFE_INTEGER);
    for (const text of ['9007199254740993', '-9007199254740992', '1e400']) expect(() => parse(text)).toThrow(/2\^53/);
    expect(parse('[[1]]', 2)).toEqual([[1]]);
    expect(() => parse('[[[1]]]', 2)).toThrow(/levels/);
    expect(() => parse('['.repeat(100_000))).toThrow(/levels/);
    expect(() => parseStrictJson(Buffer.from('[1]'), { maxBytes: 2 })).toThrow(/bytes/);
    expect(() => parseStrictJson(Buffer.from([0x22, 0xff, 0x22]))).toThrow(/UTF-8/);
    expect(() => parse('\ufeff{}')).toThrow(StrictJsonError);
    expect(() => parse('"\\ud800"')).toThrow(/surrogate/);
  });

  it('keeps __proto__ as a member', () => {
    expect(Object.keys(Object(parse('{"__proto__":{"x":1}}')))).toEqual(['__proto__']);
  });

  it('folds single letters only', () => {
    expect(['K', '\u212a', '\u017f', 'ß', '\u0131'].map(foldKey)).toEqual(['k', 'k', 's', 'ß', '\u0131']);
  });
});
