import { zipSync } from 'fflate';
import type { ModuleSource } from '../../core/ports/module-source.ts';
import type { SourceFile } from '../../core/ports/source-host.ts';

/** A small tree and the modules it needs, with every reason for which the go command asks go.sum for a line. */

interface PublishedModule {
  readonly path: string;
  readonly version: string;
  readonly files: Readonly<Record<string, string>>;
}

const go = (name: string, imports: readonly string[] = [], constraint = '') =>
  `${constraint === '' ? '' : `//go:build ${constraint}\n\n`}package ${name}\n${imports.map((each) => `\nimport _ "${each}"\n`).join('')}`;
const mod = (path: string, requires: readonly string[] = [], version = '1.22') =>
  `module ${path}\n\ngo ${version}\n${requires.map((each) => `\nrequire example.com/t/${each}\n`).join('')}`;

export const PUBLISHED: readonly PublishedModule[] = [
  // Needed everywhere; its own test needs a module that nobody else does.
  {
    ...{ path: 'example.com/t/everywhere', version: 'v1.2.0' },
    files: {
      'go.mod': mod('example.com/t/everywhere', ['deep v1.0.0', 'onlytest v1.0.0']),
      'a.go': go('everywhere', ['example.com/t/deep/inner', 'fmt']),
      'a_test.go': go('everywhere', ['example.com/t/onlytest']),
      'sub/s.go': go('sub', ['example.com/t/everywhere']),
    },
  },
  // An older one, whose go.mod alone takes part in the choice.
  { path: 'example.com/t/everywhere', version: 'v1.0.0', files: { 'go.mod': mod('example.com/t/everywhere') } },
  // Older than pruning: what it requires is read too.
  {
    ...{ path: 'example.com/t/old', version: 'v1.0.0' },
    files: { 'go.mod': mod('example.com/t/old', ['older v1.0.0'], '1.15'), 'o.go': go('old') },
  },
  { path: 'example.com/t/older', version: 'v1.0.0', files: { 'go.mod': mod('example.com/t/older', [], '1.12') } },
  {
    ...{ path: 'example.com/t/deep', version: 'v1.0.0' },
    // The module's path is only a prefix of what is imported: it might provide it, so that it must be looked into.
    files: { 'go.mod': mod('example.com/t/deep'), 'd.go': go('deep') },
  },
  {
    ...{ path: 'example.com/t/deep/inner', version: 'v1.0.0' },
    files: { 'go.mod': mod('example.com/t/deep/inner'), 'i.go': go('inner') },
  },
  {
    ...{ path: 'example.com/t/windows', version: 'v1.0.0' },
    files: { 'go.mod': mod('example.com/t/windows'), 'w.go': go('windows') },
  },
  {
    ...{ path: 'example.com/t/darwin', version: 'v1.0.0' },
    files: { 'go.mod': mod('example.com/t/darwin'), 'd.go': go('darwin') },
  },
  {
    ...{ path: 'example.com/t/tagged', version: 'v1.0.0' },
    files: { 'go.mod': mod('example.com/t/tagged'), 't.go': go('tagged') },
  },
  {
    ...{ path: 'example.com/t/test', version: 'v1.0.0' },
    files: { 'go.mod': mod('example.com/t/test'), 't.go': go('test') },
  },
  {
    ...{ path: 'example.com/t/tool', version: 'v1.0.0' },
    files: { 'go.mod': mod('example.com/t/tool'), 'cmd/tool/main.go': go('main') },
  },
  {
    ...{ path: 'example.com/t/fork', version: 'v1.0.9' },
    files: { 'go.mod': mod('example.com/t/replaced'), 'r.go': go('replaced') },
  },
  {
    ...{ path: 'example.com/t/onlytest', version: 'v1.0.0' },
    files: { 'go.mod': mod('example.com/t/onlytest'), 't.go': go('onlytest') },
  },
];

export const TREE: Readonly<Record<string, string>> = {
  'go.mod': `module example.com/t/app

go 1.24

require (
	example.com/t/darwin v1.0.0
	example.com/t/everywhere v1.2.0
	example.com/t/local v0.0.0
	example.com/t/old v1.0.0
	example.com/t/replaced v1.0.0
	example.com/t/tagged v1.0.0
	example.com/t/test v1.0.0
	example.com/t/windows v1.0.0
)

require (
	example.com/t/deep/inner v1.0.0 // indirect
	example.com/t/tool v1.0.0 // indirect
)

replace example.com/t/local => ./local

replace example.com/t/replaced => example.com/t/fork v1.0.9

tool example.com/t/tool/cmd/tool
`,
  'main.go': go('main', ['C', 'example.com/t/everywhere/sub', 'example.com/t/old', 'example.com/t/replaced', 'fmt']),
  'local.go': go('main', ['example.com/t/local']),
  'main_test.go': go('main', ['example.com/t/test']),
  'on_windows.go': go('main', ['example.com/t/windows'], 'windows'),
  'on_darwin.go': go('main', ['example.com/t/darwin'], 'darwin'),
  'tagged.go': go('main', ['example.com/t/tagged'], 'special'),
  'ignored.go': go('main', ['example.com/t/nowhere'], 'ignore'),
  'testdata/t.go': go('testdata', ['example.com/t/nowhere']),
  'nested/go.mod': mod('example.com/t/nested'),
  'nested/n.go': go('nested', ['example.com/t/nowhere']),
  'local/go.mod': mod('example.com/t/local', ['everywhere v1.0.0']),
  'local/l.go': go('local', ['example.com/t/everywhere']),
};

/** Tidy no more: one module is required that provides nothing, and whose path is a prefix of what another one provides. */
export const TREE_WITH_PREFIX: Readonly<Record<string, string>> = {
  ...TREE,
  'go.mod': `${TREE['go.mod']}\nrequire example.com/t/deep v1.0.0 // indirect\n`,
};

export const sourceTree = (files: Readonly<Record<string, string>>): SourceFile[] =>
  Object.entries(files).map(([path, text]) => ({ path, bytes: Buffer.from(text) }));

export const zipOf = ({ path, version, files }: PublishedModule): Uint8Array =>
  zipSync(
    Object.fromEntries(Object.entries(files).map(([name, text]) => [`${path}@${version}/${name}`, Buffer.from(text)])),
  );

export const publishedSource: ModuleSource = {
  goMod: async (path, version) => {
    const found = PUBLISHED.find((each) => each.path === path && each.version === version);
    return found && Buffer.from(found.files['go.mod'] ?? '');
  },
  zip: async (path, version) => {
    const found = PUBLISHED.find((each) => each.path === path && each.version === version);
    if (!found) return undefined;
    const zip = zipOf(found);
    return { size: zip.length, read: async (at, length) => zip.subarray(at, at + length), release: async () => {} };
  },
};
