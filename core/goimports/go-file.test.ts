import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { canonicalBytes } from '../canonical-json.ts';
import { countsFor, countsForAnyTags, GoFileFacts, readGoFile } from './go-file.ts';
import type { GoPlatform } from './platform.ts';

const read = (text: string | Uint8Array) => readGoFile(typeof text === 'string' ? Buffer.from(text) : text);
const linux: GoPlatform = { goos: 'linux', goarch: 'amd64', cgo: true, release: 26, tags: [] };

describe('a Go file', () => {
  it('gives its package, its imports in order, and each once', () => {
    const text =
      '\ufeff// text\n\npackage p // x\n\nimport "b"\nimport (\n\tc "a"; . `d`\n\t_ "b"\n)\n\nvar x = "import"\n';
    expect(read(text)).toEqual({ package: 'p', imports: ['b', 'a', 'd'], embeds: [], cgo: [], linknames: 0 });
  });

  it('gives the patterns that it embeds, but only when it imports embed', () => {
    const body =
      'var a = "//go:embed no"\n\t//go:embed a/*.txt "b c" `d"e`\n/*\n//go:embed no\n*/\nvar c = \'"\'\n//go:embed all:f\\\n' +
      '//go:embed "g\\x41"\n//go:embed "h"i\n//go:embedded no\nvar d = `\n//go:embed no`\n//go:embed\u00a0z\r\n';
    expect(read(`package p\nimport _ "embed"\n${body}`).embeds).toEqual([
      'a/*.txt',
      'b c',
      'd"e',
      'all:f\\',
      'gA',
      'z',
    ]);
    expect(read(`package p\n${body}`).embeds).toEqual([]);
  });

  it('gives the #cgo lines above import "C" that name LDFLAGS', () => {
    const cgo = (text: string) => read(`package p\n\n${text}`).cgo;
    expect(cgo('/*\n#cgo CFLAGS: -O\n#cgo linux,!arm LDFLAGS: -lm -lx\n#cgoLDFLAGS: y\n*/\nimport "C"\n')).toEqual([
      '#cgo linux,!arm LDFLAGS: -lm -lx',
    ]);
    expect(cgo('// #cgo LDFLAGS: -la\nimport (\n\t"C"\n)\n')).toEqual(['#cgo LDFLAGS: -la']);
    expect(cgo('import (\n\t"x"\n\t//#cgo LDFLAGS: -lb\n\t"C"\n)\n')).toEqual(['#cgo LDFLAGS: -lb']);
    expect(cgo('// #cgo LDFLAGS: -la\n\nimport "C"\n')).toEqual([]);
    expect(cgo('// #cgo LDFLAGS: -la\nimport "x"\n')).toEqual([]);
  });

  it('counts its //go:linkname directives, whatever is in strings and comments', () => {
    const text =
      'package p\nimport _ "unsafe"\n//go:linkname a b\nvar s = "//go:linkname"\n/* //go:linkname */\n\t//go:linkname c\n//go:linknames\n';
    expect(read(text).linknames).toBe(2);
  });

  it.each([
    ['', 'expected a package clause, found the end'],
    ['#!/bin/sh\n', 'U+0023'],
    ['package', 'expected a package name'],
    ['package func\n', 'expected a package name'],
    ['package p import "a"\n', 'expected a new line or a semicolon'],
    ['package p\nimport a\n', 'expected an import path in quotes'],
    ['package p\nimport "a\n', 'a string that does not end'],
    ['package p\nimport `a', 'a string that does not end'],
    ['package p\nimport ""\n', 'a valid import path'],
    ['package p\nimport "a b"\n', 'a valid import path'],
    ['package p\nimport "a\\qb"\n', 'a valid import path'],
    ['package p\nimport "\\ud800"\n', 'a valid import path'],
    ['package p\nimport ("a" "b")\n', 'expected a new line or a semicolon'],
    ['package p\nimport (\n"a"\n', 'expected ), found the end'],
    ['/* package p\n', 'a comment that does not end'],
    ['package p\n/*', 'a comment that does not end'],
    ['//line x:0\npackage p\n', 'invalid number'],
    ['//go:build a &&\n\npackage p\n', '//go:build: '],
    ['//go:build a\n//go:build b\n\npackage p\n', 'more than one //go:build line'],
    ['package p // \ufeff\n', 'byte order mark'],
    ['package p\0\n', 'a zero byte'],
  ])('%j has a problem', (text, problem) => {
    expect(read(text).problem).toContain(problem);
  });

  it('names the line of bytes that are no UTF-8', () => {
    const text = Buffer.concat([
      Buffer.from('package p\n// \ufffd\n// '),
      Buffer.of(0xff),
      Buffer.from('\nimport "a"\n'),
    ]);
    expect(read(text)).toMatchObject({ package: 'p', imports: ['a'], problem: 'line 3: bytes that are no UTF-8' });
  });

  it('of more than 64 MiB is not read', () => {
    expect(read(Buffer.alloc(64 * 1024 * 1024 + 1, 'x')).problem).toBe('more than 67108864 bytes');
  });

  it('of too many imports, or with too long a head, is not read to the end', () => {
    const many = read(`package p\nimport (${Array.from({ length: 10_001 }, (_, at) => `"${at}";`).join('')})`);
    expect([many.imports.length, many.problem]).toEqual([
      10_000,
      'too many imports, or too much before the first declaration',
    ]);
    const long = `package p\n//${' '.repeat(4 * 1024 * 1024)}\nimport "a"\n`;
    expect(read(long)).toMatchObject({ imports: ['a'], problem: many.problem });
  });

  it.each([
    ' '.repeat(2_000_000),
    `//go:build a${' '.repeat(2_000_000)}b\n\npackage p\n`,
    `package p\nimport _ "embed"\n//go:embed a${' '.repeat(2_000_000)}b\n`,
    '/'.repeat(2_000_000),
    `/*${'*'.repeat(2_000_000)}`,
    `package p\nimport "${'a'.repeat(2_000_000)}"`,
    `package p\nimport \`${'\\'.repeat(2_000_000)}\``,
    `package ${'p'.repeat(2_000_000)}\n`,
    `package p\nimport (${'"a";'.repeat(300_000)})`,
    `//go:build ${'('.repeat(500_000)}a\n\npackage p\n`,
    `//go:build ${'!'.repeat(500_000)}a\n\npackage p\n`,
    `// +build ${'a '.repeat(500_000)}\n\npackage p\n`,
    `${'// +build a b\n'.repeat(100_000)}\npackage p\n`,
    `package p\nimport _ "embed"\n//go:embed ${'"a" '.repeat(100_000)}`,
    `package p\nimport _ "embed"\n//go:embed "${'\\'.repeat(2_000_000)}`,
    `package p\n${'"\n//go:linkname '.repeat(100_000)}`,
  ])('of hostile length is read, and its facts can be kept (%#)', (text) => {
    const facts = read(text);
    expect(GoFileFacts.parse(facts)).toEqual(facts);
    expect(canonicalBytes(facts).length).toBeGreaterThan(0);
  });

  it('is read whatever its bytes are', () => {
    const piece = fc.constantFrom(
      'package p\n',
      'import "a"\n',
      '/*',
      '*/',
      '"',
      '`',
      '//go:build a\n',
      '\\',
      '(',
      ')',
      '\ud83d',
    );
    const bytes = fc.oneof(
      fc.uint8Array(),
      fc.array(piece).map((parts) => Buffer.from(parts.join(''))),
    );
    void fc.assert(
      fc.property(bytes, (each) => {
        const facts = read(each);
        expect(facts.package !== '' || facts.problem !== undefined).toBe(true);
        expect(JSON.parse(Buffer.from(canonicalBytes(facts)).toString())).toEqual(facts);
        expect(countsFor('x.go', facts, linux) && !countsForAnyTags('x.go', facts)).toBe(false);
      }),
    );
  });
});

describe('where a constraint stands', () => {
  const of = (text: string) => read(text).constraint;

  it.each([
    ['//go:build a\npackage p\n', 'a'],
    ['/* x */\n\n//go:build a\npackage p\n', 'a'],
    ['// +build a\n\npackage p\n', 'a'],
    ['// text\n//+build a,b c\n// +build d\n\n// doc\npackage p\n', '((a && b) || c) && d'],
    ['// +build a\n\n//go:build b\n\npackage p\n', 'b'],
    ['//go:build a ||\tb&&(c||!d) \r\n\npackage p\n', 'a || (b && (c || !d))'],
    ['//go:build !(!a)\npackage p\n', '!(!a)'],
    ['// +build !!a\n\npackage p\n', 'ignore'],
    ['// +build\n\npackage p\n', 'ignore'],
    ['//go:build\npackage p\n', 'ignore'],
  ])('%j asks for %s', (text, constraint) => {
    expect(of(text)).toBe(constraint);
  });

  it.each([
    'package p\n\n//go:build a\n',
    '// +build a\npackage p\n',
    '/* x */\n// +build a\n\npackage p\n',
    '/*\n//go:build a\n*/\npackage p\n',
    '// go:build a\npackage p\n',
    '//go:builda\npackage p\n',
    '// +builda\n\npackage p\n',
  ])('%j asks for nothing', (text) => {
    expect(of(text)).toBeUndefined();
  });
});

describe('what counts', () => {
  const facts = (constraint?: string): GoFileFacts => ({
    ...read('package p\n'),
    ...(constraint === undefined ? {} : { constraint }),
  });
  const counts = (name: string, more: Partial<GoPlatform> = {}, constraint?: string) =>
    countsFor(name, facts(constraint), { ...linux, ...more });

  it.each([
    'x_linux.go',
    'x_amd64_test.go',
    'linux.go',
    'x_unix.go',
    'x_windowsy.go',
    'a.b_windows.go',
    'x_linux_amd64.go',
  ])('%s is for linux on amd64', (name) => expect(counts(name)).toBe(true));
  it.each([
    'x_windows.go',
    'x_arm64.go',
    'x_linux_arm64.go',
    'x_windows_test.go',
    '_x.go',
    '.x.go',
    'x.s',
    '_windows.go',
  ])('%s is not', (name) => expect(counts(name)).toBe(false));

  it('are systems that are others too', () => {
    expect([
      counts('x_linux.go', { goos: 'android' }),
      counts('x.go', { goos: 'ios' }, 'darwin && unix'),
      counts('x.go', { goos: 'illumos' }, 'solaris'),
      counts('x.go', { goos: 'windows' }, 'unix'),
      counts('x.go', { goos: 'linux' }, 'android'),
    ]).toEqual([true, true, true, false, false]);
  });

  it('are release tags up to the newest, cgo and tags of the build', () => {
    expect(
      ['go1.1', 'go1.26', 'go1.27', 'go1.026', 'go2.1', 'cgo', 'gc', 'gccgo', 'netgo', 'ignore'].map((tag) =>
        counts('x.go', { tags: ['netgo'] }, tag),
      ),
    ).toEqual([true, true, false, false, false, true, true, false, true, false]);
    const cgo = read('package p\nimport "C"\n');
    expect([countsFor('x.go', cgo, linux), countsFor('x.go', cgo, { ...linux, cgo: false })]).toEqual([true, false]);
  });

  it('is everything for any tags but what asks for ignore', () => {
    const any = (constraint: string) => countsForAnyTags('x_plan9_test.go', facts(constraint));
    expect(['a && !a', '!ignore', 'ignore || a', '!(ignore && a)'].map(any)).toEqual([true, true, true, true]);
    expect(['ignore', 'ignore && a', '!(!ignore)'].map(any)).toEqual([false, false, false]);
  });
});
