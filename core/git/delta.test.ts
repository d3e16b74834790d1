import { describe, expect, it } from 'vitest';
import { applyDelta } from './delta.ts';

const utf8 = (text: string) => new TextEncoder().encode(text);
const base = utf8('the quick brown fox');
/** Copies bytes 4 to 9, then inserts "red". */
const delta = Uint8Array.of(19, 9, 0x91, 4, 6, 3, ...utf8('red'));

describe('a delta', () => {
  it('copies from its base and inserts its own bytes', () => {
    expect(new TextDecoder().decode(applyDelta(base, delta, 100))).toBe('quick red');
  });

  it('copies 65,536 bytes where it gives no length', () => {
    const long = new Uint8Array(0x10000).fill(7);
    const sizes = [0x80, 0x80, 0x04];
    expect(applyDelta(long, Uint8Array.of(...sizes, ...sizes, 0x80), 0x10000)).toEqual(long);
  });

  it.each([
    ['that was made for another base', [18, 9, 0x91, 4, 6, 3, 114, 101, 100]],
    ['that copies from beyond its base', [19, 9, 0x91, 16, 9]],
    ['that makes more than it says', [19, 5, 0x91, 4, 6]],
    ['that makes less than it says', [19, 9, 0x91, 4, 6]],
    ['that ends inside an instruction', [19, 9, 0x91, 4]],
    ['that inserts more bytes than follow', [19, 9, 9, 114]],
    ['with the reserved instruction', [19, 9, 0]],
    ['whose size never ends', [19, ...Array.from({ length: 12 }, () => 0xff)]],
    ['that is empty', []],
  ])('%s is refused', (_, bytes) => {
    expect(() => applyDelta(base, Uint8Array.from(bytes), 100)).toThrow(
      expect.objectContaining({ name: 'SourceUnreachable' }),
    );
  });

  it('is refused when its result is over the limit', () => {
    expect(() => applyDelta(base, delta, 8)).toThrow(expect.objectContaining({ name: 'LimitExceeded' }));
  });
});
