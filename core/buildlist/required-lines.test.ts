import { describe, expect, it } from 'vitest';
import { type GoFileFacts, readGoFile } from '../goimports/go-file.ts';
import { parseGoMod } from '../gosum/go-mod.ts';
import { sourceFactsOf } from '../source/source-facts.ts';
import type { FolderFiles } from './package-reader.ts';
import { needKey, reasonOf, requiredLines } from './required-lines.ts';

/** Which lines are needed is judged by the go command, in test/conformance; here is what becomes of the odd cases. */

const imports = (...paths: string[]) => `package p\n${paths.map((path) => `\nimport _ "${path}"\n`).join('')}`;
const factsOf = (text: string): GoFileFacts => readGoFile(Buffer.from(text));

interface Published {
  readonly goMod?: string;
  readonly folders: Readonly<Record<string, string>>;
}

async function lines(tree: Readonly<Record<string, string>>, published: Readonly<Record<string, Published>> = {}) {
  const made = sourceFactsOf(
    Object.entries(tree).map(([path, text]) => ({ path, bytes: Buffer.from(text) })),
    '',
  );
  const goMod = parseGoMod(tree['go.mod'] ?? '');
  if (made.kind === 'refused' || goMod.kind === 'malformed') throw new Error(JSON.stringify([made, goMod]));
  const read: string[] = [];
  const outcome = await requiredLines({
    mains: {
      mains: [{ directory: '', file: goMod.file }],
      goModIn: (directory) => tree[directory === '' ? 'go.mod' : `${directory}/go.mod`],
    },
    facts: made.facts,
    source: {
      goMod: async (path, version) => {
        const found = published[`${path}@${version}`];
        return found && Buffer.from(found.goMod ?? `module ${path}\n\ngo 1.22\n`);
      },
    },
    reader: {
      files: async ({ path, version }, folder): Promise<FolderFiles> => {
        read.push(`${path} ${folder}`);
        const found = published[`${path}@${version}`];
        if (!found) return { kind: 'unavailable', why: 'there is none' };
        const text = found.folders[folder];
        return text === undefined ? { kind: 'none' } : { kind: 'files', files: new Map([['p.go', factsOf(text)]]) };
      },
    },
  });
  if (outcome.kind === 'refused') throw new Error(JSON.stringify(outcome.reasons));
  return { ...outcome, keys: outcome.required.map(needKey).sort(), read };
}

const goMod = (...requires: string[]) =>
  `module example.com/m\n\ngo 1.22\n${requires.map((each) => `\nrequire example.com/${each}\n`).join('')}`;

describe('the lines that a tree needs', () => {
  it('are none where only the standard library and its own packages are imported', async () => {
    const tree = {
      'go.mod': goMod('a v1.0.0'),
      'a.go': imports('fmt', 'net/http', 'example.com/m/b', 'C'),
      'b/b.go': imports(),
    };
    const { keys, problems, read, tidy } = await lines(tree, {
      'example.com/a@v1.0.0': { folders: { '': imports() } },
    });
    expect([keys, problems, read, tidy.map(needKey)]).toEqual([[], [], [], ['example.com/a v1.0.0/go.mod']]);
  });

  it('say for which package, and who imports it', async () => {
    const tree = { 'go.mod': goMod('a v1.0.0'), 'a.go': imports('example.com/a/sub') };
    const { required } = await lines(tree, { 'example.com/a@v1.0.0': { folders: { sub: imports() } } });
    expect(required.map((need) => `${needKey(need)}: ${reasonOf(need)}`)).toEqual([
      'example.com/a v1.0.0: it may provide example.com/a/sub, imported by example.com/m',
      'example.com/a v1.0.0/go.mod: it provides example.com/a/sub, imported by example.com/m',
    ]);
  });

  it('are not asked for by files that no build has, nested modules, ignored folders and test data', async () => {
    const tree = {
      'go.mod': `${goMod()}\nignore ./generated\n`,
      'a.go': imports(),
      'ignored.go': `//go:build ignore\n\n${imports('example.com/a')}`,
      'nested/go.mod': 'module example.com/nested\n',
      'nested/n.go': imports('example.com/a'),
      'generated/deep/g.go': imports('example.com/a'),
      'testdata/t.go': imports('example.com/a'),
      'vendor/example.com/v/v.go': imports('example.com/a'),
    };
    expect(await lines(tree)).toMatchObject({ keys: [], problems: [] });
  });

  it('need both modules of an import that two provide, which is a problem', async () => {
    const tree = { 'go.mod': goMod('a v1.0.0', 'a/b v1.0.0'), 'a.go': imports('example.com/a/b') };
    const { keys, problems } = await lines(tree, {
      'example.com/a@v1.0.0': { folders: { b: imports() } },
      'example.com/a/b@v1.0.0': { folders: { '': imports() } },
    });
    expect(keys).toEqual(['example.com/a v1.0.0', 'example.com/a/b v1.0.0']);
    expect(problems).toMatchObject([
      {
        code: 'gosum.untidy',
        where: 'example.com/a/b',
        found: 'example.com/a/b@v1.0.0 and example.com/a@v1.0.0 (imported by example.com/m)',
      },
    ]);
  });

  it('name what nobody provides, what cannot be read, and what go.mod does not require itself', async () => {
    const tree = {
      'go.mod': goMod('a v1.0.0', 'gone v1.0.0'),
      'a.go': imports('example.com/a', 'example.com/b', 'example.com/gone', 'example.com/nowhere', './local'),
    };
    const { problems } = await lines(tree, {
      'example.com/a@v1.0.0': {
        goMod: 'module example.com/a\n\ngo 1.22\n\nrequire example.com/b v1.0.0\n',
        folders: { '': imports() },
      },
      'example.com/b@v1.0.0': { folders: { '': imports() } },
      'example.com/gone@v1.0.0': { folders: {} },
    });
    expect(problems.map(({ where, found }) => `${where}: ${found}`)).toEqual([
      './local: none (imported by example.com/m)',
      'example.com/b: no requirement of it (imported by example.com/m)',
      'example.com/gone: none (imported by example.com/m)',
      'example.com/nowhere: none (imported by example.com/m)',
    ]);
  });

  it('are found in folders that replace modules, with what those import', async () => {
    const tree = {
      'go.mod': `${goMod('a v1.0.0', 'b v1.0.0')}\nreplace example.com/a => ./local\n`,
      'a.go': imports('example.com/a'),
      'local/go.mod': 'module example.com/a\n',
      'local/l.go': imports('example.com/b'),
      'local/l_test.go': imports('example.com/nowhere'),
    };
    const { keys, problems } = await lines(tree, { 'example.com/b@v1.0.0': { folders: { '': imports() } } });
    expect([keys, problems]).toEqual([['example.com/b v1.0.0', 'example.com/b v1.0.0/go.mod'], []]);
  });
});
