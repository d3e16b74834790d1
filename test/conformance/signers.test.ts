import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readAllowedSigners } from '../../core/signers/allowed-signers.ts';
import { judgeTag, type NamedTag } from '../../core/signers/judge-tag.ts';
import { readMinisignKey, verifyMinisign } from '../../core/signers/minisign.ts';
import { readKeyring } from '../../core/signers/openpgp/keyring.ts';
import { verifyOpenpgp } from '../../core/signers/openpgp/verify.ts';
import { SignerPolicy } from '../../core/signers/signer-policy.ts';
import { verifySsh } from '../../core/signers/ssh-signature.ts';
import { readTrust, verifyX509, type X509Trust } from '../../core/signers/x509/verify.ts';
import { GitSha } from '../../events/fields.ts';
import * as x509 from '../fakes/test-x509.ts';
import { GIT_ENVIRONMENT } from './loopback-git.ts';
import { toolsEnvironment } from './loopback-registry.ts';

/** Our readers of signatures against gpg, gpgsm, ssh-keygen, openssl, git and minisign, whose keys live in a scratch folder. */

const environment = toolsEnvironment();
const runs = (tool: string, ...args: string[]) => spawnSync(tool, args, { env: environment }).error === undefined;
const missing = (present: boolean) => !present && !process.env.RELSEAL_REQUIRE;
const noGpg = missing(runs('gpg', '--version'));
const noSsh = missing(runs('ssh-keygen', '-?'));
const noGit = missing(runs('git', '--version'));
const noOpenssl = missing(runs('openssl', 'version'));
const noGpgsm = missing(runs('gpgsm', '--version'));
const noMinisign = missing(runs('minisign', '-v'));

const folder = mkdtempSync(join(tmpdir(), 'signers-'));
const home = join(folder, 'gnupg');
const env = { ...environment, GNUPGHOME: home, ...GIT_ENVIRONMENT };
beforeAll(() => mkdirSync(home, { mode: 0o700 }));
afterAll(() => {
  spawnSync('gpgconf', ['--kill', 'all'], { env });
  rmSync(folder, { recursive: true, force: true });
});

const run = (tool: string, args: readonly string[], input?: string | Buffer): Buffer =>
  execFileSync(tool, args, { cwd: folder, env, input, stdio: ['pipe', 'pipe', 'pipe'] });
const file = (name: string, content: string | Buffer): string => {
  writeFileSync(join(folder, name), content);
  return join(folder, name);
};
const MESSAGE = Buffer.from('released\r\nwith \u00e9\n');
const NOW = Date.now() + 5000;

describe.skipIf(noGpg)('OpenPGP against gpg', () => {
  const gpg = (args: readonly string[], input?: string | Buffer) =>
    run('gpg', ['--batch', '--no-tty', '--pinentry-mode', 'loopback', '--passphrase', '', ...args], input);
  const make = (name: string, algorithm: string, usage = 'sign', expires = '0') => {
    gpg(['--quick-generate-key', name, algorithm, usage, expires]);
    return gpg(['--armor', '--export', name]).toString();
  };
  const fingerprintOf = (name: string) =>
    gpg(['--with-colons', '--list-keys', name])
      .toString()
      .match(/^fpr:+([0-9A-F]{40}):/m)?.[1] ?? '';
  const sign = (name: string, ...more: string[]) =>
    gpg(['--armor', '--detach-sign', '--local-user', name, ...more], MESSAGE).toString();

  // gpg takes no hash that is shorter than the curve.
  it.each([
    ['rsa2048', ['SHA256', 'SHA384', 'SHA512']],
    ['ed25519', ['SHA256', 'SHA384', 'SHA512']],
    ['nistp256', ['SHA256', 'SHA384', 'SHA512']],
    ['nistp384', ['SHA384', 'SHA512']],
    ['nistp521', ['SHA512']],
  ])(
    'verifies a key of %s',
    (algorithm, hashes) => {
      const name = `${algorithm}@example.com`;
      const keyring = readKeyring(make(name, algorithm));
      const fingerprint = fingerprintOf(name);
      for (const hash of hashes) {
        const good = verifyOpenpgp(sign(name, '--digest-algo', hash), MESSAGE, keyring, NOW);
        expect(good).toMatchObject({ kind: 'good', signer: { primary: fingerprint } });
      }
      const signature = sign(name);
      expect(verifyOpenpgp(signature, Buffer.concat([MESSAGE, Buffer.of(1)]), keyring, NOW).kind).toBe('bad');
      expect(verifyOpenpgp(sign(name, '--textmode'), MESSAGE, keyring, NOW).kind).toBe('good');
    },
    60_000,
  );

  it.each(['rsa2048', 'ed25519'])('takes no signature of %s by a broken hash', (algorithm) => {
    const name = `${algorithm}@example.com`;
    const keyring = readKeyring(gpg(['--armor', '--export', name]).toString());
    expect(verifyOpenpgp(sign(name, '--digest-algo', 'SHA1'), MESSAGE, keyring, NOW).kind).toBe('malformed');
  });

  it('verifies a signing subkey as its primary key, and no encryption subkey', () => {
    const name = 'subkeys@example.com';
    make(name, 'ed25519', 'cert');
    const fingerprint = fingerprintOf(name);
    gpg(['--quick-add-key', fingerprint, 'ed25519', 'sign', '0']);
    gpg(['--quick-add-key', fingerprint, 'cv25519', 'encr', '0']);
    const keyring = readKeyring(gpg(['--armor', '--export', name]).toString());
    expect(keyring).toHaveLength(1);
    const verified = verifyOpenpgp(sign(name), MESSAGE, keyring, NOW);
    expect(verified).toMatchObject({ kind: 'good', signer: { primary: fingerprint } });
  });

  it.each([
    ['rsa2048', 'rsa3072'],
    ['nistp256', 'nistp384'],
  ])('reads a key of %s that a longer one has certified', (algorithm, longer) => {
    const [name, other] = [`certified@${algorithm}.example`, `certifier@${algorithm}.example`];
    make(name, algorithm);
    make(other, longer, 'sign,cert');
    gpg(['--yes', '--local-user', other, '--quick-sign-key', fingerprintOf(name)]);
    const keyring = readKeyring(gpg(['--armor', '--export', name]).toString());
    expect(verifyOpenpgp(sign(name), MESSAGE, keyring, NOW).kind).toBe('good');
  });

  it('takes no key that is unknown, has expired or was revoked', () => {
    const other = readKeyring(make('other@example.com', 'ed25519'));
    const expiring = readKeyring(make('expiring@example.com', 'ed25519', 'sign', '2d'));
    const signature = sign('expiring@example.com');
    expect(verifyOpenpgp(signature, MESSAGE, other, NOW).kind).toBe('unknown-key');
    expect(verifyOpenpgp(signature, MESSAGE, expiring, NOW).kind).toBe('good');
    expect(verifyOpenpgp(signature, MESSAGE, expiring, NOW + 3 * 86_400_000).kind).toBe('expired');
    expect(verifyOpenpgp(signature, MESSAGE, expiring, NOW - 86_400_000).kind).toBe('expired');
    const [fingerprint = ''] = other.map(({ primary }) => primary);
    const revocation = readFileSync(join(home, 'openpgp-revocs.d', `${fingerprint}.rev`), 'utf8');
    gpg(['--import'], revocation.replace(/^:-----BEGIN/m, '-----BEGIN'));
    expect(readKeyring(gpg(['--armor', '--export', fingerprint]).toString())).toEqual([]);
  });

  it('refuses every changed byte of a signature', () => {
    const keyring = readKeyring(gpg(['--armor', '--export', 'ed25519@example.com']).toString());
    const lines = sign('ed25519@example.com').split('\n');
    const raw = Buffer.from(lines.slice(2, -3).join(''), 'base64');
    const armored = (bytes: Buffer) =>
      `-----BEGIN PGP SIGNATURE-----\n\n${bytes.toString('base64')}\n-----END PGP SIGNATURE-----\n`;
    expect(verifyOpenpgp(armored(raw), MESSAGE, keyring, NOW).kind).toBe('good');
    const accepted: number[] = [];
    for (let at = 0; at < raw.length; at += 1) {
      const changed = Buffer.from(raw);
      changed[at] = (changed[at] ?? 0) ^ 0x41;
      if (verifyOpenpgp(armored(changed), MESSAGE, keyring, NOW).kind === 'good') accepted.push(at);
    }
    // The unhashed part is a hint; changed, it may name nobody, and then every key is tried.
    const unhashed = raw.indexOf(Buffer.from([0x00, 0x0a, 0x09, 0x10]));
    expect(accepted.every((at) => at >= unhashed && at < unhashed + 12)).toBe(true);
  });
});

describe.skipIf(noSsh)('SSH signatures against ssh-keygen', () => {
  const make = (type: string, ...more: string[]) => {
    const name = `ssh-${type}-${more.join('')}`;
    run('ssh-keygen', ['-q', '-t', type, ...more, '-N', '', '-C', 'test key', '-f', join(folder, name)]);
    return { path: join(folder, name), line: readFileSync(join(folder, `${name}.pub`), 'utf8').trim() };
  };
  const sign = (path: string, namespace = 'file', ...more: string[]) =>
    run('ssh-keygen', ['-Y', 'sign', '-f', path, '-n', namespace, ...more], MESSAGE).toString();

  it.each([
    ['ed25519'],
    ['ecdsa', '-b', '256'],
    ['ecdsa', '-b', '384'],
    ['ecdsa', '-b', '521'],
    ['rsa', '-b', '2048'],
    ['rsa', '-b', '3072'],
  ])('verifies a key of %s %s %s', (type, ...more) => {
    const { path, line } = make(type, ...more);
    const { signers, problems } = readAllowedSigners(`# people\nana@example.com ${line}\n`);
    expect(problems).toEqual([]);
    for (const options of [[], ['-O', 'hashalg=sha256']]) {
      const verified = verifySsh(sign(path, 'file', ...options), 'file', MESSAGE);
      expect(verified).toMatchObject({ kind: 'good', key: { fingerprint: signers[0]?.key.fingerprint } });
    }
    expect(run('ssh-keygen', ['-l', '-f', `${path}.pub`]).toString()).toContain(signers[0]?.key.fingerprint);
    const signature = sign(path);
    expect(verifySsh(signature, 'git', MESSAGE).kind).toBe('bad');
    expect(verifySsh(signature, 'file', Buffer.from('other')).kind).toBe('bad');
    expect(verifySsh(signature.slice(0, -40), 'file', MESSAGE).kind).toBe('malformed');
  });

  it('refuses short RSA keys', () => {
    const { path } = make('rsa', '-b', '1024');
    expect(verifySsh(sign(path), 'file', MESSAGE).kind).toBe('malformed');
  });

  it.each([
    ['namespaces="git"', 'git', true],
    ['namespaces="file,g?t*"', 'git', true],
    ['namespaces="file"', 'git', false],
    ['valid-after="20200101Z",valid-before="20990101Z"', 'git', true],
    ['valid-before="20200101Z"', 'git', false],
    ['namespaces="*,!git"', 'git', false],
    ['namespaces="file",namespaces="git"', 'git', false],
    ['valid-before="20200101Z",valid-before="20990101Z"', 'git', false],
    ['valid-after="20990101000000Z"', 'git', false],
  ])('agrees on who may with %s', (options, namespace, may) => {
    const { path, line } = make(
      'ed25519',
      ...(options.includes('git') ? ['-a', String(options.length + 20)] : ['-a', String(options.length)]),
    );
    const allowed = file('allowed', `ana@example.com ${options} ${line}\n`);
    const signature = file('signature', sign(path, namespace));
    const said = spawnSync(
      'ssh-keygen',
      ['-Y', 'verify', '-f', allowed, '-I', 'ana@example.com', '-n', namespace, '-s', signature],
      { cwd: folder, env, input: MESSAGE },
    );
    expect(said.status === 0).toBe(may);
    const policy = SignerPolicy.parse({ allowedSigners: readFileSync(allowed, 'utf8') });
    const body = Buffer.from(`object ${'a'.repeat(40)}\ntype commit\ntag v1.0.0\ntagger a <a> 1 +0000\n\nm\n`);
    const over = run('ssh-keygen', ['-Y', 'sign', '-f', path, '-n', 'git'], body);
    const tag = {
      name: 'v1.0.0',
      commit: GitSha.parse('a'.repeat(40)),
      commitObject: Buffer.of(),
      tagObject: Buffer.concat([body, over]),
    };
    expect(judgeTag(tag, policy, NOW).signer !== undefined).toBe(may);
  });
});

describe.skipIf(noGit || noGpg || noSsh)('tags that git signed', () => {
  const repository = join(folder, 'repository');
  const git = (...args: string[]) => run('git', ['-C', repository, ...args]);
  const text = (...args: string[]) =>
    git(...args)
      .toString()
      .trim();
  const rawTag = (name: string): NamedTag => {
    const isTag = text('cat-file', '-t', name) === 'tag';
    return {
      name,
      commit: GitSha.parse(text('rev-parse', `${name}^{commit}`)),
      commitObject: git('cat-file', 'commit', `${name}^{commit}`),
      ...(isTag ? { tagObject: git('cat-file', 'tag', name) } : {}),
    };
  };
  let policy: SignerPolicy;

  beforeAll(() => {
    mkdirSync(repository);
    git('init', '-q');
    git('commit', '-q', '--allow-empty', '-m', 'first');
    run('gpg', ['--batch', '--passphrase', '', '--quick-generate-key', 'tagger@example.com', 'ed25519', 'sign', '0']);
    run('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', 'test key', '-f', join(folder, 'tagger')]);
    const key = readFileSync(join(folder, 'tagger.pub'), 'utf8');
    policy = SignerPolicy.parse({
      openpgp: [run('gpg', ['--armor', '--export', 'tagger@example.com']).toString()],
      allowedSigners: `ana@example.com namespaces="git" ${key}`,
    });
    const ssh = ['-c', 'gpg.format=ssh', '-c', `user.signingkey=${join(folder, 'tagger')}`];
    git('tag', '-u', 'tagger@example.com', '-m', 'by gpg\n\n-----BEGIN PGP SIGNATURE-----\nquoted', 'v1.0.0');
    git(...ssh, 'tag', '-s', '-m', 'by ssh', 'v1.1.0');
    git('tag', '-m', 'by nobody', 'v1.2.0');
    git('tag', 'v1.3.0');
    git(...ssh, 'commit', '-q', '-S', '--allow-empty', '-m', 'signed');
    git('tag', 'v1.4.0');
    git('-c', 'user.signingkey=tagger@example.com', 'commit', '-q', '-S', '--allow-empty', '-m', 'signed by gpg');
    git('tag', 'v1.5.0');
  });

  it('are known by their signers', () => {
    expect(judgeTag(rawTag('v1.0.0'), policy, NOW)).toMatchObject({
      reasons: [],
      signer: { format: 'openpgp', signed: 'tag' },
    });
    const bySsh = judgeTag(rawTag('v1.1.0'), policy, NOW);
    expect(bySsh).toMatchObject({
      reasons: [],
      signer: { format: 'ssh', signed: 'tag' },
    });
  });

  it('are refused when nobody signed, unless the commit may stand in', () => {
    for (const name of ['v1.2.0', 'v1.3.0', 'v1.4.0'])
      expect(judgeTag(rawTag(name), policy, NOW).reasons).toMatchObject([{ code: 'source.unsigned' }]);
    const orCommit = { ...policy, orCommit: true };
    expect(judgeTag(rawTag('v1.3.0'), orCommit, NOW).reasons).toMatchObject([{ code: 'source.unsigned' }]);
    expect(judgeTag(rawTag('v1.4.0'), orCommit, NOW).signer).toMatchObject({ format: 'ssh', signed: 'commit' });
    expect(judgeTag(rawTag('v1.5.0'), orCommit, NOW).signer).toMatchObject({ format: 'openpgp', signed: 'commit' });
    expect(judgeTag(rawTag('v1.2.0'), { ...policy, tags: 'warn' }, NOW)).toMatchObject({
      reasons: [],
      warnings: [{ code: 'source.unsigned' }],
    });
  });

  it('are refused under another name, before another commit, changed, or signed by a stranger', () => {
    const tag = rawTag('v1.0.0');
    const misplaced = [{ code: 'source.tag-misplaced' }];
    expect(judgeTag({ ...tag, name: 'v9.0.0' }, policy, NOW).reasons).toMatchObject(misplaced);
    expect(judgeTag({ ...tag, commit: GitSha.parse('b'.repeat(40)) }, undefined, NOW).reasons).toMatchObject(misplaced);
    const changed = Buffer.from(
      Buffer.from(tag.tagObject ?? [])
        .toString('latin1')
        .replace('by gpg', 'by GPG'),
      'latin1',
    );
    for (const each of [policy, { ...policy, tags: 'warn' as const }])
      expect(judgeTag({ ...tag, tagObject: changed }, each, NOW).reasons).toMatchObject([
        { code: 'source.signature-bad' },
      ]);
    const strangers = SignerPolicy.parse({});
    for (const name of ['v1.0.0', 'v1.1.0'])
      expect(judgeTag(rawTag(name), strangers, NOW).reasons).toMatchObject([{ code: 'source.signer-unknown' }]);
  });

  it('decide nothing where the policy names nobody, and are shown', () => {
    expect(judgeTag(rawTag('v1.0.0'), undefined, NOW)).toEqual({ reasons: [], warnings: [] });
    expect(judgeTag(rawTag('v1.3.0'), undefined, NOW).warnings).toMatchObject([{ code: 'source.unsigned' }]);
  });

  it('are not judged by keys that cannot be read', () => {
    const broken = SignerPolicy.parse({ allowedSigners: 'ana@example.com ssh-ed25519 AAAA' });
    expect(judgeTag(rawTag('v1.1.0'), broken, NOW).reasons).toMatchObject([
      { code: 'policy.signers-malformed', where: 'allowedSigners:1' },
    ]);
    const armor = SignerPolicy.parse({ openpgp: ['-----BEGIN PGP PUBLIC KEY BLOCK-----'] });
    expect(judgeTag(rawTag('v1.1.0'), armor, NOW).reasons).toMatchObject([
      { code: 'policy.signers-malformed', where: 'openpgp[0]' },
    ]);
  });
});

const X509_CONFIG = `
[req]
distinguished_name = name
[name]
[authority]
basicConstraints = critical,CA:TRUE,pathlen:1
keyUsage = critical,keyCertSign,cRLSign
subjectKeyIdentifier = hash
[between]
basicConstraints = critical,CA:TRUE,pathlen:0
keyUsage = critical,keyCertSign
extendedKeyUsage = codeSigning,emailProtection
subjectKeyIdentifier = hash
[signer]
basicConstraints = critical,CA:FALSE
keyUsage = critical,digitalSignature
extendedKeyUsage = codeSigning,emailProtection
subjectAltName = email:tagger@example.com
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
[workflow]
keyUsage = critical,digitalSignature
extendedKeyUsage = codeSigning
subjectAltName = critical,URI:https://git.example.com/acme/m
1.3.6.1.4.1.57264.1.8 = ASN1:UTF8String:https://login.example.com
1.3.6.1.4.1.57264.1.1 = DER:68747470733a2f2f6c6f67696e2e6578616d706c652e636f6d
`;
/** Certificates are made while the tests run, and are not valid before. */
const soon = () => Date.now() + 5000;
const x509File = (name: string) => join(folder, `x509-${name}`);
const openssl = (args: readonly string[], input?: Buffer) => run('openssl', args, input);
/** A key and its certificate, issued by another or by itself. */
function certify(name: string, section: string, algorithm: readonly string[], issuer?: string): string {
  const [key, request, certificate] = ['key', 'csr', 'pem'].map((kind) => x509File(`${name}.${kind}`));
  const config = file('x509.cnf', X509_CONFIG);
  const made = [
    '-newkey',
    ...algorithm,
    '-nodes',
    '-keyout',
    key ?? '',
    '-subj',
    `/CN=test ${name}`,
    '-config',
    config,
  ];
  if (!issuer) openssl(['req', '-x509', ...made, '-extensions', section, '-days', '3', '-out', certificate ?? '']);
  else {
    openssl(['req', '-new', ...made, '-out', request ?? '']);
    const by = ['-CA', x509File(`${issuer}.pem`), '-CAkey', x509File(`${issuer}.key`), '-CAcreateserial', '-days', '2'];
    const as = ['-extfile', config, '-extensions', section];
    openssl(['x509', '-req', '-in', request ?? '', ...by, ...as, '-out', certificate ?? '']);
  }
  return readFileSync(certificate ?? '', 'utf8');
}
function trustOf(policy: object): X509Trust {
  const parsed = SignerPolicy.parse({ x509: { identities: [{ subject: 'tagger@example.com' }], ...policy } }).x509;
  const trust = parsed && readTrust(parsed);
  if (!trust || 'why' in trust) throw new Error(`no trust: ${trust?.why}`);
  return trust;
}

describe.skipIf(noOpenssl)('X.509 signatures against openssl', () => {
  const signer = (name: string) => ['-signer', x509File(`${name}.pem`), '-inkey', x509File(`${name}.key`)];
  const sign = (name: string, ...more: string[]) =>
    openssl(['cms', '-sign', '-binary', '-outform', 'DER', ...signer(name), ...more], MESSAGE);
  const judge = (message: Buffer, trust: X509Trust, payload = MESSAGE) =>
    verifyX509(x509.cmsArmored(message), payload, trust, soon());
  const fingerprintOf = (name: string) =>
    openssl(['x509', '-in', x509File(`${name}.pem`), '-noout', '-fingerprint', '-sha256'])
      .toString()
      .trim()
      .replace(/^.*=/, '')
      .replaceAll(':', '')
      .toLowerCase();
  const EC = (curve: string) => ['ec', '-pkeyopt', `ec_paramgen_curve:${curve}`];

  it.each([
    ['rsa2048', ['rsa:2048']],
    ['rsa3072', ['rsa:3072']],
    ['p256', EC('P-256')],
    ['p384', EC('P-384')],
  ])(
    'verifies a key of %s, straight under a root and below another authority',
    (name, algorithm) => {
      const root = certify(`${name}-root`, 'authority', algorithm);
      const between = certify(`${name}-between`, 'between', algorithm, `${name}-root`);
      certify(`${name}-near`, 'signer', algorithm, `${name}-root`);
      certify(`${name}-far`, 'signer', algorithm, `${name}-between`);
      const trust = trustOf({ roots: [root] });
      for (const hash of ['sha256', 'sha384', 'sha512'])
        for (const form of [[], ['-keyid'], ['-nosmimecap']]) {
          const message = sign(`${name}-near`, '-md', hash, ...form);
          expect(judge(message, trust)).toEqual({ kind: 'good', fingerprint: fingerprintOf(`${name}-near`) });
          expect(judge(message, trust, Buffer.from('other')).kind).toBe('bad');
        }
      const far = sign(`${name}-far`);
      expect(judge(far, trust).kind).toBe('unknown');
      expect(judge(far, trustOf({ roots: [root], intermediates: [between] })).kind).toBe('good');
      expect(judge(sign(`${name}-far`, '-certfile', x509File(`${name}-between.pem`)), trust).kind).toBe('good');
      expect(judge(far, trustOf({ roots: [between] })).kind).toBe('good');
      expect(verifyX509(x509.cmsArmored(far), MESSAGE, trustOf({ roots: [between] }), soon() + 9e8).kind).toBe(
        'unknown',
      );
    },
    60_000,
  );

  it('takes no signature by a broken hash, of two signers, without attributes or with its own content', () => {
    const trust = trustOf({ roots: [certify('strict-root', 'authority', EC('P-256'))] });
    for (const name of ['strict', 'second']) certify(name, 'signer', EC('P-256'), 'strict-root');
    expect(judge(sign('strict'), trust).kind).toBe('good');
    for (const form of [
      ['-md', 'sha1'],
      signer('second'),
      ['-noattr'],
      ['-nodetach'],
      ['-stream', '-indef', '-nodetach'],
    ])
      expect([form, judge(sign('strict', ...form), trust).kind]).toEqual([form, 'malformed']);
  });

  it('reads the extensions of Fulcio', () => {
    const roots = [certify('fulcio', 'authority', EC('P-256'))];
    certify('workflow', 'workflow', EC('P-256'), 'fulcio');
    const subject = 'https://git.example.com/acme/*';
    const may = trustOf({ roots, identities: [{ issuer: 'https://login.example.com', subject }] });
    expect(judge(sign('workflow'), may).kind).toBe('good');
    expect(judge(sign('workflow'), trustOf({ roots, identities: [{ subject }] })).kind).toBe('unknown');
  });

  it('agrees that what our tests make is CMS, with the entry of a log and without', () => {
    const valid = { fromMs: NOW - 86_400_000, untilMs: NOW + 86_400_000 };
    const root = x509.testCertificate({ name: 'root', extensions: [x509.authority(), x509.usage(4)], ...valid });
    const extensions = [x509.usage(0x80), x509.extendedUsage(x509.CODE_SIGNING), x509.names('tagger@example.com')];
    const leaf = x509.testCertificate({ name: 'leaf', extensions, issuer: root, ...valid });
    const log = x509.testLog();
    const [content, roots] = [file('x509.content', MESSAGE), file('x509.roots', root.pem)];
    for (const options of [{}, { logEntry: (logged: x509.LoggedSignature) => log.entry(logged, NOW / 1000) }]) {
      const message = file('x509.cms', x509.cmsOf(MESSAGE, leaf, options));
      const args = ['-inform', 'DER', '-in', message, '-content', content, '-CAfile', roots, '-purpose', 'any'];
      expect(openssl(['cms', '-verify', '-binary', ...args])).toEqual(MESSAGE);
    }
  });
});

describe.skipIf(noOpenssl || noGit)('tags that git signed with X.509', () => {
  const repository = join(folder, 'x509-repository');
  const git = (...args: string[]) => run('git', ['-C', repository, ...args]);
  const script = (name: string, ...lines: string[]) => {
    const path = file(name, ['#!/bin/sh', ...lines, ''].join('\n'));
    chmodSync(path, 0o700);
    return path;
  };
  const tagged = (program: string, name: string): NamedTag => {
    git(
      '-c',
      'gpg.format=x509',
      '-c',
      `gpg.x509.program=${program}`,
      'tag',
      '-u',
      'tagger@example.com',
      '-m',
      'm',
      name,
    );
    const commit = GitSha.parse(git('rev-parse', 'HEAD').toString().trim());
    return { name, commit, commitObject: Buffer.of(), tagObject: git('cat-file', 'tag', name) };
  };
  const judged = (tag: NamedTag) => judgeTag(tag, SignerPolicy.parse({ x509: policy }), soon());
  let policy: object;

  beforeAll(() => {
    mkdirSync(repository);
    git('init', '-q');
    git('commit', '-q', '--allow-empty', '-m', 'first');
    policy = {
      roots: [certify('git-root', 'authority', ['rsa:2048'])],
      identities: [{ subject: '*@example.com' }],
    };
    certify('git', 'signer', ['rsa:2048'], 'git-root');
  });

  it('are known by the certificate, by openssl as the program', () => {
    const program = script(
      'sign-by-openssl',
      'printf "\\n[GNUPG:] SIG_CREATED \\n" >&2',
      `openssl cms -sign -binary -outform PEM -signer '${x509File('git.pem')}' -inkey '${x509File('git.key')}' |`,
      "  sed 's/ CMS-----/ SIGNED MESSAGE-----/'",
    );
    const tag = tagged(program, 'v1.0.0');
    expect(judged(tag)).toMatchObject({ reasons: [], signer: { format: 'x509', signed: 'tag' } });
    const other = Buffer.from(
      Buffer.from(tag.tagObject ?? [])
        .toString('latin1')
        .replace('\n\nm\n', '\n\nn\n'),
      'latin1',
    );
    expect(judged({ ...tag, tagObject: other }).reasons).toMatchObject([{ code: 'source.signature-bad' }]);
  });

  it.skipIf(noGpgsm)(
    'are known by the certificate, by gpgsm as the program',
    () => {
      const home = join(folder, 'gpgsm');
      mkdirSync(home, { mode: 0o700 });
      const at = { cwd: folder, env: { ...env, GNUPGHOME: home } };
      const [certificate, root] = ['git.pem', 'git-root.pem'].map(x509File);
      const fingerprint = openssl(['x509', '-in', root ?? '', '-noout', '-fingerprint', '-sha1']).toString();
      writeFileSync(join(home, 'trustlist.txt'), `${fingerprint.trim().replace(/^.*=/, '')} S relax\n`);
      writeFileSync(join(home, 'gpgsm.conf'), 'disable-crl-checks\n');
      const passphrase = file('passphrase', 'test\n');
      const keys = x509File('git.p12');
      const pack = ['-legacy', '-inkey', x509File('git.key'), '-in', certificate ?? '', '-certfile', root ?? ''];
      openssl(['pkcs12', '-export', ...pack, '-out', keys, '-passout', 'pass:test']);
      const program = script(
        'sign-by-gpgsm',
        `GNUPGHOME='${home}' exec gpgsm --batch --pinentry-mode loopback --passphrase-fd 9 9<'${passphrase}' "$@"`,
      );
      try {
        execFileSync(program, ['--import', keys], { ...at, stdio: 'pipe' });
        const tag = tagged(program, 'v1.1.0');
        expect(judged(tag)).toMatchObject({ reasons: [], signer: { format: 'x509', signed: 'tag' } });
      } finally {
        spawnSync('gpgconf', ['--kill', 'all'], at);
      }
    },
    60_000,
  );
});

describe.skipIf(noMinisign)('minisign', () => {
  it('verifies both kinds of signatures and nothing else', () => {
    run('minisign', ['-G', '-W', '-p', 'mini.pub', '-s', 'mini.key', '-f']);
    const key = readMinisignKey(readFileSync(join(folder, 'mini.pub'), 'utf8'));
    if (!key) throw new Error('no key');
    file('message', MESSAGE);
    for (const kind of [[], ['-l']]) {
      run('minisign', [
        '-S',
        '-W',
        ...kind,
        '-s',
        'mini.key',
        '-m',
        'message',
        '-t',
        'v1.0.0',
        '-x',
        'message.minisig',
      ]);
      const text = readFileSync(join(folder, 'message.minisig'), 'utf8');
      expect(verifyMinisign(text, MESSAGE, key)).toEqual({ kind: 'good', trustedComment: 'v1.0.0' });
      expect(verifyMinisign(text, Buffer.from('other'), key).kind).toBe('bad');
      expect(verifyMinisign(text.replace('v1.0.0', 'v1.0.1'), MESSAGE, key).kind).toBe('bad');
      expect(verifyMinisign(text.slice(0, -20), MESSAGE, key).kind).toBe('malformed');
    }
    run('minisign', ['-G', '-W', '-p', 'other.pub', '-s', 'other.key', '-f']);
    const other = readMinisignKey(readFileSync(join(folder, 'other.pub'), 'utf8'));
    if (!other) throw new Error('no key');
    expect(verifyMinisign(readFileSync(join(folder, 'message.minisig'), 'utf8'), MESSAGE, other).kind).toBe(
      'other-key',
    );
  });
});
