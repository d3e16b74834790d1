import { beforeEach, describe, expect, it } from 'vitest';
import type { ErasableStore } from '../../core/ports/erasable-store.ts';

const bytes = (text: string) => new TextEncoder().encode(text);

/** What every erasable store promises. `make` opens an empty one. */
export function describeErasableStore(name: string, make: () => Promise<ErasableStore>): void {
  describe(`${name} as an erasable store`, () => {
    let store: ErasableStore;
    beforeEach(async () => {
      store = await make();
    });

    it('returns what was put, and nothing for what was never put', async () => {
      await store.put('t/acme/raw/1', bytes('body'));
      expect(await store.get('t/acme/raw/1')).toEqual(bytes('body'));
      expect(await store.get('t/acme/raw/2')).toBeUndefined();
    });

    it('accepts the same bytes again and refuses others', async () => {
      await store.put('t/acme/raw/1', bytes('body'));
      await store.put('t/acme/raw/1', bytes('body'));
      await expect(store.put('t/acme/raw/1', bytes('other'))).rejects.toThrow(
        expect.objectContaining({ name: 'WormConflict' }),
      );
      expect(await store.get('t/acme/raw/1')).toEqual(bytes('body'));
    });

    it('erases one object for good, however often it is asked', async () => {
      await store.put('t/acme/raw/1', bytes('body'));
      await store.put('t/acme/raw/2', bytes('kept'));
      await store.erase('t/acme/raw/1');
      await store.erase('t/acme/raw/1');
      await store.erase('t/acme/raw/never');
      expect(await store.get('t/acme/raw/1')).toBeUndefined();
      expect(await store.get('t/acme/raw/2')).toEqual(bytes('kept'));
    });
  });
}
