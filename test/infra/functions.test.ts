import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { bundleFunctions, functionNames } from '../../infra/bundle.ts';
import { EDGES } from '../../infra/functions.ts';
import { STEPS } from '../../statemachines/catalog.ts';

const root = new URL('../../functions/', import.meta.url);
const names = functionNames();
const sourceOf = (name: string, file: 'handler.ts' | 'env.ts') =>
  readFileSync(new URL(`${name}/${file}`, root), 'utf8');

const LARGEST_BYTES = 720_000;
const LARGEST_WITHOUT_SDK_BYTES = 120_000;

const folder = mkdtempSync(join(tmpdir(), 'relseal-bundles-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('functions', () => {
  it('are one folder for each step and each edge, of a handler and its variables', () => {
    expect([...names].sort()).toEqual([...STEPS, ...EDGES].sort());
    for (const name of names) expect(readdirSync(new URL(name, root)).sort()).toEqual(['env.ts', 'handler.ts']);
  });

  it.each(STEPS)('%s binds the core task of its own name', (step) => {
    const tasks = [...sourceOf(step, 'handler.ts').matchAll(/runTask\(\s*(\w+),/g)].map(([, task]) => task);
    expect(tasks).toHaveLength(1);
    const [, file = ''] =
      new RegExp(`\\b${tasks[0]}\\b[^;]*from '../../(core/[^']+)'`).exec(sourceOf(step, 'handler.ts')) ?? [];
    expect(readFileSync(new URL(`../${file}`, root), 'utf8')).toContain(`step: '${step}'`);
  });

  it.each(names)('%s has a short handler, wrapped, that imports no other function', (name) => {
    const source = sourceOf(name, 'handler.ts');
    expect(source.split('\n').length).toBeLessThanOrEqual(41);
    expect(source).toMatch(/\nexport const handler = middy\(/);
    const others = names.filter((other) => other !== name);
    for (const file of ['handler.ts', 'env.ts'] as const)
      for (const other of others) expect(sourceOf(name, file)).not.toContain(`/${other}/`);
  });

  it('are bundled small, the SDK of each included and no credentials but those of its role', {
    timeout: 240_000,
  }, () => {
    const bundles = bundleFunctions(folder);
    expect(bundles.map(({ name }) => name)).toEqual(names);
    for (const { name, bytes, folder: bundled } of bundles) {
      const text = readFileSync(join(bundled, 'index.mjs'), 'utf8');
      const hasSdk =
        sourceOf(name, 'handler.ts').includes('adapters/aws/client.ts') || text.includes('AWS_ACCESS_KEY_ID');
      expect(bytes, name).toBeLessThanOrEqual(hasSdk ? LARGEST_BYTES : LARGEST_WITHOUT_SDK_BYTES);
      expect(text, name).not.toContain('.aws/credentials');
      expect(existsSync(join(bundled, 'relseal.json'))).toBe(false);
    }
  });
});
