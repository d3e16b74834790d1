import { describe, expect, it } from 'vitest';
import { memoryTileCache } from '../../test/fakes/memory-tile-cache.ts';
import { type TestRecord, testChecksumDatabase } from '../../test/fakes/test-checksum-database.ts';
import { ModulePath, ModuleVersion } from '../brands.ts';
import { Fault } from '../faults.ts';
import type { ChecksumDatabase } from '../ports/checksum-database.ts';
import type { KeptHead } from '../ports/head-store.ts';
import { offlineDatabase } from './offline.ts';
import { openSumdbProver, type ProverOptions } from './prove.ts';

const records = Array.from(
  { length: 1000 },
  (_, at): TestRecord => ({
    ...{ module: `example.com/m${at}`, version: 'v1.0.0' },
    ...{ zipH1: `h1:${'A'.repeat(43)}=`, goModH1: `h1:${'B'.repeat(43)}=` },
  }),
);
const at = (number: number) => [ModulePath.parse(`example.com/m${number}`), ModuleVersion.parse('v1.0.0')] as const;
const first = (count: number) => testChecksumDatabase(records.slice(0, count));

async function open(database: ChecksumDatabase, kept: KeptHead | undefined, options: ProverOptions) {
  const opened = await openSumdbProver(database, kept, options);
  if (opened.kind !== 'opened') throw new Error(JSON.stringify(opened.reason));
  return opened.prover;
}

/** Runs one after another while the database grows, each proving some records; what is kept after the last. */
async function runs(cache: ReturnType<typeof memoryTileCache>, sizes: readonly number[], proved: readonly number[][]) {
  let kept: KeptHead | undefined;
  for (const [run, size] of sizes.entries()) {
    const prover = await open(first(size), kept, { cache });
    for (const number of proved[run] ?? []) expect(await prover.prove(...at(number))).toMatchObject({ kind: 'proved' });
    kept = prover.head();
  }
  return kept;
}

const { verifierKey } = first(1);
const absent = { name: 'ChecksumDatabaseUnavailable' };

describe('a checksum database without a network', () => {
  it.each([
    [[300], [[0, 255, 256, 299]]],
    [
      [300, 1000],
      [[0, 299], [700]],
    ],
    [
      [1, 2, 255, 256, 257, 600, 999],
      [[0], [1], [254], [255], [256], [599], [3]],
    ],
  ])('proves all that runs at %j records recorded', async (sizes, proved) => {
    const cache = memoryTileCache();
    const kept = await runs(cache, sizes, proved);
    const prover = await open(offlineDatabase(verifierKey), kept, { cache });
    for (const number of proved.flat())
      expect(await prover.prove(...at(number))).toMatchObject({ kind: 'proved', record: { id: number } });
    expect(prover.head().size).toBe(sizes.at(-1));
  });

  it('faults for what was not recorded, and without a kept head', async () => {
    const cache = memoryTileCache();
    const kept = await runs(cache, [300], [[7]]);
    const prover = await open(offlineDatabase(verifierKey), kept, { cache });
    await expect(prover.prove(...at(8))).rejects.toMatchObject(absent);
    await expect(openSumdbProver(offlineDatabase(verifierKey), undefined, { cache })).rejects.toMatchObject(absent);
    await expect(openSumdbProver(offlineDatabase(verifierKey), kept)).rejects.toMatchObject(absent);
  });

  it('faults when what was recorded is garbled: each tile and the lookup, at its begin, within and at its end', async () => {
    const cache = memoryTileCache();
    const kept = await runs(cache, [300], [[7]]);
    for (const [name, whole] of [...cache.stored]) {
      for (const position of [0, 20, whole.length - 1]) {
        cache.stored.set(
          name,
          Uint8Array.from(whole, (byte, place) => (place === position ? byte ^ 1 : byte)),
        );
        const answer = open(offlineDatabase(verifierKey), kept, { cache }).then((prover) => prover.prove(...at(7)));
        await expect(answer).rejects.toMatchObject(absent);
      }
      cache.stored.set(name, whole);
    }
    const prover = await open(offlineDatabase(verifierKey), kept, { cache });
    expect(await prover.prove(...at(7))).toMatchObject({ kind: 'proved' });
  });

  it('finds no head frozen, however old: nobody was asked', async () => {
    const cache = memoryTileCache();
    const kept = await runs(cache, [300], [[7]]);
    const old = { ...{ size: 300, note: kept?.note ?? '' }, seenAt: '2020-01-01T00:00:00.000Z' };
    const options = { cache, now: '2026-11-26T00:00:00.000Z' };
    expect((await open(offlineDatabase(verifierKey), old, options)).warnings()).toEqual([]);
    expect((await open(first(300), old, options)).warnings()).toHaveLength(1);
  });
});

describe('recorded tiles', () => {
  it('spare the database: a second run asks for its newest head alone', async () => {
    const cache = memoryTileCache();
    const kept = await runs(cache, [600], [[1, 599]]);
    const database = first(600);
    const prover = await open(database, kept, { cache });
    for (const number of [1, 599]) expect(await prover.prove(...at(number))).toMatchObject({ kind: 'proved' });
    expect(database.asked).toEqual(['latest']);
  });

  it('are asked for again and recorded anew when they are garbled', async () => {
    const cache = memoryTileCache();
    const kept = await runs(cache, [600], [[1, 599]]);
    for (const name of [...cache.stored.keys()]) cache.stored.set(name, new Uint8Array(64));
    const prover = await open(first(600), kept, { cache });
    for (const number of [1, 599]) expect(await prover.prove(...at(number))).toMatchObject({ kind: 'proved' });
    const offline = await open(offlineDatabase(verifierKey), prover.head(), { cache });
    expect(await offline.prove(...at(1))).toMatchObject({ kind: 'proved' });
  });

  it('never prove a record that another history holds', async () => {
    const cache = memoryTileCache();
    await runs(cache, [600], [[5]]);
    const forged = records.map((record) => ({ ...record, zipH1: `h1:${'Z'.repeat(43)}=` }));
    const other = testChecksumDatabase(forged.slice(0, 700));
    const prover = await open(other, undefined, { cache });
    expect(await prover.prove(...at(5))).toMatchObject({
      kind: 'proved',
      record: { text: expect.stringMatching('Z') },
    });
  });

  it('share tiles between the trees of one run', async () => {
    const database = testChecksumDatabase(records, { latest: 700 });
    const prover = await open(database, undefined, {});
    for (const number of [5, 6, 999]) await prover.prove(...at(number));
    const full = database.asked.filter((asked) => asked.endsWith('/256'));
    expect(full).toHaveLength(new Set(full).size);
  });
});

describe('a database by two ways', () => {
  const forged = records.map((record) => ({ ...record, zipH1: `h1:${'Z'.repeat(43)}=` }));

  it.each([300, 600, 900])('agrees with one whose head has %i records', async (size) => {
    const prover = await open(first(600), undefined, { witness: first(size) });
    expect(prover.head().size).toBe(600);
  });

  it.each([300, 600, 900])('refuses another history of %i records as a fork', async (size) => {
    const witness = testChecksumDatabase(forged.slice(0, size));
    const refused = await openSumdbProver(first(600), undefined, { witness });
    expect(refused).toMatchObject({ reason: { code: 'sumdb.fork' } });
    expect(refused.kind === 'refused' && refused.evidence.map(({ kind }) => kind)).toEqual([
      'tree-head',
      'tree-head',
      'sumdb-proof',
    ]);
  });

  const unreachable = [{ code: 'sumdb.witness-unreachable', where: 'sumdb.test.example/latest by another way' }];

  it.each([
    ['is closed', offlineDatabase(verifierKey)],
    ['answers with a page', { ...first(9), latest: async () => '<html>' }],
    ['has no tiles of its larger tree', { ...first(9), tile: offlineDatabase(verifierKey).tile }],
    ['cuts its tiles', { ...first(9), tile: async () => new Uint8Array(3) }],
    ['may not be asked', { ...first(9), latest: () => Promise.reject(new Fault('EgressRefused', 'not listed')) }],
    ['answers without an end', { ...first(9), latest: () => Promise.reject(new Fault('LimitExceeded', 'too long')) }],
  ])('proves and warns when the other way %s', async (_, witness) => {
    const prover = await open(first(6), undefined, { witness });
    expect(await prover.prove(...at(5))).toMatchObject({ kind: 'proved' });
    expect(prover.warnings()).toMatchObject(unreachable);
  });

  it('refuses what the other way contradicts: a head of another key, tiles that do not lead to its head', async () => {
    const other = testChecksumDatabase(records.slice(0, 9), { seedByte: 8 });
    const bent = { ...first(9), tile: async () => new Uint8Array(9 * 32) };
    for (const witness of [other, bent])
      expect(await openSumdbProver(first(6), undefined, { witness })).toMatchObject({
        reason: { code: 'sumdb.proof-invalid' },
      });
  });

  it('faults when the database itself cannot show the tiles that the smaller head is compared by', async () => {
    const cut = { ...first(600), tile: offlineDatabase(verifierKey).tile };
    await expect(openSumdbProver(cut, undefined, { witness: first(300) })).rejects.toMatchObject(absent);
  });

  it('fails as whoever asks it fails, when that is no silence', async () => {
    const witness = { ...first(9), latest: () => Promise.reject(new Fault('ConfigurationInvalid', 'no such login')) };
    await expect(openSumdbProver(first(6), undefined, { witness })).rejects.toMatchObject({
      name: 'ConfigurationInvalid',
    });
  });
});

describe('a head that does not grow', () => {
  const now = '2026-11-26T12:00:00.000Z';
  const warningsOf = async (size: number, seenAt: string | undefined, database = first(300)) => {
    const kept = { size, note: first(300).note(size), ...(seenAt === undefined ? {} : { seenAt }) };
    return (await open(database, kept, { now })).warnings();
  };

  it('is frozen after 72 hours', async () => {
    expect(await warningsOf(300, '2026-11-23T11:59:59.000Z')).toMatchObject([{ code: 'sumdb.frozen' }]);
    expect(await warningsOf(300, '2026-11-23T12:00:00.000Z')).toEqual([]);
  });

  it('is not frozen when it grew, or was kept without a time', async () => {
    expect(await warningsOf(200, '2026-01-01T00:00:00.000Z')).toEqual([]);
    expect(await warningsOf(300, undefined)).toEqual([]);
  });

  it('is frozen when the database shows an older one than was kept', async () => {
    const older = testChecksumDatabase(records.slice(0, 300), { latest: 100 });
    expect(await warningsOf(300, '2026-01-01T00:00:00.000Z', older)).toHaveLength(1);
  });

  it('keeps the time of its first sight, and gets one when it grows', async () => {
    const seenAt = '2026-11-20T00:00:00.000Z';
    const note = first(300).note(300);
    expect((await open(first(300), { size: 300, note, seenAt }, { now })).head()).toEqual({ size: 300, note, seenAt });
    expect((await open(first(301), { size: 300, note, seenAt }, { now })).head().seenAt).toBe(now);
  });
});
