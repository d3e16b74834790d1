import { describe, expect, it } from 'vitest';
import { TenantId } from '../../events/fields.ts';
import { memoryWormStore } from '../../test/fakes/memory-worm-store.ts';
import { type TestRecord, testChecksumDatabase } from '../../test/fakes/test-checksum-database.ts';
import { ModulePath, ModuleVersion } from '../brands.ts';
import type { ChecksumDatabase } from '../ports/checksum-database.ts';
import { keepContradictions, type SumdbEvidence } from './evidence.ts';
import { openSumdbProver } from './prove.ts';

const h1 = (fill: string) => `h1:${fill.repeat(43)}=`;
const recordsOf = (count: number, fill = 'A'): TestRecord[] =>
  Array.from({ length: count }, (_, at) => ({
    module: `example.com/m${at}`,
    version: 'v1.0.0',
    zipH1: h1(fill),
    goModH1: h1('B'),
  }));
const at = (number: number) => [ModulePath.parse(`example.com/m${number}`), ModuleVersion.parse('v1.0.0')] as const;

async function open(database: ChecksumDatabase, kept?: { size: number; note: string }) {
  const opened = await openSumdbProver(database, kept);
  if (opened.kind !== 'opened') throw new Error(JSON.stringify(opened.reason));
  return opened.prover;
}

describe('the checksum database', () => {
  it.each([1, 2, 255, 256, 257, 600])('proves every record of a tree of %i', async (size) => {
    const database = testChecksumDatabase(recordsOf(size));
    const prover = await open(database);
    for (const number of new Set([0, 1, Math.floor(size / 2), size - 1].filter((each) => each < size)))
      expect(await prover.prove(...at(number))).toMatchObject({ kind: 'proved', record: { id: number } });
    expect(prover.head()).toEqual({ size, note: database.note(size) });
  });

  it('asks for the newest head once and for each tile once', async () => {
    const database = testChecksumDatabase(recordsOf(600));
    const prover = await open(database);
    await Promise.all([1, 2, 3, 300, 599].map((number) => prover.prove(...at(number))));
    const asked = database.asked.filter((each) => !each.startsWith('lookup'));
    expect(asked).toHaveLength(new Set(asked).size);
    expect(asked.filter((each) => each === 'latest')).toHaveLength(1);
  });

  it('refuses a module that the database does not know', async () => {
    const prover = await open(testChecksumDatabase(recordsOf(3)));
    expect(await prover.prove(...at(9))).toMatchObject({ reason: { code: 'sumdb.unknown-module' } });
  });

  it('refuses heads of another key', async () => {
    const database = testChecksumDatabase(recordsOf(3));
    const other = testChecksumDatabase(recordsOf(3), { seedByte: 8 });
    expect(await openSumdbProver({ ...database, verifierKey: other.verifierKey }, undefined)).toMatchObject({
      kind: 'refused',
      reason: { code: 'sumdb.proof-invalid' },
    });
  });

  it('refuses a changed record', async () => {
    const database = testChecksumDatabase(recordsOf(300));
    const prover = await open({
      ...database,
      lookup: async (path, version) => (await database.lookup(path, version))?.replace(h1('A'), h1('C')),
    });
    expect(await prover.prove(...at(5))).toMatchObject({ reason: { code: 'sumdb.proof-invalid' } });
  });

  it('refuses tiles that do not lead to the root, as invalid and not as a fork', async () => {
    const database = testChecksumDatabase(recordsOf(600));
    const prover = await open({
      ...database,
      tile: async (level, index, width) => {
        const bytes = await database.tile(level, index, width);
        if (level === 0 && index === 0) bytes[40] = (bytes[40] ?? 0) ^ 1;
        return bytes;
      },
    });
    expect(await prover.prove(...at(5))).toMatchObject({ reason: { code: 'sumdb.proof-invalid' } });
    expect(await prover.prove(...at(599))).toMatchObject({ kind: 'proved' });
  });

  it('refuses a right edge that does not hash to the root', async () => {
    const database = testChecksumDatabase(recordsOf(5));
    const edge = { ...database, tile: async () => new Uint8Array(5 * 32) };
    expect(await openSumdbProver(edge, undefined)).toMatchObject({ reason: { code: 'sumdb.proof-invalid' } });
  });

  it('takes a kept head that is a prefix, and keeps the larger one', async () => {
    const database = testChecksumDatabase(recordsOf(400));
    expect((await open(database, { size: 270, note: database.note(270) })).head().size).toBe(400);
  });

  it('keeps its own head when the newest one served is smaller and a prefix of it', async () => {
    const database = testChecksumDatabase(recordsOf(400), { latest: 300 });
    const prover = await open(database, { size: 400, note: database.note(400) });
    expect(prover.head().size).toBe(400);
    expect(await prover.prove(...at(399))).toMatchObject({ kind: 'proved' });
  });

  it.each([270, 400, 500])('refuses a kept head of %i records of another history as a fork', async (size) => {
    const other = testChecksumDatabase(recordsOf(500, 'Z'));
    const database = testChecksumDatabase(recordsOf(400));
    const result = await openSumdbProver(database, { size, note: other.note(size) });
    // The larger one cannot even show its tiles: the database serves those of its new history.
    expect(result).toMatchObject({ reason: { code: size > 400 ? 'sumdb.proof-invalid' : 'sumdb.fork' } });
  });

  it('follows a lookup that carries a larger head', async () => {
    const database = testChecksumDatabase(recordsOf(400), { latest: 100 });
    const prover = await open(database);
    expect(await prover.prove(...at(399))).toMatchObject({ kind: 'proved' });
    expect(prover.head().size).toBe(400);
  });

  it('refuses a lookup whose head is of another history as a fork', async () => {
    const database = testChecksumDatabase(recordsOf(400));
    const other = testChecksumDatabase(recordsOf(400, 'Z'));
    const prover = await open({
      ...database,
      lookup: async (path, version) =>
        (await database.lookup(path, version))?.replace(database.note(400), other.note(300)),
    });
    expect(await prover.prove(...at(5))).toMatchObject({ reason: { code: 'sumdb.fork' } });
  });

  it('faults when an answer is no lookup, no note or a cut tile', async () => {
    const database = testChecksumDatabase(recordsOf(3));
    const unreachable = { name: 'ChecksumDatabaseUnavailable' };
    await expect(openSumdbProver({ ...database, latest: async () => '<html>' }, undefined)).rejects.toMatchObject(
      unreachable,
    );
    await expect(
      openSumdbProver({ ...database, tile: async () => new Uint8Array(3) }, undefined),
    ).rejects.toMatchObject(unreachable);
    const prover = await open({ ...database, lookup: async () => '<html>' });
    await expect(prover.prove(...at(1))).rejects.toMatchObject(unreachable);
  });
});

it('of a thousand contradictions keeps a hundred pieces, and each once', async () => {
  const piece = (text: string): SumdbEvidence => ({
    kind: 'tree-head',
    mediaType: 'text/plain',
    bytes: Buffer.from(text),
  });
  const worm = memoryWormStore();
  const many = Array.from({ length: 1000 }, (_, at) => piece(`${at}`));
  expect(await keepContradictions(worm, TenantId.parse('acme'), many)).toHaveLength(100);
  expect(await keepContradictions(worm, TenantId.parse('acme'), [piece('a'), piece('a'), piece('b')])).toHaveLength(2);
});
