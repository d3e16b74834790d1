import { generateKeyPairSync } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { GitSha } from '../../../events/fields.ts';
import {
  authority,
  type CmsOptions,
  CODE_SIGNING,
  cmsArmored,
  cmsOf,
  der,
  ecKeys,
  extendedUsage,
  extension,
  keyId,
  type LoggedSignature,
  legacyOidcIssuer,
  names,
  oidcIssuer,
  type TestCertificate,
  type TestCertificateOptions,
  type TestEntryOptions,
  type TestKeys,
  testCertificate,
  testLog,
  usage,
} from '../../../test/fakes/test-x509.ts';
import { judgeTag } from '../judge-tag.ts';
import { signedCommit } from '../signed-object.ts';
import { SignerPolicy } from '../signer-policy.ts';

/** Who signed a tag, by X.509 certificates: each bad input with the code it gets. */

const NOW = Date.parse('2026-01-02T03:04:05Z');
const MINUTE = 60_000;
const DAY = 24 * 60 * MINUTE;
const EMAIL = 'ana@example.com';
const WORKFLOW = 'https://git.example.com/acme/m/.github/workflows/release.yml@refs/tags/v1.0.0';
const ISSUER = 'https://login.example.com';
const COMMIT = GitSha.parse('a'.repeat(40));
const TAG = Buffer.from(`object ${COMMIT}\ntype commit\ntag v1.0.0\ntagger a <a> 1 +0000\n\nmessage\n`);

const valid = { fromMs: NOW - DAY, untilMs: NOW + DAY };
const rsaKeys = (modulusLength: number): TestKeys => generateKeyPairSync('rsa', { modulusLength });
const ED25519: TestKeys = generateKeyPairSync('ed25519');

const root = testCertificate({ name: 'test root', extensions: [authority(1), usage(0x04)], ...valid });
const MAY_SIGN = [usage(0x80), extendedUsage(CODE_SIGNING)];
const leafOf = (extensions: readonly Uint8Array[], more: Partial<TestCertificateOptions> = {}) =>
  testCertificate({ name: 'test signer', issuer: root, serial: 7, extensions, ...valid, ...more });
const leaf = leafOf([...MAY_SIGN, names(EMAIL)]);
const stranger = testCertificate({ name: 'test root', extensions: [authority(), usage(0x04)], ...valid });
const authorityOf = (extensions: readonly Uint8Array[], more: Partial<TestCertificateOptions> = {}) =>
  testCertificate({ name: 'test intermediate', issuer: root, serial: 3, extensions, ...valid, ...more });
const under = (issuer: TestCertificate) => leafOf([...MAY_SIGN, names(EMAIL)], { issuer });

const policyOf = (x509: object = {}, rest: object = {}) =>
  SignerPolicy.parse({ x509: { roots: [root.pem], identities: [{ subject: EMAIL }], ...x509 }, ...rest });
const POLICY = policyOf();

function judge(armored: string, policy: SignerPolicy = POLICY) {
  const tagObject = Buffer.concat([TAG, Buffer.from(armored)]);
  const judged = judgeTag({ name: 'v1.0.0', commit: COMMIT, commitObject: Buffer.of(), tagObject }, policy, NOW);
  // Who somebody is stays out of what is kept for years.
  expect(JSON.stringify(judged)).not.toMatch(/@example\.com|https:/);
  return judged;
}
const codes = (armored: string, policy?: SignerPolicy) => judge(armored, policy).reasons.map(({ code }) => code);
/** As it is told: with the fingerprint of the certificate, where there is one. */
const toldOf = (why: string) => expect.stringMatching(new RegExp(`^(?:certificate [0-9a-f]{64}: )?${why}$`));
const by = (signer: TestCertificate, options: CmsOptions = {}) => cmsArmored(cmsOf(TAG, signer, options));
const bytes = (change: (good: Buffer) => Uint8Array) => cmsArmored(change(cmsOf(TAG, leaf)));

describe('a tag with an X.509 signature', () => {
  it('is known by the fingerprint of a certificate that the policy vouches for', () => {
    expect(judge(by(leaf))).toEqual({
      reasons: [],
      warnings: [],
      signer: { format: 'x509', key: leaf.fingerprint, signed: 'tag' },
    });
  });

  it('is known by that of the commit, where the policy lets it stand in', () => {
    const commit = Buffer.from('tree t\n\nmessage\n');
    const armored = cmsArmored(cmsOf(commit, leaf)).trimEnd().replaceAll('\n', '\n ');
    const commitObject = Buffer.from(`tree t\ngpgsig ${armored}\n\nmessage\n`);
    expect(signedCommit(commitObject)?.payload).toEqual(commit);
    const policy = { ...POLICY, orCommit: true };
    expect(judgeTag({ name: 'v1.0.0', commit: COMMIT, commitObject }, policy, NOW).signer).toMatchObject({
      format: 'x509',
      signed: 'commit',
    });
  });

  it.each<[string, TestKeys, ('sha256' | 'sha384' | 'sha512')[]]>([
    ['ECDSA P-256', ecKeys('P-256'), ['sha256', 'sha384', 'sha512']],
    ['ECDSA P-384', ecKeys('P-384'), ['sha256', 'sha384', 'sha512']],
    ['RSA', rsaKeys(2048), ['sha256', 'sha384', 'sha512']],
    ['Ed25519', ED25519, ['sha512']],
  ])('passes by %s', (_what, keys, hashes) => {
    const signer = leafOf([...MAY_SIGN, names(EMAIL)], { keys });
    for (const hash of hashes) expect(codes(by(signer, { hash }))).toEqual([]);
  });

  it('passes with an authority between, from the message or from the policy, and with a signer who is named by key', () => {
    const between = authorityOf([authority(0), usage(0x04), extendedUsage(CODE_SIGNING)]);
    const signer = under(between);
    expect(codes(by(signer))).toEqual(['source.signer-unknown']);
    expect(codes(by(signer, { certificates: [between.der, signer.der] }))).toEqual([]);
    expect(codes(by(signer), policyOf({ intermediates: [between.pem] }))).toEqual([]);
    const id = Buffer.from('key of the signer');
    expect(codes(by(leafOf([...MAY_SIGN, names(EMAIL), keyId(id)]), { keyId: id }))).toEqual([]);
  });

  it('passes with open lengths around what was signed, as gpgsm writes them', () => {
    const open = (tag: number, content: Uint8Array) => Buffer.concat([Buffer.of(tag, 0x80), content, Buffer.of(0, 0)]);
    const inner = (whole: Buffer) => whole.subarray(2 + ((whole[1] ?? 0) & 0x7f));
    const message = inner(cmsOf(TAG, leaf));
    const [type, wrapper] = [message.subarray(0, 11), message.subarray(11)];
    expect(codes(cmsArmored(open(0x30, Buffer.concat([type, open(0xa0, open(0x30, inner(inner(wrapper))))]))))).toEqual(
      [],
    );
  });
});

describe('an X.509 signature that was changed or is none', () => {
  const attributes = (change: CmsOptions['attributes']): string => by(leaf, change ? { attributes: change } : {});
  const ofVersion = (version: Uint8Array): string => by(leafOf([...MAY_SIGN, names(EMAIL)], { version }));

  it.each<[string, string]>([
    ['over other bytes', cmsArmored(cmsOf(Buffer.from('other'), leaf))],
    ['with another signature', bytes((good) => good.fill(1, good.length - 8))],
    ['that ends too early', bytes((good) => good.subarray(0, -1))],
    ['with bytes behind it', bytes((good) => Buffer.concat([good, Buffer.of(0)]))],
    [
      'with a length that is longer than it need be',
      bytes((good) => Buffer.concat([Buffer.of(0x30, 0x83, 0), good.subarray(2)])),
    ],
    [
      'with a length of four gigabytes',
      bytes((good) => Buffer.concat([Buffer.of(0x30, 0x84, 255, 255, 255, 255), good.subarray(4)])),
    ],
    ['with a length of 16 bytes', bytes((good) => Buffer.concat([Buffer.of(0x30, 0x90), Buffer.alloc(16, 1), good]))],
    [
      'with an open length that nothing ends',
      bytes((good) => Buffer.concat([Buffer.of(0x30, 0x80), good.subarray(4)])),
    ],
    ['of open lengths and nothing else', cmsArmored(Buffer.alloc(100_000, Buffer.of(0x30, 0x80)))],
    [
      'with a certificate of an open length',
      by(leaf, { certificates: [Buffer.concat([Buffer.of(0x30, 0x80), leaf.der.subarray(4), Buffer.of(0, 0)])] }),
    ],
    ['with a certificate that is cut off', by(leaf, { certificates: [leaf.der.subarray(0, 90)] })],
    ['with a certificate of version 1', ofVersion(Buffer.of(0x02, 1, 0))],
    ['with a certificate of version 512', ofVersion(Buffer.of(0x02, 2, 2, 0))],
    ['with a certificate of two versions', ofVersion(Buffer.of(0x02, 1, 2, 0x02, 1, 2))],
    ['with a hundred certificates', by(leaf, { certificates: Array.from({ length: 100 }, () => leaf.der) })],
    ['by two signers', by(leaf, { signers: 2 })],
    ['by nobody', by(leaf, { signers: 0 })],
    ['with content of its own', by(leaf, { content: TAG })],
    ['by SHA-1', by(leaf, { hash: 'sha1' })],
    ['of another type of content', by(leaf, { contentType: '1.2.840.113549.1.7.5' })],
    ['without signed attributes', attributes(() => [])],
    ['without a digest', attributes(([type]) => [type ?? Buffer.of()])],
    ['with an attribute twice', attributes(([type = Buffer.of(), digest = Buffer.of()]) => [type, type, digest])],
    ['with attributes in another order', attributes((usual) => usual.toReversed())],
    [
      'by Ed25519 with a digest that goes with it nowhere',
      by(leafOf([...MAY_SIGN, names(EMAIL)], { keys: ED25519 }), { hash: 'sha256' }),
    ],
    ['without armor', '-----BEGIN SIGNED MESSAGE-----\n%%%\n-----END SIGNED MESSAGE-----\n'],
    ['of another kind of message', cmsArmored(der(0x30, der(0x06, Buffer.from([42, 3]))))],
  ])('is bad: %s, even where the policy only warns', (_what, armored) => {
    expect(codes(armored)).toEqual(['source.signature-bad']);
    expect(codes(armored, policyOf({}, { tags: 'warn' }))).toEqual(['source.signature-bad']);
  });

  it('never passes once any byte has changed, and never throws', () => {
    const good = cmsOf(TAG, leaf);
    for (const at of good.keys()) {
      const changed = Buffer.from(good);
      changed[at] = (changed[at] ?? 0) ^ 0x41;
      expect([at, codes(cmsArmored(changed)).length]).toEqual([at, 1]);
    }
    const element = fc.letrec<{ node: Uint8Array }>((tie) => ({
      node: fc.oneof(
        { maxDepth: 5 },
        fc.uint8Array({ maxLength: 40 }),
        fc
          .tuple(fc.constantFrom(2, 3, 4, 5, 6, 0x30, 0x31, 0xa0, 0xa1, 0x80), fc.array(tie('node'), { maxLength: 5 }))
          .map(([tag, parts]) => der(tag, ...parts)),
      ),
    })).node;
    fc.assert(fc.property(element, (any) => codes(cmsArmored(any)).length === 1));
  });
});

describe('an X.509 signature by somebody whom the policy does not name', () => {
  const pem = (certificate: TestCertificate) => ({ certificates: [certificate.der] });
  const through = (between: TestCertificate) => {
    const signer = under(between);
    return by(signer, { certificates: [between.der, signer.der] });
  };
  const MAY_ISSUE = [authority(), usage(0x04)];

  it.each<[string, string, string]>([
    ['of a root with the same name', 'its chain ends at no root of the policy', by(under(stranger))],
    ['of a root that comes along', 'its chain ends at no root of the policy', through(stranger)],
    [
      'of its own',
      'it was issued by a certificate of no authority',
      by(testCertificate({ name: 'self', extensions: [...MAY_SIGN, names(EMAIL)], ...valid })),
    ],
    ['that is not there', 'it does not bring the certificate of its signer', by(leaf, { certificates: [] })],
    [
      'that is there twice',
      'it does not bring the certificate of its signer',
      by(leaf, { certificates: [leaf.der, leaf.der] }),
    ],
    [
      'of another number',
      'it does not bring the certificate of its signer',
      by(leaf, pem(leafOf([...MAY_SIGN, names(EMAIL)], { serial: 8 }))),
    ],
    [
      'for e-mail only',
      'it is not for code signing',
      by(leafOf([usage(0x80), extendedUsage('1.3.6.1.5.5.7.3.4'), names(EMAIL)])),
    ],
    [
      'for anything',
      'it is not for code signing',
      by(leafOf([usage(0x80), extendedUsage('2.5.29.37.0'), names(EMAIL)])),
    ],
    ['for nothing that it says', 'it is not for code signing', by(leafOf([usage(0x80), names(EMAIL)]))],
    [
      'whose key may only encrypt',
      'its key may not sign',
      by(leafOf([usage(0x20), extendedUsage(CODE_SIGNING), names(EMAIL)])),
    ],
    ['of an authority', 'it is that of an authority', by(leafOf([authority(), ...MAY_SIGN, names(EMAIL)]))],
    [
      'that has expired',
      'it was not valid at the time of the signature',
      by(leafOf([...MAY_SIGN, names(EMAIL)], { untilMs: NOW - 1000 })),
    ],
    [
      'that is not valid yet',
      'it was not valid at the time of the signature',
      by(leafOf([...MAY_SIGN, names(EMAIL)], { fromMs: NOW + 1000 })),
    ],
    ['without a name', 'it names no e-mail address and no URI', by(leafOf(MAY_SIGN))],
    [
      'with another address',
      'it is of nobody whom the policy names',
      by(leafOf([...MAY_SIGN, names('bob@example.com')])),
    ],
    [
      'with an address that only begins so',
      'it is of nobody whom the policy names',
      by(leafOf([...MAY_SIGN, names(`${EMAIL}.test`)])),
    ],
    [
      'that an OpenID Connect issuer vouches for',
      'it is of nobody whom the policy names',
      by(leafOf([...MAY_SIGN, names(EMAIL), oidcIssuer(ISSUER)])),
    ],
    [
      'with a critical extension that is not known',
      'it has the extension 1.2.3.4, which is not judged',
      by(leafOf([...MAY_SIGN, names(EMAIL), extension('1.2.3.4', der(5), true)])),
    ],
    [
      'of a short RSA key',
      'its key is of a kind or length that proves nothing',
      by(leafOf([...MAY_SIGN, names(EMAIL)], { keys: rsaKeys(1024) })),
    ],
    [
      'of another curve',
      'its key is of a kind or length that proves nothing',
      by(leafOf([...MAY_SIGN, names(EMAIL)], { keys: ecKeys('P-521') })),
    ],
    [
      'that no authority issued',
      'it was issued by a certificate of no authority',
      through(leafOf([...MAY_SIGN, names(EMAIL)], { name: 'not an authority' })),
    ],
    [
      'of a key that may not issue',
      'it was issued by a key that may not sign certificates',
      through(authorityOf([authority(), usage(0x80)])),
    ],
    [
      'of an authority for servers',
      'it was issued by an authority that is not for code',
      through(authorityOf([...MAY_ISSUE, extendedUsage('1.3.6.1.5.5.7.3.1')])),
    ],
    [
      'of an authority that has expired',
      'an authority of its chain was not valid then',
      through(authorityOf(MAY_ISSUE, { untilMs: NOW - 1000 })),
    ],
    [
      'of an authority of some names only',
      'of an authority: it has the extension 2.5.29.30, which is not judged',
      through(authorityOf([...MAY_ISSUE, extension('2.5.29.30', der(0x30))])),
    ],
  ])('is a stranger’s: with a certificate %s', (_what, why, armored) => {
    expect(judge(armored).reasons).toMatchObject([{ code: 'source.signer-unknown', found: toldOf(why) }]);
    const { reasons, warnings } = judge(armored, policyOf({}, { tags: 'warn' }));
    expect([reasons, warnings.map(({ code }) => code)]).toEqual([[], ['source.signer-unknown']]);
  });

  it('is a stranger’s when its chain is longer than an authority allows', () => {
    const first = authorityOf(MAY_ISSUE);
    const second = authorityOf(MAY_ISSUE, { issuer: first, name: 'second' });
    const signer = under(second);
    const certificates = [first.der, second.der, signer.der];
    expect(codes(by(signer, { certificates }))).toEqual(['source.signer-unknown']);
    const { pem: unlimited } = testCertificate({ name: 'test root', keys: root.keys, extensions: MAY_ISSUE, ...valid });
    expect(codes(by(signer, { certificates }), policyOf({ roots: [unlimited] }))).toEqual([]);
  });

  it('is a stranger’s when its authorities vouch for each other, and the search ends', () => {
    const ring = [ecKeys(), ecKeys()].map((keys, at) => ({ keys, name: `ring ${at}` }));
    const [one, two] = ring.map((each, at) => {
      const other = testCertificate({ name: `ring ${1 - at}`, extensions: [], ...valid });
      const keys = ring[1 - at]?.keys ?? other.keys;
      return testCertificate({ ...each, extensions: MAY_ISSUE, issuer: { subject: other.subject, keys }, ...valid });
    });
    if (!one || !two) throw new Error('no ring');
    const signer = under(one);
    expect(codes(by(signer, { certificates: [one.der, two.der, signer.der] }))).toEqual(['source.signer-unknown']);
  });

  it('is a stranger’s where the policy has no X.509', () => {
    expect(codes(by(leaf), SignerPolicy.parse({}))).toEqual(['source.signer-unknown']);
  });
});

describe('a signature of gitsign', () => {
  const log = testLog();
  const other = testLog();
  // Ten minutes, three months ago.
  const signedMs = NOW - 90 * DAY;
  const short = { fromMs: signedMs - MINUTE, untilMs: signedMs + 9 * MINUTE };
  const old = { fromMs: NOW - 1000 * DAY, untilMs: NOW + DAY };
  const fulcio = testCertificate({ name: 'test fulcio', extensions: [authority(), usage(0x04)], ...old });
  const certificate = (extensions: readonly Uint8Array[]) =>
    testCertificate({ name: '', issuer: fulcio, extensions: [...MAY_SIGN, ...extensions], ...short });
  const signer = certificate([names(WORKFLOW), oidcIssuer(ISSUER), legacyOidcIssuer(ISSUER)]);
  const SUBJECT = 'https://git.example.com/acme/*/.github/workflows/release.yml@refs/tags/v*';
  const trusting = (x509: object = {}) =>
    policyOf({
      ...{ roots: [fulcio.pem], identities: [{ issuer: ISSUER, subject: SUBJECT }], transparencyLogs: [log.pem] },
      ...x509,
    });
  const GOOD = trusting();
  const seconds = Math.floor(signedMs / 1000);
  const logged = (options: TestEntryOptions = {}, atSeconds = seconds, from = log) =>
    by(signer, { logEntry: (signature) => from.entry(signature, atSeconds, options) });
  const raw = (change: (entry: Buffer) => Uint8Array) =>
    by(signer, { logEntry: (signature) => change(log.entry(signature, seconds)) });

  it('passes at the time that a log of the policy promised, long after its certificate has expired', () => {
    for (const withBody of [false, true])
      expect(judge(logged({ withBody }), GOOD)).toMatchObject({
        reasons: [],
        signer: { format: 'x509', key: signer.fingerprint },
      });
    expect(codes(logged(), trusting({ transparencyLogs: [other.pem, log.pem] }))).toEqual([]);
  });

  it.each<[string, string, string, SignerPolicy]>([
    ['without an entry', 'it brings no entry of a transparency log', by(signer), GOOD],
    [
      'without an entry, though the certificate is valid now',
      'it brings no entry of a transparency log',
      by(leaf),
      policyOf({ transparencyLogs: [log.pem] }),
    ],
    [
      'with an entry that no log of the policy has',
      'its entry is of a transparency log that the policy does not name',
      logged({}, seconds, other),
      GOOD,
    ],
    [
      'where the policy names no log',
      'it was not valid at the time of the signature',
      logged(),
      trusting({ transparencyLogs: [] }),
    ],
    [
      'with an entry that promises nothing',
      'its entry of the transparency log promises no time',
      logged({ promise: Buffer.of() }),
      GOOD,
    ],
    [
      'with an entry of another version',
      'its entry of the transparency log promises no time',
      logged({ version: '0.0.2' }),
      GOOD,
    ],
    [
      'that came before its certificate was valid',
      'it was not valid at the time of the signature',
      logged({}, seconds - 61),
      GOOD,
    ],
    [
      'that came after its certificate had expired',
      'it was not valid at the time of the signature',
      logged({}, seconds + 541),
      GOOD,
    ],
    [
      'of another issuer',
      'it is of nobody whom the policy names',
      logged(),
      trusting({ identities: [{ issuer: `${ISSUER}/`, subject: SUBJECT }] }),
    ],
    [
      'of an issuer where none is named',
      'it is of nobody whom the policy names',
      logged(),
      trusting({ identities: [{ subject: SUBJECT }] }),
    ],
  ])('is a stranger’s: %s', (_what, why, armored, policy) => {
    expect(judge(armored, policy).reasons).toMatchObject([{ code: 'source.signer-unknown', found: toldOf(why) }]);
  });

  let elsewhere: LoggedSignature | undefined;
  by(leaf, {
    logEntry: (signature) => {
      elsewhere = signature;
      return Buffer.of();
    },
  });
  const another = (options: TestEntryOptions = {}) =>
    by(signer, { logEntry: (signature) => log.entry({ ...signature, ...elsewhere }, seconds, options) });

  it.each<[string, string, string]>([
    ['what the log promised of another signature', 'the transparency log did not promise this entry', another()],
    [
      'the whole entry of another signature',
      'its entry of the transparency log is of another signature',
      another({ withBody: true }),
    ],
    [
      'another time than was promised',
      'the transparency log did not promise this entry',
      logged({ saysSeconds: seconds + 1 }),
    ],
    [
      'what another log promised',
      'the transparency log did not promise this entry',
      by(signer, {
        logEntry: (signature) =>
          other.entry(signature, seconds, { logId: log.entry(signature, seconds).subarray(7, 39) }),
      }),
    ],
    [
      'a promise that is none',
      'the transparency log did not promise this entry',
      logged({ promise: Buffer.from('promised') }),
    ],
    ['an entry that ends too early', 'an entry ends too early', raw((entry) => entry.subarray(0, 30))],
    ['an entry with a field twice', 'a field of an entry stands twice', raw((entry) => Buffer.concat([entry, entry]))],
    ['an entry with a number that never ends', 'a number of an entry is too large', raw(() => Buffer.alloc(40, 0xff))],
    [
      'an entry with a length of terabytes',
      'an entry ends too early',
      raw(() => Buffer.of(0x12, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x0f)),
    ],
    ['an entry with a number for a text', 'a field of an entry is a number', raw(() => Buffer.of(0x10, 1))],
    ['an entry with a text for a number', 'a field of an entry is no number', raw(() => Buffer.of(0x0a, 0))],
    ['an entry with a group', 'a field of an entry is of no known kind', raw(() => Buffer.of(0x0b))],
  ])('is bad: with %s', (_what, why, armored) => {
    expect(judge(armored, GOOD).reasons).toMatchObject([{ code: 'source.signature-bad', found: toldOf(why) }]);
  });

  it.each<[string, string, boolean]>([
    ['*@example.com', 'ana.b@example.com', true],
    ['*@example.com', '@example.com', false],
    ['*@example.com', 'ana@b@example.com', false],
    ['ana@*.example.com', 'ana@mail.example.com', true],
    ['ana@*.example.com', 'ana@example.com', false],
    ['https://git.example.com/acme/*', 'https://git.example.com/acme/m', true],
    ['https://git.example.com/acme/*', 'https://git.example.com/acme/m/n', false],
    ['https://git.example.com/acme/*', 'https://git.example.com/acme/', false],
    ['https://git.example.com/acme/m', 'https://git.example.com/acme/m2', false],
    ['https://git.example.com/ac?e', 'https://git.example.com/acme', false],
    ['a*a@example.com', 'aa@example.com', false],
  ])('of the identity %s may be by %s: %s', (subject, name, may) => {
    const named = certificate([names(name), oidcIssuer(ISSUER)]);
    const armored = by(named, { logEntry: (signature) => log.entry(signature, seconds) });
    const policy = trusting({ identities: [{ issuer: ISSUER, subject }] });
    expect(codes(armored, policy)).toEqual(may ? [] : ['source.signer-unknown']);
  });

  it('is a stranger’s when its certificate names two issuers, and known by the older form of one', () => {
    const by2 = (extensions: readonly Uint8Array[]) =>
      by(certificate([names(WORKFLOW), ...extensions]), { logEntry: (signature) => log.entry(signature, seconds) });
    expect(codes(by2([legacyOidcIssuer(ISSUER)]), GOOD)).toEqual([]);
    const two = by2([oidcIssuer(ISSUER), legacyOidcIssuer('https://other.example.com')]);
    expect(codes(two, GOOD)).toEqual(['source.signer-unknown']);
  });
});

describe('the X.509 section of a policy', () => {
  it.each<[string, object, string]>([
    ['a root that is no PEM', { roots: ['root'] }, 'x509.roots[0]'],
    ['two roots in one text', { roots: [root.pem, `${root.pem}${root.pem}`] }, 'x509.roots[1]'],
    [
      'an intermediate that is cut off',
      { intermediates: [root.pem.replace(/\n.{64}\n/, '\n')] },
      'x509.intermediates[0]',
    ],
    ['a log that is a certificate', { transparencyLogs: [root.pem] }, 'x509.transparencyLogs[0]'],
    [
      'a log with an RSA key',
      { transparencyLogs: [rsaKeys(2048).publicKey.export({ format: 'pem', type: 'spki' }).toString()] },
      'x509.transparencyLogs[0]',
    ],
  ])('refuses every tag with %s', (_what, x509, where) => {
    expect(judge(by(leaf), policyOf(x509)).reasons).toMatchObject([{ code: 'policy.signers-malformed', where }]);
  });

  it.each<[string, object]>([
    ['no root', { roots: [] }],
    ['nobody', { identities: [] }],
    ['a part with two *', { identities: [{ subject: '*-*@example.com' }] }],
    ['a word that is none', { root: root.pem }],
  ])('does not parse with %s', (_what, x509) => {
    expect(() => policyOf(x509)).toThrow();
  });
});
