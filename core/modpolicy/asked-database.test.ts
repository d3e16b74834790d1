import { describe, expect, it } from 'vitest';
import { memoryHeadStore } from '../../test/fakes/memory-head-store.ts';
import { testChecksumDatabase } from '../../test/fakes/test-checksum-database.ts';
import { ModulePath, ModuleVersion } from '../brands.ts';
import type { ChecksumDatabase } from '../ports/checksum-database.ts';
import { logNameOf, parseVerifierKey } from '../tlog/note.ts';
import { askedDatabase } from './asked-database.ts';

const H1 = `h1:${'A'.repeat(43)}=`;
const paths = ['example.com/a', 'example.com/b'].map((path) => ModulePath.parse(path));
const version = ModuleVersion.parse('v1.0.0');
const records = paths.map((module) => ({ module, version, zipH1: H1, goModH1: H1 }));

function opened(database: ChecksumDatabase) {
  const shown: string[][] = [];
  const heads = memoryHeadStore();
  const asked = askedDatabase({
    ...{ database, heads },
    contradicted: (evidence) => void shown.push(evidence.map(({ kind }) => kind)),
  });
  return { asked, heads, shown, all: () => Promise.all(paths.map((path) => asked.prove(path, version))) };
}

describe('the checksum database of one run', () => {
  it('is opened by the first question, for all, and keeps its head', async () => {
    const database = testChecksumDatabase(records);
    const { asked, heads, shown, all } = opened(database);
    await asked.saveHead();
    expect(database.asked).toEqual([]);
    expect((await all()).map(({ kind }) => kind)).toEqual(['proved', 'proved']);
    await asked.saveHead();
    expect(database.asked.filter((each) => each === 'latest')).toHaveLength(1);
    expect(await heads.load(logNameOf(parseVerifierKey(database.verifierKey)))).toMatchObject({ size: 2 });
    expect(shown).toEqual([]);
  });

  it('refuses every question where it contradicts itself, and shows that once', async () => {
    const other = testChecksumDatabase(records, { seedByte: 8 });
    const { shown, all } = opened({ ...testChecksumDatabase(records), latest: other.latest });
    expect(await all()).toMatchObject(paths.map(() => ({ kind: 'refused', reason: { code: 'sumdb.proof-invalid' } })));
    expect(shown).toHaveLength(1);
  });
});
