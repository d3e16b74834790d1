import { unzipSync, type Zippable, zipSync } from 'fflate';
import { h1OfGoMod } from '../../core/gosum/dirhash.ts';
import { hashModuleZip } from '../../core/gosum/module-zip.ts';
import { accessOf } from '../../core/gosum/zip-hashing.ts';
import type { Answer, Corpus, CorpusModule, Release } from './module-corpus.ts';
import {
  type Expected,
  fault,
  flipBit,
  type MutationKind,
  oneOf,
  PASS,
  type Random,
  refused,
  textOf,
  withFile,
} from './module-mutations.ts';

/** Mutations of what the module proxy serves. */

type Files = Readonly<Record<string, Uint8Array>>;

/** The tampered code may import other things, so that other lines are lacking too. */
const MISMATCH = refused('gosum.mismatch', 'gosum.line-missing');
const LOCAL_HEADER = 30;

function bytesOf({ plain }: Corpus, { path, version }: CorpusModule, kind: 'zip' | 'mod'): Uint8Array {
  const bytes = plain.proxy.get(`${path}@${version}.${kind}`);
  if (typeof bytes !== 'object') throw new Error(`no ${kind} of ${path}`);
  return bytes;
}
const answering = (
  release: Release,
  { path, version }: CorpusModule,
  kind: 'zip' | 'mod',
  answer: Answer,
): Release => ({
  ...release,
  proxy: new Map(release.proxy).set(`${path}@${version}.${kind}`, answer),
});

/** A kind that serves another zip of a module that is chosen at random. */
function zipKind(
  name: string,
  rounds: number,
  expected: Expected,
  edit: (zip: Uint8Array, random: Random, module: CorpusModule) => Uint8Array,
): MutationKind {
  return {
    ...{ name, rounds },
    make(corpus, random) {
      const module = oneOf(random, corpus.modules);
      const zip = edit(bytesOf(corpus, module, 'zip'), random, module);
      return { what: module.path, release: answering(corpus.plain, module, 'zip', zip), expected };
    },
  };
}

/** The same, zipped again from other files. */
const filesKind = (
  name: string,
  rounds: number,
  expected: Expected,
  edit: (files: Files, random: Random, module: CorpusModule) => Zippable,
): MutationKind => zipKind(name, rounds, expected, (zip, ...more) => zipSync(edit(unzipSync(zip), ...more)));

const pickFile = (files: Files, random: Random): [string, Uint8Array] => {
  const name = oneOf(
    random,
    Object.keys(files).filter((each) => files[each]?.length),
  );
  return [name, files[name] ?? new Uint8Array()];
};

function without(files: Files, name: string): Files {
  return Object.fromEntries(Object.entries(files).filter(([each]) => each !== name));
}

/** Replaces a name by one of the same length, in the local header and in the directory. */
function renameInPlace(zip: Uint8Array, from: string, to: string): Uint8Array {
  return Buffer.from(Buffer.from(zip).toString('latin1').replaceAll(from, to), 'latin1');
}

/** Where the first entry of the central directory lies. */
const directoryAt = (zip: Uint8Array): number => Buffer.from(zip).indexOf('PK\x01\x02', 'latin1');

/** Says that the first entry inflates to another number of bytes, here and in its local header. */
function withSize(zip: Uint8Array, size: number): Uint8Array {
  const forged = Buffer.from(zip);
  forged.writeUInt32LE(size, directoryAt(zip) + 24);
  forged.writeUInt32LE(size, 22);
  return forged;
}

/** A bit of what is deflated, of the first entry. */
function flipData(zip: Uint8Array, random: Random): Uint8Array {
  const bytes = Buffer.from(zip);
  const at = directoryAt(zip);
  const packed = bytes.readUInt32LE(at + 20);
  const start = LOCAL_HEADER + bytes.readUInt16LE(26) + bytes.readUInt16LE(28);
  // The last bytes may be padding, which means nothing.
  return flipBit(zip, start + random(packed - 2), random(8));
}

const renamedTo = (name: (path: string) => string) => (files: Files, random: Random) => {
  const [path, bytes] = pickFile(files, random);
  return { ...without(files, path), [name(path)]: bytes };
};
const besides = (name: (prefix: string) => string) => (files: Files, _: Random, module: CorpusModule) => ({
  ...files,
  [name(`${module.path}@${module.version}/`)]: Buffer.from('package added\n'),
});

/** A kind that changes what is served as go.mod, the zip left as it is. */
function goModKind(
  name: string,
  rounds: number,
  codes: readonly string[],
  edit: (goMod: string, random: Random) => string,
) {
  const kind: MutationKind = {
    ...{ name, rounds },
    make(corpus, random) {
      const module = oneOf(random, corpus.modules);
      const goMod = Buffer.from(edit(Buffer.from(bytesOf(corpus, module, 'mod')).toString('utf8'), random));
      const release = answering(corpus.plain, module, 'mod', goMod);
      return { what: module.path, release, expected: refused('gosum.mismatch', ...codes) };
    },
  };
  return kind;
}

export const BYTES_MUTATIONS: readonly MutationKind[] = [
  filesKind('a bit of a file in a zip is changed', 20, MISMATCH, (files, random) => {
    const [name, bytes] = pickFile(files, random);
    return { ...files, [name]: flipBit(bytes, random(bytes.length), random(8)) };
  }),
  filesKind('a file of a zip is emptied', 4, MISMATCH, (files, random) => ({
    ...files,
    [pickFile(files, random)[0]]: new Uint8Array(),
  })),
  filesKind('a file of a zip is removed', 8, MISMATCH, (files, random) => without(files, pickFile(files, random)[0])),
  filesKind(
    'a file of a zip is renamed',
    6,
    MISMATCH,
    renamedTo((path) => `${path}.x`),
  ),
  filesKind(
    'a file is added to a zip',
    4,
    MISMATCH,
    besides((prefix) => `${prefix}added.go`),
  ),
  filesKind(
    'a nested module is added to a zip',
    2,
    MISMATCH,
    besides((prefix) => `${prefix}nested/go.mod`),
  ),
  filesKind(
    'a file outside is added to a zip',
    2,
    MISMATCH,
    besides(() => 'outside.go'),
  ),
  filesKind(
    'a file above is added to a zip',
    2,
    MISMATCH,
    besides((prefix) => `${prefix}../above.go`),
  ),
  filesKind(
    'an absolute name is added to a zip',
    2,
    MISMATCH,
    besides(() => '/etc/passwd'),
  ),
  filesKind(
    'a name with a backslash is added to a zip',
    2,
    MISMATCH,
    besides((prefix) => `${prefix}a\\b.go`),
  ),
  filesKind('a zip has another prefix', 4, MISMATCH, (files, random, { version }) => {
    const other = oneOf(random, ['v9.9.9', `${version}0`, '']);
    return Object.fromEntries(Object.entries(files).map(([name, bytes]) => [name.replace(version, other), bytes]));
  }),
  filesKind('names of a zip differ in nothing but case', 3, MISMATCH, (files, random) => {
    const [name, bytes] = pickFile(files, random);
    const cut = name.lastIndexOf('/') + 1;
    const [upper, lower] = [name.slice(cut).toUpperCase(), name.slice(cut).toLowerCase()];
    return { ...files, [name.slice(0, cut) + upper]: bytes, [name.slice(0, cut) + lower]: bytes };
  }),
  zipKind('a name is in a zip twice', 4, MISMATCH, (zip, _, { path, version }) => {
    const [first, second] = ['twice_a.go', 'twice_b.go'].map((name) => `${path}@${version}/${name}`);
    const files = {
      ...unzipSync(zip),
      [`${first}`]: Buffer.from('package a'),
      [`${second}`]: Buffer.from('package b'),
    };
    return renameInPlace(zipSync(files), 'twice_b.go', 'twice_a.go');
  }),
  zipKind('a zip says that it inflates to less', 3, MISMATCH, (zip) => withSize(zip, 1)),
  zipKind('a zip says that it inflates to more than can be', 3, MISMATCH, (zip, random) =>
    withSize(zip, 0xfffffff0 - random(1000)),
  ),
  zipKind('a zip is a bomb', 3, MISMATCH, (_, random, { path, version }) =>
    withSize(zipSync({ [`${path}@${version}/bomb`]: new Uint8Array(8 * 1024 * 1024) }), 10 + random(1000)),
  ),
  zipKind('a zip is cut off', 8, MISMATCH, (zip, random) => zip.subarray(0, random(zip.length))),
  zipKind('a zip is empty', 1, MISMATCH, () => new Uint8Array()),
  zipKind('a zip has bytes in front', 2, MISMATCH, (zip) => Buffer.concat([Buffer.from('#!/bin/sh\n'), zip])),
  zipKind('a bit of deflated data is changed', 20, MISMATCH, flipData),
  filesKind('a zip is packed in another way', 4, PASS, (files, random) =>
    Object.fromEntries(
      Object.entries(files).map(([name, bytes]) => [name, [bytes, { level: random(2) === 0 ? 0 : 9 }]]),
    ),
  ),
  filesKind('a zip has its files in another order', 4, PASS, (files) =>
    Object.fromEntries(Object.entries(files).reverse()),
  ),
  filesKind('a zip has other times', 2, PASS, (files) =>
    Object.fromEntries(Object.entries(files).map(([name, bytes]) => [name, [bytes, { mtime: '2001-02-03' }]])),
  ),
  {
    ...{ name: 'the zip of another module is served', rounds: 6 },
    make(corpus, random) {
      const at = random(corpus.modules.length);
      const [module, other] = [corpus.modules[at], corpus.modules[(at + 1) % corpus.modules.length]];
      if (!module || !other) throw new Error('no module');
      const release = answering(corpus.plain, module, 'zip', bytesOf(corpus, other, 'zip'));
      return { what: `${other.path} for ${module.path}`, release, expected: MISMATCH };
    },
  },
  goModKind('a served go.mod has a comment more', 6, [], (goMod) => `${goMod}// more\n`),
  goModKind('a served go.mod has another path', 3, ['gosum.line-missing', 'gosum.go-mod-malformed'], (goMod) =>
    goMod.replace('module ', 'module other.'),
  ),
  goModKind(
    'a served go.mod requires what nobody has',
    4,
    ['gosum.module-missing', 'gosum.line-missing'],
    (goMod) => `${goMod}\nrequire example.com/nowhere v1.0.0\n`,
  ),
  goModKind('a served go.mod is no go.mod', 3, ['gosum.go-mod-malformed'], (goMod) => `${goMod}require (\n`),
  {
    ...{ name: 'a zip is gone', rounds: 4 },
    make(corpus, random) {
      const module = oneOf(random, corpus.modules);
      const release = answering(corpus.plain, module, 'zip', undefined);
      return { what: module.path, release, expected: refused('gosum.module-missing') };
    },
  },
  {
    ...{ name: 'a go.mod is gone', rounds: 4 },
    make(corpus, random) {
      const module = oneOf(random, corpus.modules);
      const release = answering(corpus.plain, module, 'mod', undefined);
      return { what: module.path, release, expected: refused('gosum.module-missing') };
    },
  },
  {
    ...{ name: 'the module proxy cannot be reached', rounds: 4 },
    make(corpus, random, round) {
      const module = oneOf(random, corpus.modules);
      const release = answering(corpus.plain, module, round % 2 === 0 ? 'zip' : 'mod', 'ModuleProxyUnreachable');
      return { what: module.path, release, expected: fault('ModuleProxyUnreachable') };
    },
  },
  {
    ...{ name: 'a zip is changed and go.sum with it', rounds: 8 },
    async make(corpus, random) {
      const module = oneOf(random, corpus.modules);
      const files = unzipSync(bytesOf(corpus, module, 'zip'));
      const [name, bytes] = pickFile(files, random);
      const zip = zipSync({ ...files, [name]: Buffer.concat([bytes, Buffer.from('\n')]) });
      const hashed = await hashModuleZip(accessOf(zip), module.path, module.version);
      if (hashed.kind !== 'hashed') throw new Error(hashed.why);
      const goSum = textOf(corpus.plain, 'go.sum').replace(module.record.zipH1, hashed.h1);
      const release = withFile(answering(corpus.plain, module, 'zip', zip), 'go.sum', goSum);
      return { what: `${module.path}: ${name}`, release, expected: MISMATCH };
    },
  },
  {
    ...{ name: 'a go.mod is changed and go.sum with it', rounds: 6 },
    make(corpus, random) {
      const module = oneOf(random, corpus.modules);
      const goMod = Buffer.concat([bytesOf(corpus, module, 'mod'), Buffer.from(`// ${random(1000)}\n`)]);
      const goSum = textOf(corpus.plain, 'go.sum').replace(module.record.goModH1, h1OfGoMod(goMod));
      const release = withFile(answering(corpus.plain, module, 'mod', goMod), 'go.sum', goSum);
      return { what: module.path, release, expected: refused('gosum.mismatch') };
    },
  },
];
