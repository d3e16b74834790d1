import { zipSync } from 'fflate';
import { describe, expect, it } from 'vitest';
import { GitSha, Sha256Hex, TenantId } from '../../events/fields.ts';
import { memoryModuleCache } from '../../test/fakes/memory-module-cache.ts';
import { memoryWormStore } from '../../test/fakes/memory-worm-store.ts';
import { H1Digest, ModulePath, ModuleVersion } from '../brands.ts';
import { loadReport } from '../check.ts';
import { keepEvidence, keepJsonEvidence } from '../evidence.ts';
import { Fault } from '../faults.ts';
import { hashModuleZip } from '../gosum/module-zip.ts';
import { accessOf, plainZipHasher } from '../gosum/zip-hashing.ts';
import type { ModuleSource } from '../ports/module-source.ts';
import type { SourceSnapshot } from '../source/snapshot.ts';
import { sourceFactsOf } from '../source/source-facts.ts';
import { runTask } from '../task.ts';
import { verifyVendor } from './task.ts';
import { verifyVendored } from './verify-vendored.ts';

const path = ModulePath.parse('example.com/a');
const version = ModuleVersion.parse('v1.0.0');
const zip = zipSync({
  [`${path}@${version}/go.mod`]: Buffer.from('module example.com/a\n\ngo 1.21\n'),
  [`${path}@${version}/a.go`]: Buffer.from('package a\n'),
});
const h1 = async () => {
  const hashed = await hashModuleZip(accessOf(zip), path, version);
  return hashed.kind === 'hashed' ? hashed.h1 : H1Digest.parse('');
};

const sourceOf = (bytes: Uint8Array | undefined): ModuleSource & { open: number } => {
  const modules = {
    open: 0,
    goMod: async () => undefined,
    async zip() {
      if (!bytes) return undefined;
      modules.open += 1;
      const release = async () => {
        modules.open -= 1;
      };
      return { ...accessOf(bytes), release };
    },
  };
  return modules;
};

const TREE = {
  'go.mod': 'module example.com/m\n\ngo 1.21\n\nrequire example.com/a v1.0.0\n',
  'vendor/modules.txt': '# example.com/a v1.0.0\n## explicit; go 1.21\nexample.com/a\n',
  'vendor/example.com/a/a.go': 'package a\n',
};
const factsOf = (files: Record<string, string>, directory = '') => {
  const made = sourceFactsOf(
    Object.entries(files).map(([name, text]) => ({ path: name, bytes: Buffer.from(text) })),
    directory,
  );
  if (made.kind === 'refused') throw new Error('refused');
  return made.facts;
};
const goSum = async () => ({ 'go.sum': `${path} ${version} ${await h1()}\n` });
const reasonsOf = async (files: Record<string, string>, modules = sourceOf(zip)) => {
  const { reasons } = await verifyVendored({ modules, hasher: plainZipHasher }, factsOf(files));
  expect(modules.open).toBe(0);
  return reasons;
};

describe('vendored code', () => {
  it('passes where it is what its module holds', async () => {
    expect(await reasonsOf({ ...TREE, ...(await goSum()) })).toEqual([]);
  });

  it('names both hashes and the module where a file differs', async () => {
    const files = { ...TREE, ...(await goSum()), 'vendor/example.com/a/a.go': 'package b\n' };
    expect(await reasonsOf(files)).toMatchObject([
      {
        code: 'vendor.bytes-changed',
        where: 'vendor/example.com/a/a.go',
        expected: expect.stringMatching(/^sha256:[0-9a-f]{64} of example\.com\/a@v1\.0\.0$/),
        found: expect.stringMatching(/^sha256:[0-9a-f]{64} of the vendored file$/),
      },
    ]);
  });

  it('is not checked against a zip that go.sum does not prove', async () => {
    const other = { 'go.sum': `${path} ${version} h1:${Buffer.alloc(32).toString('base64')}\n` };
    const sum = (await goSum())['go.sum'];
    const code = async (files: Record<string, string>, modules?: ReturnType<typeof sourceOf>) =>
      (await reasonsOf({ ...TREE, ...files }, modules)).map((reason) => `${reason.code} ${reason.where}`);
    const notChecked = ['vendor.not-checked vendor/modules.txt:1'];
    expect(await code({})).toEqual(notChecked);
    expect(await code(other)).toEqual(notChecked);
    expect(await code({ 'go.sum': other['go.sum'] + sum })).toEqual(notChecked);
    expect(await code({ 'go.sum': sum }, sourceOf(undefined))).toEqual(notChecked);
    expect(await code({ 'go.sum': sum }, sourceOf(Buffer.from('no zip')))).toEqual(notChecked);
  });

  it('is not checked against a directory outside the tree', async () => {
    const goMod = `${TREE['go.mod']}\nreplace example.com/a => ../a\n`;
    const modulesTxt = '# example.com/a v1.0.0 => ../a\n## explicit; go 1.21\nexample.com/a\n# example.com/a => ../a\n';
    expect(await reasonsOf({ ...TREE, 'go.mod': goMod, 'vendor/modules.txt': modulesTxt })).toMatchObject([
      { code: 'vendor.not-checked', where: 'vendor/modules.txt:1', found: '../a' },
    ]);
  });

  it('needs a modules.txt that can be read', async () => {
    const { 'vendor/modules.txt': _, ...without } = TREE;
    expect(await reasonsOf(without)).toMatchObject([
      { code: 'vendor.modules-txt-missing', where: 'vendor/modules.txt' },
    ]);
    expect(await reasonsOf({ ...TREE, 'vendor/modules.txt': 'x\n' })).toMatchObject([
      { code: 'vendor.modules-txt-malformed', where: 'vendor/modules.txt:1' },
    ]);
  });

  it('is compared with what the cache holds under the h1 of go.sum, and with no other bytes', async () => {
    const facts = factsOf({ ...TREE, ...(await goSum()) });
    const cache = memoryModuleCache();
    const verify = (modules: ModuleSource) => verifyVendored({ modules, hasher: plainZipHasher, cache }, facts);
    const modules = sourceOf(zip);
    const { folders } = await verify(modules);
    expect([...cache.objects.keys()]).toEqual([`zip ${await h1()}`]);
    expect(await verify(sourceOf(undefined))).toEqual({ reasons: [], folders });
    cache.objects.set(`zip ${await h1()}`, Buffer.from('no zip'));
    expect((await verify(sourceOf(undefined))).reasons).toMatchObject([{ code: 'vendor.not-checked' }]);
    expect(await verify(modules)).toEqual({ reasons: [], folders });
    expect(modules.open).toBe(0);
  });

  it('lets an unreachable module proxy through as a fault', async () => {
    const modules: ModuleSource = {
      goMod: async () => undefined,
      zip: async () => {
        throw new Fault('ModuleProxyUnreachable', 'down');
      },
    };
    const facts = factsOf({ ...TREE, ...(await goSum()) });
    await expect(verifyVendored({ modules, hasher: plainZipHasher }, facts)).rejects.toMatchObject({
      name: 'ModuleProxyUnreachable',
    });
  });
});

describe('verify-vendor', () => {
  const tenant = TenantId.parse('acme');
  const run = { tenant, businessKey: Sha256Hex.parse('b'.repeat(64)), machine: 'source-release', name: 'run-1' };
  async function check(files: Record<string, string> | undefined, source: SourceSnapshot['source'] = 'git') {
    const worm = memoryWormStore();
    const goMod = await keepEvidence(worm, tenant, 'go-mod', 'text/plain', Buffer.from(TREE['go.mod']));
    const facts = files && (await keepJsonEvidence(worm, tenant, 'source-facts', factsOf(files)));
    const snapshot = await keepJsonEvidence(worm, tenant, 'source-snapshot', {
      schema: 'relseal.source-snapshot/1',
      repository: { host: 'git.example.com', name: 'acme/m' },
      tag: 'v1.0.0',
      commit: GitSha.parse('a'.repeat(40)),
      commitResolution: 'resolved',
      source,
      module: { path: 'example.com/m', version: 'v1.0.0' },
      directory: '',
      zipH1: await h1(),
      goModH1: await h1(),
      goMod,
      ...(facts ? { facts } : {}),
    });
    const deps = { worm, modules: sourceOf(zip), hasher: plainZipHasher };
    const output = await runTask(verifyVendor, deps, { step: 'verify-vendor', run, snapshot });
    return loadReport(worm, tenant, output.check);
  }

  it('passes a release that vendors nothing, and says so', async () => {
    expect(await check({ 'go.mod': TREE['go.mod'] })).toMatchObject({
      check: 'verify-vendor',
      outcome: 'pass',
      details: { vendored: false, folders: [] },
    });
  });

  it('reports what it compared', async () => {
    expect(await check({ ...TREE, ...(await goSum()) })).toMatchObject({
      outcome: 'pass',
      details: { vendored: true, folders: [{ folder: 'vendor', workspace: false, modules: 1, packages: 1, files: 1 }] },
    });
  });

  it('passes over a vendor folder in the zip of a module proxy, which nobody builds with', async () => {
    const changed = { ...TREE, ...(await goSum()), 'vendor/example.com/a/a.go': 'package b\n' };
    expect(await check(changed)).toMatchObject({ outcome: 'refuse', reasons: [{ code: 'vendor.bytes-changed' }] });
    expect(await check(changed, 'module-proxy')).toMatchObject({
      outcome: 'pass',
      details: { vendored: false, folders: [] },
    });
  });

  it('refuses a snapshot that has no facts', async () => {
    expect(await check(undefined)).toMatchObject({ outcome: 'refuse', reasons: [{ code: 'vendor.not-checked' }] });
  });
});
