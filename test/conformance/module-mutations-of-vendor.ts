import type { Corpus } from './module-corpus.ts';
import {
  type Expected,
  flipBit,
  type MutationKind,
  oneOf,
  PASS,
  type Random,
  refused,
  textOf,
  withFile,
} from './module-mutations.ts';

/** Mutations of the vendor folder and of what it is compared with. */

const LIST = 'vendor/modules.txt';
const INCONSISTENT = 'vendor.inconsistent';
const BYTES = ['vendor.bytes-missing', 'vendor.bytes-changed', 'vendor.bytes-extra'];
/** Whatever a list says that go.mod, the zips or the folder do not. */
const WRONG_LIST = refused('', INCONSISTENT, 'vendor.modules-txt-malformed', 'vendor.not-checked', ...BYTES);

const vendoredFiles = ({ vendored }: Corpus): [string, Uint8Array][] =>
  [...vendored.tree].filter(([path, { length }]) => path.startsWith('vendor/') && path !== LIST && length > 0);

/** A kind that changes a vendored file that is chosen at random. */
const fileKind = (
  name: string,
  rounds: number,
  expected: Expected,
  edit: (bytes: Uint8Array, random: Random) => Uint8Array | undefined,
): MutationKind => ({
  ...{ name, rounds },
  make(corpus, random) {
    const [path, bytes] = oneOf(random, vendoredFiles(corpus));
    return { what: path, release: withFile(corpus.vendored, path, edit(bytes, random)), expected };
  },
});

/** A kind that edits one row of modules.txt, of those that a pattern matches. */
const listKind = (
  name: string,
  rounds: number,
  expected: Expected,
  pattern: RegExp,
  edit: (row: string, random: Random) => string | undefined,
): MutationKind => ({
  ...{ name, rounds },
  make(corpus, random) {
    const rows = textOf(corpus.vendored, LIST).trimEnd().split('\n');
    const at = oneOf(
      random,
      rows.flatMap((row, index) => (pattern.test(row) ? [index] : [])),
    );
    const edited = rows.flatMap((row, index) => (index === at ? (edit(row, random) ?? []) : row));
    const release = withFile(corpus.vendored, LIST, `${edited.join('\n')}\n`);
    return { what: `${LIST}:${at + 1} ${rows[at]}`, release, expected };
  },
});

/** A kind that adds a file. */
const addedKind = (name: string, path: string, expected: Expected): MutationKind => ({
  ...{ name, rounds: 1 },
  make: ({ vendored }) => ({ what: path, release: withFile(vendored, path, 'package added\n'), expected }),
});

export const VENDOR_MUTATIONS: readonly MutationKind[] = [
  fileKind('a bit of a vendored file is changed', 16, refused('vendor.bytes-changed'), (bytes, random) =>
    flipBit(bytes, random(bytes.length), random(8)),
  ),
  fileKind('a vendored file is cut off', 6, refused('vendor.bytes-changed'), (bytes, random) =>
    bytes.subarray(0, random(bytes.length)),
  ),
  fileKind('a vendored file has the line ends of Windows', 3, refused('vendor.bytes-changed'), (bytes) =>
    Buffer.from(Buffer.from(bytes).toString('utf8').replaceAll('\n', '\r\n')),
  ),
  fileKind('a vendored file is removed', 12, refused('vendor.bytes-missing'), () => undefined),
  {
    ...{ name: 'a vendored file is renamed', rounds: 6 },
    make(corpus, random) {
      const [path, bytes] = oneOf(random, vendoredFiles(corpus));
      const release = withFile(withFile(corpus.vendored, path, undefined), `${path}.go`, bytes);
      return { what: path, release, expected: refused('vendor.bytes-missing', 'vendor.bytes-extra') };
    },
  },
  {
    ...{ name: 'a vendored file has the bytes of another', rounds: 6 },
    make(corpus, random) {
      const files = vendoredFiles(corpus);
      const at = random(files.length - 1);
      const [[path] = [''], [other, bytes] = ['']] = [files[at], files[at + 1]];
      const release = withFile(corpus.vendored, path, bytes);
      return { what: `${path} from ${other}`, release, expected: refused('vendor.bytes-changed') };
    },
  },
  addedKind(
    'a file is added to a vendored package',
    'vendor/github.com/pkg/errors/added.go',
    refused('vendor.bytes-extra'),
  ),
  addedKind(
    'a test is added to a vendored package',
    'vendor/github.com/pkg/errors/a_test.go',
    refused('vendor.bytes-extra'),
  ),
  addedKind(
    'an object is added to a vendored package',
    'vendor/github.com/pkg/errors/a.syso',
    refused('vendor.bytes-extra'),
  ),
  addedKind('a package is added to the vendor folder', 'vendor/example.com/new/new.go', refused('vendor.bytes-extra')),
  addedKind('a file is added to the vendor folder itself', 'vendor/README', refused('vendor.bytes-extra')),
  addedKind('a file is added beside the vendor folder', 'README', PASS),
  listKind(
    'the version of a module is changed in modules.txt',
    12,
    refused(INCONSISTENT, 'vendor.not-checked', ...BYTES),
    /^# /,
    (row) => row.replace(/( v\d+\.)(\d+)/, (_, major, minor) => `${major}1${minor}`),
  ),
  listKind('a module is removed from modules.txt', 8, WRONG_LIST, /^# /, () => undefined),
  listKind('a package is removed from modules.txt', 8, refused('vendor.bytes-extra'), /^[^#]/, () => undefined),
  listKind(
    'a package that nobody has is added to modules.txt',
    4,
    refused(INCONSISTENT),
    /^[^#]/,
    (row) => `${row}\n${row}/none`,
  ),
  listKind('a module is no more explicit in modules.txt', 6, WRONG_LIST, /^## explicit/, () => undefined),
  listKind('the go line is changed in modules.txt', 4, refused(INCONSISTENT), /^## explicit; go/, (row) => `${row}1`),
  listKind('a module is replaced in modules.txt', 4, WRONG_LIST, /^# /, (row) => `${row} => example.com/other v1.0.0`),
  listKind('a row is added to modules.txt', 3, WRONG_LIST, /^# /, (row) => `# comment\n${row}`),
  {
    ...{ name: 'modules.txt is gone', rounds: 1 },
    make: ({ vendored }) => ({
      ...{ what: LIST, release: withFile(vendored, LIST, undefined) },
      expected: refused('vendor.modules-txt-missing', 'vendor.bytes-extra'),
    }),
  },
  {
    ...{ name: 'a requirement is removed from a go.mod with a vendor folder', rounds: 12 },
    make(corpus, _, round) {
      const { path = '', version = '' } = corpus.modules[round % corpus.modules.length] ?? {};
      const rows = textOf(corpus.vendored, 'go.mod').split('\n');
      const goMod = rows.filter((row) => !row.includes(`\t${path} ${version}`)).join('\n');
      return {
        what: path,
        release: withFile(corpus.vendored, 'go.mod', goMod),
        expected: refused(INCONSISTENT, 'gosum.line-missing'),
      };
    },
  },
  {
    ...{ name: 'the zip of a vendored module is changed', rounds: 4 },
    make(corpus, random) {
      const { path, version } = oneOf(random, corpus.modules);
      const key = `${path}@${version}.zip`;
      const other = [...corpus.vendored.proxy].find(([each]) => each.endsWith('.zip') && each !== key);
      const proxy = new Map(corpus.vendored.proxy).set(key, other?.[1]);
      return {
        what: key,
        release: { ...corpus.vendored, proxy },
        expected: refused('gosum.mismatch', 'vendor.not-checked'),
      };
    },
  },
];
