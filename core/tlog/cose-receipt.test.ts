import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { testKey } from '../../test/fixtures/merkle/test-keys.ts';
import { type Cbor, type CborMap, decodeCbor, encodeCbor, Tagged } from './cbor.ts';
import { signReceipt, verifyReceipt } from './cose-receipt.ts';
import { inclusionProof, leafHash, type ReadHash, rootOfHashes } from './merkle.ts';

const { publicKey, sign } = testKey(0);
const LEAVES = Array.from({ length: 20 }, (_, index) => leafHash(new TextEncoder().encode(String(index))));
const LEAF = LEAVES[17] ?? new Uint8Array();
const ROOT = rootOfHashes(LEAVES);
const read: ReadHash = async (level, index) => rootOfHashes(LEAVES.slice(index * 2 ** level, (index + 1) * 2 ** level));

let path: Uint8Array[] = [];
let receipt = new Uint8Array();
beforeAll(async () => {
  path = await inclusionProof(17, 20, read);
  receipt = new Uint8Array(await signReceipt({ index: 17, size: 20, path }, LEAF, sign));
});

/** A receipt of other parts, signed with the right key. */
async function receiptOf({
  header = new Map([
    [1, -8],
    [395, 1],
  ]) as CborMap,
  proofs = [encodeCbor([20, 17, path])] as Cbor,
  payload = null as Cbor,
  tag = 18,
  more = [] as Cbor[],
}): Promise<Uint8Array> {
  const protectedHeader = encodeCbor(header);
  const signature = await sign(encodeCbor(['Signature1', protectedHeader, new Uint8Array(), ROOT]));
  const unprotected: Cbor = new Map([[396, new Map([[-1, proofs]])]]);
  return encodeCbor(new Tagged(tag, [protectedHeader, unprotected, payload, signature, ...more]));
}
const proves = (bytes: Uint8Array) => verifyReceipt(bytes, LEAF, publicKey) !== undefined;

describe('a receipt', () => {
  it('proves what it was made of, to whoever has the key of the log', () => {
    expect(verifyReceipt(receipt, LEAF, publicKey)).toEqual({ index: 17, size: 20, path, root: ROOT });
    expect(verifyReceipt(receipt, LEAVES[16] ?? LEAF, publicKey)).toBeUndefined();
    expect(verifyReceipt(receipt, LEAF, testKey(1).publicKey)).toBeUndefined();
  });

  it('has the shape of RFC 9942: tag 18, algorithm and tree protected, proof not, payload detached', () => {
    const hex = Buffer.from(receipt).toString('hex');
    const proof = `8314${'11'}83${path.map((hash) => `5820${Buffer.from(hash).toString('hex')}`).join('')}`;
    expect(hex.startsWith(`d28447a2012719018b01a119018ca12081586a${proof}f65840`)).toBe(true);
    expect(receipt.length).toBe(18 + 1 + 106 + 1 + 2 + 64);
  });

  it('is changed by no byte and proves nothing then', () => {
    const believed = Array.from(receipt, (_, at) =>
      proves(receipt.map((byte, place) => (place === at ? byte ^ 1 : byte))),
    );
    // The size is not signed: a tree of 21 has a path of the same form, and the index is the byte behind it.
    const unsigned = receipt.findIndex((byte, at) => byte === 0x14 && receipt[at + 1] === 0x11);
    expect(believed.flatMap((yes, at) => (yes ? [at] : [])).filter((at) => at !== unsigned)).toEqual([]);
  });

  it('is none of a tree of one entry, nor of a path that leads nowhere', async () => {
    await expect(signReceipt({ index: 0, size: 1, path: [] }, LEAF, sign)).rejects.toThrow(RangeError);
    await expect(signReceipt({ index: 17, size: 20, path: path.slice(1) }, LEAF, sign)).rejects.toThrow(RangeError);
    await expect(signReceipt({ index: 20, size: 20, path }, LEAF, sign)).rejects.toThrow(RangeError);
  });

  it('may name Ed25519 by either of its numbers, and a key', async () => {
    expect(proves(await receiptOf({}))).toBe(true);
    expect(
      proves(
        await receiptOf({
          header: new Map([
            [1, -19],
            [395, 1],
          ]),
        }),
      ),
    ).toBe(true);
    const withKey: CborMap = new Map<number, Cbor>([
      [1, -8],
      [4, 'a key'],
      [395, 1],
    ]);
    expect(proves(await receiptOf({ header: withKey }))).toBe(true);
  });

  it.each<[string, Parameters<typeof receiptOf>[0]]>([
    ['another tag', { tag: 98 }],
    [
      'another algorithm',
      {
        header: new Map([
          [1, -7],
          [395, 1],
        ]),
      },
    ],
    ['no algorithm', { header: new Map([[395, 1]]) }],
    [
      'another kind of tree',
      {
        header: new Map([
          [1, -8],
          [395, 2],
        ]),
      },
    ],
    ['no kind of tree', { header: new Map([[1, -8]]) }],
    [
      'a header that must be understood',
      {
        header: new Map<number, Cbor>([
          [1, -8],
          [2, [99]],
          [395, 1],
        ]),
      },
    ],
    ['an attached payload', { payload: ROOT }],
    ['a fifth part', { more: [0] }],
    ['no proof', { proofs: [] }],
    ['a proof that is no list', { proofs: 1 }],
    ['a proof that is not in bytes', { proofs: [[20, 17, []]] }],
    ['a proof of two parts', { proofs: [encodeCbor([20, 17])] }],
    ['a proof without hashes', { proofs: [encodeCbor([20, 17, []])] }],
    ['a proof of short hashes', { proofs: [encodeCbor([20, 17, [new Uint8Array(31)]])] }],
    ['a size that is text', { proofs: [encodeCbor(['20', 17, [new Uint8Array(32)]])] }],
    ['a negative index', { proofs: [encodeCbor([20, -17, [new Uint8Array(32)]])] }],
  ])('proves nothing with %s', async (_, parts) => {
    expect(proves(await receiptOf(parts))).toBe(false);
  });

  it('proves nothing with a second proof, or a fourth part of one', async () => {
    const proof = encodeCbor([20, 17, path]);
    expect(proves(await receiptOf({ proofs: [proof, proof] }))).toBe(false);
    expect(proves(await receiptOf({ proofs: [encodeCbor([20, 17, path, 0])] }))).toBe(false);
  });

  it('never makes the reader throw', () => {
    fc.assert(
      fc.property(fc.nat(receipt.length), fc.nat(20), fc.uint8Array({ maxLength: 20 }), (at, cut, bytes) => {
        const changed = Uint8Array.of(...receipt.slice(0, at), ...bytes, ...receipt.slice(at + cut));
        if (decodeCbor(changed) === undefined) expect(proves(changed)).toBe(false);
        expect(proves(bytes)).toBe(false);
      }),
    );
  });
});
