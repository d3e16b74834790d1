import { execFileSync, spawnSync } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { H1Digest, ModulePath, ModuleVersion } from '../../core/brands.ts';
import { Publisher } from '../../core/modpolicy/publisher.ts';
import { openVerifier } from '../../core/modpolicy/publisher-signature.ts';
import { linesOf } from '../../core/modulelog/pin.ts';
import { judge, toolsEnvironment } from './loopback-registry.ts';

/** The two lines of a module, cut out of a go.sum by grep and signed by gpg, ssh-keygen, minisign and cosign. */

const folder = mkdtempSync(join(tmpdir(), 'publishers-'));
const env = { ...toolsEnvironment(), GNUPGHOME: join(folder, 'gnupg'), COSIGN_PASSWORD: '' };
const missing = (tool: string, ...args: string[]) =>
  spawnSync(tool, args, { env }).error !== undefined && !process.env.RELSEAL_REQUIRE;
const run = (tool: string, ...args: string[]): Buffer =>
  execFileSync(tool, args, { cwd: folder, env, stdio: ['pipe', 'pipe', 'pipe'] });
const read = (name: string) => readFileSync(join(folder, name));

const h1 = (fill: string) => H1Digest.parse(`h1:${Buffer.alloc(32, fill).toString('base64')}`);
const named = { path: ModulePath.parse('git.example.com/Acme/lib'), version: ModuleVersion.parse('v1.4.0') };
const LINES = linesOf({ ...named, zipH1: h1('a'), goModH1: h1('b') });
const OTHER = linesOf({ ...named, zipH1: h1('a'), goModH1: h1('c') });

beforeAll(() => {
  mkdirSync(env.GNUPGHOME, { mode: 0o700 });
  const more = ['v1.4.0-rc.1', 'v1.3.0'].map((version) => LINES.replaceAll('v1.4.0', version));
  writeFileSync(join(folder, 'go.sum'), ['example.com/a v1.4.0 h1:x\n', more[1], more[0], LINES].join(''));
  writeFileSync(
    join(folder, 'lib.sum'),
    run('grep', '-E', '^git\\.example\\.com/Acme/lib v1\\.4\\.0(/go\\.mod)? ', 'go.sum'),
  );
});
afterAll(() => {
  spawnSync('gpgconf', ['--kill', 'all'], { env });
  rmSync(folder, { recursive: true, force: true });
});

/** What the verifier of a publisher with these keys says of a file, over these lines, a moment from now. */
function wordOf(kind: Publisher['kind'], keys: readonly string[], signature: Uint8Array, lines = LINES): string {
  const url = 'https://sig.test/{path}/{version}';
  const verify = openVerifier(Publisher.parse({ modules: ['git.example.com'], url, kind, keys }));
  return verify(signature, Buffer.from(lines), Date.now() + 5000).kind;
}

/** Signatures are good over the lines by the key or among others; over other lines, or by another key, they are bad. */
function expectWords(kind: Publisher['kind'], key: string, other: string, signature: Uint8Array) {
  expect(wordOf(kind, [key], signature)).toBe('good');
  expect(wordOf(kind, [other, key], signature)).toBe('good');
  expect(wordOf(kind, [key], signature, OTHER)).toBe('bad');
  expect(wordOf(kind, [other], signature)).toBe('bad');
  expect(wordOf(kind, [key], signature.subarray(0, signature.length / 2))).toBe('bad');
}

it('cuts exactly what is signed out of a go.sum', () => {
  expect(read('lib.sum').toString()).toBe(LINES);
});

it.skipIf(missing('gpg', '--version'))(
  'takes what gpg signs',
  () => {
    const gpg = (...args: string[]) =>
      run('gpg', '--batch', '--pinentry-mode', 'loopback', '--passphrase', '', ...args);
    const make = (name: string, algorithm: string) => {
      gpg('--quick-generate-key', name, algorithm, 'sign', '0');
      return gpg('--armor', '--export', name).toString();
    };
    const other = make('other@example.com', 'ed25519');
    for (const algorithm of ['ed25519', 'rsa3072', 'nistp256']) {
      const name = `${algorithm}@example.com`;
      const key = make(name, algorithm);
      gpg('--yes', '--armor', '--local-user', name, '--output', 'lib.sum.asc', '--detach-sign', 'lib.sum');
      expectWords('openpgp', key, other, read('lib.sum.asc'));
    }
  },
  60_000,
);

it.skipIf(missing('ssh-keygen', '-?'))(
  'takes what ssh-keygen signs',
  () => {
    const make = (name: string, type: string) => {
      run('ssh-keygen', '-q', '-t', type, '-N', '', '-C', 'test key', '-f', name);
      return `publisher@example.com namespaces="file" ${read(`${name}.pub`)}`;
    };
    const other = make('ssh-other', 'ed25519');
    for (const type of ['ed25519', 'ecdsa', 'rsa']) {
      const key = make(`ssh-${type}`, type);
      rmSync(join(folder, 'lib.sum.sig'), { force: true });
      run('ssh-keygen', '-Y', 'sign', '-f', `ssh-${type}`, '-n', 'file', 'lib.sum');
      expectWords('ssh', key, other, read('lib.sum.sig'));
    }
  },
  60_000,
);

it.skipIf(missing('minisign', '-v'))('takes what minisign signs, hashed before or not', () => {
  const make = (name: string) => {
    run('minisign', '-G', '-W', '-f', '-p', `${name}.pub`, '-s', `${name}.key`);
    return read(`${name}.pub`).toString();
  };
  const [key, other] = [make('mini'), make('mini-other')];
  for (const legacy of [[], ['-l']]) {
    run('minisign', '-S', '-W', ...legacy, '-s', 'mini.key', '-m', 'lib.sum', '-x', 'lib.sum.minisig');
    expectWords('minisign', key, other, read('lib.sum.minisig'));
  }
});

describe.each(['cosign-v2', 'cosign-v3'] as const)('%s', (name) => {
  const program = judge(name);
  const cosign = (...args: string[]) => run(program ?? '', ...args);
  const make = (prefix: string) => {
    cosign('generate-key-pair', '--output-key-prefix', prefix);
    return read(`${prefix}.pub`).toString();
  };
  /** Nothing is sent to a transparency log. */
  const sign = (key: string, ...output: string[]) =>
    cosign(
      ...['sign-blob', '--yes', '--key', `${key}.key`, '--tlog-upload=false'],
      ...(name === 'cosign-v3' ? ['--use-signing-config=false'] : []),
      ...[...output, 'lib.sum'],
    );

  it.skipIf(program === undefined)(
    'signs what is taken, as base64 and as a bundle',
    () => {
      const [key, other] = [make(`${name}-key`), make(`${name}-other`)];
      sign(`${name}-key`, '--new-bundle-format=false', '--output-signature', `${name}.sig`);
      sign(`${name}-key`, '--new-bundle-format=true', '--bundle', `${name}.bundle`);
      for (const file of [`${name}.sig`, `${name}.bundle`]) expectWords('cosign', key, other, read(file));
    },
    60_000,
  );
});

it.skipIf(judge('cosign-v3') === undefined)(
  'takes what cosign signs by a key of Ed25519',
  () => {
    const cosign = (...args: string[]) => run(judge('cosign-v3') ?? '', ...args);
    const make = (prefix: string) => {
      const { privateKey } = generateKeyPairSync('ed25519');
      writeFileSync(join(folder, `${prefix}.pem`), privateKey.export({ type: 'pkcs8', format: 'pem' }));
      cosign('import-key-pair', '--key', `${prefix}.pem`, '--output-key-prefix', prefix);
      return read(`${prefix}.pub`).toString();
    };
    const [key, other] = [make('edwards'), make('edwards-other')];
    const quietly = ['sign-blob', '--yes', '--key', 'edwards.key', '--tlog-upload=false', '--use-signing-config=false'];
    cosign(...quietly, '--bundle', 'edwards.bundle', 'lib.sum');
    expectWords('cosign', key, other, read('edwards.bundle'));
  },
  60_000,
);
