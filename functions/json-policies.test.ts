import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { parseDocument as parseYaml } from 'yaml';
import { parsePolicy } from '../core/gate/read-policy.ts';
import { parseDocument } from './json-policies.ts';

it('reads what is deployed as the parser of YAML does', () => {
  const policy = parsePolicy(readFileSync(new URL('../demo/policy.yaml', import.meta.url), 'utf8'));
  for (const text of [JSON.stringify(policy), 'null']) {
    const document = parseDocument(text);
    expect([...document.errors, ...document.warnings]).toEqual([]);
    expect(document.toJS()).toEqual(parseYaml(text).toJS());
  }
});

it('has an error, as the parser of YAML has, for what is no JSON', () => {
  for (const text of ['{"schema":', '{"schema": "relseal.policy/1"']) {
    const [problem] = parseDocument(text).errors;
    expect(problem).toBeInstanceOf(Error);
    expect(parseYaml(text).errors).not.toEqual([]);
  }
});
