import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseModulesTxt } from './modules-txt.ts';

const TEXT = `## workspace
# example.com/a v1.0.0
## explicit; go 1.21
example.com/a
example.com/a/b
# example.com/c v1.0.0 => example.com/d v1.1.0
## go 1.20
example.com/c
# odd v0.0.0 => ../odd
# example.com/c => example.com/d v1.1.0
`;
const problemOf = (text: string) => {
  const parsed = parseModulesTxt(text);
  return parsed.kind === 'malformed' ? `${parsed.problem.line}: ${parsed.problem.expected}` : 'parsed';
};

describe('modules.txt', () => {
  it('lists modules with their packages and replacements', () => {
    expect(parseModulesTxt(TEXT)).toEqual({
      kind: 'parsed',
      file: {
        workspace: true,
        modules: [
          {
            path: 'example.com/a',
            version: 'v1.0.0',
            explicit: true,
            go: '1.21',
            packages: ['example.com/a', 'example.com/a/b'],
            line: 2,
          },
          {
            path: 'example.com/c',
            version: 'v1.0.0',
            replacement: { path: 'example.com/d', version: 'v1.1.0' },
            explicit: false,
            go: '1.20',
            packages: ['example.com/c'],
            line: 6,
          },
          { path: 'odd', version: 'v0.0.0', replacement: { path: '../odd' }, explicit: false, packages: [], line: 9 },
          {
            path: 'example.com/c',
            replacement: { path: 'example.com/d', version: 'v1.1.0' },
            explicit: false,
            packages: [],
            line: 10,
          },
        ],
      },
    });
    expect(parseModulesTxt('')).toEqual({ kind: 'parsed', file: { workspace: false, modules: [] } });
  });

  const A = '# example.com/a v1.0.0\n';
  it.each([
    ['example.com/a\n', '1: a module line'],
    ['# example.com/a\n', '1: a version or =>'],
    ['# example.com/a v1\n', '1: a version of the form v1.2.3'],
    ['# example.com/a v1.0.0 v1.0.1\n', '1: a version, => or the end of the line'],
    ['# example.com/a v1.0.0 =>\n', '1: a directory, or a module path and a version'],
    ['# example.com/a v1.0.0 => example.com/b\n', '1: a directory, or a module path and a version'],
    ['# example.com/a v1.0.0 => ../b v1.0.0\n', '1: a module path'],
    ['# example.com/a v1.0.0 => example.com/b v1.0.0 x\n', '1: the end of the line'],
    ['# a v1.0.0\n', '1: a module path'],
    [`${A}## \n`, '2: explicit, or go and a version, each once'],
    [`${A}## explicit; explicit\n`, '2: explicit, or go and a version, each once'],
    [`${A}## go x\n`, '2: explicit, or go and a version, each once'],
    [`${A}## explicit\n## go 1.20\n`, '3: a module, an annotation or an import path'],
    [`${A}example.com/a\n## explicit\n`, '3: a module, an annotation or an import path'],
    [`${A}\nexample.com/a\n`, '2: a module, an annotation or an import path'],
    [`${A}example.com/a x\n`, '2: a module, an annotation or an import path'],
    [`${A}example.com/a/../b\n`, '2: a module, an annotation or an import path'],
    [`${A}example.com/ab\n`, '2: a package of example.com/a'],
    [`${A}example.com/a\nexample.com/a\n`, '1: each package once'],
    [`${A}${A}`, '2: each module once'],
    [`${A}example.com/a\n# example.com/a v1.1.0\nexample.com/a/b\n`, '3: packages of one version of a module'],
    ['# example.com/a => ../a\nexample.com/a\n', '2: a module line with a version before its packages'],
  ])('is malformed as %j', (text, problem) => {
    expect(problemOf(text)).toBe(problem);
  });

  it('gives back the modules that it was written from', () => {
    const name = fc.stringMatching(/^[b-k]{1,6}$/);
    const module = fc.record({
      ...{ name, explicit: fc.boolean(), go: fc.constantFrom(undefined, '1.20', '1.21.3') },
      ...{ folders: fc.uniqueArray(name, { minLength: 1 }), fork: fc.option(name, { nil: undefined }) },
    });
    const modules = fc.uniqueArray(module, { selector: (each) => each.name });
    fc.assert(
      fc.property(modules, fc.boolean(), fc.constantFrom('\n', '\r\n'), (written, workspace, newline) => {
        const rows = written.flatMap(({ name: path, explicit, go, folders, fork }) => [
          `# example.com/${path} v1.0.0${fork === undefined ? '' : ` => example.com/fork/${fork} v1.1.0`}`,
          ...(explicit || go
            ? [`## ${[...(explicit ? ['explicit'] : []), ...(go ? [`go ${go}`] : [])].join('; ')}`]
            : []),
          ...folders.map((folder) => `example.com/${path}/${folder}`),
        ]);
        const text = [...(workspace ? ['## workspace'] : []), ...rows, ''].join(newline);
        const read = written.map(({ name: path, explicit, go, folders, fork }) =>
          expect.objectContaining({
            ...{ path: `example.com/${path}`, version: 'v1.0.0', explicit, ...(go ? { go } : {}) },
            ...(fork === undefined ? {} : { replacement: { path: `example.com/fork/${fork}`, version: 'v1.1.0' } }),
            packages: folders.map((folder) => `example.com/${path}/${folder}`),
          }),
        );
        expect(parseModulesTxt(text)).toEqual({ kind: 'parsed', file: { workspace, modules: read } });
      }),
    );
  });

  it('is read whatever its text is', () => {
    const line = fc.constantFrom(
      '# example.com/a v1.0.0',
      '## explicit',
      '# a => ../b',
      'example.com/a',
      '',
      ' ',
      '\r',
      '#',
      '##',
      '=>',
    );
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.array(line).map((lines) => lines.join('\n')),
        ),
        (text) => {
          expect(['parsed', 'malformed']).toContain(parseModulesTxt(text).kind);
        },
      ),
    );
  });
});
