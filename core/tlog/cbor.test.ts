import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Cbor, decodeCbor, encodeCbor, Tagged } from './cbor.ts';

const fromHex = (hex: string) => new Uint8Array(Buffer.from(hex, 'hex'));
const toHex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');

// RFC 8949, appendix A.
const KNOWN: [string, Cbor][] = [
  ['00', 0],
  ['17', 23],
  ['1818', 24],
  ['18ff', 255],
  ['190100', 256],
  ['1903e8', 1000],
  ['1a000f4240', 1_000_000],
  ['1b000000e8d4a51000', 1_000_000_000_000],
  ['1b001fffffffffffff', Number.MAX_SAFE_INTEGER],
  ['20', -1],
  ['3903e7', -1000],
  ['4401020304', fromHex('01020304')],
  ['62c3bc', 'ü'],
  ['83010203', [1, 2, 3]],
  ['f4', false],
  ['f5', true],
  ['f6', null],
  [
    'a201020304',
    new Map([
      [1, 2],
      [3, 4],
    ]),
  ],
  [
    'a201022003',
    new Map([
      [-1, 3],
      [1, 2],
    ]),
  ],
  ['c11a514b67b0', new Tagged(1, 1_363_896_240)],
];

describe('CBOR', () => {
  it.each(KNOWN)('writes and reads %s', (hex, value) => {
    expect(toHex(encodeCbor(value))).toBe(hex);
    expect(decodeCbor(fromHex(hex))).toEqual(value);
  });

  it.each([
    ['nothing', ''],
    ['a number not in its fewest bytes', '1817'],
    ['a number in eight bytes that fits four', '1b00000000ffffffff'],
    ['a number beyond 2^53', '1b0020000000000000'],
    ['a number below -2^53', '3b001fffffffffffff'],
    ['bytes behind the item', '0000'],
    ['bytes that end too soon', '4401'],
    ['a list that ends too soon', '8301'],
    ['a list of 2^53 - 1', '9b001fffffffffffff'],
    ['an indefinite length', '9f01ff'],
    ['a reserved length', '1c'],
    ['a float', 'f93c00'],
    ['undefined', 'f7'],
    ['a simple value in two bytes', 'f816'],
    ['text that is not UTF-8', '61ff'],
    ['keys out of order', 'a203040102'],
    ['a key twice', 'a201020103'],
    ['a key that is a list', 'a18001'],
    ['ten lists in one another', '8181818181818181818100'],
    ['65,537 bytes', `5a0000fffc${'00'.repeat(65_532)}`],
  ])('does not read %s', (_, hex) => {
    expect(decodeCbor(fromHex(hex))).toBeUndefined();
  });

  it('writes no fractions', () => {
    expect(() => encodeCbor(1.5)).toThrow(RangeError);
    expect(() => encodeCbor([2 ** 53])).toThrow(RangeError);
  });

  it('reads back what it writes, and writes back what it reads', () => {
    const { value } = fc.letrec<{ value: Cbor }>((tie) => ({
      value: fc.oneof(
        { depthSize: 'small', maxDepth: 5 },
        fc.maxSafeInteger(),
        fc.string(),
        fc.boolean(),
        fc.constant(null),
        fc.uint8Array(),
        fc.array(tie('value'), { maxLength: 4 }),
        fc
          .array(fc.tuple(fc.oneof(fc.integer(), fc.string()), tie('value')), { maxLength: 4 })
          .map((pairs) => new Map(pairs)),
        fc.tuple(fc.nat(), tie('value')).map(([tag, tagged]) => new Tagged(tag, tagged)),
      ),
    }));
    fc.assert(
      fc.property(value, (item) => {
        expect(decodeCbor(encodeCbor(item))).toEqual(item);
      }),
    );
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 30 }), (bytes) => {
        const item = decodeCbor(bytes);
        if (item !== undefined) expect(encodeCbor(item)).toEqual(bytes);
      }),
    );
  });
});
