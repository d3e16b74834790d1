import { describe, expect, it } from 'vitest';
import { testKey } from '../../test/fixtures/merkle/test-keys.ts';
import { formatCheckpoint, fromBase64 } from './checkpoint.ts';
import { checkCosignature, cosign, cosignedMessage } from './cosignature.ts';
import { formatNote, openNote, verifierKeyOf } from './note.ts';
import { cosignatureLine } from './witness.ts';

const HEAD = {
  origin: 'ledger.example/t1',
  size: 8,
  root: fromBase64('XcnaeacGWamtVZy3Ad7ZoqudgjqtL0lgz+Nw7/RgQyg=') ?? new Uint8Array(),
};
const TEXT = formatCheckpoint(HEAD);
const TIME = 1_700_000_000;
const { publicKey, sign } = testKey(0x20);
const W1 = {
  ...verifierKeyOf('witness.example/w1', publicKey, 'ed25519-cosignature'),
  kind: 'ed25519-cosignature',
} as const;
const PQ = { kind: 'ml-dsa-44-cosignature', name: 'witness.example/pq', publicKey: new Uint8Array(1312) } as const;
// Recomputed with Go.
const W1_LINE =
  '— witness.example/w1 IDJKvgAAAABlU/EAdjUSK1XaxlAJDK2cnIAOYV/tz5SyTaYUTQvoRPQdWdLgMJPslvOPluf3W+jobPMiI2qtBtBtpnxSb0svGT5VBg==\n';

const flip = (bytes: Uint8Array, at: number) => bytes.map((byte, place) => (place === at ? byte ^ 1 : byte));

describe('a cosignature', () => {
  it('has the known bytes', async () => {
    expect(await cosignatureLine(W1, TEXT, TIME, sign)).toBe(W1_LINE);
  });

  it('tells its time when the note is opened', () => {
    expect(openNote(formatNote(TEXT, [W1_LINE]), [W1])).toMatchObject({
      kind: 'opened',
      signers: [W1],
      cosignatures: [{ key: W1, time: TIME }],
    });
  });

  it('is false when any of its bytes is another one, those of the time included', async () => {
    const cosignature = await cosign(W1, TEXT, TIME, sign);
    expect(checkCosignature(W1, TEXT, cosignature)).toEqual({ kind: 'good', time: TIME });
    const kinds = Array.from(cosignature, (_, at) => checkCosignature(W1, TEXT, flip(cosignature, at)).kind);
    expect(kinds).toEqual(Array(72).fill('bad'));
    expect(checkCosignature(W1, TEXT, cosignature.slice(0, 71))).toEqual({ kind: 'bad' });
    expect(checkCosignature(W1, TEXT, await sign(new TextEncoder().encode(TEXT)))).toEqual({ kind: 'bad' });
  });

  it('is of the whole text: extension lines are in it', async () => {
    const extended = `${TEXT}an extension\n`;
    const cosignature = await cosign(W1, extended, TIME, sign);
    expect(checkCosignature(W1, extended, cosignature).kind).toBe('good');
    expect(checkCosignature(W1, TEXT, cosignature).kind).toBe('bad');
  });

  it('may leave the time out when another made it, and then says 0', async () => {
    const message = cosignedMessage(W1, TEXT, 0) ?? new Uint8Array();
    const cosignature = Uint8Array.of(...new Uint8Array(8), ...(await sign(message)));
    expect(checkCosignature(W1, TEXT, cosignature)).toEqual({ kind: 'good', time: 0 });
  });

  it('of ML-DSA-44 signs cosigner, time, origin, size and root, and no extension line', () => {
    const length = `12${Buffer.from('witness.example/pq').toString('hex')}`;
    const expected = [
      Buffer.from('subtree/v1\n\0').toString('hex'),
      length,
      '000000006553f100',
      `11${Buffer.from('ledger.example/t1').toString('hex')}`,
      '0000000000000000',
      '0000000000000008',
      Buffer.from(HEAD.root).toString('hex'),
    ].join('');
    const hex = (text: string) => Buffer.from(cosignedMessage(PQ, text, TIME) ?? []).toString('hex');
    expect(hex(TEXT)).toBe(expected);
    expect(hex(`${TEXT}an extension\n`)).toBe(expected);
  });

  it.each([
    ['a text that is no checkpoint', 'not a checkpoint\n'],
    ['an origin of more than 255 bytes', formatCheckpoint({ ...HEAD, origin: 'ø'.repeat(128) })],
  ])('of ML-DSA-44 is not made of %s', async (_, text) => {
    await expect(cosign(PQ, text, TIME, sign)).rejects.toThrow(RangeError);
    expect(checkCosignature(PQ, text, new Uint8Array(8 + 2420))).toEqual({ kind: 'bad' });
  });

  it.each([0, -1, 1.5, Number.NaN, 2 ** 53])('is not made at %d', async (time) => {
    await expect(cosign(W1, TEXT, time, sign)).rejects.toThrow(RangeError);
  });
});
