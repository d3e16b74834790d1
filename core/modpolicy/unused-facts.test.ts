import { describe, expect, it } from 'vitest';
import { parseGoMod } from '../gosum/go-mod.ts';
import type { ModuleSource } from '../ports/module-source.ts';
import { sourceFactsOf } from '../source/source-facts.ts';
import { ModulePolicy } from './module-policy.ts';
import { unusedFacts } from './unused-facts.ts';

const GO_MOD = 'module example.com/m\n\ngo 1.22\n';
const made = sourceFactsOf([{ path: 'go.mod', bytes: Buffer.from(GO_MOD) }], '');
const goMod = parseGoMod(GO_MOD);
if (made.kind !== 'made' || goMod.kind !== 'parsed') throw new Error('the tree of this test is no good');
const tree = { goMod: goMod.file, facts: made.facts };
const policy = ModulePolicy.parse({});
const nothing: ModuleSource = { goMod: async () => undefined, zip: async () => undefined };
const sumOf = (count: number) =>
  Array.from({ length: count }, (_, at) => `example.com/z${at} v1.0.0 h1:${'A'.repeat(43)}=\n`).join('');

describe('the unused lines of a release', () => {
  it('are named with their place', async () => {
    expect(await unusedFacts(nothing, policy, { ...tree, goSum: sumOf(1) })).toEqual({
      unused: [{ what: 'example.com/z0 v1.0.0', where: 'go.sum:1' }],
    });
  });

  it('are counted beyond two hundred', async () => {
    const { unused = [] } = await unusedFacts(nothing, policy, { ...tree, goSum: sumOf(5000) });
    expect([unused.length, unused.at(-1)]).toEqual([201, { what: '4800 more lines', where: 'go.sum' }]);
  });

  it('are none of what is no line of go.sum', async () => {
    expect(await unusedFacts(nothing, policy, { ...tree, goSum: '<html>\n\u0000\n' })).toEqual({ unused: [] });
  });

  it('are not looked for where the rule is off, and not known without facts of the tree', async () => {
    const off = ModulePolicy.parse({ 'unused-requirement': { severity: 'off' } });
    expect(await unusedFacts(nothing, off, { ...tree, goSum: sumOf(1) })).toEqual({});
    expect(await unusedFacts(nothing, policy, { ...tree, facts: undefined, goSum: sumOf(1) })).toEqual({});
  });
});
