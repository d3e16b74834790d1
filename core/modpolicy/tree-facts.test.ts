import { zipSync } from 'fflate';
import { describe, expect, it } from 'vitest';
import { ModulePath, ModuleVersion } from '../brands.ts';
import { Fault, type FaultName } from '../faults.ts';
import type { ModuleSource } from '../ports/module-source.ts';
import { sourceFactsOf } from '../source/source-facts.ts';
import { readChangedModules } from './changed-modules.ts';
import { compareOrigins, originsOf } from './compare-origins.ts';
import { treeFactsOf } from './tree-facts.ts';

const CGO = 'package a\n\n// #cgo LDFLAGS: -lm\nimport "C"\n';
const LINKNAME = 'package a\n\nimport _ "unsafe"\n\n//go:linkname now time.now\nfunc now()\n';

function factsOf(files: Readonly<Record<string, string>>, directory = '') {
  const tree = Object.entries(files).map(([path, text]) => ({ path, bytes: Buffer.from(text) }));
  const made = sourceFactsOf(tree, directory);
  if (made.kind !== 'made') throw new Error(JSON.stringify(made.reasons));
  return treeFactsOf(made.facts);
}
const brief = (objects: readonly { kind: string; path: string }[]) =>
  objects.map(({ kind, path }) => `${kind} ${path}`);

describe('the tree of a release', () => {
  it('shows what a build takes in without compiling Go', () => {
    const { objects } = factsOf({
      'go.mod': 'module m\n',
      'a.go': CGO,
      'b.go': LINKNAME,
      'plain.go': 'package a\n',
      'asm_amd64.s': '',
      'c.S': '',
      'rsrc_windows.syso': 'MZ',
    });
    expect(brief(objects)).toEqual([
      'assembly asm_amd64.s',
      'assembly c.S',
      'syso rsrc_windows.syso',
      'ldflags a.go',
      'linkname b.go',
    ]);
    expect(objects.find(({ kind }) => kind === 'syso')?.sha256).toMatch(/^[0-9a-f]{64}$/);
  });

  it('leaves out what no build of the module reads', () => {
    const { objects } = factsOf({
      'sub/go.mod': 'module m/sub\n',
      ...Object.fromEntries(
        ['vendor/x/a.s', 'testdata/a.s', '_x/a.s', '.x/a.s', 'd/_a.s', 'sub/a.s'].map((path) => [path, '']),
      ),
    });
    expect(objects).toEqual([]);
  });

  it('is that of the module’s folder, and go.work counts there and above', () => {
    const files = {
      'go.work': '',
      'tools/go.work': '',
      'tools/x/go.work': '',
      'other/go.work': '',
      'a.s': '',
      'tools/x/b.s': '',
      'tools/x/go.mod': '',
    };
    expect(factsOf(files, 'tools/x')).toEqual({
      goWork: ['go.work', 'tools/go.work', 'tools/x/go.work'],
      objects: [{ kind: 'assembly', path: 'b.s' }],
    });
    expect(factsOf(files)).toMatchObject({ goWork: ['go.work'], objects: [{ path: 'a.s' }] });
  });
});

const zipOf = (module: string, files: Readonly<Record<string, string>>): Uint8Array =>
  zipSync(Object.fromEntries(Object.entries(files).map(([path, text]) => [`${module}/${path}`, Buffer.from(text)])));

/** A source of zips that tells which were never given back. */
function zips(held: Readonly<Record<string, Uint8Array>>): Pick<ModuleSource, 'zip'> & { open: number } {
  const source = {
    open: 0,
    zip: async (path: string, version: string) => {
      const bytes = held[`${path}@${version}`];
      if (!bytes) return undefined;
      source.open += 1;
      return {
        size: bytes.length,
        read: async (offset: number, length: number) => bytes.subarray(offset, offset + length),
        release: async () => {
          source.open -= 1;
        },
      };
    },
  };
  return source;
}

const at = (version: string) => ({ path: 'example.com/a', version });

describe('dependencies', () => {
  const old = zipOf('example.com/a@v1.0.0', { 'a.s': '', 'a.syso': 'old' });
  it.each<[string, Uint8Array, string[] | undefined]>([
    ['the same', zipOf('example.com/a@v1.1.0', { 'a.s': 'other', 'a.syso': 'old' }), []],
    ['an object with other bytes', zipOf('example.com/a@v1.1.0', { 'a.syso': 'new' }), ['syso a.syso']],
    [
      'cgo and linkname',
      zipOf('example.com/a@v1.1.0', { 'a.go': CGO, 'b.go': LINKNAME }),
      ['ldflags a.go', 'linkname b.go'],
    ],
    ['what no build reads', zipOf('example.com/a@v1.1.0', { 'testdata/a.s': '' }), []],
    ['no zip of that module', zipOf('example.com/b@v1.1.0', { 'a.s': '' }), undefined],
    ['no zip at all', Buffer.from('nonsense'), undefined],
  ])('that changed are read: %s', async (_what, zip, added) => {
    const source = zips({ 'example.com/a@v1.0.0': old, 'example.com/a@v1.1.0': zip });
    const [changed, ...more] = await readChangedModules(source, [at('v1.0.0')], [at('v1.1.0')]);
    expect([changed?.added && brief(changed.added), more, source.open]).toEqual([added, [], 0]);
  });

  it('that are new have all their objects for the first time, those that stayed are not read', async () => {
    const source = zips({ 'example.com/a@v1.0.0': old });
    expect(await readChangedModules(source, [], [at('v1.0.0')])).toMatchObject([
      { added: [{ path: 'a.s' }, { path: 'a.syso' }] },
    ]);
    expect(await readChangedModules(zips({}), [at('v1.0.0')], [at('v1.0.0')])).toEqual([]);
    expect(await readChangedModules(zips({}), [], [at('v1.0.0')])).toEqual([{ module: at('v1.0.0') }]);
  });
});

describe('origins', () => {
  const zip = zipOf('example.com/a@v1.0.0', { 'a.go': 'package a\n' });
  const compare = (direct: Pick<ModuleSource, 'zip'>) =>
    compareOrigins(originsOf(direct), `example.com/a v1.0.0 h1:${'A'.repeat(43)}=\n`, [at('v1.0.0'), at('v1.2.0')]);

  it('are asked about the modules that go.sum has a zip of', async () => {
    const direct = zips({ 'example.com/a@v1.0.0': zip });
    const hashed = await originsOf(direct).zip(ModulePath.parse('example.com/a'), ModuleVersion.parse('v1.0.0'));
    expect(hashed).toMatchObject({ kind: 'hashed', h1: expect.stringMatching(/^h1:.{44}$/) });
    expect(await compare(direct)).toEqual([{ module: at('v1.0.0'), h1: `h1:${'A'.repeat(43)}=`, origin: hashed }]);
    expect(direct.open).toBe(0);
  });

  it('that are gone, broken or unreachable end no run', async () => {
    const down = (name: FaultName) => ({
      zip: async () => {
        throw new Fault(name, 'down');
      },
    });
    for (const direct of [
      zips({}),
      zips({ 'example.com/a@v1.0.0': Buffer.from('x') }),
      down('ModuleProxyUnreachable'),
      down('SourceUnreachable'),
      down('EgressRefused'),
      down('CredentialRefused'),
      down('LimitExceeded'),
    ])
      expect(await compare(direct)).toMatchObject([{ origin: { kind: 'not-checked' } }]);
    await expect(compare(down('StoreUnavailable'))).rejects.toMatchObject({ name: 'StoreUnavailable' });
  });
});
