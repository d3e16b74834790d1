import { zipSync } from 'fflate';
import { describe, expect, it } from 'vitest';
import { Fault } from '../faults.ts';
import { parseGoMod } from '../gosum/go-mod.ts';
import { goSumKey, parseGoSum } from '../gosum/go-sum.ts';
import type { ModuleSource } from '../ports/module-source.ts';
import { sourceFactsOf } from '../source/source-facts.ts';
import { unusedLines } from './unused-lines.ts';

/** What is unused is judged by the go command, in test/conformance; here is what becomes of the odd cases. */

const H1 = `h1:${'A'.repeat(43)}=`;
const importing = (...paths: string[]) => `package p\n${paths.map((path) => `\nimport _ "${path}"\n`).join('')}`;

/** Modules by `path@version`: what the file of their root folder imports, or their whole zip. `a` requires `c`. */
function sourceOf(published: Readonly<Record<string, readonly string[] | Uint8Array>>): ModuleSource {
  return {
    goMod: async (path, version) => {
      const requires = path === 'example.com/a' ? '\nrequire example.com/c v1.0.0\n' : '';
      return published[`${path}@${version}`] && Buffer.from(`module ${path}\n\ngo 1.17\n${requires}`);
    },
    zip: async (path, version) => {
      const key = `${path}@${version}`;
      const found = published[key];
      if (!found) return undefined;
      const zip = found instanceof Uint8Array ? found : zipSync({ [`${key}/p.go`]: Buffer.from(importing(...found)) });
      return { size: zip.length, read: async (at, length) => zip.subarray(at, at + length), release: async () => {} };
    },
  };
}

async function unused(
  goModText: string,
  sums: readonly string[] | undefined,
  modules: ModuleSource,
  code = importing(),
) {
  const made = sourceFactsOf(
    Object.entries({ 'go.mod': goModText, 'a.go': code }).map(([path, text]) => ({ path, bytes: Buffer.from(text) })),
    '',
  );
  const goMod = parseGoMod(goModText);
  if (made.kind !== 'made' || goMod.kind !== 'parsed') throw new Error(JSON.stringify([made, goMod]));
  const lines = sums && parseGoSum(sums.map((sum) => `${sum} ${H1}\n`).join('')).lines;
  const found = await unusedLines({ facts: made.facts, goMod: goMod.file, lines, modules });
  return (
    found && [
      ...found.requirements.map(({ path, line }) => `go.mod:${line} ${path}`),
      ...found.sums.map(({ module, version, kind, line }) => `go.sum:${line} ${goSumKey(module, version, kind)}`),
    ]
  );
}

const requiring = (...paths: string[]) =>
  `module example.com/m\n\ngo 1.22\n\n${paths.map((path) => `require example.com/${path}\n`).join('')}`;
const both = sourceOf({ 'example.com/a@v1.0.0': [], 'example.com/b@v1.0.0': [] });
const linesOf = (module: string) => [`example.com/${module} v1.0.0`, `example.com/${module} v1.0.0/go.mod`];

describe('the lines that nothing needs', () => {
  it('are none in a tree that is tidy', async () => {
    const text = requiring('a v1.0.0');
    expect(await unused(text, linesOf('a'), both, importing('example.com/a'))).toEqual([]);
  });

  it('are a requirement with its lines of go.sum, and lines of modules that nobody knows', async () => {
    const text = requiring('a v1.0.0', 'b v1.0.0');
    const sums = [...linesOf('a'), ...linesOf('b'), 'example.com/z v9.0.0'];
    expect(await unused(text, sums, both, importing('example.com/a'))).toEqual([
      'go.mod:6 example.com/b',
      'go.sum:3 example.com/b v1.0.0',
      'go.sum:4 example.com/b v1.0.0/go.mod',
      'go.sum:5 example.com/z v9.0.0',
    ]);
  });

  it('are known without a go.sum', async () => {
    expect(await unused(requiring('a v1.0.0'), undefined, both)).toEqual(['go.mod:5 example.com/a']);
  });

  it('spare what Go 1.16 reads, in a go.mod of Go 1.17 alone', async () => {
    const modules = sourceOf({ 'example.com/a@v1.0.0': [], 'example.com/c@v1.0.0': [] });
    const sums = [...linesOf('a'), 'example.com/c v1.0.0/go.mod'];
    const of = (go: string) =>
      unused(requiring('a v1.0.0').replace('go 1.22', `go ${go}`), sums, modules, importing('example.com/a'));
    expect(await of('1.17')).toEqual([]);
    expect(await of('1.18')).toEqual(['go.sum:3 example.com/c v1.0.0/go.mod']);
  });

  it.each<[string, string, ModuleSource, string]>([
    ['without a go line', 'module example.com/m\n\nrequire example.com/a v1.0.0\n', both, importing('example.com/a')],
    ['that requires a module twice', requiring('a v1.0.0', 'a v1.0.0'), both, importing('example.com/a')],
    ['that requires what nobody has', requiring('c v1.0.0'), both, importing()],
    ['whose go line is to be raised', requiring('a v1.0.0').replace('1.22', '1.16'), both, importing('example.com/a')],
    ['that does not name what is imported', requiring('a v1.0.0'), both, importing('example.com/b')],
    [
      'one of whose modules has no zip',
      requiring('a v1.0.0'),
      sourceOf({ 'example.com/a@v1.0.0': Buffer.from('<html>') }),
      importing('example.com/a'),
    ],
    [
      'one of whose modules imports what nobody has',
      requiring('a v1.0.0'),
      sourceOf({ 'example.com/a@v1.0.0': ['example.com/nowhere'] }),
      importing('example.com/a'),
    ],
    [
      'that is replaced by a folder outside',
      `${requiring('a v1.0.0')}replace example.com/a => ../a\n`,
      both,
      importing('example.com/a'),
    ],
  ])('are not known of a go.mod %s', async (_, text, modules, code) => {
    expect(await unused(text, linesOf('a'), modules, code)).toBeUndefined();
  });

  it('are a fault while the source is down', async () => {
    const down = { ...both, zip: () => Promise.reject(new Fault('ModuleProxyUnreachable', 'down')) };
    await expect(unused(requiring('a v1.0.0'), [], down, importing('example.com/a'))).rejects.toMatchObject({
      name: 'ModuleProxyUnreachable',
    });
  });
});
