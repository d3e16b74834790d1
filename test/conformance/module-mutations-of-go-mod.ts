import type { Corpus, CorpusModule } from './module-corpus.ts';
import {
  type Expected,
  type Mutation,
  type MutationKind,
  oneOf,
  PASS,
  type Random,
  refused,
  textOf,
  withFile,
} from './module-mutations.ts';

/** Mutations of go.mod, with go.sum made to fit or not. */

const MALFORMED = refused('gosum.go-mod-malformed');
const LACKING = 'gosum.line-missing';
/** None of them is a module of the tree: gone, a file, out of it, or a folder without a go.mod. */
const DIRECTORIES = ['./gone', './inner/gone', './main.go', '../outside', '/outside', './inner'];

const goModOf = ({ plain }: Corpus): string => textOf(plain, 'go.mod');
const goSumOf = ({ plain }: Corpus): string => textOf(plain, 'go.sum');
const linesOf = ({ record: { module, version, zipH1, goModH1 } }: CorpusModule): string =>
  `${module} ${version} ${zipH1}\n${module} ${version}/go.mod ${goModH1}\n`;

interface Change {
  readonly goMod: string;
  readonly goSum?: string;
}

function changed(corpus: Corpus, what: string, { goMod, goSum }: Change, expected: Expected): Mutation {
  const release = withFile(corpus.plain, 'go.mod', goMod);
  return { what, release: goSum === undefined ? release : withFile(release, 'go.sum', goSum), expected };
}

/** What is said to mean the same must mean the same to the go command. */
function neutral(corpus: Corpus, what: string, change: Change): Mutation {
  if (!corpus.loads({ goSum: goSumOf(corpus), ...change })) throw new Error(`the go command refuses it: ${what}`);
  return changed(corpus, what, change, PASS);
}

/** A kind that edits the text, and is judged in one way. */
const textKind = (
  name: string,
  expected: Expected,
  edits: readonly ((goMod: string, random: Random) => string)[],
): MutationKind => ({
  ...{ name, rounds: edits.length },
  make(corpus, random, round) {
    const goMod = edits[round]?.(goModOf(corpus), random) ?? '';
    const what = `edit ${round + 1}`;
    return expected.kind === 'pass' ? neutral(corpus, what, { goMod }) : changed(corpus, what, { goMod }, expected);
  },
});

/** The other version of the one module that the corpus holds in two. */
function otherVersion(corpus: Corpus): { goMod: string; selected: CorpusModule } {
  const { path, version } = corpus.other;
  const selected = corpus.modules.find((module) => module.path === path);
  if (!selected) throw new Error('the other version is of no module that is needed');
  return { selected, goMod: goModOf(corpus).replace(`${path} ${selected.version}`, `${path} ${version}`) };
}

const versionInvented = (goMod: string, { path, version }: CorpusModule): string =>
  goMod.replace(`${path} ${version}`, `${path} ${version.replace(/^(v\d+\.)/, '$17')}`);

export const GO_MOD_MUTATIONS: readonly MutationKind[] = [
  {
    ...{ name: 'go.mod requires another version, and go.sum has no line of it', rounds: 1 },
    make: (corpus) => changed(corpus, corpus.other.version, otherVersion(corpus), refused(LACKING)),
  },
  {
    ...{ name: 'go.mod requires another version, and go.sum has its lines', rounds: 1 },
    make(corpus) {
      const goSum = goSumOf(corpus) + linesOf(corpus.other);
      return neutral(corpus, corpus.other.version, { goMod: otherVersion(corpus).goMod, goSum });
    },
  },
  {
    ...{ name: 'go.mod requires another version, and go.sum has the hashes of the old one', rounds: 1 },
    make(corpus) {
      const { goMod, selected } = otherVersion(corpus);
      const goSum = goSumOf(corpus) + linesOf(selected).replaceAll(selected.version, corpus.other.version);
      return changed(corpus, corpus.other.version, { goMod, goSum }, refused('gosum.mismatch'));
    },
  },
  {
    ...{ name: 'go.mod requires a version that nobody has', rounds: 12 },
    make(corpus, _, round) {
      const module = corpus.modules[round % corpus.modules.length];
      const goMod = module ? versionInvented(goModOf(corpus), module) : '';
      return changed(corpus, module?.path ?? '', { goMod }, refused(LACKING));
    },
  },
  {
    ...{ name: 'go.mod requires a version that nobody has, and go.sum has hashes of it', rounds: 12 },
    make(corpus, _, round) {
      const module = corpus.modules[round % corpus.modules.length];
      if (!module) throw new Error('no module');
      const goMod = versionInvented(goModOf(corpus), module);
      const goSum = versionInvented(goSumOf(corpus), module);
      const expected = refused('gosum.module-missing', 'sumdb.unknown-module', LACKING);
      return changed(corpus, module.path, { goMod, goSum }, expected);
    },
  },
  {
    ...{ name: 'a module is replaced by a version without lines', rounds: 4 },
    make(corpus, random) {
      const { path } = oneOf(random, corpus.modules);
      const goMod = `${goModOf(corpus)}replace ${path} => ${corpus.other.path} ${corpus.other.version}\n`;
      return changed(corpus, path, { goMod }, refused(LACKING));
    },
  },
  {
    ...{ name: 'a module is replaced by a directory that the tree does not hold', rounds: DIRECTORIES.length },
    make(corpus, random, round) {
      const { path } = oneOf(random, corpus.modules);
      const goMod = `${goModOf(corpus)}replace ${path} => ${DIRECTORIES[round]}\n`;
      return changed(corpus, path, { goMod }, refused('gosum.replacement-missing', LACKING));
    },
  },
  textKind('go.mod is no go.mod', MALFORMED, [
    (goMod) => goMod.replace(')', ''),
    (goMod) => goMod.replace('require (', 'requires ('),
    (goMod) => goMod.replace('v2.3.0', 'v3.3.0'),
    (goMod) => goMod.replace('+incompatible', '+other'),
    (goMod) => goMod.replace('go 1.24', 'go v1.24'),
    (goMod) => goMod.replace('module git', 'module "git'),
    (goMod) => `${goMod}module example.com/second\n`,
    (goMod) => `${goMod}replace github.com/pkg/errors => example.com/other\n`,
    (goMod) => goMod.replace('github.com/pkg', 'github.com/\0pkg'),
    (goMod) => goMod.replace('github.com/pkg', '\ufeffgithub.com/pkg'),
    (goMod) => `${goMod}/* a comment */\n`,
    (goMod) => `${goMod}[direct]\n`,
  ]),
  textKind('go.mod requires a version in short', refused(LACKING), [(goMod) => goMod.replace('v1.0.1', 'v1.0')]),
  textKind('go.mod is written in another way', PASS, [
    (goMod) => goMod.replaceAll('\n', '\r\n'),
    (goMod) => `// a comment\n${goMod}`,
    (goMod) => goMod.replaceAll('\n\t', '\n\n\t'),
    (goMod) => goMod.replaceAll('\t', '    '),
    (goMod) => goMod.replace('github.com/pkg/errors v0.9.1', '"github.com/pkg/errors" v0.9.1'),
    (goMod) => goMod.replace('\tgithub.com/pkg/errors v0.9.1\n', '').concat('require github.com/pkg/errors v0.9.1\n'),
    (goMod) => goMod.replace('github.com/pkg/errors v0.9.1', 'github.com/pkg/errors v0.9.1 // kept'),
    (goMod) => `${goMod}exclude github.com/pkg/errors v0.8.0\n`,
    (goMod) => `${goMod}retract v0.0.1 // published by mistake\n`,
  ]),
];
