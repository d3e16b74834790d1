import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import { memoryTileCache } from '../../test/fakes/memory-tile-cache.ts';
import { type TestRecord, testChecksumDatabase } from '../../test/fakes/test-checksum-database.ts';
import { ModulePath, ModuleVersion } from '../brands.ts';
import type { ChecksumDatabase } from '../ports/checksum-database.ts';
import type { TileCache } from '../ports/tile-cache.ts';
import { tilePath } from '../tlog/tile.ts';
import type { SumdbEvidence } from './evidence.ts';
import { openSumdbProver } from './prove.ts';

const recordsOf = (count: number, fill = 'A'): TestRecord[] =>
  Array.from({ length: count }, (_, at) => ({
    ...{ module: `example.com/m${at}`, version: 'v1.0.0' },
    ...{ zipH1: `h1:${fill.repeat(43)}=`, goModH1: `h1:${'B'.repeat(43)}=` },
  }));
const at = (number: number) => [ModulePath.parse(`example.com/m${number}`), ModuleVersion.parse('v1.0.0')] as const;

async function open(database: ChecksumDatabase, cache?: TileCache) {
  const opened = await openSumdbProver(database, undefined, cache ? { cache } : {});
  if (opened.kind !== 'opened') throw new Error(opened.reason.code);
  return opened.prover;
}

const Proof = z.strictObject({
  schema: z.literal('relseal.sumdb-proof/1'),
  verifierKey: z.string(),
  code: z.string(),
  heads: z.array(z.string()),
  lookup: z.string().optional(),
  tiles: z.array(z.strictObject({ path: z.string(), bytes: z.base64() })),
});

const textOf = ({ bytes }: SumdbEvidence) => Buffer.from(bytes).toString('utf8');
const proofIn = (evidence: readonly SumdbEvidence[]) =>
  Proof.parse(JSON.parse(evidence.filter(({ kind }) => kind === 'sumdb-proof').map(textOf)[0] ?? ''));

/** The database as the evidence alone shows it: whoever has it needs nobody's answer. */
function databaseOf({ verifierKey, heads, lookup, tiles }: z.infer<typeof Proof>, latest: number): ChecksumDatabase {
  const byPath = new Map(tiles.map(({ path, bytes }) => [path, new Uint8Array(Buffer.from(bytes, 'base64'))]));
  return {
    verifierKey,
    latest: async () => heads[latest] ?? '',
    lookup: async () => lookup,
    tile: async (level, index, width) => {
      const bytes = byPath.get(tilePath({ level, index, width }, 'tile/8'));
      if (!bytes) throw new Error(`the evidence has no tile ${level}/${index} of ${width}`);
      return bytes;
    },
  };
}

describe('evidence against a checksum database', () => {
  it.each([270, 400, 500])('proves a fork at %i records by itself', async (size) => {
    const other = testChecksumDatabase(recordsOf(500, 'Z'));
    const database = testChecksumDatabase(recordsOf(600));
    const kept = { size, note: other.note(size) };
    const refused = await openSumdbProver(database, kept);
    if (refused.kind !== 'refused') throw new Error('the fork was taken');
    expect(refused.reason.code).toBe('sumdb.fork');
    expect(refused.evidence.filter(({ kind }) => kind === 'tree-head').map(textOf)).toEqual([
      database.note(600),
      other.note(size),
    ]);
    const proof = proofIn(refused.evidence);
    expect(await openSumdbProver(databaseOf(proof, 0), { size, note: proof.heads[1] ?? '' })).toMatchObject({
      reason: { code: 'sumdb.fork' },
    });
  });

  it('proves a changed record by itself', async () => {
    const database = testChecksumDatabase(recordsOf(600));
    const changed = async (...asked: ReturnType<typeof at>) =>
      (await database.lookup(...asked))?.replace(`h1:${'A'.repeat(43)}=`, `h1:${'C'.repeat(43)}=`);
    const refused = await (await open({ ...database, lookup: changed })).prove(...at(5));
    if (refused.kind !== 'refused') throw new Error('the record was taken');
    expect(refused.evidence.map(({ kind }) => kind)).toEqual(['tree-head', 'sumdb-lookup', 'sumdb-proof']);
    const replayed = await open(databaseOf(proofIn(refused.evidence), 0));
    expect(await replayed.prove(...at(5))).toMatchObject({ reason: { code: 'sumdb.proof-invalid' } });
  });

  it('proves tiles that do not lead to the root by themselves', async () => {
    const database = testChecksumDatabase(recordsOf(600));
    const tile: ChecksumDatabase['tile'] = async (level, index, width) => {
      const bytes = await database.tile(level, index, width);
      if (level === 0 && index === 0) bytes[40] = (bytes[40] ?? 0) ^ 1;
      return bytes;
    };
    const refused = await (await open({ ...database, tile })).prove(...at(5));
    if (refused.kind !== 'refused') throw new Error('the tile was taken');
    const { heads, tiles } = proofIn(refused.evidence);
    expect(heads).toEqual([database.note(600)]);
    expect(tiles.map(({ path }) => path)).toEqual(['tile/8/0/000', 'tile/8/1/000.p/2']);
  });

  it('keeps both heads where the tiles of a kept larger tree contradict it', async () => {
    const other = testChecksumDatabase(recordsOf(500, 'Z'));
    const database = testChecksumDatabase(recordsOf(400));
    const refused = await openSumdbProver(database, { size: 500, note: other.note(500) });
    expect(refused).toMatchObject({ kind: 'refused', reason: { code: 'sumdb.proof-invalid' } });
    expect(refused.kind === 'refused' && proofIn(refused.evidence).heads).toEqual([
      other.note(500),
      database.note(400),
    ]);
  });

  it('finds a fork below a kept larger tree with the tiles that were recorded of it', async () => {
    const cache = memoryTileCache();
    const other = testChecksumDatabase(recordsOf(500, 'Z'));
    const kept = (await open(other, cache)).head();
    const database = testChecksumDatabase(recordsOf(256));
    expect(await openSumdbProver(database, kept, { cache })).toMatchObject({ reason: { code: 'sumdb.fork' } });
  });

  it('has a refusal of a record that is another module’s, though the tree holds it', async () => {
    const database = testChecksumDatabase(recordsOf(30));
    const prover = await open({ ...database, lookup: (_, version) => database.lookup(at(7)[0], version) });
    expect(await prover.prove(...at(5))).toMatchObject({
      reason: { code: 'sumdb.proof-invalid', expected: 'a record of example.com/m5@v1.0.0' },
    });
  });

  it('has none for a module that the database does not know', async () => {
    const prover = await open(testChecksumDatabase(recordsOf(3)));
    expect(await prover.prove(...at(9))).toMatchObject({ reason: { code: 'sumdb.unknown-module' }, evidence: [] });
  });
});
