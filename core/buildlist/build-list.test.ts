import { describe, expect, it } from 'vitest';
import { Fault } from '../faults.ts';
import { parseGoMod } from '../gosum/go-mod.ts';
import { parseGoWork } from '../gosum/go-work.ts';
import type { ModuleSource } from '../ports/module-source.ts';
import { loadBuildList } from './build-list.ts';
import type { MainModules } from './main-modules.ts';

/** What it selects is judged by the go command, in test/conformance; here is what it refuses and how it asks. */

function mainsOf(texts: Readonly<Record<string, string>>, directories: readonly string[] = ['']): MainModules {
  const goModIn = (directory: string) => texts[directory === '' ? 'go.mod' : `${directory}/go.mod`];
  const mains = directories.map((directory) => {
    const parsed = parseGoMod(goModIn(directory) ?? '');
    if (parsed.kind === 'malformed') throw new Error(JSON.stringify(parsed.problem));
    return { directory, file: parsed.file };
  });
  const work = texts['go.work'] === undefined ? undefined : parseGoWork(texts['go.work']);
  return {
    ...{ mains, goModIn },
    ...(work?.kind === 'parsed' ? { work: { directory: '', file: work.file } } : {}),
  };
}

function sourceOf(published: Readonly<Record<string, string>>) {
  const asked: string[] = [];
  let open = 0;
  let most = 0;
  const source: Pick<ModuleSource, 'goMod'> = {
    goMod: async (path, version) => {
      asked.push(`${path}@${version}`);
      open += 1;
      most = Math.max(most, open);
      await new Promise((resolve) => setImmediate(resolve));
      open -= 1;
      const text = published[`${path}@${version}`];
      return text === undefined ? undefined : Buffer.from(text);
    },
  };
  return { source, asked, most: () => most };
}

const MAIN = 'module example.com/m\n\ngo 1.22\n';
const reasonsOf = async (texts: Readonly<Record<string, string>>, published: Readonly<Record<string, string>> = {}) => {
  const outcome = await loadBuildList(mainsOf(texts), sourceOf(published).source);
  return outcome.kind === 'refused' ? outcome.reasons : [];
};

describe('a build list', () => {
  it('takes the highest version that anyone requires, and does not ask what is pruned out', async () => {
    const { source, asked } = sourceOf({
      'example.com/a@v1.0.0': 'module example.com/a\ngo 1.20\nrequire example.com/b v1.2.0\n',
      'example.com/b@v1.1.0': 'module example.com/b\ngo 1.20\nrequire example.com/c v1.0.0\n',
      'example.com/b@v1.2.0': 'module example.com/b\ngo 1.20\nrequire example.com/c v1.0.0\n',
    });
    const text = `${MAIN}require example.com/a v1.0.0\nrequire example.com/b v1.1.0\n`;
    expect(await loadBuildList(mainsOf({ 'go.mod': text }), source)).toMatchObject({
      kind: 'loaded',
      modules: [
        { path: 'example.com/m', version: '' },
        { path: 'example.com/a', version: 'v1.0.0' },
        { path: 'example.com/b', version: 'v1.2.0' },
        { path: 'example.com/c', version: 'v1.0.0' },
      ],
      overruled: [{ path: 'example.com/b', version: 'v1.2.0' }],
    });
    expect(asked.sort()).toEqual(['example.com/a@v1.0.0', 'example.com/b@v1.1.0', 'example.com/b@v1.2.0']);
  });

  it('reads each go.mod once, at most ten at a time', async () => {
    const names = Array.from({ length: 40 }, (_, at) => `example.com/n${at}`);
    const requires = names.map((name) => `require ${name} v1.0.0\n`).join('');
    const { source, asked, most } = sourceOf(
      Object.fromEntries(names.map((name) => [`${name}@v1.0.0`, `module ${name}\n${requires}`])),
    );
    const outcome = await loadBuildList(mainsOf({ 'go.mod': MAIN + requires }), source);
    expect(outcome.kind === 'loaded' && [outcome.modules.length, outcome.read.length]).toEqual([41, 40]);
    expect([asked.length, most()]).toEqual([40, 10]);
  });

  it.each([
    ['that no source has', {}, 'gosum.module-missing', 'example.com/a@v1.0.0'],
    [
      'that cannot be read',
      { 'example.com/a@v1.0.0': 'module (\n' },
      'gosum.go-mod-malformed',
      'example.com/a@v1.0.0/go.mod:1:1',
    ],
    [
      'of another module',
      { 'example.com/a@v1.0.0': 'module example.com/b\n' },
      'gosum.go-mod-malformed',
      'example.com/a@v1.0.0/go.mod',
    ],
    [
      'that names no module',
      { 'example.com/a@v1.0.0': 'go 1.20\n' },
      'gosum.go-mod-malformed',
      'example.com/a@v1.0.0/go.mod',
    ],
  ])('is refused for a go.mod %s', async (_, published, code, where) => {
    const reasons = await reasonsOf({ 'go.mod': `${MAIN}require example.com/a v1.0.0\n` }, published);
    expect(reasons).toMatchObject([{ code, where, expected: expect.any(String), found: expect.any(String) }]);
  });

  it.each(['../a', '/a', './gone'])('is refused for a module that %s replaces', async (directory) => {
    const text = `${MAIN}require example.com/a v1.0.0\nreplace example.com/a => ${directory}\n`;
    expect(await reasonsOf({ 'go.mod': text })).toMatchObject([
      { code: 'gosum.replacement-missing', where: 'example.com/a@v1.0.0' },
    ]);
  });

  it('is refused for a workspace with a module twice, or two meanings of one version', async () => {
    const other = `${MAIN}replace example.com/a => ../b\n`;
    const texts = { 'go.work': 'go 1.22\n', 'x/go.mod': `${MAIN}replace example.com/a => ../a\n`, 'y/go.mod': other };
    const outcome = await loadBuildList(mainsOf(texts, ['x', 'y']), sourceOf({}).source);
    expect(outcome).toMatchObject({
      kind: 'refused',
      reasons: [
        { code: 'gosum.go-work-malformed', found: 'example.com/m' },
        { code: 'gosum.go-work-malformed', found: 'example.com/a@*' },
      ],
    });
  });

  it('lets an unreachable source through as a fault', async () => {
    const goMod = async (): Promise<never> => {
      throw new Fault('ModuleProxyUnreachable', 'HTTP 503');
    };
    const mains = mainsOf({ 'go.mod': `${MAIN}require example.com/a v1.0.0\n` });
    await expect(loadBuildList(mains, { goMod })).rejects.toMatchObject({ name: 'ModuleProxyUnreachable' });
  });
});
