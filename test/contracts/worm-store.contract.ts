import { beforeEach, describe, expect, it } from 'vitest';
import type { WormStore, WormVersions } from '../../core/ports/worm-store.ts';

const bytes = (text: string) => new TextEncoder().encode(text);

async function all(names: AsyncIterable<string>): Promise<string[]> {
  const found: string[] = [];
  for await (const name of names) found.push(name);
  return found;
}

/** What every write-once store promises. `make` opens an empty one. */
export function describeWormStore(name: string, make: () => Promise<WormStore & WormVersions>): void {
  describe(`${name} as a write-once store`, () => {
    let store: WormStore & WormVersions;
    beforeEach(async () => {
      store = await make();
    });

    it('returns what was put, also nothing at all', async () => {
      expect(await store.put('t/acme/evidence/a', bytes('one'))).toBe('created');
      expect(await store.put('t/acme/evidence/empty', new Uint8Array())).toBe('created');
      expect(await store.get('t/acme/evidence/a')).toEqual(bytes('one'));
      expect(await store.get('t/acme/evidence/empty')).toEqual(new Uint8Array());
      expect(await store.get('t/acme/evidence/b')).toBeUndefined();
      expect(await store.get('t/acme/evidence')).toBeUndefined();
    });

    it('answers a second put of the same bytes with existed', async () => {
      await store.put('t/acme/a', bytes('one'));
      expect(await store.put('t/acme/a', bytes('one'))).toBe('existed');
    });

    it('refuses other bytes under a name that is taken and changes nothing', async () => {
      await store.put('t/acme/a', bytes('one'));
      for (const other of ['two', 'on', 'one ', ''])
        await expect(store.put('t/acme/a', bytes(other))).rejects.toThrow(
          expect.objectContaining({ name: 'WormConflict' }),
        );
      expect(await store.get('t/acme/a')).toEqual(bytes('one'));
    });

    it('lets one of racing writers win', async () => {
      const writers = Array.from({ length: 8 }, (_, writer) => store.put('t/acme/a', bytes(`writer ${writer}`)));
      const outcomes = await Promise.allSettled(writers);
      expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
      const same = await Promise.all(Array.from({ length: 8 }, () => store.put('t/acme/b', bytes('same'))));
      expect(same.filter((outcome) => outcome === 'created')).toHaveLength(1);
    });

    it('has one version of what was put, however often, and none of anything else', async () => {
      for (const object of ['t/acme/a', 't/acme/a', 't/acme/ab', 't/acme/c/d']) await store.put(object, bytes('one'));
      expect(await store.versionsOf('t/acme/a')).toEqual({ versions: 1, markers: 0 });
      for (const none of ['t/acme/b', 't/acme/c'])
        expect(await store.versionsOf(none)).toEqual({ versions: 0, markers: 0 });
      await expect(store.versionsOf('t/acme/../a')).rejects.toThrow(expect.objectContaining({ name: 'InputInvalid' }));
    });

    it('lists names by prefix in byte order', async () => {
      const names = [
        't/acme/log/b',
        't/acme/log/a/c',
        't/acme/log/a.p/1',
        't/acme/log/a-b',
        't/acme/seg/0',
        't/acmf/x',
      ];
      for (const object of names) await store.put(object, bytes(object));
      expect(await all(store.list('t/acme/log/'))).toEqual([
        't/acme/log/a-b',
        't/acme/log/a.p/1',
        't/acme/log/a/c',
        't/acme/log/b',
      ]);
      expect(await all(store.list('t/acme/log/a.'))).toEqual(['t/acme/log/a.p/1']);
      expect(await all(store.list('t/acme/log/', 't/acme/log/a.p/1'))).toEqual(['t/acme/log/a/c', 't/acme/log/b']);
      expect(await all(store.list('t/acme/log/', 't/acme/log/a0'))).toEqual(['t/acme/log/b']);
      expect(await all(store.list('t/acme/log/', 't/acme/log/b'))).toEqual([]);
      expect(await all(store.list('t/none/'))).toEqual([]);
    });

    it.each([
      '',
      'a',
      't/acme',
      't/acme/',
      't/acme/../x',
      't/acme/./x',
      't/acme//x',
      '/t/acme/x',
      't/Acme/x',
      't/acme/a b',
    ])('refuses the name %j', async (bad) => {
      await expect(store.put(bad, bytes('x'))).rejects.toThrow(expect.objectContaining({ name: 'InputInvalid' }));
    });
  });
}
