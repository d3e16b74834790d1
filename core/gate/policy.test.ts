import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parsePolicy } from './read-policy.ts';

const document = (rules: string) => `schema: relseal.policy/1\nname: p\ngates:\n  source:\n    rules: [${rules}]\n`;
const rule = (id: string, requires: string) => `{id: ${id}, requires: ${requires}, message: m, fix: f, severity: high}`;

describe('parsePolicy', () => {
  it('reads the default policy, which names every check of the release machines', () => {
    const policy = parsePolicy(readFileSync(new URL('../../demo/policy.yaml', import.meta.url), 'utf8'));
    const required = (gate: 'change' | 'source' | 'sign') => policy?.gates[gate]?.rules.map(({ requires }) => requires);
    expect(required('source')).toEqual([
      'fetch-source',
      'verify-go-sum',
      'verify-vendor',
      'check-module-policy',
      'check-tag-signer',
      'make-source-sbom',
    ]);
    expect(required('change')).toEqual(['fetch-source', 'verify-go-sum', 'verify-vendor', 'check-module-policy']);
    expect(required('sign')).toEqual(['resolve-image', 'inspect-binaries', 'link-chain', 'make-image-sbom']);
  });

  it('takes a text without content for no policy', () => {
    expect(parsePolicy('')).toBeUndefined();
    expect(parsePolicy('# only a comment\n')).toBeUndefined();
  });

  it.each([
    ['a repeated key', 'schema: relseal.policy/1\nname: a\nname: b\ngates: {}\n'],
    ['an alias', 'schema: relseal.policy/1\nname: &n a\ngates: {}\nother: *n\n'],
    ['a second document', 'schema: relseal.policy/1\nname: a\ngates: {}\n---\na: 1\n'],
    ['an unknown tag', 'schema: relseal.policy/1\nname: !!js/function a\ngates: {}\n'],
    ['an unknown field', 'schema: relseal.policy/1\nname: a\ngates: {}\nmode: dry-run\n'],
    ['an unknown gate', 'schema: relseal.policy/1\nname: a\ngates: {deploy: {rules: []}}\n'],
    ['a text that is no mapping', 'pass'],
    ['two rules of one id', document(`${rule('a', 'x')}, ${rule('a', 'y')}`)],
    ['two rules for one check', document(`${rule('a', 'x')}, ${rule('b', 'x')}`)],
    ['a rule without a fix', document('{id: a, requires: x, message: m, severity: high}')],
    ['a document that is too long', `#${' '.repeat(262_144)}`],
  ])('refuses %s', (_what, text) => {
    expect(() => parsePolicy(text)).toThrow(expect.objectContaining({ name: 'ConfigurationInvalid' }));
  });
});
