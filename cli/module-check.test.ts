import { cp, mkdir, mkdtemp, readFile, rm, symlink, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { gitFolderSource } from '../adapters/embedded/git-folder-source.ts';
import { copyDemoInputs, type DemoInputs, SAMPLE } from '../demo/inputs.ts';
import { runCommand } from '../test/fakes/fake-io.ts';
import { verifyChangeCommand, verifyModulesCommand } from './verify-commands.ts';

let root: string;
let inputs: DemoInputs;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'relseal-module-check-'));
  inputs = copyDemoInputs(fileURLToPath(new URL('../demo/fixtures', import.meta.url)), join(root, 'inputs'));
});
afterAll(() => rm(root, { recursive: true, force: true }));

let folders = 0;
const newFolder = () => {
  folders += 1;
  return join(root, `folder-${folders}`);
};

/** The tree of a tag of the sample as a new folder. */
async function sampleAt(tag: keyof DemoInputs['commits'], folder = newFolder()): Promise<string> {
  for (const { path, bytes } of (await gitFolderSource(inputs.repository).files(inputs.commits[tag], tag)) ?? []) {
    await mkdir(join(folder, path, '..'), { recursive: true });
    await writeFile(join(folder, path), bytes);
  }
  return folder;
}

const fileProxy = () => ({ GOPROXY: pathToFileURL(inputs.proxy).href, GOSUMDB: inputs.verifierKey });
/** A user with folders of their own, empty so far. */
const newUser = () => ({ XDG_CACHE_HOME: newFolder(), XDG_CONFIG_HOME: newFolder() });
const verifyModules = (folder: string, environment: Record<string, string> = fileProxy(), ...more: string[]) =>
  runCommand(verifyModulesCommand, [folder, '--json', ...more], { environment });
const verifyChange = (folder: string, environment: Record<string, string> = fileProxy(), ...more: string[]) =>
  runCommand(verifyChangeCommand, [folder, '--json', ...more], { environment });
const refusedFor = (code: string, where: string) => ({ reasons: [{ code, where }] });

/** A module cache of the go command that holds what the proxy serves. */
async function moduleCache(): Promise<string> {
  const folder = newFolder();
  await cp(inputs.proxy, join(folder, 'cache', 'download'), { recursive: true });
  return folder;
}

/** Vendors the two modules of the sample as `go mod vendor` does. */
async function vendor(folder: string): Promise<void> {
  const names = { flagset: 'v1.0.5', greeting: 'v0.2.0' };
  const stanzas = Object.entries(names).map(([name, version]) => {
    const path = `git.example.com/acme/${name}`;
    return `# ${path} ${version}\n## explicit; go 1.21\n${path}\n`;
  });
  for (const name of Object.keys(names)) {
    const target = join(folder, 'vendor', 'git.example.com', 'acme', name);
    const source = fileURLToPath(new URL(`../demo/source/${name}`, import.meta.url));
    await mkdir(target, { recursive: true });
    for (const file of ['LICENSE', `${name}.go`]) await cp(join(source, file), join(target, file));
  }
  await writeFile(join(folder, 'vendor', 'modules.txt'), stanzas.join(''));
}

describe('the modules of a folder', () => {
  it('are judged by what its packages import, and the report says so', async () => {
    const ran = await verifyModules(await sampleAt(SAMPLE.tags.good));
    expect([ran.code, ran.json()]).toMatchObject([
      0,
      {
        needs: { of: 'packages', counts: { surplus: 0 } },
        checks: [
          { check: 'verify-go-sum', outcome: 'pass' },
          { check: 'verify-vendor', outcome: 'pass' },
        ],
      },
    ]);
  });

  it('pass with vendored code that is theirs, and are refused with one byte of it changed', async () => {
    const folder = await sampleAt(SAMPLE.tags.good);
    await vendor(folder);
    const good = await verifyModules(folder);
    expect([good.code, good.json()]).toMatchObject([0, { vendored: [{ folder: 'vendor', modules: 2, files: 4 }] }]);
    const file = 'vendor/git.example.com/acme/flagset/flagset.go';
    await writeFile(join(folder, file), `${await readFile(join(folder, file), 'utf8')}\n`);
    const changed = await verifyModules(folder);
    expect([changed.code, changed.json()]).toMatchObject([1, refusedFor('vendor.bytes-changed', file)]);
  });

  it('are read with the repository around them, its own files, links and submodules left out', async () => {
    const repository = newFolder();
    const folder = await sampleAt(SAMPLE.tags.good, join(repository, 'service'));
    for (const place of ['.git', 'service/submodule']) {
      await mkdir(join(repository, place), { recursive: true });
      await writeFile(join(repository, place, 'bad.go'), 'package bad\n\nimport "git.example.com/acme/nowhere"\n');
    }
    await writeFile(join(repository, 'service', 'submodule', '.git'), 'gitdir: ../../.git/modules/submodule\n');
    await symlink(join(repository, '.git'), join(folder, 'link'));
    const good = await verifyChange(folder);
    expect([good.code, good.json()]).toMatchObject([0, { warnings: [] }]);
    await writeFile(join(repository, 'go.work'), 'go 1.21\n\nuse ./service\n');
    const worked = await verifyChange(folder);
    expect([worked.code, worked.json()]).toMatchObject([1, refusedFor('modpolicy.go-work', 'go.work')]);
  });

  it('are not read where the tree is larger than a source may be', async () => {
    const folder = await sampleAt(SAMPLE.tags.good);
    await writeFile(join(folder, 'huge.bin'), '');
    await truncate(join(folder, 'huge.bin'), 501 * 1024 * 1024);
    await expect(verifyModules(folder)).rejects.toMatchObject({
      name: 'UsageError',
      message: expect.stringContaining('fresh checkout'),
    });
  });

  it('are asked for by nobody when only go.mod names a private one', async () => {
    const folder = await sampleAt(SAMPLE.tags.good);
    const goMod = await readFile(join(folder, 'go.mod'), 'utf8');
    await writeFile(join(folder, 'go.mod'), `${goMod}\nrequire corp.example.net/secret v1.0.0\n`);
    const environment = { ...fileProxy(), GOPRIVATE: 'corp.example.net' };
    const untrusted = await verifyModules(folder, environment);
    const unchecked = [{ what: 'corp.example.net/secret', why: expect.stringContaining('GOPRIVATE') }];
    expect([untrusted.code, untrusted.json()]).toMatchObject([3, { unchecked }]);
    const trusted = await verifyModules(folder, environment, '--trust-env');
    // Nobody says that it is missing, and nothing imports it.
    const left = {
      reasons: [],
      warnings: [],
      unchecked: [{ what: expect.stringContaining('corp.example.net/secret') }],
    };
    expect([trusted.code, trusted.json()]).toMatchObject([3, left]);
  });
});

describe('what was downloaded or recorded before', () => {
  it('is enough where nobody may be asked, and what is not there is not checked', async () => {
    const environment = { ...fileProxy(), ...newUser() };
    const folder = await sampleAt(SAMPLE.tags.good);
    const offline = ['--offline', '--modcache', await moduleCache()];
    const before = await verifyModules(folder, environment, ...offline);
    expect([before.code, before.json()]).toMatchObject([
      3,
      { unchecked: [{ why: expect.stringContaining('offline') }] },
    ]);
    expect((await verifyModules(folder, environment)).code).toBe(0);
    const nowhere = { ...environment, GOPROXY: 'https://proxy.invalid' };
    expect((await verifyModules(folder, nowhere, ...offline)).code).toBe(0);
    const edited = await verifyModules(await sampleAt(SAMPLE.tags.lineEdited), nowhere, ...offline);
    expect([edited.code, edited.json()]).toMatchObject([1, { reasons: [{ code: SAMPLE.codes.lineEdited }] }]);
    const withoutModules = await verifyModules(folder, nowhere, '--offline', '--modcache', root);
    expect([withoutModules.code, withoutModules.json()]).toMatchObject([
      3,
      { unchecked: [{ fix: expect.stringContaining('go mod download') }] },
    ]);
  });

  it('is hashed like everything else: a changed module cache is refused', async () => {
    const cache = await moduleCache();
    const versions = join(cache, 'cache', 'download', 'git.example.com', 'acme', 'flagset', '@v');
    await cp(join(versions, 'v1.0.4.mod'), join(versions, 'v1.0.5.mod'));
    await writeFile(join(versions, 'v1.0.5.mod'), 'module git.example.com/acme/flagset\n\ngo 1.22\n');
    const environment = { ...fileProxy(), GOMODCACHE: cache };
    const ran = await verifyModules(await sampleAt(SAMPLE.tags.good), environment);
    expect([ran.code, ran.json()]).toMatchObject([1, { reasons: [{ code: 'gosum.mismatch' }] }]);
  });

  it('is done without where the user’s folders cannot be written, and that is said', async () => {
    const file = join(root, 'no-folder');
    await writeFile(file, '');
    const environment = { ...fileProxy(), XDG_CACHE_HOME: file, XDG_CONFIG_HOME: file };
    const ran = await verifyModules(await sampleAt(SAMPLE.tags.good), environment);
    expect([ran.code, ran.notes.join('\n')]).toEqual([0, expect.stringContaining('nothing is kept')]);
  });

  it('is needed for --offline, and --modcache names a folder', async () => {
    const folder = await sampleAt(SAMPLE.tags.good);
    for (const more of [['--offline'], ['--modcache', join(root, 'nowhere')]])
      await expect(verifyModules(folder, fileProxy(), ...more)).rejects.toMatchObject({ name: 'UsageError' });
  });

  it('needs no command for credentials: GOAUTH is named and not run', async () => {
    const ran = await verifyModules(await sampleAt(SAMPLE.tags.good), { ...fileProxy(), GOAUTH: 'git /home/me' });
    expect(ran.notes).toContain('GOAUTH is set and not followed: no command is run for credentials');
  });
});

async function policyFile(modules: string): Promise<string> {
  const file = `${newFolder()}.yaml`;
  const gates = await readFile(fileURLToPath(new URL('../demo/policy.yaml', import.meta.url)), 'utf8');
  await writeFile(file, `${gates.replace(/^modules:\n(?:[ #].*\n|\n)*/m, '')}\nmodules:\n${modules}`);
  return file;
}

describe('relseal verify change', () => {
  it('passes a good checkout by every check, and names the rules that it cannot judge', async () => {
    const ran = await verifyChange(await sampleAt(SAMPLE.tags.good));
    const checks = ['verify-go-sum', 'verify-vendor', 'check-module-policy'];
    expect([ran.code, ran.json()]).toMatchObject([
      0,
      {
        checks: checks.map((check) => ({ check, outcome: 'pass' })),
        rulesLeftOut: expect.arrayContaining(['go-sum-changed', 'permission']),
      },
    ]);
  });

  it('refuses what the default rules refuse, where verify modules does not judge by rules', async () => {
    const folder = await sampleAt(SAMPLE.tags.good);
    const goMod = await readFile(join(folder, 'go.mod'), 'utf8');
    await writeFile(join(folder, 'go.mod'), `${goMod}\nreplace git.example.com/acme/unused => ./unused\n`);
    expect((await verifyModules(folder)).code).toBe(0);
    const line = goMod.split('\n').length + 1;
    const ran = await verifyChange(folder);
    expect([ran.code, ran.json()]).toMatchObject([1, refusedFor('modpolicy.replace-directory', `go.mod:${line}`)]);
  });

  it('judges by the policy that is named, and does not pass what only the service can judge', async () => {
    const folder = await sampleAt(SAMPLE.tags.good);
    const { module, version } = SAMPLE.requirement;
    const denying = await policyFile(`  denied:\n    modules:\n      - { path: ${module}, reason: not ours }\n`);
    for (const verify of [verifyChange, verifyModules]) {
      const denied = await verify(folder, fileProxy(), '--policy', denying);
      expect([denied.code, denied.json()]).toMatchObject([
        1,
        { reasons: [{ code: 'modpolicy.denied', found: `${module} ${version}` }] },
      ]);
    }
    const strict = await policyFile('  go-sum-changed:\n    severity: refuse\n');
    const ran = await verifyChange(folder, fileProxy(), '--policy', strict);
    expect([ran.code, ran.json()]).toMatchObject([3, { unchecked: [{ what: 'modpolicy.go-sum-changed' }] }]);
  });

  it('compares with a commit and with a checkout of the base, and says with what', async () => {
    const folder = await sampleAt(SAMPLE.tags.good);
    const base = await sampleAt(SAMPLE.tags.good);
    await writeFile(join(folder, '.git'), `gitdir: ${inputs.repository}\n`);
    for (const name of [SAMPLE.tags.good, base]) {
      const same = await verifyChange(folder, fileProxy(), '--base', name);
      expect([same.code, same.json()]).toMatchObject([0, { comparedWith: name, warnings: [] }]);
      expect(same.json()).not.toMatchObject({ rulesLeftOut: expect.arrayContaining(['go-sum-changed']) });
    }
    await writeFile(join(folder, 'new.s'), 'TEXT ·f(SB), $0\n');
    await writeFile(join(base, 'go.sum'), '');
    const changed = ['modpolicy.binary-object', 'modpolicy.go-sum-changed'].map((code) => ({ code }));
    for (const [name, warnings] of [[SAMPLE.tags.good, changed.slice(0, 1)] as const, [base, changed] as const]) {
      const ran = await verifyChange(folder, fileProxy(), '--base', name);
      expect([ran.code, ran.json()]).toMatchObject([0, { warnings }]);
    }
  });

  it('leaves open what a review may allow, and does not pass without an answer', async () => {
    const [folder, base] = [await sampleAt(SAMPLE.tags.good), await sampleAt(SAMPLE.tags.good)];
    const strict = await policyFile('  go-sum-changed:\n    severity: refuse\n');
    const options = ['--policy', strict, '--base', base];
    expect((await verifyChange(folder, fileProxy(), ...options)).code).toBe(0);
    await writeFile(join(base, 'go.sum'), '');
    const ran = await verifyChange(folder, fileProxy(), ...options);
    expect([ran.code, ran.json()]).toMatchObject([
      3,
      { reasons: [], unchecked: [{ what: 'modpolicy.go-sum-changed at go.sum' }] },
    ]);
  });

  it('reads the modules that changed since the base, and says where it has no such module', async () => {
    const [folder, base] = [await sampleAt(SAMPLE.tags.good), newFolder()];
    await mkdir(base);
    const without = await runCommand(verifyChangeCommand, [folder, '--base', base], { environment: fileProxy() });
    expect(without.out).toContain(`  compared with ${base}, which has no such module`);
    const { module, version } = SAMPLE.requirement;
    const proxy = newFolder();
    await cp(inputs.proxy, proxy, { recursive: true });
    await writeFile(join(base, 'go.mod'), `module ${SAMPLE.module}\n`);
    const environment = { ...fileProxy(), GOPROXY: pathToFileURL(proxy).href };
    expect((await verifyChange(folder, environment, '--base', base)).json()).toMatchObject({
      warnings: [{ code: 'modpolicy.go-sum-changed' }],
    });
    await rm(join(proxy, module, '@v', `${version}.zip`));
    expect((await verifyChange(folder, environment, '--base', base)).json()).toMatchObject({
      warnings: expect.arrayContaining([
        expect.objectContaining({ code: 'modpolicy.binary-object', where: `${module}@${version}` }),
      ]),
    });
  });

  it('does not pass where nobody says what was retracted', async () => {
    const proxy = newFolder();
    await cp(inputs.proxy, proxy, { recursive: true });
    await rm(join(proxy, 'git.example.com', 'acme', 'flagset', '@v', 'list'));
    const environment = { ...fileProxy(), GOPROXY: pathToFileURL(proxy).href };
    const ran = await verifyChange(await sampleAt(SAMPLE.tags.good), environment);
    expect([ran.code, ran.json()]).toMatchObject([
      3,
      { unchecked: [{ what: expect.stringContaining('retract.not-checked'), fix: expect.any(String) }] },
    ]);
  });

  it('refuses an edited line by its own check, and shows every check to a reader', async () => {
    const folder = await sampleAt(SAMPLE.tags.lineEdited);
    const ran = await runCommand(verifyChangeCommand, [folder], { environment: fileProxy() });
    expect([ran.code, ran.out]).toEqual([
      1,
      expect.arrayContaining([
        `refuse  ${folder}`,
        '  verify-go-sum: refuse',
        '  verify-vendor: pass',
        '  check-module-policy: pass',
      ]),
    ]);
  });

  it.each([
    ['a folder that is not there', ['nowhere']],
    ['a version', ['git.example.com/acme/command@v1.0.0']],
    ['two folders', ['cli', 'core']],
    ['a policy that is not there', ['.', '--policy', 'nowhere.yaml']],
    ['a base that is not there', ['demo/source/flagset', '--base', 'no-such-branch']],
  ])('refuses %s as wrong usage', async (_what, args) => {
    await expect(runCommand(verifyChangeCommand, args)).rejects.toMatchObject({ name: 'UsageError' });
  });

  it('refuses a policy that is none', async () => {
    const file = await policyFile('  no-such-rule: {}\n');
    await expect(verifyChange(await sampleAt(SAMPLE.tags.good), fileProxy(), '--policy', file)).rejects.toMatchObject({
      name: 'ConfigurationInvalid',
    });
  });
});
