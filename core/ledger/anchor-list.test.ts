import { expect, it } from 'vitest';
import * as z from 'zod';
import { TENANT } from '../../test/contracts/ledger-drafts.ts';
import { memoryLedgerStore } from '../../test/fakes/memory-ledger-store.ts';
import { memoryWormStore } from '../../test/fakes/memory-worm-store.ts';
import { anchorNameOf } from './anchor-list.ts';
import { readLogResource } from './read.ts';

const note = (size: number) => `ledger.example.com/acme\n${size}\nroot\n\n— a signature\n`;

const List = z.strictObject({ anchors: z.array(z.object({ size: z.int() })), next: z.string().optional() });

function logWith(sizes: readonly number[]) {
  const worm = memoryWormStore();
  for (const size of sizes) worm.objects.set(anchorNameOf(TENANT, size), Buffer.from(note(size)));
  const read = async (path: string) => {
    const file = await readLogResource({ ledger: memoryLedgerStore(), worm }, TENANT, path);
    return file && { ...file, text: Buffer.from(file.bytes).toString() };
  };
  return { worm, read };
}

it('lists what is kept by size, each with the path of its note, which never changes', async () => {
  const { worm, read } = logWith([1, 20, 300]);
  worm.objects.set('t/acme/anchors/readme', new Uint8Array());
  const list = await read('anchors');
  expect(list).toMatchObject({ contentType: 'application/json', immutable: false });
  expect(JSON.parse(list?.text ?? '')).toEqual({
    anchors: [1, 20, 300].map((size) => ({ size, note: `anchors/${size}` })),
  });
  expect(await read('anchors/20')).toMatchObject({
    ...{ text: note(20), contentType: 'text/plain; charset=utf-8', immutable: true },
  });
});

it('lists a thousand at a time, and a full list never changes', async () => {
  const { read } = logWith(Array.from({ length: 2100 }, (_, at) => at + 1));
  const pages: number[] = [];
  const last: (number | undefined)[] = [];
  const immutable: boolean[] = [];
  for (let path: string | undefined = 'anchors'; path !== undefined; ) {
    const page = await read(path);
    const { anchors, next } = List.parse(JSON.parse(page?.text ?? '{}'));
    pages.push(anchors.length);
    last.push(anchors.at(-1)?.size);
    immutable.push(page?.immutable ?? false);
    path = next;
  }
  expect([pages, last, immutable]).toEqual([
    [1000, 1000, 100],
    [1000, 2000, 2100],
    [true, true, false],
  ]);
});

it('has an empty list where nothing is kept, and nothing at other paths', async () => {
  const { read } = logWith([7]);
  expect((await logWith([]).read('anchors'))?.text).toBe('{"anchors":[]}');
  for (const path of [
    'anchors/',
    'anchors/8',
    'anchors/07',
    'anchors/after/',
    'anchors/after/x',
    'anchors/../seg/0',
    'anchorsx',
  ])
    expect(await read(path), path).toBeUndefined();
});
