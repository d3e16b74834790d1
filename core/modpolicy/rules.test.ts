import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { GitSha, Sha256Hex } from '../../events/fields.ts';
import { parseGoMod } from '../gosum/go-mod.ts';
import { foreignSyntax } from './foreign-syntax.ts';
import { judgeModulePolicy } from './judge.ts';
import type { LatestModule, ModuleFacts } from './module-facts.ts';
import { ModulePolicy } from './module-policy.ts';
import { MODULE_RULES } from './rules.ts';

const COMMIT = GitSha.parse('1'.repeat(40));
const SUM = Sha256Hex.parse('a'.repeat(64));
const DAY = Math.floor(Date.parse('2026-03-01T12:00:00Z') / 86_400_000);

function factsOf(goModText: string, changes: Partial<ModuleFacts> = {}): ModuleFacts {
  const parsed = parseGoMod(goModText);
  if (parsed.kind !== 'parsed') throw new Error(JSON.stringify(parsed.problem));
  return {
    module: { path: 'example.com/m', version: 'v1.2.0' },
    repository: { host: 'git.test', name: 'acme/m' },
    directory: '',
    commit: COMMIT,
    day: DAY,
    goModText,
    goMod: parsed.file,
    goSum: '',
    tree: { goWork: [], objects: [] },
    // Every module has been asked about, and says nothing against any of its versions.
    latest: [...parsed.file.requirements, ...parsed.file.replacements.map(({ target }) => target)].flatMap(
      (module): LatestModule[] =>
        'path' in module ? [{ kind: 'read', path: module.path, version: 'v9.0.0', retractions: [] }] : [],
    ),
    refusals: [],
    changed: [],
    unused: [],
    privatePatterns: [],
    publicSightings: [],
    ...changes,
  };
}

type PolicyInput = Readonly<Record<string, unknown>>;

const judge = (facts: ModuleFacts, policy: PolicyInput = {}) => {
  const { reasons, warnings } = judgeModulePolicy(ModulePolicy.parse(policy), facts);
  const brief = (all: typeof reasons) => all.map(({ code, where }) => `${code.replace('modpolicy.', '')} ${where}`);
  return { refused: brief(reasons), warned: brief(warnings), reasons, warnings };
};

const MOD = 'module example.com/m\n\ngo 1.22\n';
const requiring = (...lines: string[]) => `${MOD}\nrequire (\n${lines.map((line) => `\t${line}\n`).join('')})\n`;
const refuses = (text: string, policy: PolicyInput = {}, changes: Partial<ModuleFacts> = {}) =>
  judge(factsOf(text, changes), policy).refused;

it('finds nothing in a release of tagged modules, whatever the rule', () => {
  expect(judge(factsOf(requiring('example.com/a v1.0.0', 'example.com/b/v2 v2.1.0-rc.1 // indirect')))).toMatchObject({
    refused: [],
    warned: [],
  });
});

describe('requirements', () => {
  const PSEUDO = 'example.com/a v0.0.0-20260220101112-abcdefabcdef';

  it.each<[string, string, PolicyInput, string[]]>([
    ['a version written short', requiring('example.com/a v1.0'), {}, ['not-semver go.mod:6']],
    ['a version with build metadata', requiring('example.com/a v1.0.0+meta'), {}, ['not-semver go.mod:6']],
    ['a quoted version, in full', requiring('example.com/a "v1.0.0"'), {}, []],
    ['a commit', requiring(PSEUDO), {}, ['pseudo-version go.mod:6']],
    ['a commit of an allowed module', requiring(PSEUDO), { 'pseudo-version': { allow: ['example.com'] } }, []],
    [
      'a commit of a module of another name',
      requiring(PSEUDO),
      { 'pseudo-version': { allow: ['example.com/ab'] } },
      ['pseudo-version go.mod:6'],
    ],
    ['a commit of just the age', requiring(PSEUDO), { 'pseudo-version': { allow: ['*'], maxAgeDays: 9 } }, []],
    [
      'a commit a day too old',
      requiring(PSEUDO),
      { 'pseudo-version': { allow: ['*'], maxAgeDays: 8 } },
      ['pseudo-version go.mod:6'],
    ],
    [
      'a commit of tomorrow',
      requiring('example.com/a v0.0.0-20260302000000-abcdefabcdef'),
      { 'pseudo-version': { allow: ['*'] } },
      [],
    ],
    [
      'a commit of the day after',
      requiring('example.com/a v0.0.0-20260303000000-abcdefabcdef'),
      { 'pseudo-version': { allow: ['*'] } },
      ['pseudo-version go.mod:6'],
    ],
    [
      'a commit of a day that never was',
      requiring('example.com/a v0.0.0-20250230000000-abcdefabcdef'),
      { 'pseudo-version': { allow: ['*'] } },
      ['pseudo-version go.mod:6'],
    ],
    ['a module without a go.mod', requiring('example.com/a v2.0.0+incompatible'), {}, ['incompatible go.mod:6']],
    [
      'an allowed one',
      requiring('example.com/a v2.0.0+incompatible'),
      { incompatible: { allow: ['example.com/a'] } },
      [],
    ],
    [
      'paths that differ by case',
      requiring('example.com/Ab v1.0.0', 'example.com/aB v1.0.0'),
      {},
      ['case-collision go.mod:7'],
    ],
    ['the module itself in another case', requiring('example.com/M v1.0.0'), {}, ['case-collision go.mod:6']],
  ])('judge %s', (_what, text, policy, refused) => {
    expect(refuses(text, policy)).toEqual(refused);
  });

  it('are judged by what is built: replaced ones by their replacement, others of the build by their own name', () => {
    const replaced = `${requiring('example.com/a v1.0.0')}replace example.com/a => example.com/b v0.0.0-20260220101112-abcdefabcdef\n`;
    const off = { 'replace-module': { severity: 'off' } };
    expect(refuses(replaced, off)).toEqual(['pseudo-version go.mod:6']);
    const buildList = [{ path: 'example.com/deep', version: 'v3.0.0+incompatible' }];
    const latest: LatestModule[] = [{ kind: 'none', path: 'example.com/deep' }];
    expect(refuses(MOD, {}, { buildList, latest })).toEqual(['incompatible example.com/deep@v3.0.0+incompatible']);
  });

  const denying = (versions?: string[]) => ({
    denied: { modules: [{ path: 'example.com/bad*', reason: 'stolen', ...(versions ? { versions } : {}) }] },
  });
  it.each<[string, string[] | undefined, string[]]>([
    ['v1.2.3', undefined, ['denied go.mod:6']],
    ['v1.2.3', ['v1.2.3'], ['denied go.mod:6']],
    ['v1.2.3', ['>=v1.2.0 <v1.2.3', 'v1.2.4'], []],
    ['v1.2.3', ['>v1.2.2 <=v1.2.3'], ['denied go.mod:6']],
    ['v1.2.3-rc.1', ['<v1.2.3'], ['denied go.mod:6']],
    ['v1.2.3', [], []],
  ])('%s of a denied module, versions %j: %j', (version, versions, refused) => {
    expect(refuses(requiring(`example.com/badly ${version}`), denying(versions))).toEqual(refused);
  });

  it('are denied with the reason of the policy, and behind a replacement too', () => {
    const text = `${requiring('example.com/good v1.0.0')}replace example.com/good => example.com/bad v1.0.0\n`;
    const { reasons } = judge(factsOf(text), { ...denying(), 'replace-module': { severity: 'off' } });
    expect(reasons).toMatchObject([
      { code: 'modpolicy.denied', expected: 'not example.com/bad*: stolen', found: 'example.com/bad v1.0.0' },
    ]);
  });

  const floor = { 'below-floor': { modules: [{ path: 'example.com/a', minimum: 'v1.4.0' }] } };
  const forced = { 'below-floor': { modules: [{ path: 'example.com/a', exactly: 'v1.4.0' }] } };
  const replaceBy = (target: string) => `${requiring('example.com/a v1.0.0')}replace example.com/a => ${target}\n`;
  const anyReplacement = { 'replace-module': { severity: 'off' }, 'replace-directory': { severity: 'off' } };
  it.each<[string, string, PolicyInput, string[]]>([
    ['just the minimum', requiring('example.com/a v1.4.0'), floor, []],
    ['a pre-release of the minimum', requiring('example.com/a v1.4.0-rc.1'), floor, ['below-floor go.mod:6']],
    ['more than is forced', requiring('example.com/a v1.4.1'), forced, ['below-floor go.mod:6']],
    ['what is forced', requiring('example.com/a v1.4.0'), forced, []],
    ['a module below it in the tree of paths', requiring('example.com/a/b v1.0.0'), floor, []],
    ['a replacement that is high enough', replaceBy('example.com/a v1.5.0'), floor, []],
    ['a replacement by another module', replaceBy('example.com/b v1.5.0'), floor, ['below-floor go.mod:6']],
    ['a directory', replaceBy('./a'), floor, ['below-floor go.mod:6']],
  ])('with a floor: %s', (_what, text, policy, refused) => {
    expect(refuses(text, { ...anyReplacement, ...policy })).toEqual(refused);
  });

  it('that nothing needs are warned of, and so is not knowing', () => {
    const unused = [{ what: 'example.com/a v1.0.0', where: 'go.mod:6' }];
    expect(judge(factsOf(MOD, { unused })).warned).toEqual(['unused-requirement go.mod:6']);
    expect(judge(factsOf(MOD, { unused: undefined })).warned).toEqual(['not-checked modpolicy.unused-requirement']);
  });
});

describe('replacements and exclusions', () => {
  const replacing = (line: string) => `${requiring('example.com/a v1.0.0')}\nreplace ${line}\n`;
  const pair = (more: object = {}) => ({
    'replace-module': { allow: [{ path: 'example.com/a', target: 'fork.test/*', ...more }] },
  });
  it.each<[string, string, PolicyInput, string[]]>([
    ['a directory', 'example.com/a => ./a', {}, ['replace-directory go.mod:9']],
    ['an allowed directory', 'example.com/a => ./a', { 'replace-directory': { allow: ['./a'] } }, []],
    [
      'a directory of nearly that name',
      'example.com/a => ./a/',
      { 'replace-directory': { allow: ['./a'] } },
      ['replace-directory go.mod:9'],
    ],
    [
      'a directory outside, whatever is allowed',
      'example.com/a => ../a',
      { 'replace-directory': { allow: ['../a'] } },
      ['replace-directory go.mod:9'],
    ],
    [
      'an absolute one',
      'example.com/a => /a',
      { 'replace-directory': { allow: ['/a'] } },
      ['replace-directory go.mod:9'],
    ],
    ['a fork', 'example.com/a => fork.test/a v1.0.1', {}, ['replace-module go.mod:9']],
    ['an allowed fork', 'example.com/a => fork.test/a v1.0.1', pair(), []],
    [
      'an allowed fork at another version',
      'example.com/a => fork.test/a v1.0.1',
      pair({ versions: ['v1.0.2'] }),
      ['replace-module go.mod:9'],
    ],
    ['the fork in place of another module', 'example.com/b => fork.test/a v1.0.1', pair(), ['replace-module go.mod:9']],
    ['itself at another version', 'example.com/a v1.0.0 => example.com/a v1.0.1', {}, ['replace-module go.mod:9']],
  ])('judge %s', (_what, line, policy, refused) => {
    expect(refuses(replacing(line), policy)).toEqual(refused);
  });

  it('lets a module in a folder be replaced by one beside it, where that is allowed', () => {
    const policy = { 'replace-directory': { allow: ['../a'] } };
    expect(refuses(replacing('example.com/a => ../a'), policy, { directory: 'tools' })).toEqual([]);
    expect(refuses(replacing('example.com/a => ../../a'), policy, { directory: 'tools' })).toEqual([
      'replace-directory go.mod:9',
    ]);
  });

  it('warns of an exclusion at its line', () => {
    const text = `${MOD}\n// exclude example.com/a v1.0.0\nexclude (\n\texample.com/a v1.0.0\n\t"example.com/b" v1.0.0 // why\n)\n`;
    expect(judge(factsOf(text)).warned).toEqual(['exclude go.mod:7', 'exclude go.mod:8']);
    expect(refuses(text, { exclude: { severity: 'refuse' } })).toHaveLength(2);
  });
});

describe('the version of Go', () => {
  const goMod = (...lines: string[]) => `module example.com/m\n${lines.join('\n')}\n`;
  it.each<[string, string[], object, string[]]>([
    ['no go line', [], {}, ['toolchain go.mod']],
    ['a go line at the floor', ['go 1.17'], {}, []],
    ['a go line below it', ['go 1.16'], {}, ['toolchain go.mod:2']],
    ['a language version below a release as floor', ['go 1.22'], { floor: '1.22.0' }, ['toolchain go.mod:2']],
    ['a release candidate', ['go 1.23rc1'], {}, ['toolchain go.mod:2']],
    ['an allowed release candidate', ['go 1.23rc1'], { allow: ['1.23rc1'] }, []],
    ['a patch of an allowed line', ['go 1.22.3'], { allow: ['1.22'] }, []],
    ['a line that begins alike', ['go 1.22'], { allow: ['1.2'] }, ['toolchain go.mod:2']],
    ['another patch than the allowed one', ['go 1.22.3'], { allow: ['1.22.4'] }, ['toolchain go.mod:2']],
    ['a toolchain of the policy', ['go 1.21', 'toolchain go1.22.4'], { allow: ['1.22.4'] }, []],
    ['a toolchain that is not', ['go 1.22.4', 'toolchain go1.23.0'], { allow: ['1.22.4'] }, ['toolchain go.mod:3']],
    [
      'a toolchain of one’s own',
      ['go 1.22', 'toolchain go1.22.4-acme'],
      {},
      ['toolchain go.mod:3', 'toolchain go.mod:3'],
    ],
    ['a toolchain older than the go line', ['go 1.22.4', 'toolchain go1.22.3'], {}, ['toolchain go.mod:3']],
    ['none where one must be named', ['go 1.22'], { pinned: true }, ['toolchain go.mod']],
    ['default where one must be named', ['go 1.22', 'toolchain default'], { pinned: true }, ['toolchain go.mod:3']],
    ['default', ['go 1.22', 'toolchain default'], {}, []],
  ])('judge %s', (_what, lines, toolchain, refused) => {
    expect(refuses(goMod(...lines), { toolchain })).toEqual(refused);
  });
});

describe('what authors say', () => {
  const text = requiring('example.com/a v1.0.0');
  const read = (low: string, high: string, rationale?: string): LatestModule[] => [
    {
      kind: 'read',
      path: 'example.com/a',
      version: 'v1.9.0',
      retractions: [{ low, high, ...(rationale ? { rationale } : {}) }],
    },
  ];
  it.each<[string, string, string[]]>([
    ['v1.0.0', 'v1.0.0', ['retracted go.mod:6']],
    ['v0.9.0', 'v1.0.0', ['retracted go.mod:6']],
    ['v1.0.0', 'v1.1.0', ['retracted go.mod:6']],
    ['v1.0.1', 'v1.1.0', []],
    ['v0.1.0', 'v1.0.0-rc.1', []],
    ['v1.1.0', 'v0.9.0', []],
    ['', 'v1.0.0', ['retracted go.mod:6']],
  ])('retracts [%s, %s]: %j', (low, high, refused) => {
    expect(refuses(text, {}, { latest: read(low, high) })).toEqual(refused);
  });

  it('is told in one line, and no other version is advised', () => {
    const [reason] = judge(factsOf(text, { latest: read('v1.0.0', 'v1.0.0', 'lost\u0000 keys\nuse v1.0.1') })).reasons;
    expect(reason).toMatchObject({
      found: 'example.com/a v1.0.0: lost keys use v1.0.1',
      expected: expect.not.stringMatching('v1.0.1'),
    });
    expect(reason?.fix).not.toMatch(/v\d/);
  });

  const unread: LatestModule[] = [{ kind: 'not-checked', path: 'example.com/a', why: 'w' }];
  it.each<[string, LatestModule[], PolicyInput, string[], string[]]>([
    ['was not read', unread, {}, ['retract.not-checked go.mod:6'], []],
    ['was not asked for', [], {}, ['retract.not-checked go.mod:6'], []],
    ['does not exist', [{ kind: 'none', path: 'example.com/a' }], {}, [], []],
    [
      'was not read, and retraction only warns',
      unread,
      { retracted: { severity: 'warn' } },
      [],
      ['retract.not-checked go.mod:6'],
    ],
    [
      'was not read, and only deprecation refuses',
      unread,
      { retracted: { severity: 'off' }, deprecated: { severity: 'refuse' } },
      ['retract.not-checked go.mod:6'],
      [],
    ],
    [
      'was not read, and neither is asked',
      unread,
      { retracted: { severity: 'off' }, deprecated: { severity: 'off' } },
      [],
      [],
    ],
    [
      'was not read of an allowed module',
      unread,
      { retracted: { allow: ['*'] }, deprecated: { allow: ['*'] } },
      [],
      [],
    ],
    ['retracts an allowed module', read('v1.0.0', 'v1.0.0'), { retracted: { allow: ['example.com/a'] } }, [], []],
    [
      'deprecates',
      [{ kind: 'read', path: 'example.com/a', version: 'v1.9.0', retractions: [], deprecated: 'use b' }],
      {},
      [],
      ['deprecated go.mod:6'],
    ],
  ])('the highest version %s', (_what, latest, policy, refused, warned) => {
    expect(judge(factsOf(text, { latest }), policy)).toMatchObject({ refused, warned });
  });

  it('counts for a module that is replaced at one version, and not for one that is replaced at all', () => {
    const off = { 'replace-module': { severity: 'off' } };
    const replaced = (left: string) => `${text}replace ${left} => example.com/b v1.0.0\n`;
    const b: LatestModule = { kind: 'read', path: 'example.com/b', version: 'v1.0.0', retractions: [] };
    const latest = [...read('v1.0.0', 'v1.0.0'), b];
    expect(refuses(replaced('example.com/a v1.0.0'), off, { latest })).toEqual(['retracted go.mod:6']);
    expect(refuses(replaced('example.com/a'), off, { latest })).toEqual([]);
  });
});

describe('the tree of a release', () => {
  const object = (kind: 'syso' | 'assembly' | 'ldflags' | 'linkname', path: string, hash?: string) => ({
    ...{ kind, path },
    ...(hash ? { sha256: Sha256Hex.parse(hash.repeat(64)) } : {}),
  });
  const last = (objects: ReturnType<typeof object>[]) => ({
    tag: 'v1.1.0',
    commit: GitSha.parse('2'.repeat(40)),
    modules: [],
    tree: { goWork: [], objects },
  });
  const tree = (...objects: ReturnType<typeof object>[]) => ({ goWork: [], objects });

  it.each<[string, Partial<ModuleFacts>, string[]]>([
    ['the first object', { tree: tree(object('assembly', 'a.s')) }, ['binary-object the release']],
    [
      'one that was there',
      { tree: tree(object('assembly', 'a.s')), lastRelease: last([object('assembly', 'a.s')]) },
      [],
    ],
    [
      'one that moved',
      { tree: tree(object('assembly', 'b.s')), lastRelease: last([object('assembly', 'a.s')]) },
      ['binary-object the release'],
    ],
    [
      'a .syso with other bytes',
      { tree: tree(object('syso', 'a.syso', 'b')), lastRelease: last([object('syso', 'a.syso', 'a')]) },
      ['binary-object the release'],
    ],
    [
      'each kind once',
      { tree: tree(object('ldflags', 'a.go'), object('ldflags', 'b.go'), object('linkname', 'a.go')) },
      ['binary-object the release', 'binary-object the release'],
    ],
    [
      'one of a new dependency',
      { changed: [{ module: { path: 'example.com/a', version: 'v1.0.0' }, added: [object('syso', 'x.syso')] }] },
      ['binary-object example.com/a@v1.0.0'],
    ],
    [
      'an unreadable dependency',
      { changed: [{ module: { path: 'example.com/a', version: 'v1.0.0' } }] },
      ['binary-object example.com/a@v1.0.0'],
    ],
    ['a tree that nobody knows', { tree: undefined }, ['not-checked modpolicy.binary-object']],
    ['dependencies that nobody knows', { changed: undefined }, ['not-checked modpolicy.binary-object']],
  ])('is warned of for %s', (_what, changes, warned) => {
    const off = { 'go-work': { severity: 'off' } };
    expect(judge(factsOf(MOD, { lastRelease: last([]), goSumSha256: undefined, ...changes }), off).warned).toEqual(
      warned,
    );
  });

  it('needs a reviewer who counts, of this very commit', () => {
    const added = { tree: tree(object('assembly', 'a.s')) };
    const refusing = { 'binary-object': { severity: 'refuse' } };
    const reviewed = (commit: string) => ({ reviewed: [{ commit, reviewer: 'ann', reason: 'read it' }] });
    expect(refuses(MOD, refusing, added)).toEqual(['binary-object the release']);
    expect(refuses(MOD, { ...refusing, ...reviewed(COMMIT) }, added)).toEqual([]);
    expect(refuses(MOD, { ...refusing, ...reviewed('3'.repeat(40)) }, added)).toHaveLength(1);
    expect(refuses(MOD, { ...refusing, ...reviewed(COMMIT), reviewers: ['bob'] }, added)).toHaveLength(1);
    const reviews = [{ reviewer: 'bob', commit: COMMIT }];
    expect(refuses(MOD, { ...refusing, reviewers: ['bob'] }, { ...added, reviews })).toEqual([]);
  });

  it('may have a declared go.work only', () => {
    const facts = { tree: { goWork: ['go.work'], objects: [] } };
    expect(refuses(MOD, {}, facts)).toEqual(['go-work go.work']);
    expect(refuses(MOD, { 'go-work': { declared: ['go.work'] } }, facts)).toEqual([]);
    expect(refuses(MOD, { 'go-work': { declared: ['sub/go.work'] } }, facts)).toEqual(['go-work go.work']);
    expect(refuses(MOD, {}, { tree: undefined })).toEqual(['not-checked modpolicy.go-work']);
  });
});

describe('what is new since the last release', () => {
  const last = (goSumSha256?: typeof SUM) => ({
    ...{ tag: 'v1.1.0', commit: GitSha.parse('2'.repeat(40)), modules: [] },
    tree: { goWork: [], objects: [] },
    ...(goSumSha256 ? { goSumSha256 } : {}),
  });
  it.each<[string, Partial<ModuleFacts>, PolicyInput, string[]]>([
    ['a first release', { goSumSha256: SUM }, {}, []],
    ['the same go.sum', { goSumSha256: SUM, lastRelease: last(SUM) }, {}, []],
    ['no go.sum, as before', { lastRelease: last() }, {}, []],
    ['a go.sum that was not there', { goSumSha256: SUM, lastRelease: last() }, {}, ['go-sum-changed go.sum']],
    ['a go.sum that is gone', { lastRelease: last(SUM) }, {}, ['go-sum-changed go.sum']],
    ['a reviewed change', { lastRelease: last(SUM), reviews: [{ reviewer: 'ann', commit: COMMIT }] }, {}, []],
    ['one reviewed by somebody', { lastRelease: last(SUM), reviews: [{ commit: COMMIT }] }, {}, []],
    [
      'one reviewed by somebody, where the policy says by whom',
      { lastRelease: last(SUM), reviews: [{ commit: COMMIT }] },
      { reviewers: ['ann'] },
      ['go-sum-changed go.sum'],
    ],
  ])('go.sum: %s', (_what, changes, policy, warned) => {
    expect(judge(factsOf(MOD, changes), policy).warned).toEqual(warned);
    const refusing = { ...policy, 'go-sum-changed': { severity: 'refuse' } };
    expect(refuses(MOD, refusing, changes)).toEqual(warned);
  });

  it('reports hashes that the go command passes over', () => {
    const goSum = 'example.com/a v1.0.0 h1:x=\nexample.com/a v1.0.0 h2:x=\n\nexample.com/a v1.0.0/go.mod h12:x=\n';
    expect(judge(factsOf(MOD, { goSum })).warned).toEqual(['h2-line go.sum:2']);
  });

  const module = { path: 'example.com/a', version: 'v1.0.0' };
  const compare = { 'origin-diverged': { compare: true } };
  it.each<[string, ModuleFacts['origins'], PolicyInput, string[], string[]]>([
    ['is not compared unless asked', undefined, {}, [], []],
    ['must be known when it is', undefined, compare, ['not-checked modpolicy.origin-diverged'], []],
    ['agrees', [{ module, h1: 'h1:x', origin: { kind: 'hashed', h1: 'h1:x' } }], compare, [], []],
    [
      'differs',
      [{ module, h1: 'h1:x', origin: { kind: 'hashed', h1: 'h1:y' } }],
      compare,
      ['origin-diverged example.com/a@v1.0.0'],
      [],
    ],
    [
      'is gone',
      [{ module, h1: 'h1:x', origin: { kind: 'not-checked', why: 'gone' } }],
      compare,
      [],
      ['origin-not-checked example.com/a@v1.0.0'],
    ],
    [
      'is gone, which refuses',
      [{ module, h1: 'h1:x', origin: { kind: 'not-checked', why: 'gone' } }],
      { ...compare, 'origin-not-checked': { severity: 'refuse' } },
      ['origin-not-checked example.com/a@v1.0.0'],
      [],
    ],
  ])('the origin %s', (_what, origins, policy, refused, warned) => {
    expect(judge(factsOf(MOD, { origins }), policy)).toMatchObject({ refused, warned });
  });

  const priv = { privatePatterns: ['example.com/a'] };
  const text = requiring('example.com/a v1.0.0');
  const same = { module, h1: 'h1:x', origin: { kind: 'hashed' as const, h1: 'h1:x' } };
  const other = { ...same, origin: { kind: 'hashed' as const, h1: 'h1:y' } };
  const gone = { ...same, origin: { kind: 'not-checked' as const, why: 'gone' } };
  const twoSources = { 'first-use': { twoSources: true } };
  const approved = (version: string) => ({
    'first-use': { approved: [{ path: 'example.com/a', version, by: 'ann', reason: 'ours' }] },
  });
  it.each<[string, Partial<ModuleFacts>, PolicyInput, string[]]>([
    ['a public one', {}, {}, []],
    ['a private one', priv, {}, ['first-use go.mod:6']],
    ['one that two sources hold alike', { ...priv, origins: [same], proxied: [same] }, twoSources, []],
    [
      'one of two sources, which nobody asked for',
      { ...priv, origins: [same], proxied: [same] },
      {},
      ['first-use go.mod:6'],
    ],
    [
      'one that its origin alone holds',
      { ...priv, origins: [same], proxied: [gone] },
      twoSources,
      ['first-use go.mod:6'],
    ],
    ['one that nobody asked a proxy for', { ...priv, origins: [same] }, twoSources, ['first-use go.mod:6']],
    [
      'one that a proxy holds otherwise',
      { ...priv, origins: [same], proxied: [other] },
      twoSources,
      ['first-use go.mod:6'],
    ],
    [
      'one that a proxy alone holds',
      { ...priv, origins: [gone], proxied: [same] },
      twoSources,
      ['origin-not-checked example.com/a@v1.0.0', 'first-use go.mod:6'],
    ],
    ['one that somebody approved', priv, approved('v1.0.0'), []],
    ['one approved at another version', priv, approved('v1.0.1'), ['first-use go.mod:6']],
    [
      'one that was used before, at any version',
      { ...priv, lastRelease: { ...last(), modules: [{ path: 'example.com/a', version: 'v0.9.0' }] } },
      {},
      [],
    ],
  ])('a module used for the first time: %s', (_what, changes, policy, warned) => {
    expect(judge(factsOf(text, changes), policy).warned).toEqual(warned);
  });

  it('refuses a module that its origin holds otherwise, where two sources are asked for', () => {
    expect(refuses(text, twoSources, { ...priv, origins: [other], proxied: [same] })).toEqual([
      'origin-diverged example.com/a@v1.0.0',
    ]);
    expect(refuses(text, twoSources, priv)).toEqual(['not-checked modpolicy.origin-diverged']);
    expect(refuses(text, { 'first-use': { twoSources: true, severity: 'off' } }, priv)).toEqual([]);
  });

  it('refuses a private module that a public service knows, whatever the policy says', () => {
    const publicSightings = [{ module, seenAt: 'proxy.test' }];
    expect(refuses(MOD, {}, { publicSightings })).toEqual(['private-from-public example.com/a@v1.0.0']);
  });
});

describe('permissions', () => {
  const matrix = (may: string[], modules: string[]) => ({
    permission: {
      teams: { core: ['git.test/acme'], other: ['git.test/beta'] },
      grants: [{ teams: ['core'], may, modules }],
    },
  });
  const text = requiring('example.com/priv v1.0.0', 'example.com/public v1.0.0');
  const facts = { privatePatterns: ['example.com/priv'] };
  it.each<[string, PolicyInput, Partial<ModuleFacts>, string[]]>([
    ['no matrix', {}, {}, []],
    ['both acts on all', matrix(['publish', 'fetch'], ['example.com']), {}, []],
    ['fetching alone', matrix(['fetch'], ['example.com']), {}, ['permission example.com/m@v1.2.0']],
    ['publishing alone', matrix(['publish'], ['example.com/m']), {}, ['permission go.mod:6']],
    [
      'a module path that begins alike',
      matrix(['publish', 'fetch'], ['example.com/m', 'example.com/pri']),
      {},
      ['permission go.mod:6'],
    ],
    [
      'a repository of another team',
      matrix(['publish', 'fetch'], ['*']),
      { repository: { host: 'git.test', name: 'beta/m' } },
      ['permission example.com/m@v1.2.0', 'permission go.mod:6'],
    ],
    [
      'a repository of no team',
      matrix(['publish', 'fetch'], ['*']),
      { repository: { host: 'git.test', name: 'acmex/m' } },
      ['permission example.com/m@v1.2.0', 'permission go.mod:6'],
    ],
  ])('by %s', (_what, policy, changes, refused) => {
    expect(refuses(text, policy, { ...facts, ...changes })).toEqual(refused);
  });
});

describe('what is no go.mod', () => {
  const seen = (goModText: string) => judge({ ...factsOf(MOD), goModText }).refused;
  it.each<[string, string[]]>([
    ['[replace]\n"a" = "b"', ['foreign-syntax go.mod:1']],
    ['  [[direct]] # toml', ['foreign-syntax go.mod:1']],
    ['[direct]\r', ['foreign-syntax go.mod:1']],
    ['replace example.com/a => h1:abc=', ['foreign-syntax go.mod:1']],
    ['replace example.com/a => "h1:abc="', ['foreign-syntax go.mod:1']],
    ['// [direct]\n// => h1:abc', []],
    ['retract (\n[v1.0.0, v1.1.0]\n)', []],
    ['require example.com/h1 v1.0.0', []],
  ])('%j: %j', (text, refused) => {
    expect(seen(text)).toEqual(refused);
  });

  it('is told beside the fault of a file that cannot be read', () => {
    expect(foreignSyntax('module example.com/m\n[direct]\n')).toMatchObject([
      {
        code: 'modpolicy.foreign-syntax',
        where: 'go.mod:2',
        found: '[direct]',
        fix: expect.stringContaining('below-floor'),
      },
    ]);
  });
});

describe('severities', () => {
  const everything = factsOf(
    `${MOD}require example.com/a v1.0.0\nrequire example.com/b v0.0.0-20260220101112-abcdefabcdef\nreplace example.com/a => ./a\nexclude example.com/a v1.1.0\n`,
    { tree: { goWork: ['go.work'], objects: [] }, refusals: [{ code: 'sumdb.fork', where: 'x' }] },
  );
  it('turn every rule that has one into a warning or off, and contradictions into nothing', () => {
    const all = (severity: string) =>
      Object.fromEntries(
        Object.entries(ModulePolicy.parse({}))
          .filter(([, value]) => typeof value === 'object' && 'severity' in value)
          .map(([name]) => [name, { severity }]),
      );
    const refused = judge(everything, all('refuse')).refused;
    expect(refused.length).toBeGreaterThan(4);
    const warned = judge(everything, all('warn'));
    expect(['sumdb.fork x', ...warned.warned]).toEqual(refused);
    expect(warned.refused).toEqual(['sumdb.fork x']);
    expect(judge(everything, all('off'))).toMatchObject({ refused: ['sumdb.fork x'], warned: [] });
  });

  it('have no setting for what is tampering', () => {
    const fixed = MODULE_RULES.filter(({ settings }) => settings.length === 0).map(({ code }) => code);
    expect(fixed).toEqual([
      'modpolicy.foreign-syntax',
      'modpolicy.origin-diverged',
      'modpolicy.private-from-public',
      'modpolicy.signature-bad',
    ]);
  });

  it('are judged in time that grows with the file, whatever it repeats', () => {
    const paths = Array.from({ length: 4000 }, (_, at) => `example.com/a${at}`);
    const block = (verb: string) => `${verb} (\n${paths.map((path) => `\t${path} v1.0.0\n`).join('')})\n`;
    const facts = factsOf(MOD);
    const requirements = paths.map((path, at) => ({ path, version: 'v1.0.0', indirect: false, line: 5 + at }));
    const exclusions = paths.map((path) => ({ path, version: 'v1.0.0' }));
    const replacements = requirements.map(({ path, line }) => ({
      ...{ path, line },
      target: { kind: 'module' as const, path: `fork.test/${path}`, version: 'v1.0.0' },
    }));
    const goMod = { ...facts.goMod, requirements, exclusions, replacements };
    const goModText = `${MOD}${block('require')}${block('exclude')}`;
    const { refused, warned } = judge({ ...facts, goMod, goModText });
    expect(refused.filter((each) => each.startsWith('not-semver'))).toEqual([]);
    expect(refused.filter((each) => each.startsWith('replace-module'))).toHaveLength(1000);
    expect(warned).toContain('exclude go.mod:4007');
  });

  it('bound what one rule may report', () => {
    const many = factsOf(
      requiring(...Array.from({ length: 1500 }, (_, at) => `example.com/a${at} v2.0.0+incompatible`)),
    );
    expect(judge(many).refused).toHaveLength(1000);
  });

  it('never depend on the order of the build list', () => {
    const modules = ['a', 'b', 'C', 'c', 'd'].flatMap((name) => [
      { path: `example.com/${name}`, version: 'v1.0.0' },
      { path: `example.com/${name}`, version: 'v2.0.0+incompatible' },
    ]);
    const first = judge(factsOf(MOD, { buildList: modules }));
    fc.assert(
      fc.property(fc.shuffledSubarray(modules, { minLength: modules.length }), (buildList) => {
        expect(judge(factsOf(MOD, { buildList }))).toEqual(first);
      }),
      { numRuns: 50 },
    );
  });
});
