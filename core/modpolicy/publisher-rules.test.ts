import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import { GitSha } from '../../events/fields.ts';
import { testSshKey } from '../../test/fakes/test-ssh-key.ts';
import { parseGoMod } from '../gosum/go-mod.ts';
import { judgeModulePolicy } from './judge.ts';
import type { ModuleFacts, PublisherSignature } from './module-facts.ts';
import { ModulePolicy } from './module-policy.ts';

const Made = z.object({ key: z.string(), signature: z.string() });
/** What the tools themselves made, over the lines of go.sum of `example.com/a v1.0.0`. */
const tools = z
  .object({ day: z.int(), lines: z.string(), openpgp: Made, ssh: Made, minisign: Made, cosign: Made })
  .parse(
    JSON.parse(readFileSync(new URL('../../test/fixtures/signing/publisher-signatures.json', import.meta.url), 'utf8')),
  );
const KINDS = ['openpgp', 'ssh', 'minisign', 'cosign'] as const;

const MOD = 'module example.com/m\n\ngo 1.22\n\nrequire example.com/a v1.0.0\n';
const goModOf = (goModText: string) => {
  const parsed = parseGoMod(goModText);
  if (parsed.kind !== 'parsed') throw new Error(JSON.stringify(parsed.problem));
  return { goModText, goMod: parsed.file };
};
const module = { path: 'example.com/a', version: 'v1.0.0' };
const found = (bytes: string | Uint8Array): PublisherSignature['answer'] => ({
  kind: 'found',
  base64: Buffer.from(bytes).toString('base64'),
});
const answered = (answer: PublisherSignature['answer']) => ({ publisherSignatures: [{ module, answer }] });

const factsOf = (changes: Partial<ModuleFacts>): ModuleFacts => ({
  ...{ module: { path: 'example.com/m', version: 'v1.2.0' }, repository: { host: 'git.test', name: 'acme/m' } },
  ...{ directory: '', commit: GitSha.parse('1'.repeat(40)), day: tools.day, goSum: tools.lines, ...goModOf(MOD) },
  ...{ tree: { goWork: [], objects: [] }, latest: [{ kind: 'none', path: 'example.com/a' }], refusals: [] },
  ...{ changed: [], unused: [], privatePatterns: ['example.com/a'], publicSightings: [] },
  ...changes,
});

interface Given {
  readonly kind?: (typeof KINDS)[number];
  readonly keys?: readonly string[];
  readonly required?: boolean;
  readonly modules?: readonly string[];
  readonly severity?: 'refuse' | 'warn' | 'off';
}

const policyOf = ({ kind = 'ssh', keys = [tools.ssh.key], severity = 'refuse', ...more }: Given) => {
  const url = 'https://sig.test/{path}/{version}';
  const publishers = [{ modules: ['example.com'], url, kind, keys, ...more }];
  return ModulePolicy.parse({ 'publisher-signature': { severity, publishers } });
};

/** Codes of reasons, and of warnings behind a `?`. */
function judge(given: Given, changes: Partial<ModuleFacts>): string[] {
  const { reasons, warnings } = judgeModulePolicy(policyOf(given), factsOf(changes));
  const codes = (all: typeof reasons) => all.map(({ code }) => code.replace('modpolicy.', ''));
  return [...codes(reasons), ...codes(warnings).map((code) => `${code}?`)];
}

describe.each(KINDS)('a signature of a module by %s', (kind) => {
  const { key, signature } = tools[kind];
  const other = KINDS[(KINDS.indexOf(kind) + 1) % KINDS.length] ?? 'ssh';
  const given = { kind, keys: [key], required: true };

  it('vouches for its first use', () => {
    expect(judge(given, answered(found(signature)))).toEqual([]);
  });

  it('is bad over other lines, of another kind, and when it is nothing at all', () => {
    const goSum = tools.lines.replace('a v1.0.0/go.mod h1:A', 'a v1.0.0/go.mod h1:B');
    expect(judge(given, { ...answered(found(signature)), goSum })).toEqual(['signature-bad', 'first-use?']);
    const bytes = Buffer.from(signature);
    for (const bad of ['', '<html>', bytes.subarray(1), tools[other].signature, Buffer.alloc(65_536)])
      expect(judge(given, answered(found(bad)))).toEqual(['signature-bad', 'first-use?']);
  });

  it('is never good when it is made of any other bytes', () => {
    const cut = fc.nat({ max: signature.length - 1 }).map((length) => Buffer.from(signature).subarray(0, length));
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array(), fc.string().map(Buffer.from)), (bytes) => {
        expect(judge(given, answered(found(bytes)))).toContain('signature-bad');
      }),
      { numRuns: 30 },
    );
    fc.assert(
      // The end of a signature may be no more than white space.
      fc.property(cut, (bytes) => {
        const whole = signature.trimEnd().length <= bytes.length;
        expect(judge(given, answered(found(bytes))).includes('signature-bad')).toBe(!whole);
      }),
      { numRuns: 30 },
    );
  });
});

describe('a signature by SSH', () => {
  const ana = testSshKey();
  const signed = (namespace = 'file') => answered(found(ana.sign(Buffer.from(tools.lines), namespace)));
  const keys = (options = '') => ({ keys: [tools.ssh.key, `ana ${options}${ana.line}`] });

  it('counts by any of the keys, and by no key that is not there', () => {
    expect(judge(keys(), signed())).toEqual([]);
    expect(judge({}, signed())).toEqual(['signature-bad', 'first-use?']);
    expect(judge(keys(), signed('git'))).toEqual(['signature-bad', 'first-use?']);
  });

  it.each([
    ['valid-before="20200101Z" ', ['publisher-signature', 'first-use?'].sort()],
    ['valid-after="20990101Z" ', ['publisher-signature', 'first-use?'].sort()],
    ['namespaces="git" ', ['publisher-signature', 'first-use?'].sort()],
    ['valid-after="20200101Z",valid-before="20990101Z",namespaces="file" ', []],
  ])('by a key with %svouches while the key may sign', (options, codes) => {
    expect(judge({ ...keys(options), required: true }, signed()).sort()).toEqual(codes);
  });
});

it('does not vouch by an OpenPGP key that has expired, nor before it was made', () => {
  const given = { kind: 'openpgp' as const, keys: [tools.openpgp.key] };
  const signed = answered(found(tools.openpgp.signature));
  for (const day of [tools.day + 29, tools.day]) expect(judge(given, { ...signed, day })).toEqual([]);
  for (const day of [tools.day + 30, tools.day - 2])
    expect(judge({ ...given, required: true }, { ...signed, day })).toEqual(['publisher-signature', 'first-use?']);
});

describe('a module without a signature', () => {
  const down: PublisherSignature['answer'] = { kind: 'not-checked', why: 'sig.test is down' };
  it.each<[string, Given, Partial<ModuleFacts>, string[]]>([
    ['is tofu', {}, answered({ kind: 'absent' }), ['first-use?']],
    ['is tofu while its host is down', {}, answered(down), ['first-use?']],
    [
      'is refused where one is required',
      { required: true },
      answered({ kind: 'absent' }),
      ['publisher-signature', 'first-use?'],
    ],
    ['is refused where nobody could look', { required: true }, answered(down), ['publisher-signature', 'first-use?']],
    [
      'is refused where its answer is missing',
      { required: true },
      { publisherSignatures: [] },
      ['publisher-signature', 'first-use?'],
    ],
    [
      'warns where the policy says so',
      { required: true, severity: 'warn' },
      answered({ kind: 'absent' }),
      ['first-use?', 'publisher-signature?'],
    ],
    ['is public, and tofu for nobody', {}, { ...answered({ kind: 'absent' }), privatePatterns: [] }, []],
    ['is of no publisher', { required: true, modules: ['example.org'] }, { publisherSignatures: [] }, ['first-use?']],
  ])('%s', (_what, given, changes, codes) => {
    expect(judge(given, changes)).toEqual(codes);
  });

  it('is refused when nobody looked for signatures, once a publisher answers for it', () => {
    expect(judge({}, {})).toEqual(['not-checked', 'first-use?']);
    expect(judge({ required: true }, {})).toEqual(['not-checked', 'not-checked', 'first-use?']);
    expect(judge({ modules: ['example.org'], required: true }, {})).toEqual(['first-use?']);
  });

  it('is not refused as one that the last release had, at the same version only', () => {
    const last = (version: string) => ({
      lastRelease: {
        tag: 'v1.1.0',
        commit: GitSha.parse('2'.repeat(40)),
        modules: [{ path: 'example.com/a', version }],
      },
      publisherSignatures: [],
    });
    const required = { required: true };
    expect(judge(required, last('v1.0.0'))).not.toContain('publisher-signature');
    expect(judge(required, last('v0.9.0'))).toContain('publisher-signature');
  });

  it('is asked for under the name of what replaces it', () => {
    const replaced = `${MOD.replace('example.com/a', 'example.org/b')}replace example.org/b => example.com/a v1.0.0\n`;
    const facts = { ...answered(found(tools.ssh.signature)), ...goModOf(replaced) };
    expect(judge({ required: true }, facts)).not.toContain('publisher-signature');
    const unsigned = judge({ required: true }, { ...facts, publisherSignatures: [] });
    expect(unsigned).toContain('publisher-signature');
  });
});
