import type { ChecksumDatabase } from '../../core/ports/checksum-database.ts';
import { type TestRecord, testChecksumDatabase, testSigner } from '../fakes/test-checksum-database.ts';
import type { Corpus, Release } from './module-corpus.ts';
import {
  type Expected,
  fault,
  flipBit,
  type MutationKind,
  oneOf,
  PASS,
  type Random,
  refused,
} from './module-mutations.ts';

/** Mutations of what the checksum database answers, and of the head that was kept of it. */

const INVALID = refused('sumdb.proof-invalid');
const FORK = refused('sumdb.fork', 'sumdb.proof-invalid');
const UNAVAILABLE = fault('ChecksumDatabaseUnavailable');
const HASH_BYTES = 32;

/** A kind whose database answers as the right one does but for what is edited. */
function answerKind(
  name: string,
  rounds: number,
  expected: Expected,
  edit: (database: ChecksumDatabase, random: Random, corpus: Corpus) => Partial<ChecksumDatabase>,
): MutationKind {
  return {
    ...{ name, rounds },
    make(corpus, random) {
      const database = { ...corpus.plain.database, ...edit(corpus.plain.database, random, corpus) };
      return { what: 'its answers', release: { ...corpus.plain, database }, expected };
    },
  };
}

/** A kind that edits every lookup of one module. */
const lookupKind = (
  name: string,
  rounds: number,
  expected: Expected,
  edit: (body: string, random: Random) => string,
): MutationKind =>
  answerKind(name, rounds, expected, ({ lookup }, random, corpus) => {
    const { path: chosen } = oneOf(random, corpus.modules);
    return {
      async lookup(path, version) {
        const body = await lookup(path, version);
        return path === chosen && body !== undefined ? edit(body, random) : body;
      },
    };
  });

/** The records with another hash in one of those that are asked for. */
function forkedRecords({ records, modules }: Corpus, random: Random): TestRecord[] {
  const { record } = oneOf(random, modules);
  return records.map((each) => (each === record ? { ...each, zipH1: each.goModH1 } : each));
}

/** A kind that remembers a head, and is then shown a database. */
function keptKind(
  name: string,
  rounds: number,
  expected: Expected,
  make: (corpus: Corpus, random: Random) => Pick<Release, 'database' | 'kept'>,
): MutationKind {
  return {
    ...{ name, rounds },
    make: (corpus, random) => ({ what: 'its head', release: { ...corpus.plain, ...make(corpus, random) }, expected }),
  };
}

/** The head of a tree of the first `size` records. */
function headOf(records: readonly TestRecord[], size: number) {
  return { size, note: testChecksumDatabase(records.slice(0, size)).note(size) };
}

const flipSignature = (note: string, random: Random): string => {
  const at = note.lastIndexOf(' ') + 8 + random(60);
  return `${note.slice(0, at)}${note[at] === 'A' ? 'B' : 'A'}${note.slice(at + 1)}`;
};

export const ANSWER_MUTATIONS: readonly MutationKind[] = [
  answerKind('a bit of every tile of one level is changed', 16, INVALID, ({ tile }, random) => {
    const [of, at, bit] = [random(2), random(HASH_BYTES * 2), random(8)];
    return {
      async tile(level, index, width) {
        const bytes = await tile(level, index, width);
        return level === of ? flipBit(bytes, at, bit) : bytes;
      },
    };
  }),
  answerKind('a tile is that of another place', 4, INVALID, ({ tile }) => ({
    tile: (level, index, width) => tile(level, level === 0 ? (index + 1) % 2 : index, width),
  })),
  answerKind('a tile is cut off', 6, UNAVAILABLE, ({ tile }, random) => {
    const lost = 1 + random(HASH_BYTES * 2);
    return { tile: async (...place) => (await tile(...place)).slice(0, -lost) };
  }),
  answerKind('a tile has more hashes than its tree', 3, UNAVAILABLE, ({ tile }, random) => {
    const more = new Uint8Array(HASH_BYTES * (1 + random(3)));
    return { tile: async (...place) => Buffer.concat([await tile(...place), more]) };
  }),
  answerKind('the hashes of a tile are in another order', 4, INVALID, ({ tile }, random) => {
    const at = random(2);
    return {
      async tile(level, index, width) {
        const bytes = await tile(level, index, width);
        const hashes = Array.from({ length: width }, (_, each) =>
          bytes.slice(each * HASH_BYTES, (each + 1) * HASH_BYTES),
        );
        return Buffer.concat([...hashes.slice(at + 1), ...hashes.slice(0, at + 1)]);
      },
    };
  }),
  lookupKind('a lookup has another hash', 12, INVALID, (body, random) => {
    const at = body.indexOf('h1:') + 3 + random(40);
    return `${body.slice(0, at)}${body[at] === 'x' ? 'y' : 'x'}${body.slice(at + 1)}`;
  }),
  lookupKind('a lookup has another record number', 8, INVALID, (body, random) =>
    body.replace(/^\d+/, `${random(600)}`),
  ),
  lookupKind('a lookup lacks the line of go.mod', 4, INVALID, (body) => body.replace(/\n[^\n]+\/go\.mod [^\n]+/, '')),
  lookupKind('a lookup is an error page', 2, UNAVAILABLE, () => '<html></html>'),
  lookupKind('a lookup ends in its signature', 4, UNAVAILABLE, (body, random) => body.slice(0, -10 - random(60))),
  lookupKind('the signature of a lookup is changed', 8, INVALID, flipSignature),
  answerKind('the record of another module is shown', 8, INVALID, ({ lookup }, random, { modules }) => {
    const [chosen, other] = [oneOf(random, modules), oneOf(random, modules)];
    const shown = other === chosen ? modules.find((each) => each !== chosen) : other;
    return {
      lookup: (path, version) =>
        path === chosen.path && shown ? lookup(shown.path, shown.version) : lookup(path, version),
    };
  }),
  answerKind('the database has no record', 6, refused('sumdb.unknown-module'), ({ lookup }, random, { modules }) => {
    const chosen = oneOf(random, modules);
    return { lookup: async (path, version) => (path === chosen.path ? undefined : lookup(path, version)) };
  }),
  answerKind('the signature of the head is changed', 8, INVALID, ({ latest }, random) => ({
    latest: async () => flipSignature(await latest(), random),
  })),
  answerKind('the head is signed by another key', 2, INVALID, (_, random, { records }) => ({
    latest: testChecksumDatabase(records, { seedByte: 8 + random(90) }).latest,
  })),
  answerKind('the head has another size than was signed', 4, INVALID, ({ latest }, random) => ({
    latest: async () => (await latest()).replace(/\n\d+\n/, `\n${random(600) + 1}\n`),
  })),
  answerKind('the head is that of another kind of tree', 1, INVALID, ({ latest }) => ({
    latest: async () => {
      const text = (await latest()).split('\n\n')[0]?.replace('go.sum database tree', 'another tree');
      return testSigner('sumdb.test.example', 7).sign(`${text}\n`);
    },
  })),
  answerKind('the head is an error page', 1, UNAVAILABLE, () => ({ latest: async () => '<html></html>' })),
  answerKind('the head is cut off', 6, UNAVAILABLE, ({ latest }, random) => ({
    latest: async () => (await latest()).slice(0, -1 - random(100)),
  })),
  answerKind('the head is an older one', 6, PASS, (_, random, { records }) => ({
    latest: testChecksumDatabase(records, { latest: 1 + random(records.length - 1) }).latest,
  })),
  keptKind('the kept head is an older one', 6, PASS, ({ plain, records }, random) => ({
    database: plain.database,
    kept: headOf(records, 1 + random(records.length - 1)),
  })),
  keptKind('the kept head is newer than the newest', 3, PASS, ({ records }, random) => ({
    database: testChecksumDatabase(records, { latest: 1 + random(records.length - 1) }),
    kept: headOf(records, records.length),
  })),
  keptKind('the database shows another history than before', 8, FORK, ({ records, ...corpus }, random) => ({
    database: testChecksumDatabase(forkedRecords({ records, ...corpus }, random)),
    kept: headOf(records, records.length),
  })),
  // Nobody serves the tiles of the longer one any more, so that it is not even known where the two part.
  keptKind('the database shows a shorter history that is another', 6, INVALID, (corpus, random) => ({
    database: testChecksumDatabase(forkedRecords(corpus, random)),
    kept: headOf([...corpus.records, ...corpus.records], corpus.records.length + 1 + random(9)),
  })),
  {
    ...{ name: 'the heads of lookups are of another history', rounds: 4 },
    make(corpus, random) {
      const forked = testChecksumDatabase(forkedRecords(corpus, random));
      const database = { ...corpus.plain.database, lookup: forked.lookup };
      return { what: 'lookups of a fork', release: { ...corpus.plain, database }, expected: FORK };
    },
  },
  {
    ...{ name: 'the database has signed another hash', rounds: 6 },
    make(corpus, random) {
      const database = testChecksumDatabase(forkedRecords(corpus, random));
      return { what: 'a record', release: { ...corpus.plain, database }, expected: refused('gosum.mismatch') };
    },
  },
];
