import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { zipSync } from 'fflate';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ModulePath, ModuleVersion } from '../../core/brands.ts';
import { h1OfGoMod } from '../../core/gosum/dirhash.ts';
import { parseGoMod } from '../../core/gosum/go-mod.ts';
import { hashModuleZip } from '../../core/gosum/module-zip.ts';
import { accessOf } from '../../core/gosum/zip-hashing.ts';

/** Module proxies of files: modules of our own, and real ones. */
const PROXIES = ['../../demo/fixtures/proxy/', '../fixtures/modules/'].map((folder) =>
  fileURLToPath(new URL(folder, import.meta.url)),
);
const modules = PROXIES.flatMap((proxy) =>
  readdirSync(proxy, { recursive: true, encoding: 'utf8' }).flatMap((file) => {
    const [, path, version] = /^(.+)\/@v\/(v.+)\.zip$/.exec(file) ?? [];
    return path === undefined || version === undefined ? [] : [{ proxy, path, version }];
  }),
);

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'relseal-go-hashes-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** The go command with a module cache of its own, asking one proxy and no database. */
const go = (args: readonly string[], proxy = 'off', cwd = folder): string =>
  execFileSync('go', args, {
    cwd,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
    env: {
      ...process.env,
      GOFLAGS: '-modcacherw',
      GOMODCACHE: join(folder, 'cache'),
      GOPROXY: proxy,
      GOSUMDB: 'off',
      GOTOOLCHAIN: 'local',
      GOWORK: 'off',
    },
  });

async function ours(proxy: string, path: string, version: string) {
  const at = join(proxy, path, '@v', version);
  const zip = accessOf(readFileSync(`${at}.zip`));
  const hashed = await hashModuleZip(zip, ModulePath.parse(path), ModuleVersion.parse(version));
  return { Sum: hashed.kind === 'hashed' ? hashed.h1 : hashed.why, GoModSum: h1OfGoMod(readFileSync(`${at}.mod`)) };
}

describe('hashes, judged by the go command', () => {
  it('have modules to be judged on', () => {
    expect(modules.length).toBeGreaterThanOrEqual(16);
  });

  it.each(modules)('of $path@$version are the same', async ({ proxy, path, version }) => {
    const theirs = go(['mod', 'download', '-json', `${path}@${version}`], pathToFileURL(proxy).href);
    expect(JSON.parse(theirs)).toMatchObject(await ours(proxy, path, version));
  });

  it('of a module with odd names are the same', async () => {
    const [path, version] = ['example.com/odd', 'v1.0.0'];
    const proxy = mkdtempSync(join(folder, 'proxy-'));
    const at = join(proxy, path, '@v');
    const goMod = Buffer.from(`module ${path}\n`);
    const names = [
      'go.mod',
      'z.go',
      'a/é 中.txt',
      'a/\u{10400}.txt',
      'a/\ufb01.txt',
      'B/_x~[1]{2}!#$%&()+,-=^@.txt',
      'empty',
    ];
    const files = names.map((name): [string, Uint8Array] => [
      `${path}@${version}/${name}`,
      name === 'go.mod' ? goMod : Buffer.from(name === 'empty' ? '' : `content of ${name}`),
    ]);
    execFileSync('mkdir', ['-p', at]);
    writeFileSync(join(at, `${version}.zip`), zipSync(Object.fromEntries(files)));
    writeFileSync(join(at, `${version}.mod`), goMod);
    writeFileSync(join(at, `${version}.info`), JSON.stringify({ Version: version }));
    const theirs = go(['mod', 'download', '-json', `${path}@${version}`], pathToFileURL(proxy).href);
    expect(JSON.parse(theirs)).toMatchObject(await ours(proxy, path, version));
  });
});

describe('go.mod files, judged by the go command', () => {
  const MODULE = 'module example.com/m\n';
  /** Where both must say yes or both no. */
  it.each([
    'require example.com/a v1.0.0',
    'require "example.com/a" "v1.0.0"',
    'require `example.com/a` v1.0.0',
    'require example.com/a v2.0.0',
    'require example.com/a v2.0.0+incompatible',
    'require example.com/a/v2 v2.0.0',
    'require example.com/a/v1 v1.0.0',
    'require gopkg.in/yaml.v2 v2.4.0',
    'require gopkg.in/yaml v2.4.0',
    'require (\nexample.com/a v1.0.0 // indirect\n)',
    'require (\nexample.com/a v1.0.0',
    'require example.com/a v1.0.0 /* x */',
    "require 'example.com/a' v1.0.0",
    'replace example.com/a => ../a',
    'replace example.com/a => ./a v1.0.0',
    'replace example.com/a => example.com/b',
    'replace example.com/a v1.0.0 => example.com/b v1.0.1',
    'retract [v1.0.0, v1.1.0]',
    'retract [v1.0.0 v1.1.0]',
    'go 1.21.0',
    'go v1.21',
    'go (\n1.21\n)',
    'toolchain go1.21.0-custom',
    'toolchain 1.21',
    'godebug default=go1.21',
    'godebug "a=b"',
    'tool example.com/a/cmd/x',
    'ignore ./a',
    'unknown x',
  ])('%j gets the same verdict', (line) => {
    const text = `${MODULE}${line}\n`;
    writeFileSync(join(folder, 'go.mod'), text);
    let accepted = true;
    try {
      go(['mod', 'edit', '-json', 'go.mod']);
    } catch {
      accepted = false;
    } finally {
      rmSync(join(folder, 'go.mod'));
    }
    expect(parseGoMod(text).kind).toBe(accepted ? 'parsed' : 'malformed');
  });
});
