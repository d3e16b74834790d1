import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type DependencyGoMod, type GoModFile, parseDependencyGoMod, parseGoMod, replacedModule } from './go-mod.ts';

/** Verdicts and values were compared with `go mod edit -json` and `go list -m all` of go1.26.8. */
const MODULE = 'module example.com/m\n';

function fileOf(text: string): GoModFile {
  const parsed = parseGoMod(text);
  if (parsed.kind === 'malformed') throw new Error(JSON.stringify(parsed.problem));
  return parsed.file;
}
const problemOf = (text: string) => {
  const parsed = parseGoMod(text);
  return parsed.kind === 'malformed' ? parsed.problem : undefined;
};

const WHOLE = `// Deprecated: use v2
module "example.com/m" // the module

go 1.23.0

toolchain go1.24.1-custom

godebug default=go1.21
godebug (
	panicnil=1 // why
	a=b=c
)

require example.com/a v1.2.3
require (
	example.com/b/v2 v2.0.0
	example.com/c v3.1.0+incompatible // indirect
	"gopkg.in/yaml.v2" "v2.4.0" // indirect; for tests
	example.com/d v0.0.0-20200101000000-abcdefabcdef // not indirect

	// a comment of its own
)

exclude example.com/a v1.2.2
replace (
	example.com/a v1.2.3 => example.com/fork v1.0.0
	example.com/b/v2 => ../b
	local => ./local
)
retract v1.0.0 // broken
retract (
	[v1.1.0, v1.2.0]
	[v1.3.0,v1.3.1]
)
tool example.com/a/cmd/a
ignore (
	./node_modules
	"with blank"
)
`;

describe('a go.mod file', () => {
  it('is read with every directive, alone and in blocks', () => {
    expect(fileOf(WHOLE)).toEqual({
      module: 'example.com/m',
      deprecated: 'use v2\nthe module',
      go: '1.23.0',
      toolchain: 'go1.24.1-custom',
      godebug: [
        { key: 'default', value: 'go1.21' },
        { key: 'panicnil', value: '1' },
        { key: 'a', value: 'b=c' },
      ],
      requirements: [
        { path: 'example.com/a', version: 'v1.2.3', indirect: false, line: 14 },
        { path: 'example.com/b/v2', version: 'v2.0.0', indirect: false, line: 16 },
        { path: 'example.com/c', version: 'v3.1.0+incompatible', indirect: true, line: 17 },
        { path: 'gopkg.in/yaml.v2', version: 'v2.4.0', indirect: true, line: 18 },
        { path: 'example.com/d', version: 'v0.0.0-20200101000000-abcdefabcdef', indirect: false, line: 19 },
      ],
      exclusions: [{ path: 'example.com/a', version: 'v1.2.2' }],
      replacements: [
        {
          path: 'example.com/a',
          version: 'v1.2.3',
          target: { kind: 'module', path: 'example.com/fork', version: 'v1.0.0' },
          line: 26,
        },
        { path: 'example.com/b/v2', target: { kind: 'directory', directory: '../b' }, line: 27 },
        { path: 'local', target: { kind: 'directory', directory: './local' }, line: 28 },
      ],
      retractions: [
        { low: 'v1.0.0', high: 'v1.0.0', rationale: 'broken', line: 30 },
        { low: 'v1.1.0', high: 'v1.2.0', line: 32 },
        { low: 'v1.3.0', high: 'v1.3.1', line: 33 },
      ],
      tools: ['example.com/a/cmd/a'],
      ignored: ['./node_modules', 'with blank'],
    });
  });

  it('is the same with carriage returns and without a last newline', () => {
    expect(fileOf(WHOLE.replaceAll('\n', '\r\n'))).toEqual(fileOf(WHOLE));
    expect(fileOf(WHOLE.trimEnd())).toEqual(fileOf(WHOLE));
  });

  it.each([
    ['// indirect', true],
    ['//indirect', true],
    ['//\tindirect', true],
    ['// indirect; more', true],
    ['// indirect more', false],
    ['// indirect;more', false],
    ['// Indirect', false],
    ['// not indirect', false],
    ['', false],
  ])('marks a requirement with %j as indirect: %s', (comment, indirect) => {
    expect(fileOf(`${MODULE}require example.com/a v1.0.0 ${comment}\n`).requirements).toMatchObject([{ indirect }]);
  });

  it.each([
    ['v1', 'v1.0.0'],
    ['v1.2', 'v1.2.0'],
    ['v1.0.0+meta', 'v1.0.0'],
    ['v1.0.0-pre.1', 'v1.0.0-pre.1'],
    ['v2.0.0+incompatible', 'v2.0.0+incompatible'],
  ])('reads the version %s as %s', (written, read) => {
    expect(fileOf(`${MODULE}require example.com/a ${written}\n`).requirements).toMatchObject([{ version: read }]);
  });

  it.each(['../a', './a', '.', '..', '/abs/a'])('takes the replacement %s for a directory', (directory) => {
    expect(fileOf(`${MODULE}replace example.com/a => ${directory}\n`).replacements).toMatchObject([
      { target: { kind: 'directory', directory } },
    ]);
  });

  it('gives back the requirements that it was written from, however it is laid out', () => {
    const requirement = fc.record({
      path: fc.stringMatching(/^example\.com\/m[a-z0-9-]{0,8}$/),
      version: fc.tuple(fc.nat({ max: 1 }), fc.nat(), fc.nat()).map((numbers) => `v${numbers.join('.')}`),
      indirect: fc.boolean(),
    });
    const layout = fc.record({
      ...{ block: fc.boolean(), quote: fc.constantFrom('', '"') },
      ...{ newline: fc.constantFrom('\n', '\r\n', '\n\n// text\n'), blank: fc.constantFrom(' ', '\t', ' \t ') },
    });
    fc.assert(
      fc.property(fc.array(requirement), layout, (requirements, { block, quote, newline, blank }) => {
        const lines = requirements.map(({ path, version, indirect }) =>
          [`${quote}${path}${quote}`, version, ...(indirect ? ['// indirect'] : [])].join(blank),
        );
        const rows = block ? ['require (', ...lines, ')'] : lines.map((line) => `require${blank}${line}`);
        const text = ['module example.com/m', ...rows, ''].join(newline);
        const written = requirements.map((each) => expect.objectContaining(each));
        expect(fileOf(text).requirements).toEqual(written);
        expect(parseDependencyGoMod(text)).toMatchObject({ kind: 'parsed', file: { requirements: written } });
      }),
    );
  });

  it('lets a directory replace a module of any name, as the go command does', () => {
    for (const name of ['fmt', 'example/a', 'Example.com/A_B', 'example.com/a@b', './a'])
      expect(fileOf(`${MODULE}require ${name} v0.0.0\nreplace ${name} => ./x\n`).requirements).toMatchObject([
        { path: name },
      ]);
  });

  it('accepts the same replacement twice', () => {
    const twice = 'replace example.com/a => ../a\n'.repeat(2);
    expect(fileOf(`${MODULE}${twice}replace example.com/a v1.0.0 => ../b\n`).replacements).toHaveLength(3);
  });
});

describe('the comment of a go.mod directive', () => {
  const rationales = (text: string) => fileOf(`${MODULE}${text}`).retractions.map(({ rationale }) => rationale);

  it.each([
    ['behind it', 'retract v1.0.0 // why\n', ['why']],
    ['right above it', '// why\n//  so\nretract v1.0.0\n', ['why\nso']],
    ['above and behind it', '// why\nretract v1.0.0 // so\n', ['why\nso']],
    ['parted from it by a blank line', '// why\n\nretract v1.0.0\n', [undefined]],
    [
      'above its block, for entries without their own',
      '// why\nretract (\n\tv1.0.0\n\tv1.1.0 // so\n)\n',
      ['why', 'so'],
    ],
    [
      'above its block, but not behind a blank line',
      '// why\nretract (\n\tv1.0.0\n\n\tv1.1.0\n)\n',
      ['why', undefined],
    ],
    ['behind the parenthesis, which belongs to nobody', 'retract ( // why\n\tv1.0.0\n) // so\n', [undefined]],
    ['empty', 'retract v1.0.0 //\n', [undefined]],
  ])('%s', (_, text, expected) => {
    expect(rationales(text)).toEqual(expected);
  });

  it.each([
    ['// Deprecated: use v2\nmodule m.test\n', 'use v2'],
    ['module m.test // Deprecated: use v2\n', 'use v2'],
    ['// About it.\n//\n// Deprecated: use v2,\n// please.\n//\n// More.\nmodule m.test\n', 'use v2,\nplease.'],
    ['// About it.\n// Deprecated: use v2\nmodule m.test\n', undefined],
    ['// deprecated: use v2\nmodule m.test\n', undefined],
    ['// Deprecated: use v2\n\nmodule m.test\n', undefined],
    ['// Deprecated: use v2\nmodule (\n\tm.test\n)\n', 'use v2'],
  ])('%j deprecates the module by %j', (text, deprecated) => {
    expect(fileOf(text).deprecated).toBe(deprecated);
  });
});

describe('the go.mod file of a dependency', () => {
  const dependencyOf = (text: string): DependencyGoMod => {
    const parsed = parseDependencyGoMod(text);
    if (parsed.kind === 'malformed') throw new Error(JSON.stringify(parsed.problem));
    return parsed.file;
  };

  it('is read without what is for main modules', () => {
    const { toolchain, godebug, exclusions, replacements, tools, ...rest } = fileOf(WHOLE);
    expect(dependencyOf(WHOLE)).toEqual(rest);
    expect([toolchain, godebug, exclusions, replacements, tools].every((each) => each !== undefined)).toBe(true);
  });

  it.each([
    ['later a b c\n', {}],
    ['later (\n\ta b\n)\n', {}],
    ['require later (\n\ta b\n)\n', {}],
    ['go (\n1.21\n)\n', {}],
    ['toolchain what is this\nreplace nothing\nexclude all\n', {}],
    ['go 1.21.x\n', { go: '1.21' }],
    ['go v1.22.3\n', { go: '1.22' }],
    ['retract\nretract [v1.0.0,)\n', {}],
    ['retract v1.0.0 since v2\n', { retractions: [{ low: 'v1.0.0', high: 'v1.0.0', line: 2 }] }],
    ['retract [any, v1.1]\n', { retractions: [{ low: 'any', high: 'v1.1', line: 2 }] }],
  ])('may hold %j', (text, expected) => {
    expect(dependencyOf(`${MODULE}${text}`)).toMatchObject({ module: 'example.com/m', ...expected });
  });

  it('may lack a module line, as a replacement by a directory does', () => {
    expect(dependencyOf('go 1.21\n')).toEqual({ go: '1.21', requirements: [], retractions: [], ignored: [] });
  });

  it.each([
    ['require example.com/a\n', 2, 22],
    ['require example.com/a master\n', 2, 23],
    ['require example.com/a v2.0.0\n', 2, 23],
    ['go one\n', 2, 4],
    ['go 1.21\ngo 1.22\n', 3, 1],
    ['later (\n', 2, 1],
    ['later /* x */\n', 2, 7],
  ])('may not hold %j', (text, line, column) => {
    expect(parseDependencyGoMod(`${MODULE}${text}`)).toMatchObject({ kind: 'malformed', problem: { line, column } });
  });
});

describe('a malformed go.mod file', () => {
  it.each<[string, number, number]>([
    ['', 1, 1],
    ['// nothing else\n', 1, 1],
    ['module\n', 1, 7],
    ['module a b\n', 1, 10],
    [`${MODULE}module example.com/n\n`, 2, 1],
    ["module 'x'\n", 1, 8],
    ['module `x`\n', 1, 8],
    ['module "x\n', 1, 8],
    ['module "a\\qb"\n', 1, 8],
    [`${MODULE}go\n`, 2, 3],
    [`${MODULE}go 1\n`, 2, 4],
    [`${MODULE}go v1.21\n`, 2, 4],
    [`${MODULE}go 1.021\n`, 2, 4],
    [`${MODULE}go 1.21.0-rc1\n`, 2, 4],
    [`${MODULE}go "1.21"\n`, 2, 4],
    [`${MODULE}go 1.21\ngo 1.22\n`, 3, 1],
    [`${MODULE}go (\n1.21\n)\n`, 2, 4],
    [`${MODULE}go 1.21 1.22\n`, 2, 9],
    [`${MODULE}toolchain 1.21\n`, 2, 11],
    [`${MODULE}toolchain go1x\n`, 2, 11],
    [`${MODULE}toolchain (\ngo1.2\n)\n`, 2, 11],
    [`${MODULE}godebug a\n`, 2, 9],
    [`${MODULE}godebug a=b,c\n`, 2, 12],
    [`${MODULE}godebug "a=b"\n`, 2, 9],
    [`${MODULE}require example.com/a\n`, 2, 22],
    [`${MODULE}require example.com/a 1.2.3\n`, 2, 23],
    [`${MODULE}require example.com/a master\n`, 2, 23],
    [`${MODULE}require example.com/a v01.0.0\n`, 2, 23],
    [`${MODULE}require example.com/a v1.0.0-01\n`, 2, 23],
    [`${MODULE}require example.com/a v1.0.0 x\n`, 2, 30],
    [`${MODULE}require example.com/a v2.0.0\n`, 2, 23],
    [`${MODULE}require example.com/a/v2 v1.0.0\n`, 2, 26],
    [`${MODULE}require example.com/a/v1 v1.0.0\n`, 2, 9],
    [`${MODULE}require gopkg.in/yaml v2.4.0\n`, 2, 9],
    [`${MODULE}require example/a v1.0.0\n`, 2, 1],
    [`${MODULE}require example.com//a v1.0.0\n`, 2, 20],
    [`${MODULE}require \`example.com/a\` v1.0.0\n`, 2, 9],
    [`${MODULE}require "example.com/a b" v1.0.0\n`, 2, 9],
    [`${MODULE}require "example.com/a\\n" v1.0.0\n`, 2, 9],
    [`${MODULE}require ex"ample.com/a v1.0.0\n`, 2, 9],
    [`${MODULE}require example.com/a v1.0.0 /* x */\n`, 2, 30],
    [`${MODULE}exclude example.com/a v2.0.0\n`, 2, 23],
    [`${MODULE}replace example.com/a => ./a v1.0.0\n`, 2, 30],
    [`${MODULE}replace example.com/a => example.com/b\n`, 2, 39],
    [`${MODULE}replace example.com/a v1.0.0 v1.1.0 => ../a\n`, 2, 30],
    [`${MODULE}replace example.com/a =>\n`, 2, 25],
    [`${MODULE}replace => example.com/a v1.0.0\n`, 2, 32],
    [`${MODULE}replace example.com/a example.com/b v1.0.0\n`, 2, 43],
    [`${MODULE}replace example.com/a => a/b\n`, 2, 29],
    [`${MODULE}replace example.com/a => example.com/b v1.0.1 x\n`, 2, 47],
    [`${MODULE}replace example.com/a v1.0.0 => Example.com/b v1.0.0\n`, 2, 33],
    [`${MODULE}replace example.com/a => ../a\nreplace example.com/a => ../b\n`, 3, 1],
    [`${MODULE}retract\n`, 2, 8],
    [`${MODULE}retract [v1.0.0 v1.1.0]\n`, 2, 17],
    [`${MODULE}retract [v1.0.0, v1.1.0\n`, 2, 24],
    [`${MODULE}retract []\n`, 2, 11],
    [`${MODULE}retract v1.0.0 v1.1.0\n`, 2, 16],
    [`${MODULE}retract [v1.0.0, v1.1.0] x\n`, 2, 26],
    [`${MODULE}tool\n`, 2, 5],
    [`${MODULE}tool a b\n`, 2, 8],
    [`${MODULE}ignore\n`, 2, 7],
    [`${MODULE}unknown x\n`, 2, 1],
    [`${MODULE}constructor x\n`, 2, 1],
    [`${MODULE}Require example.com/a v1.0.0\n`, 2, 1],
    [`${MODULE}"require" example.com/a v1.0.0\n`, 2, 1],
    [`${MODULE})\n`, 2, 1],
    [`${MODULE}require (\nexample.com/a v1.0.0\n`, 2, 1],
    [`${MODULE}require (\nexample.com/a v1.0.0 )\n)\n`, 3, 22],
    [`${MODULE}require (\nexample.com/a v1.0.0\n) x\n`, 4, 3],
    [`${MODULE}require (\n\t(\n)\n`, 3, 2],
    [`${MODULE}require (example.com/a v1.0.0)\n`, 2, 9],
    ['\ufeffmodule example.com/m\n', 1, 1],
    [`${MODULE}\u0000\n`, 2, 1],
    [`${MODULE}require example.com/é\u00a0v1.0.0\n`, 2, 22],
  ])('%j is faulted at line %i, column %i', (text, line, column) => {
    expect(problemOf(text)).toMatchObject({
      line,
      column,
      expected: expect.stringMatching(/./),
      found: expect.stringMatching(/./),
    });
  });

  it('is named even where only one requirement of many is wrong', () => {
    expect(problemOf(WHOLE.replace('v2.0.0\n', 'v3.0.0\n'))).toEqual({
      line: 16,
      column: 19,
      expected: 'a version that fits the path example.com/b/v2',
      found: 'v3.0.0',
    });
  });

  it('is a value, never a thrown error, whatever the text', () => {
    const piece = fc.constantFrom(
      'module',
      'require',
      'replace',
      'retract',
      '=>',
      '(',
      ')',
      '[',
      ']',
      ',',
      '\n',
      ' ',
      '//',
      '"',
      '`',
      '\\',
      'v1.0.0',
      'example.com/a',
      '\u0000',
      '\ud800',
    );
    fc.assert(
      fc.property(fc.array(fc.oneof(piece, fc.string({ unit: 'binary' })), { maxLength: 30 }), (pieces) => {
        const parsed = parseGoMod(pieces.join(''));
        expect(['parsed', 'malformed']).toContain(parsed.kind);
      }),
      { numRuns: 500 },
    );
  });

  it('of a long line is judged in linear time', () => {
    expect(problemOf(`${MODULE}require ${'a'.repeat(200_000)}`)).toMatchObject({ line: 2, column: 9 });
  });

  it('shows at most 256 characters of what it found', () => {
    expect(problemOf(`${MODULE}${'x'.repeat(5000)}`)?.found).toHaveLength(256);
  });
});

describe('a replacement', () => {
  const file = fileOf(`${MODULE}
replace example.com/a v1.0.0 => example.com/fork v1.0.9
replace example.com/a => ../a
replace example.com/b v1.0.0 => ../b
`);
  it.each([
    [
      'of the version comes before that of the path',
      'example.com/a',
      'v1.0.0',
      { path: 'example.com/fork', version: 'v1.0.9' },
    ],
    ['by a directory leaves no module', 'example.com/a', 'v1.1.0', undefined],
    ['of another version changes nothing', 'example.com/b', 'v1.1.0', { path: 'example.com/b', version: 'v1.1.0' }],
    ['of another path changes nothing', 'example.com/c', 'v1.0.0', { path: 'example.com/c', version: 'v1.0.0' }],
  ])('%s', (_, path, version, expected) => {
    expect(replacedModule(file, { path, version })).toEqual(expected);
  });
});
