import type { Corpus } from './module-corpus.ts';
import {
  type Expected,
  type Mutation,
  type MutationKind,
  oneOf,
  PASS,
  refused,
  textOf,
  withFile,
} from './module-mutations.ts';

/** Mutations of go.sum. */

const BASE64 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';
const LACKING = 'gosum.line-missing';
const NOWHERE = ['gosum.module-missing', 'sumdb.unknown-module'];

const goSumOf = ({ plain }: Corpus): string => textOf(plain, 'go.sum');
const rowsOf = (corpus: Corpus): string[] => goSumOf(corpus).trimEnd().split('\n');
const joined = (rows: readonly string[]): string => rows.map((row) => `${row}\n`).join('');
const replaceAt = <T>(values: readonly T[], at: number, value: T): T[] =>
  values.map((each, index) => (index === at ? value : each));

/** Whether the go command misses the lines is what decides. */
const lackingWhere = (corpus: Corpus, goSum: string): Expected => (corpus.loads({ goSum }) ? PASS : refused(LACKING));

/** What is said to mean the same must mean the same to the go command. */
function changed(corpus: Corpus, what: string, goSum: string | Uint8Array | undefined, expected: Expected): Mutation {
  const judged = expected.kind === 'pass' && typeof goSum === 'string' ? lackingWhere(corpus, goSum) : expected;
  return { what, release: withFile(corpus.plain, 'go.sum', goSum), expected: judged };
}

/** A kind that changes one row, chosen at random, into something else. */
function rowKind(
  name: string,
  rounds: number,
  expected: Expected,
  edit: (row: string, random: (bound: number) => number) => string,
): MutationKind {
  return {
    ...{ name, rounds },
    make(corpus, random) {
      const rows = rowsOf(corpus);
      const at = random(rows.length);
      const row = edit(rows[at] ?? '', random);
      return changed(corpus, `go.sum:${at + 1} ${JSON.stringify(row)}`, joined(replaceAt(rows, at, row)), expected);
    },
  };
}

/** A kind that writes the whole file in another way. */
function fileKind(
  name: string,
  expected: Expected,
  edit: (goSum: string) => string | Uint8Array | undefined,
): MutationKind {
  return { name, rounds: 1, make: (corpus) => changed(corpus, name, edit(goSumOf(corpus)), expected) };
}

function swapHashes(rows: readonly string[], first: number, second: number): string[] {
  const [a = '', b = ''] = [rows[first], rows[second]];
  const [hashA = '', hashB = ''] = [a, b].map((row) => row.split(' ')[2] ?? '');
  return replaceAt(replaceAt(rows, first, a.replace(hashA, hashB)), second, b.replace(hashB, hashA));
}

function otherHash(row: string, random: (bound: number) => number): string {
  const at = row.indexOf('h1:') + 3 + random(42);
  const other = BASE64.replace(row[at] ?? '', '');
  return `${row.slice(0, at)}${other[random(other.length)]}${row.slice(at + 1)}`;
}

/** Of a row that ends early: its version may still be told from its hash, and its hash from another algorithm. */
function codeOfCut(row: string): string {
  const fields = row.split(' ').filter((field) => field !== '');
  return fields.length === 3 && !fields[2]?.startsWith('h1:') ? 'gosum.algorithm-unknown' : 'gosum.malformed';
}

export const GO_SUM_MUTATIONS: readonly MutationKind[] = [
  {
    ...{ name: 'a line of go.sum is deleted', rounds: 24 },
    make(corpus, _, round) {
      const rows = rowsOf(corpus);
      const goSum = joined(rows.filter((_row, at) => at !== round % rows.length));
      return changed(corpus, `go.sum:${(round % rows.length) + 1}`, goSum, lackingWhere(corpus, goSum));
    },
  },
  {
    ...{ name: 'go.sum is cut off', rounds: 20 },
    make(corpus, random) {
      const whole = goSumOf(corpus);
      const cut = whole.slice(0, random(whole.length));
      const last = cut.slice(cut.lastIndexOf('\n') + 1);
      const isWhole = last === '' || rowsOf(corpus).includes(last);
      const expected = isWhole ? lackingWhere(corpus, cut) : refused(codeOfCut(last), LACKING);
      return changed(corpus, `after ${cut.length} characters`, cut, expected);
    },
  },
  {
    ...{ name: 'the hashes of a zip and its go.mod are swapped', rounds: 12 },
    make(corpus, _, round) {
      const rows = rowsOf(corpus);
      const at = (round * 2) % rows.length;
      return changed(corpus, `go.sum:${at + 1}`, joined(swapHashes(rows, at, at + 1)), refused('gosum.mismatch'));
    },
  },
  {
    ...{ name: 'the hashes of two modules are swapped', rounds: 8 },
    make(corpus, random) {
      const rows = rowsOf(corpus);
      const at = random(rows.length);
      const other = (at + 2 + 2 * random(rows.length / 2 - 1)) % rows.length;
      const what = `go.sum:${at + 1} and ${other + 1}`;
      return changed(corpus, what, joined(swapHashes(rows, at, other)), refused('gosum.mismatch'));
    },
  },
  {
    ...{ name: 'two lines change places', rounds: 4 },
    make(corpus, random) {
      const rows = rowsOf(corpus);
      const [at, other] = [random(rows.length), random(rows.length)];
      const swapped = replaceAt(replaceAt(rows, at, rows[other] ?? ''), other, rows[at] ?? '');
      return changed(corpus, `go.sum:${at + 1} and ${other + 1}`, joined(swapped), PASS);
    },
  },
  {
    ...{ name: 'a second line with another hash comes first or last', rounds: 8 },
    make(corpus, random, round) {
      const rows = rowsOf(corpus);
      const wrong = otherHash(oneOf(random, rows), random);
      const conflicting = round % 2 === 0 ? [wrong, ...rows] : [...rows, wrong];
      return changed(corpus, wrong, joined(conflicting), refused('gosum.conflict', 'gosum.mismatch'));
    },
  },
  {
    ...{ name: 'a line of a version that nothing needs is added', rounds: 1 },
    make(corpus) {
      const { module, version, zipH1 } = corpus.other.record;
      return changed(corpus, version, `${goSumOf(corpus)}${module} ${version} ${zipH1}\n`, PASS);
    },
  },
  {
    ...{ name: 'a line of a module that nobody has is added', rounds: 3 },
    make(corpus, random) {
      const row = `example.com/invented${random(1000)} v1.0.0 h1:${'A'.repeat(43)}=`;
      return changed(corpus, row, `${goSumOf(corpus)}${row}\n`, refused(...NOWHERE));
    },
  },
  {
    ...{ name: 'a NUL is put into a line', rounds: 8 },
    make(corpus, random) {
      const rows = rowsOf(corpus);
      const at = random(rows.length);
      const row = rows[at] ?? '';
      const hash = row.indexOf('h1:');
      // Anywhere but in the name of the algorithm, which would be another one then.
      const cut = oneOf(random, [random(hash - 1), hash + 3 + random(44)]);
      const edited = `${row.slice(0, cut)}\0${row.slice(cut)}`;
      const expected = refused('gosum.malformed', LACKING);
      return changed(
        corpus,
        `go.sum:${at + 1} ${JSON.stringify(edited)}`,
        joined(replaceAt(rows, at, edited)),
        expected,
      );
    },
  },
  rowKind('a character of a hash is changed', 16, refused('gosum.mismatch'), otherHash),
  rowKind('a hash is written in a way that base64 does not', 3, refused('gosum.malformed', LACKING), (row) => {
    const last = BASE64.indexOf(row.at(-2) ?? '');
    return `${row.slice(0, -2)}${BASE64[last + 1]}=`;
  }),
  rowKind('a line has another algorithm', 6, refused('gosum.algorithm-unknown', LACKING), (row, random) =>
    row.replace('h1:', oneOf(random, ['h2:', 'H1:', 'sha256:', 'h1', ':', 'h10:'])),
  ),
  rowKind('a line has another version', 8, refused(...NOWHERE, LACKING), (row) =>
    row.replace(/( v\d+\.)(\d+)/, (_, major, minor) => `${major}1${minor}`),
  ),
  rowKind('a line has another path', 6, refused(...NOWHERE, LACKING), (row, random) => {
    const at = 'github.com/'.length + random(4);
    return `${row.slice(0, at)}x${row.slice(at)}`;
  }),
  rowKind('a field is left out', 4, refused('gosum.malformed', LACKING), (row, random) => {
    const fields = row.split(' ');
    return fields.filter((_, at) => at !== random(3)).length === 2
      ? fields.slice(1).join(' ')
      : fields.slice(0, 2).join(' ');
  }),
  rowKind('a field is added', 3, refused('gosum.malformed', LACKING), (row) => `${row} h1:`),
  rowKind('a line is commented', 2, refused('gosum.malformed', LACKING), (row) => `// ${row}`),
  rowKind('a line is repeated', 2, PASS, (row) => `${row}\n${row}`),
  rowKind('a line has more blanks', 3, PASS, (row, random) => row.replaceAll(' ', oneOf(random, ['  ', '\t', ' \t ']))),
  rowKind('a line ends in blanks', 2, PASS, (row) => `${row} \t`),
  rowKind('an empty line follows', 1, PASS, (row) => `${row}\n\n`),
  fileKind('go.sum has the line ends of Windows', PASS, (text) => text.replaceAll('\n', '\r\n')),
  fileKind('go.sum has no last line end', PASS, (text) => text.trimEnd()),
  fileKind('go.sum is gone', refused('gosum.file-missing'), () => undefined),
  fileKind('go.sum is empty', refused(LACKING), () => ''),
  fileKind('go.sum begins with a byte order mark', refused('gosum.malformed', LACKING), (text) => `\ufeff${text}`),
  fileKind('go.sum is UTF-16', refused('', 'gosum.malformed', 'source.encoding'), (text) =>
    Buffer.from(`\ufeff${text}`, 'utf16le'),
  ),
  fileKind('go.sum holds a byte that is no UTF-8', refused('', 'gosum.malformed', 'source.encoding'), (text) =>
    Buffer.concat([Buffer.from(text), Buffer.from([0xff])]),
  ),
];
