import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import * as fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import * as z from 'zod';
import { countsFor, countsForAnyTags, type GoFileFacts, readGoFile } from '../../core/goimports/go-file.ts';

const PLATFORMS = ['linux/amd64', 'windows/386', 'darwin/arm64', 'android/arm64', 'js/wasm', 'plan9/amd64'];
const PROBE = fileURLToPath(new URL('./go-file-probe/main.go', import.meta.url));
const Lines = z.preprocess((value) => value ?? [], z.array(z.string()));
const Probed = z.strictObject({
  Path: z.string(),
  Package: z.string(),
  Imports: Lines,
  ReadError: z.string(),
  AnyTags: z.boolean(),
  Platforms: z.array(z.boolean()),
  Embeds: Lines,
  Cgo: Lines,
  Linknames: z.int(),
  Problem: z.string(),
});
type Probed = z.infer<typeof Probed>;

let folder = '';
let release = 0;
const go = (args: readonly string[], cwd = folder): string =>
  execFileSync('go', args, {
    cwd,
    encoding: 'utf8',
    maxBuffer: 1 << 28,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, GOFLAGS: '-mod=mod', GOPROXY: 'off', GOTOOLCHAIN: 'local', GOWORK: 'off' },
  });

/** The go command's own imports package, its two internal dependencies replaced by what they stand for. */
function writeProbe(goroot: string): void {
  const source = join(goroot, 'src/cmd/go/internal/imports');
  for (const name of ['imports', 'cfg', 'syslist']) mkdirSync(join(folder, 'probe', name), { recursive: true });
  const target = join(folder, 'probe');
  const rules = readFileSync(join(source, 'build.go'), 'utf8')
    .replace('"cmd/go/internal/cfg"', '"probe/cfg"')
    .replace('"internal/syslist"', '"probe/syslist"');
  writeFileSync(join(target, 'imports/build.go'), rules);
  copyFileSync(join(source, 'read.go'), join(target, 'imports/read.go'));
  copyFileSync(join(goroot, 'src/internal/syslist/syslist.go'), join(target, 'syslist/syslist.go'));
  writeFileSync(join(target, 'cfg/cfg.go'), 'package cfg\n\nimport "go/build"\n\nvar BuildContext = build.Default\n');
  writeFileSync(join(target, 'go.mod'), 'module probe\n\ngo 1.21\n');
  copyFileSync(PROBE, join(target, 'main.go'));
  go(['build', '-o', join(folder, 'go-file-probe'), '.'], target);
}

let goroot = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'relseal-go-files-'));
  goroot = go(['env', 'GOROOT']).trim();
  release = Number(/^go1\.(\d+)/.exec(go(['env', 'GOVERSION']))?.[1]);
  writeProbe(goroot);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function probe(root: string): Probed[] {
  const output = execFileSync(join(folder, 'go-file-probe'), [PLATFORMS.join(','), root], {
    encoding: 'utf8',
    maxBuffer: 1 << 28,
  });
  return output.split('\n').flatMap((line) => (line === '' ? [] : [Probed.parse(JSON.parse(line))]));
}

const countsOn = (name: string, facts: GoFileFacts) =>
  PLATFORMS.map((platform) => {
    const [goos = '', goarch = ''] = platform.split('/');
    return countsFor(name, facts, { goos, goarch, cgo: goos === 'linux', release, tags: ['netgo'] });
  });

const RANDOM_FILES = 6000;
const byBytes = (a: string, b: string) => Buffer.compare(Buffer.from(a), Buffer.from(b));

/** Arguments of #cgo lines are the business of the build. */
const isProblem = (text: string) => text !== '' && !/(?:invalid|malformed) #cgo/.test(text);

/** Theirs and ours, in one shape; what go gives up on after a problem is compared no further. */
function compared(theirs: Probed) {
  const facts = readGoFile(readFileSync(theirs.Path));
  const name = basename(theirs.Path);
  // What one reader passes over the other may stumble on: either complaint is a problem.
  const problem = isProblem(theirs.Problem) || theirs.ReadError !== '';
  const read = theirs.ReadError === '';
  const of = (side: { imports: string[]; counts: boolean; on: boolean[]; linknames: number; more: unknown }) => ({
    ...side,
    path: theirs.Path,
    counts: read && side.counts,
    on: read ? side.on : [],
    linknames: read ? side.linknames : 0,
    more: problem ? [] : side.more,
  });
  return {
    theirs: of({
      imports: [...new Set(theirs.Imports)],
      counts: theirs.AnyTags,
      on: theirs.Platforms,
      linknames: theirs.Linknames,
      more: [problem, theirs.Package, theirs.Embeds, theirs.Cgo],
    }),
    ours: of({
      imports: facts.imports,
      counts: countsForAnyTags('x.go', facts),
      on: countsOn(name, facts),
      linknames: facts.linknames,
      more: [facts.problem !== undefined, facts.package, [...new Set(facts.embeds)].sort(byBytes), facts.cgo],
    }),
    agree: (facts.problem !== undefined) === problem,
    says: [facts.problem, theirs.Problem],
  };
}

function disagreements(root: string): { files: number; different: unknown[] } {
  const probed = probe(root);
  const different = probed.flatMap((theirs) => {
    const { theirs: wanted, ours, agree, says } = compared(theirs);
    return agree && JSON.stringify(wanted) === JSON.stringify(ours) ? [] : [{ wanted, ours, says }];
  });
  return { files: probed.length, different };
}

/** Pieces that file heads are made of, and what spoils them. */
const PIECES = [
  ...[
    'package p',
    'package',
    'import',
    'import "a"',
    'import x "b/c"',
    'import . `d`',
    'import _ "embed"',
    'import "C"',
  ],
  ...[
    'import (',
    ')',
    '(',
    '"e"',
    '`f`',
    '"g\\x41\\u00e9\\101"',
    '"\\q"',
    '"h i"',
    '"',
    '`',
    '""',
    '.',
    ';',
    ',',
    '\\',
  ],
  ...['//go:build linux', '//go:build !windows && (cgo || unix)', '//go:build ignore', '//go:build', '//go:build a b'],
  ...['//go:build !(!a)', '//go:build !!a', '//go:build ((a)', '//go:buildx', '/*go:build a*/', '//go:build a /* x */'],
  ...[
    '// +build linux,!cgo darwin',
    '// +build ignore',
    '//+build !windows',
    '// +build',
    '// +build !',
    '// +build a-b',
  ],
  ...['// text', '/* text */', '/* two\nlines */', '/*', '*/', '//', '#cgo LDFLAGS: -lm', '// #cgo LDFLAGS: -lm'],
  ...[
    '/*\n#cgo linux LDFLAGS: -lx\n#cgo CFLAGS: -O\n*/',
    '//#cgo LDFLAGS: -ly',
    '//line x:1',
    '//line x:0',
    '/*line a:0:1*/',
  ],
  ...[
    '//go:embed a "b c" `d`',
    '//go:embed "a"b',
    '//go:embed\ta\u00a0b',
    '//go:embedx y',
    '//go:embed "\\x',
    '//go:embed',
  ],
  ...[
    '//go:linkname a b',
    '//go:linkname',
    '//go:linknamed',
    'var x = "//go:linkname"',
    "var y = '\\''",
    'func f() {}',
    'i',
  ],
  ...[
    'type T int',
    '\ufeff',
    '\u00e9',
    '\u{10400}',
    '\u2028',
    '\u0085',
    '\0',
    '\f',
    '\v',
    '\r',
    '$',
    '#',
    '1',
    '/',
    'é',
  ],
];
const JOINTS = ['\n', '\n', '\n', '\n\n', ' ', '', ';', '\t', '\r\n'];

/** File heads put together at random, most of them spoilt; some with bytes that are no UTF-8. */
const head = fc
  .array(fc.tuple(fc.constantFrom(...PIECES), fc.constantFrom(...JOINTS)), { minLength: 1, maxLength: 12 })
  .chain((parts) =>
    fc.record({
      start: fc.constantFrom(
        '',
        '',
        'package p\n',
        'package p\nimport _ "embed"\n',
        '// c\n\npackage p\n',
        '\ufeffpackage p\n',
      ),
      text: fc.constant(parts.map(([piece, joint]) => piece + joint).join('')),
      stray: fc.option(fc.tuple(fc.nat(), fc.constantFrom(0xff, 0xc3, 0x80, 0)), { freq: 8 }),
    }),
  )
  .map(({ start, text, stray }) => {
    const bytes = Buffer.from(start + text);
    if (!stray) return bytes;
    const at = stray[0] % (bytes.length + 1);
    return Buffer.concat([bytes.subarray(0, at), Buffer.of(stray[1]), bytes.subarray(at)]);
  });

const NAMES = [
  'x.go',
  'x_linux.go',
  'x_windows_amd64.go',
  'x_arm64_test.go',
  'linux.go',
  'x_unix.go',
  'x_test.go',
  'a_js_wasm.go',
];

describe('Go files, judged by the go command', () => {
  it('of the whole standard library are read alike', () => {
    const { files, different } = disagreements(join(goroot, 'src'));
    expect(files).toBeGreaterThan(5000);
    expect(different.slice(0, 3)).toEqual([]);
  });

  it('that are put together at random are read alike', () => {
    const root = join(folder, 'random');
    for (const [at, bytes] of fc.sample(head, { numRuns: RANDOM_FILES, seed: 20261126 }).entries()) {
      mkdirSync(join(root, String(at)), { recursive: true });
      writeFileSync(join(root, String(at), NAMES[at % NAMES.length] ?? ''), bytes);
    }
    const { files, different } = disagreements(root);
    expect(files).toBe(RANDOM_FILES);
    expect(different.slice(0, 3)).toEqual([]);
  });
});
