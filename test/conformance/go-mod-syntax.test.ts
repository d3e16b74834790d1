import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import * as z from 'zod';
import { type GoModFile, parseGoMod, type Replacement } from '../../core/gosum/go-mod.ts';
import type { GoModProblem } from '../../core/gosum/go-mod-lexer.ts';
import { type GoWorkFile, parseGoWork } from '../../core/gosum/go-work.ts';
import { go, randomOf } from './module-world.ts';

const TEXTS = 160;
const BATCH = 20;

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'relseal-go-mod-syntax-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const Module = z.object({ Path: z.string(), Version: z.string().default('') });
const list = <T extends z.ZodType>(item: T) =>
  z
    .array(item)
    .nullish()
    .transform((value) => value ?? []);
const Pairs = list(z.object({ Key: z.string().default(''), Value: z.string().default('') }));
const Replaces = list(z.object({ Old: Module, New: Module }));
/** What `go mod edit -json` and `go work edit -json` print. */
const Printed = z.object({
  Module: z.object({ Path: z.string().default(''), Deprecated: z.string().default('') }).optional(),
  Go: z.string().default(''),
  Toolchain: z.string().default(''),
  GoDebug: Pairs,
  Require: list(Module.extend({ Indirect: z.boolean().default(false) })),
  Exclude: list(Module),
  Replace: Replaces,
  Retract: list(z.object({ Low: z.string(), High: z.string(), Rationale: z.string().default('') })),
  Tool: list(z.object({ Path: z.string() })),
  Ignore: list(z.object({ Path: z.string() })),
  Use: list(z.object({ DiskPath: z.string() })),
});
type Printed = z.infer<typeof Printed>;

const replaceOf = ({ path, version = '', target }: Replacement) => ({
  Old: { Path: path, Version: version },
  New:
    target.kind === 'module' ? { Path: target.path, Version: target.version } : { Path: target.directory, Version: '' },
});
const debugOf = ({ godebug }: Pick<GoModFile, 'godebug'>) =>
  godebug.map(({ key, value }) => ({ Key: key, Value: value }));
const NOTHING = { GoDebug: [], Require: [], Exclude: [], Replace: [], Retract: [], Tool: [], Ignore: [], Use: [] };

const printedGoMod = (file: GoModFile): Printed => ({
  ...NOTHING,
  Module: { Path: file.module, Deprecated: file.deprecated ?? '' },
  ...{ Go: file.go ?? '', Toolchain: file.toolchain ?? '', GoDebug: debugOf(file) },
  Require: file.requirements.map(({ path, version, indirect }) => ({
    Path: path,
    Version: version,
    Indirect: indirect,
  })),
  Exclude: file.exclusions.map(({ path, version }) => ({ Path: path, Version: version })),
  Replace: file.replacements.map(replaceOf),
  Retract: file.retractions.map(({ low, high, rationale = '' }) => ({ Low: low, High: high, Rationale: rationale })),
  Tool: file.tools.map((path) => ({ Path: path })),
  Ignore: file.ignored.map((path) => ({ Path: path })),
});
const printedGoWork = (file: GoWorkFile): Printed => ({
  ...NOTHING,
  ...{ Go: file.go ?? '', Toolchain: file.toolchain ?? '', GoDebug: debugOf(file) },
  Use: file.uses.map(({ directory }) => ({ DiskPath: directory })),
  Replace: file.replacements.map(replaceOf),
});

/** What is written twice is printed once, and of go.work neither toolchain nor settings of GODEBUG are. */
const comparable = (printed: Printed, command: 'mod' | 'work') =>
  Object.fromEntries(
    Object.entries(printed)
      .filter(([key]) => command === 'mod' || (key !== 'Toolchain' && key !== 'GoDebug'))
      .map(([key, value]) => [key, Array.isArray(value) ? distinct(value) : value]),
  );
const distinct = (values: readonly object[]) =>
  [...new Set(values.map((each) => JSON.stringify(Object.entries(each).sort())))].sort();

type Random = ReturnType<typeof randomOf>;

const COMMENTS = ['', '', '', ' // why', ' // indirect', ' // indirect; so', ' //', ' // Deprecated: no'] as const;
const ABOVE = [
  '',
  '',
  '',
  '// about\n',
  '// Deprecated: use v2\n',
  '// a\n//\n// Deprecated: b\n// c\n',
  '// apart\n\n',
  '\n',
] as const;
const SHARED: readonly [string, ...string[]] = [
  'go 1.20',
  ...['go 1.21', 'go 1.22.3', 'go 1.23rc1', 'toolchain go1.22.3', 'toolchain default', 'toolchain go1.21-x'],
  ...['godebug a=b', 'godebug default=go1.21', 'godebug (\n\ta=b\n\tc=\n)'],
  ...[
    'replace example.com/a => ../a',
    'replace example.com/a v1.2.3 => ./x/y',
    'replace "example.com/b" => example.com/c v1.0.0',
  ],
  ...['replace (\n\texample.com/d v1.0.0 => example.com/e v1\n\texample.com/f => "./with blank"\n)'],
];
const OF_GO_MOD: readonly [string, ...string[]] = [
  ...SHARED,
  ...['require example.com/a v1.2.3', 'require example.com/b/v2 v2.0.0', 'require example.com/c v3.0.0+incompatible'],
  ...[
    'require (\n\texample.com/a v1.0.0 // indirect\n\n\t// above\n\texample.com/b v0.0.0-20200101000000-abcdefabcdef\n)',
  ],
  ...['require gopkg.in/yaml.v3 v3.0.1', 'require gopkg.in/yaml v3.0.1', 'require example.com/a v2.0.0', 'require ()'],
  ...[
    'exclude example.com/a v1.0.0',
    'exclude (\n\texample.com/b v1.0.0\n)',
    'retract v1.0.0',
    'retract [v1.0.0, v1.2.0]',
  ],
  ...[
    'retract (\n\tv1.1.0 // why\n\t[v1.2.0,v1.3.0]\n\n\tv1.4.0\n)',
    'tool example.com/a/cmd/x',
    'ignore ./node_modules',
  ],
  ...['ignore (\n\t./a\n\tb\n)', 'tool (\n\texample.com/a/x\n\t"example.com/b/y"\n)', 'unknown x', 'require x (\n)'],
];
const OF_GO_WORK: readonly [string, ...string[]] = [
  ...SHARED,
  'use ./a',
  'use (\n\t.\n\t../b // why\n)',
  'use "./x y"',
  'require a v1.0.0',
];
const HOSTILE = [
  '"',
  "'",
  '`',
  '(',
  ')',
  '[',
  ']',
  ',',
  '=>',
  '\\',
  '//',
  '/*',
  '\r',
  '\u00a0',
  'é',
  '\u200b',
  '\ufeff',
  '\n',
  ' ',
  '\t',
  'v1',
  '.',
  '@',
  '\u{1f600}',
  '\u0000',
  '\\x41',
  '\\u00e9',
] as const;

function textOf(random: Random, lines: readonly [string, ...string[]], head: string): string {
  let text = `${random.pick(ABOVE)}${head}`;
  for (let count = random.below(7); count > 0; count -= 1)
    text += `${random.pick(ABOVE)}${random.pick(lines)}${random.pick(COMMENTS)}${random.chance(0.1) ? '\r' : ''}\n`;
  for (let hits = random.chance(0.6) ? 1 + random.below(2) : 0; hits > 0; hits -= 1) {
    const at = random.below(text.length + 1);
    const cut = random.below(2);
    text = `${text.slice(0, at)}${random.chance(0.8) ? random.pick(HOSTILE) : ''}${text.slice(at + cut)}`;
  }
  return text.toWellFormed();
}

/** Where we refuse what these commands print, and builds refuse it too, or would ask a network what is meant. */
function stricter(text: string, { line, expected }: GoModProblem): boolean {
  const row = text.split('\n')[line - 1] ?? '';
  return (
    [
      'a module line',
      'a module path',
      'a module path, or a directory that replaces it',
      'one replacement of a module version',
    ].includes(expected) ||
    (expected === 'a version of the form v1.2.3' && /retract|^\s*[v[]/.test(row)) ||
    /^an escape/.test(expected)
  );
}

async function theirs(seed: number, command: 'mod' | 'work', text: string): Promise<Printed | undefined> {
  const file = join(folder, `${seed}.${command}`);
  await writeFile(file, text);
  const answer = await go(folder, folder, [command, 'edit', '-json', file]);
  return answer.ok ? Printed.parse(JSON.parse(answer.stdout)) : undefined;
}

async function compare(seed: number, command: 'mod' | 'work'): Promise<'same' | 'refused' | 'stricter'> {
  const random = randomOf(seed);
  const text = command === 'mod' ? textOf(random, OF_GO_MOD, 'module example.com/m\n') : textOf(random, OF_GO_WORK, '');
  const printed = await theirs(seed, command, text);
  const parsed = command === 'mod' ? parseGoMod(text) : parseGoWork(text);
  if (parsed.kind === 'malformed') {
    if (!printed) return 'refused';
    expect(stricter(text, parsed.problem), `${JSON.stringify(text)}: ${JSON.stringify(parsed.problem)}`).toBe(true);
    return 'stricter';
  }
  const { file } = parsed;
  const ours = 'module' in file ? printedGoMod(file) : printedGoWork(file);
  expect(printed && comparable(printed, command), JSON.stringify(text)).toEqual(comparable(ours, command));
  return 'same';
}

describe.each(['mod', 'work'] as const)('the syntax of go.%s, judged by the go command', (command) => {
  const seen = new Map<string, number>();
  const batches = Array.from({ length: TEXTS / BATCH }, (_, at) => at * BATCH);

  it.each(batches)(
    'is read alike in the texts from seed %i on',
    async (first) => {
      const seeds = Array.from({ length: BATCH }, (_, at) => first + at);
      for (const outcome of await Promise.all(seeds.map((seed) => compare(seed, command))))
        seen.set(outcome, (seen.get(outcome) ?? 0) + 1);
    },
    60_000,
  );

  it('was judged by texts of both kinds', () => {
    expect(seen.get('same') ?? 0).toBeGreaterThan(TEXTS / 5);
    expect(seen.get('refused') ?? 0).toBeGreaterThan(TEXTS / 5);
  });
});
