import type { Corpus } from './module-corpus.ts';
import {
  type Expected,
  type Mutation,
  type MutationKind,
  PASS,
  refused,
  textOf,
  withFile,
} from './module-mutations.ts';

/** The same hostile shapes for each text of a release: what is cut off, is no text, is too much, or contradicts itself. */

type Text = 'go.mod' | 'go.sum' | 'vendor/modules.txt';

const ENCODING = refused('source.encoding');
const TOO_LARGE = refused('source.too-large');
const LARGE_BYTES = 100 * 1024 * 1024;
const MANY_LINES = 1_000_000;
const DEPTH = 100_000;
/** What a reader of each text says of what it cannot read, and others of what is lacking or cannot be checked then. */
const MALFORMED: Readonly<Record<Text, Expected>> = {
  'go.mod': refused('gosum.go-mod-malformed', 'vendor.not-checked'),
  'go.sum': refused('gosum.malformed', 'gosum.line-missing', 'vendor.not-checked'),
  'vendor/modules.txt': refused('vendor.modules-txt-malformed', 'vendor.bytes-extra'),
};
/** Two lines that cannot both hold, behind those that are there. */
const CONTRADICTION: Readonly<Record<Text, string>> = {
  'go.mod': 'replace github.com/pkg/errors => ./a\nreplace github.com/pkg/errors => ./b\n',
  'go.sum': `github.com/pkg/errors v0.9.1 h1:${'A'.repeat(43)}=\n`,
  'vendor/modules.txt': '# github.com/pkg/errors v0.9.1\n',
};

interface Shape {
  readonly what: string;
  make(text: string, file: Text): string | Uint8Array;
  expected(file: Text): Expected;
}

const malformed = (file: Text): Expected => MALFORMED[file];

const SHAPES: readonly Shape[] = [
  { what: 'UTF-16', make: (text) => Buffer.from(`\ufeff${text}`, 'utf16le'), expected: () => ENCODING },
  { what: 'Latin-1', make: (text) => Buffer.from(`${text}// \xe9\n`, 'latin1'), expected: () => ENCODING },
  {
    what: 'a NUL in a path',
    make: (text) => text.replace('github.com/pkg', 'github.com/\0pkg'),
    expected: malformed,
  },
  { what: 'nothing but NULs', make: (text) => '\0'.repeat(text.length), expected: malformed },
  { what: 'line ends of Windows', make: (text) => text.replaceAll('\n', '\r\n'), expected: () => PASS },
  { what: '100 MiB', make: () => Buffer.alloc(LARGE_BYTES, '\n'), expected: () => TOO_LARGE },
  { what: 'a million lines', make: (text) => text + 'x\n'.repeat(MANY_LINES), expected: malformed },
  { what: 'a line of a million words', make: (text) => `${text}${'x '.repeat(MANY_LINES)}\n`, expected: malformed },
  { what: 'deep nesting', make: (text) => `${text}${'('.repeat(DEPTH)}`, expected: malformed },
  {
    what: 'a contradiction',
    make: (text, file) => text + CONTRADICTION[file],
    expected: (file) => (file === 'go.sum' ? refused('gosum.conflict') : MALFORMED[file]),
  },
];

function shaped({ vendored }: Corpus, file: Text, { what, make, expected }: Shape): Mutation {
  const content = make(textOf(vendored, file), file);
  return { what, release: withFile(vendored, file, content), expected: expected(file) };
}

const shapesOf = (file: Text): MutationKind => ({
  ...{ name: `${file} has a hostile shape`, rounds: SHAPES.length },
  make(corpus, _, round) {
    const shape = SHAPES[round];
    if (!shape) throw new Error('no such shape');
    return shaped(corpus, file, shape);
  },
});

export const SHAPE_MUTATIONS: readonly MutationKind[] = [
  shapesOf('go.mod'),
  shapesOf('go.sum'),
  shapesOf('vendor/modules.txt'),
  {
    ...{ name: 'go.mod is cut off within its requirements', rounds: 12 },
    make({ plain }, random) {
      const text = textOf(plain, 'go.mod');
      const [start, end] = [text.indexOf('('), text.indexOf(')')];
      const goMod = text.slice(0, start + 1 + random(end - start));
      return {
        ...{ what: `after ${goMod.length} characters`, release: withFile(plain, 'go.mod', goMod) },
        expected: malformed('go.mod'),
      };
    },
  },
  {
    ...{ name: 'modules.txt is cut off', rounds: 12 },
    make({ vendored }, random) {
      const text = textOf(vendored, 'vendor/modules.txt');
      const list = text.slice(0, random(text.length - 1));
      return {
        ...{ what: `after ${list.length} characters`, release: withFile(vendored, 'vendor/modules.txt', list) },
        expected: refused('', 'vendor.modules-txt-malformed', 'vendor.inconsistent', 'vendor.bytes-extra'),
      };
    },
  },
];
