import canonicalize from 'canonicalize';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { canonicalBytes, canonicalJson, isCanonicalJson } from './canonical-json.ts';

const bits = (hex: string) => Buffer.from(hex, 'hex').readDoubleBE();

describe('canonical JSON', () => {
  it('is that of RFC 8785, section 3.2.2', () => {
    const value = JSON.parse(
      String.raw`{"numbers":[333333333.33333329,1E30,4.50,2e-3,0.000000000000000000000000001],"string":"\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"\/","literals":[null,true,false]}`,
    );
    expect(canonicalJson(value)).toBe(
      String.raw`{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],"string":"€$\u000f\nA'B\"\\\\\"/"}`,
    );
  });

  it('sorts keys by their UTF-16 code units, as section 3.2.3 does', () => {
    const keys = ['\u20ac', '\r', '\ufb33', '1', '\ud83d\ude00', '\u0080', '\u00f6', '10', '9', '__proto__'];
    const text = canonicalJson(Object.fromEntries(keys.map((key) => [key, 0])));
    expect([...text.matchAll(/"((?:[^"\\]|\\.)*)":0/g)].map(([, key]) => JSON.parse(`"${key}"`))).toEqual([
      '\r',
      '1',
      '10',
      '9',
      '__proto__',
      '\u0080',
      '\u00f6',
      '\u20ac',
      '\ud83d\ude00',
      '\ufb33',
    ]);
  });

  it.each([
    ['0000000000000000', '0'],
    ['8000000000000000', '0'],
    ['0000000000000001', '5e-324'],
    ['7fefffffffffffff', '1.7976931348623157e+308'],
    ['4340000000000000', '9007199254740992'],
    ['444b1ae4d6e2ef4e', '999999999999999700000'],
    ['444b1ae4d6e2ef50', '1e+21'],
    ['3eb0c6f7a0b5ed8c', '9.999999999999997e-7'],
    ['3eb0c6f7a0b5ed8d', '0.000001'],
    ['41b3de4355555554', '333333333.33333325'],
  ])('writes the number %s of appendix B as %s', (hex, text) => {
    expect(canonicalJson(bits(hex))).toBe(text);
  });

  it('is what another implementation writes', () => {
    fc.assert(
      fc.property(fc.jsonValue({ stringUnit: 'grapheme' }), (value) => {
        expect(canonicalJson(value)).toBe(canonicalize(value));
      }),
    );
  });

  it('leaves undefined members out', () => {
    expect(canonicalJson({ b: undefined, a: [undefined, 1] })).toBe('{"a":[null,1]}');
    expect(new TextDecoder().decode(canonicalBytes({ a: 'ü' }))).toBe('{"a":"ü"}');
  });

  it.each<[string, unknown]>([
    ['nothing', undefined],
    ['a number that is none', Number.NaN],
    ['infinity', { a: [Number.NEGATIVE_INFINITY] }],
    ['half a surrogate pair', { a: '\ud83d' }],
    ['half a surrogate pair in a key', { '\ude00': 1 }],
    ['a big integer', 1n],
    ['a function', { a: () => 1 }],
    ['a symbol', [Symbol('a')]],
    ['a date', { a: new Date(0) }],
    ['a map', new Map([['a', 1]])],
    ['bytes', [Buffer.from('a')]],
  ])('refuses %s', (_, value) => {
    expect(() => canonicalJson(value)).toThrow(expect.objectContaining({ name: 'InputInvalid' }));
  });

  it('refuses what is deeper than data is, and what holds itself', () => {
    const circle: Record<string, unknown> = {};
    circle.self = circle;
    let deep: unknown = 1;
    for (let level = 0; level < 256; level += 1) deep = [deep];
    expect(canonicalJson(deep)).toHaveLength(513);
    for (const value of [circle, [deep]])
      expect(() => canonicalJson(value)).toThrow(expect.objectContaining({ name: 'InputInvalid' }));
  });
});

describe('a JSON text', () => {
  it.each([
    ['as it is written here', '{"a":[1,{"b":null,"c":"é"}],"d":"\\n"}', true],
    ['with members in another order', '{"b":1,"a":2}', false],
    ['with members of an inner object in another order', '[{"b":1,"a":2}]', false],
    ['with a space', '{"a": 1}', false],
    ['with a member twice', '{"a":1,"a":2}', false],
    ['with another spelling of a number', '[1.0]', false],
    ['with another spelling of a letter', '["\\u0061"]', false],
    ['with keys that look like numbers in their order as text', '{"10":1,"9":2}', true],
    ['with keys that look like numbers in their order as numbers', '{"9":2,"10":1}', false],
    ['with a whole surrogate pair', '["\ud83d\ude00"]', true],
    ['with what looks like an escaped surrogate', '["\\\\ud800"]', true],
  ])('%s is told from the canonical one', (_, text, expected) => {
    expect(isCanonicalJson(text, JSON.parse(text))).toBe(expected);
  });

  it('with half a surrogate pair is refused', () => {
    for (const text of ['["\\ud800"]', '["\\uD800"]'])
      expect(() => isCanonicalJson(text, JSON.parse(text))).toThrow(expect.objectContaining({ name: 'InputInvalid' }));
  });

  it('is canonical exactly when it is what would be written', () => {
    const spelt = fc.tuple(fc.jsonValue({ stringUnit: 'grapheme' }), fc.nat(2));
    fc.assert(
      fc.property(spelt, ([value, spelling]) => {
        const canonical = canonicalJson(JSON.parse(JSON.stringify(value)));
        const text = spelling === 0 ? canonical : JSON.stringify(value, undefined, spelling - 1);
        expect(isCanonicalJson(text, JSON.parse(text))).toBe(text === canonical);
      }),
    );
  });
});
