import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parsePolicy } from '../gate/read-policy.ts';
import { ModulePolicy } from './module-policy.ts';
import type { ModuleRule } from './rule.ts';
import { MODULE_RULES, NOT_CHECKED } from './rules.ts';

const page = readFileSync(new URL('../../docs/module-policy.md', import.meta.url), 'utf8');
const defaults = ModulePolicy.parse({});

/** What a rule can be told besides its severity. */
const namesOf = (key: string): string[] =>
  Object.entries(defaults)
    .filter(([name]) => name === key)
    .flatMap(([, value]) => Object.keys(value))
    .filter((name) => name !== 'severity');

const OPTIONAL: Readonly<Record<string, string>> = { 'pseudo-version': 'maxAgeDays' };

function rowOf({ code, title, settings }: ModuleRule): string {
  const [own] = settings;
  const severity = settings.length > 1 ? 'the strictest' : own ? defaults[own].severity : 'always refuses';
  const key = code.replace(/^\w+\./, '');
  const names = [...namesOf(key), ...(OPTIONAL[key] ? [OPTIONAL[key]] : [])].map((name) => `\`${name}\``).join(', ');
  return `| \`${code}\` | ${severity} | ${names}${names ? ' ' : ''}| ${title} |`;
}

describe('the page on module policy', () => {
  it('has a row for every rule, as it is, and for no other', () => {
    const rows = page.split('\n').filter((row) => /^\| `(?:modpolicy|retract)\./.test(row));
    expect(rows).toEqual([
      ...MODULE_RULES.map(rowOf),
      `| \`${NOT_CHECKED.code}\` | as its rule | | ${NOT_CHECKED.title} |`,
    ]);
  });

  it('shows policies that can be read', () => {
    const [first = '', ...more] = [...page.matchAll(/```yaml\n([\s\S]*?)```/g)].map(([, text = '']) => text);
    const documents = [
      first.replace('{ … }', '{}'),
      ...more.map((text) => `schema: relseal.policy/1\nname: p\ngates: {}\nmodules:\n${text}`),
    ];
    expect(documents).toHaveLength(4);
    for (const document of documents) expect(parsePolicy(document)?.modules).toBeDefined();
  });

  it('has a key of the policy for every code that can be set, and a code for every such key', () => {
    const keys = Object.entries(defaults).flatMap(([name, value]) => ('severity' in value ? [name] : []));
    const codes = MODULE_RULES.filter(({ settings }) => settings.length === 1).map(({ code }) =>
      code.replace('modpolicy.', ''),
    );
    expect(codes.sort()).toEqual(keys.sort());
    for (const { code, fix, title } of MODULE_RULES) {
      expect([code, fix.length > 0 && fix.length <= 512, title.endsWith('.')]).toEqual([code, true, true]);
    }
    expect(new Set(MODULE_RULES.map(({ code }) => code)).size).toBe(MODULE_RULES.length);
  });
});
