import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { plainZipHasher } from '../../core/gosum/zip-hashing.ts';
import { sourceFactsOf } from '../../core/source/source-facts.ts';
import { verifyVendored } from '../../core/vendoring/verify-vendored.ts';
import { type Files, goIn, modulesOf, mustGo, publish, treeOf, writeFiles } from './vendor-world.ts';

let base = '';
let proxy = '';
let cache = '';
beforeAll(() => {
  base = mkdtempSync(join(tmpdir(), 'relseal-vendor-'));
  proxy = join(base, 'proxy');
  cache = join(base, 'cache');
  for (const [path, version, files] of MODULES) publish(proxy, path, version, files);
});
afterAll(() => rmSync(base, { recursive: true, force: true }));

const MODULES: readonly (readonly [string, string, Files])[] = [
  [
    'example.com/rich',
    'v1.2.0',
    {
      'go.mod': 'module example.com/rich\n\ngo 1.20\n',
      'go.sum': '',
      LICENSE: 'a licence\n',
      'NOTICE.txt': 'a notice\n',
      'README.md': 'read me\n',
      'rich.go':
        'package rich\n\nimport (\n\t"embed"\n\n\t"example.com/leaf"\n)\n\n//go:embed data "with space.txt" all:hidden t*.tmpl\nvar Files embed.FS\n\nvar X = leaf.X\n',
      'rich_test.go': 'package rich\n\nimport "testing"\n\nfunc TestX(t *testing.T) {}\n',
      'rich_linux.go': 'package rich\n',
      'rich_plan9_386.go': 'package rich\n',
      'gen.go': '//go:build ignore\n\npackage main\n',
      'old.go': '// +build ignore\n\npackage main\n',
      'maybe.go': '//go:build ignore || windows\n\npackage rich\n',
      'cgo.go': 'package rich\n\n// #cgo LDFLAGS: -lm\nimport "C"\n',
      'asm_amd64.s': 'TEXT x(SB),0,$0\n',
      '_hidden.go': 'package hidden\n',
      '.config': 'dot\n',
      'data/a.txt': 'a\n',
      'data/.dot': 'dot\n',
      'data/_under': 'under\n',
      'data/deep/b.txt': 'b\n',
      'hidden/.all': 'all\n',
      'hidden/_all': 'all\n',
      'with space.txt': 'space\n',
      't1.tmpl': 'one\n',
      't2.tmpl': 'two\n',
      'LICENSES/third.txt': 'third\n',
      'a/COPYING': 'copying\n',
      'a/other.go': 'package a\n',
      'a/b/LICENSE_test.go': 'package b\n',
      'a/b/c/c.go': 'package c\n\nvar C = 1\n',
      'a/b/c/d/unused.go': 'package d\n',
      'a/b/PATENTS': 'patents\n',
    },
  ],
  [
    'example.com/leaf',
    'v1.0.0',
    {
      'go.mod': 'module example.com/leaf\n',
      'leaf.go': 'package leaf\n\nconst X = 1\n',
      LICENSE: 'leaf\n',
    },
  ],
  [
    'example.com/leaf',
    'v1.1.0',
    {
      'go.mod': 'module example.com/leaf\n\ngo 1.22\n',
      'leaf.go': 'package leaf\n\nconst X = 2\n',
      LICENSE: 'leaf\n',
    },
  ],
  [
    'example.com/nest',
    'v1.0.0',
    {
      'go.mod': 'module example.com/nest\n\ngo 1.21\n',
      LICENSE: 'outer\n',
      'x/x.go': 'package x\n\nconst X = 1\n',
    },
  ],
  [
    'example.com/nest/sub',
    'v1.0.0',
    {
      'go.mod': 'module example.com/nest/sub\n\ngo 1.21\n',
      LICENSE: 'inner\n',
      'y/y.go': 'package y\n\nconst Y = 1\n',
    },
  ],
  [
    'example.com/fork',
    'v0.1.0',
    {
      'go.mod': 'module example.com/replaced\n\ngo 1.19\n',
      'r.go': 'package replaced\n\nconst R = 1\n',
    },
  ],
  [
    'example.com/replaced',
    'v1.0.0',
    {
      'go.mod': 'module example.com/replaced\n\ngo 1.18\n',
      'r.go': 'package replaced\n\nconst R = 0\n',
    },
  ],
  [
    'example.com/local',
    'v1.0.0',
    {
      'go.mod': 'module example.com/local\n\ngo 1.18\n',
      'l.go': 'package local\n\nconst L = 0\n',
    },
  ],
];

const MAIN = {
  'go.mod': `module example.com/main

go 1.24

require (
	example.com/rich v1.2.0
	example.com/nest v1.0.0
	example.com/nest/sub v1.0.0
	example.com/replaced v1.0.0
	example.com/local v1.0.0
)

replace example.com/replaced v1.0.0 => example.com/fork v0.1.0

replace example.com/local => ./local

replace example.com/unused => ./unused
`,
  'main.go': `package main

import (
	_ "example.com/local"
	_ "example.com/nest/sub/y"
	_ "example.com/nest/x"
	_ "example.com/replaced"
	_ "example.com/rich"
	_ "example.com/rich/a/b/c"
)

func main() {}
`,
  'local/go.mod': 'module example.com/local\n\ngo 1.23\n',
  'local/l.go': 'package local\n\nimport _ "embed"\n\n//go:embed res/*.txt\nvar L string\n',
  'local/l_test.go': 'package local\n',
  'local/gen.go': '//go:build ignore\n\npackage main\n',
  'local/LICENSE': 'local licence\n',
  'local/res/one.txt': 'one\n',
  'unused/go.mod': 'module example.com/unused\n',
};

const WORKSPACE = {
  'go.work': `go 1.24

use (
	./app
	./lib
)

replace example.com/replaced => example.com/fork v0.1.0
`,
  'app/go.mod': `module example.com/app

go 1.24

require (
	example.com/leaf v1.0.0
	example.com/lib v0.0.0
	example.com/local v1.0.0
	example.com/replaced v1.0.0
)

replace example.com/local => ../local

replace example.com/lib => ../lib
`,
  'app/app.go':
    'package app\n\nimport (\n\t_ "example.com/leaf"\n\t_ "example.com/lib"\n\t_ "example.com/local"\n\t_ "example.com/replaced"\n)\n',
  'lib/go.mod': 'module example.com/lib\n\ngo 1.23\n\nrequire example.com/leaf v1.1.0\n',
  'lib/lib.go': 'package lib\n\nimport _ "example.com/leaf"\n',
  'local/go.mod': 'module example.com/local\n\ngo 1.23\n',
  'local/l.go': 'package local\n',
};

let worlds = 0;
const newFolder = () => {
  worlds += 1;
  return join(base, `main-${worlds}`);
};
/** A module of these files with its vendor folder, made by the go command. */
function vendored(files: Files): string {
  const folder = newFolder();
  writeFiles(folder, files);
  mustGo(folder, proxy, cache, ['mod', 'tidy']);
  mustGo(folder, proxy, cache, ['mod', 'vendor']);
  return folder;
}
function vendoredWorkspace(): string {
  const folder = newFolder();
  writeFiles(folder, WORKSPACE);
  for (const module of ['app', 'lib']) mustGo(join(folder, module), proxy, cache, ['mod', 'tidy']);
  mustGo(folder, proxy, cache, ['work', 'vendor'], true);
  return folder;
}

async function verdictOn(folder: string, directory = '') {
  const made = sourceFactsOf(treeOf(folder), directory);
  if (made.kind === 'refused') throw new Error(JSON.stringify(made.reasons));
  return verifyVendored({ modules: modulesOf(proxy), hasher: plainZipHasher }, made.facts);
}

/** A change of a tree: what is put where, `undefined` to remove it. */
type Change = (text: string) => string | undefined;
function changed(original: string, path: string, change: Change): string {
  const folder = newFolder();
  cpSync(original, folder, { recursive: true });
  const file = join(folder, path);
  const before = existsSync(file) ? readFileSync(file, 'utf8') : '';
  const after = change(before);
  if (after === before) throw new Error(`nothing changes in ${path}`);
  if (after === undefined) rmSync(file);
  else writeFiles(folder, { [path]: after });
  return folder;
}
const append: Change = (text) => `${text}\n// more\n`;
const remove: Change = () => undefined;
const put =
  (text: string): Change =>
  () =>
    text;
const swap =
  (from: string | RegExp, to: string): Change =>
  (text) =>
    text.replace(from, to);

const codesOf = async (folder: string, directory = '') =>
  (await verdictOn(folder, directory)).reasons.map(({ code, where }) => `${code} ${where}`);

describe('a vendor folder, judged by the go command', () => {
  let main = '';
  let workspace = '';
  beforeAll(() => {
    main = vendored(MAIN);
    workspace = vendoredWorkspace();
  });

  it('that it made is clean', async () => {
    const { reasons, folders } = await verdictOn(main);
    expect(reasons).toEqual([]);
    expect(folders).toMatchObject([{ folder: 'vendor', workspace: false, modules: 6, packages: 7 }]);
    expect(folders[0]?.files).toBeGreaterThan(25);
  });

  it.each(['1.13', '1.16', '1.17', '1.20', '1.21.5', '1.22', '1.24'])('that it made for go %s is clean', async (go) => {
    const folder = vendored({ ...MAIN, 'go.mod': MAIN['go.mod'].replace('go 1.24', `go ${go}`) });
    expect((await verdictOn(folder)).reasons).toEqual([]);
  });

  it.each(['app', 'lib'])('that it made for a workspace is clean for its module %s', async (module) => {
    const { reasons, folders } = await verdictOn(workspace, module);
    expect(reasons).toEqual([]);
    expect(folders).toMatchObject([{ folder: 'vendor', workspace: true, modules: 3 }]);
  });

  const RICH = 'vendor/example.com/rich';
  it.each<[string, Change, 'changed' | 'missing' | 'extra']>([
    [`${RICH}/rich.go`, append, 'changed'],
    [`${RICH}/rich.go`, swap(/\n/g, '\r\n'), 'changed'],
    [`${RICH}/rich.go`, (text) => `\ufeff${text}`, 'changed'],
    [`${RICH}/rich.go`, put(''), 'changed'],
    [`${RICH}/rich.go`, remove, 'missing'],
    [`${RICH}/rich_plan9_386.go`, append, 'changed'],
    [`${RICH}/maybe.go`, remove, 'missing'],
    [`${RICH}/cgo.go`, remove, 'missing'],
    [`${RICH}/asm_amd64.s`, append, 'changed'],
    [`${RICH}/_hidden.go`, remove, 'missing'],
    [`${RICH}/.config`, remove, 'missing'],
    [`${RICH}/evil.go`, put('package rich\n'), 'extra'],
    [`${RICH}/evil_test.go`, put('package rich\n'), 'extra'],
    [`${RICH}/rich_test.go`, put('package rich\n'), 'extra'],
    [`${RICH}/gen.go`, put('//go:build ignore\n\npackage main\n'), 'extra'],
    [`${RICH}/go.mod`, put('module example.com/rich\n\ngo 1.20\n'), 'extra'],
    [`${RICH}/go.sum`, put('\n'), 'extra'],
    [`${RICH}/evil.syso`, put('x'), 'extra'],
    [`${RICH}/data/a.txt`, remove, 'missing'],
    [`${RICH}/data/deep/b.txt`, append, 'changed'],
    [`${RICH}/data/.dot`, put('dot\n'), 'extra'],
    [`${RICH}/hidden/.all`, append, 'changed'],
    [`${RICH}/with space.txt`, append, 'changed'],
    [`${RICH}/t2.tmpl`, remove, 'missing'],
    [`${RICH}/LICENSE`, remove, 'missing'],
    [`${RICH}/NOTICE.txt`, append, 'changed'],
    [`${RICH}/LICENSES/third.txt`, put('third\n'), 'extra'],
    [`${RICH}/a/COPYING`, remove, 'missing'],
    [`${RICH}/a/other.go`, put('package a\n'), 'extra'],
    [`${RICH}/a/b/PATENTS`, append, 'changed'],
    [`${RICH}/a/b/LICENSE_test.go`, remove, 'missing'],
    [`${RICH}/a/b/c/d/unused.go`, put('package d\n'), 'extra'],
    [`${RICH}/vendor/modules.txt`, put('\n'), 'extra'],
    ['vendor/README', put('x'), 'extra'],
    ['vendor/example.com/other/o.go', put('package other\n'), 'extra'],
    ['vendor/example.com/nest/LICENSE', put('inner\n'), 'changed'],
    ['vendor/example.com/nest/sub/LICENSE', put('outer\n'), 'changed'],
    ['vendor/example.com/replaced/r.go', put('package replaced\n\nconst R = 0\n'), 'changed'],
    ['vendor/example.com/local/l.go', append, 'changed'],
    ['vendor/example.com/local/LICENSE', append, 'changed'],
    ['vendor/example.com/local/res/one.txt', remove, 'missing'],
    ['vendor/example.com/local/gen.go', put('//go:build ignore\n\npackage main\n'), 'extra'],
  ])('does not pass after a change of %s, though the go command sees none', async (path, change, kind) => {
    const folder = changed(main, path, change);
    expect(await codesOf(folder)).toEqual([`vendor.bytes-${kind} ${path}`]);
    expect(goIn(folder, proxy, cache, ['list', '-mod=vendor', '.']).ok).toBe(true);
  });

  it('does not pass when a directory changed and its vendored copy did not', async () => {
    expect(await codesOf(changed(main, 'local/l.go', append))).toEqual([
      'vendor.bytes-changed vendor/example.com/local/l.go',
    ]);
  });

  it('does not pass when the bytes of two modules are exchanged in a workspace', async () => {
    expect(await codesOf(changed(workspace, 'vendor/example.com/leaf/leaf.go', swap('X = 2', 'X = 1')), 'app')).toEqual(
      ['vendor.bytes-changed vendor/example.com/leaf/leaf.go'],
    );
  });
});

describe('modules.txt, judged by the go command', () => {
  const TXT = 'vendor/modules.txt';
  let main = '';
  let workspace = '';
  beforeAll(() => {
    main = vendored(MAIN);
    workspace = vendoredWorkspace();
  });
  const isInconsistent = (codes: readonly string[]) =>
    codes.some((code) => /^vendor\.(?:inconsistent|modules-txt)/.test(code));
  const theirs = (folder: string, inWorkspace = false) =>
    goIn(folder, proxy, cache, ['list', '-mod=vendor', './...'], inWorkspace).output.includes('inconsistent vendoring');

  it.each<[string, string, Change]>([
    ['a mark is missing', TXT, swap(/(# example\.com\/rich .*\n)## explicit; /, '$1## ')],
    ['another version is listed', TXT, swap('# example.com/rich v1.2.0', '# example.com/rich v1.2.1')],
    ['a replacement is missing', TXT, swap(' => example.com/fork v0.1.0', '')],
    ['a replacement has another version', TXT, swap('=> example.com/fork v0.1.0', '=> example.com/fork v0.1.1')],
    ['a replacement is another module', TXT, swap('=> example.com/fork v0.1.0', '=> example.com/leaf v1.0.0')],
    [
      'a replacement is another directory',
      TXT,
      swap('# example.com/local => ./local', '# example.com/local => ./other'),
    ],
    [
      'a directory is written otherwise',
      TXT,
      swap('# example.com/local => ./local', '# example.com/local => ./local/'),
    ],
    ['a replacement of nothing is missing', TXT, swap(/# example\.com\/unused.*\n/, '')],
    ['a replacement is invented', TXT, swap(/$/, '# example.com/leaf => ./local\n')],
    ['a module is missing', TXT, swap(/# example\.com\/rich [^#]*## [^#]*/, '')],
    ['a mark is invented', TXT, swap(/$/, '# example.com/else v1.0.0\n## explicit\nexample.com/else\n')],
    ['it is empty', TXT, put('')],
    ['it is gone', TXT, remove],
    ['a requirement is new', 'go.mod', swap('require (', 'require (\n\texample.com/new v1.0.0')],
    ['a requirement has another version', 'go.mod', swap('example.com/nest v1.0.0', 'example.com/nest v1.0.1')],
    ['a requirement is gone', 'go.mod', swap('\texample.com/nest v1.0.0\n', '')],
    ['a replacement is gone', 'go.mod', swap(/replace example\.com\/replaced .*\n/, '')],
    ['a replacement is new', 'go.mod', swap(/$/, 'replace example.com/leaf => ./local\n')],
    [
      'a replacement is of every version',
      'go.mod',
      swap('replace example.com/replaced v1.0.0', 'replace example.com/replaced'),
    ],
    ['a replacement of a requirement is another', 'go.mod', swap('=> ./local', '=> ./unused')],
  ])('does not pass when %s', async (_, path, change) => {
    const folder = changed(main, path, change);
    expect([isInconsistent(await codesOf(folder)), theirs(folder)]).toEqual([true, true]);
  });

  it.each<[string, string, Change]>([
    ['a comment is in go.mod', 'go.mod', swap(/$/, '// text\n')],
    ['lines end with carriage returns', TXT, swap(/\n/g, '\r\n')],
    ['the main module is replaced', 'go.mod', swap(/$/, 'replace example.com/main => ./unused\n')],
    ['a toolchain is named', 'go.mod', swap(/$/, 'toolchain go1.24.1\n')],
  ])('passes when %s', async (_, path, change) => {
    const folder = changed(main, path, change);
    expect([isInconsistent(await codesOf(folder)), theirs(folder)]).toEqual([false, false]);
  });

  it.each<[string, Change, string]>([
    ['a line means nothing', swap(/$/, 'what is this?\n'), 'vendor.modules-txt-malformed'],
    ['a line is blank', swap(/$/, '\n'), 'vendor.modules-txt-malformed'],
    ['a mark is unknown', swap('## explicit; ', '## explicit; new; '), 'vendor.modules-txt-malformed'],
    [
      'a package is of another module',
      swap(/(# example\.com\/leaf .*\n.*\n)/, '$1example.com/elsewhere\n'),
      'vendor.modules-txt-malformed',
    ],
    [
      'a module does not have a package',
      swap('example.com/rich/a/b/c\n', 'example.com/rich/a/b/c\nexample.com/rich/z\n'),
      'vendor.inconsistent',
    ],
    ['a module has another language', swap('go 1.20', 'go 1.22'), 'vendor.inconsistent'],
    ['a module has no language', swap('; go 1.20', ''), 'vendor.inconsistent'],
    ['it says that it is of a workspace', swap(/^/, '## workspace\n'), 'vendor.inconsistent'],
    [
      'a version names another directory',
      swap('local v1.0.0 => ./local', 'local v1.0.0 => ./unused'),
      'vendor.inconsistent',
    ],
    [
      'a version names another module',
      swap('local v1.0.0 => ./local', 'local v1.0.0 => example.com/leaf v1.0.0'),
      'vendor.inconsistent',
    ],
    ['a version names no replacement', swap('local v1.0.0 => ./local', 'local v1.0.0'), 'vendor.inconsistent'],
    ['a package is not listed', swap('example.com/rich/a/b/c\n', ''), 'vendor.bytes-extra'],
  ])('does not pass when %s, though the go command passes over it', async (_, change, code) => {
    const folder = changed(main, TXT, change);
    expect((await codesOf(folder)).join()).toContain(code);
    expect(theirs(folder)).toBe(false);
  });

  it.each<[string, string, Change, boolean]>([
    ['nothing changed', 'lib/more.go', put('package lib\n'), false],
    ['a requirement of one module is new', 'lib/go.mod', swap(/$/, 'require example.com/new v1.0.0\n'), true],
    ['the replacement of go.work is another', 'go.work', swap('v0.1.0', 'v0.1.1'), true],
    ['the replacement of a module is another', 'app/go.mod', swap('../local', '../lib'), true],
    ['a replacement is new in go.work', 'go.work', swap(/$/, 'replace example.com/leaf => ./local\n'), true],
    [
      'a directory is written from elsewhere',
      TXT,
      swap('# example.com/local => ./local', '# example.com/local => ../local'),
      true,
    ],
    ['a mark is missing', TXT, swap(/(# example\.com\/leaf v1\.1\.0\n)## explicit; /, '$1## '), true],
  ])('is judged alike in a workspace where %s', async (_, path, change, refused) => {
    const folder = changed(workspace, path, change);
    expect([isInconsistent(await codesOf(folder, 'app')), theirs(folder, true)]).toEqual([refused, refused]);
  });
});
