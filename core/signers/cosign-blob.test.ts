import { createHash, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readCosignKey, verifyCosignBlob } from './cosign-blob.ts';

const MESSAGE = Buffer.from('example.com/a v1.0.0 h1:x\n');
const pemOf = (key: KeyObject) => key.export({ type: 'spki', format: 'pem' }).toString();

/** A key pair made for one test, and what cosign would write with it. */
function testKey(kind: 'p256' | 'ed25519') {
  const { publicKey, privateKey } =
    kind === 'p256' ? generateKeyPairSync('ec', { namedCurve: 'P-256' }) : generateKeyPairSync('ed25519');
  const algorithm = kind === 'p256' ? 'sha256' : null;
  return { publicKey, signature: (message: Uint8Array) => sign(algorithm, message, privateKey).toString('base64') };
}

const p256 = testKey('p256');
const ed25519 = testKey('ed25519');
const sha256 = createHash('sha256').update(MESSAGE).digest('base64');
const bundle = (changes: object = {}) => ({
  mediaType: 'application/vnd.dev.sigstore.bundle.v0.3+json',
  verificationMaterial: { publicKey: { hint: 'any' } },
  messageSignature: {
    messageDigest: { algorithm: 'SHA2_256', digest: sha256 },
    signature: p256.signature(MESSAGE),
  },
  ...changes,
});
const kindOf = (signature: string | object, message: Uint8Array = MESSAGE, keys = [p256.publicKey]) => {
  const text = typeof signature === 'string' ? signature : JSON.stringify(signature);
  return verifyCosignBlob(Buffer.from(text), message, keys).kind;
};

describe('a signature of a file by cosign', () => {
  it.each([
    ['P-256', p256],
    ['Ed25519', ed25519],
  ])(
    'by a key of %s is good over its bytes, by any of the keys, and by no other',
    (_kind, { publicKey, signature }) => {
      const text = signature(MESSAGE);
      expect(kindOf(text, MESSAGE, [publicKey])).toBe('good');
      expect(kindOf(`${text}\n`, MESSAGE, [testKey('ed25519').publicKey, publicKey])).toBe('good');
      expect(kindOf(text, Buffer.from('other'), [publicKey])).toBe('bad');
      expect(kindOf(text, MESSAGE, [testKey('p256').publicKey, testKey('ed25519').publicKey])).toBe('bad');
      expect(kindOf(text, MESSAGE, [])).toBe('bad');
    },
  );

  it('is read out of a bundle, whatever its hint says', () => {
    expect(kindOf(bundle())).toBe('good');
    expect(kindOf(bundle({ verificationMaterial: { publicKey: {}, tlogEntries: [{ logIndex: '1' }] } }))).toBe('good');
    const signature = ed25519.signature(MESSAGE);
    const undigested = bundle({ messageSignature: { messageDigest: {}, signature } });
    expect(kindOf(undigested, MESSAGE, [ed25519.publicKey])).toBe('good');
  });

  it.each<[string, string | object, 'bad' | 'malformed']>([
    ['nothing', '', 'malformed'],
    ['a page', '<html>not found</html>', 'malformed'],
    ['base64 with other characters', `${p256.signature(MESSAGE)}*`, 'malformed'],
    ['base64 in two lines', p256.signature(MESSAGE).replace(/^(.{20})/, '$1\n'), 'malformed'],
    ['bytes that are no signature', Buffer.from('no').toString('base64'), 'bad'],
    ['JSON that is no bundle', {}, 'malformed'],
    ['JSON that ends early', JSON.stringify(bundle()).slice(0, -1), 'malformed'],
    ['a bundle with a key twice', JSON.stringify(bundle()).replace('{', '{"MediaType":"x",'), 'malformed'],
    [
      'a bundle of another version',
      bundle({ mediaType: 'application/vnd.dev.sigstore.bundle+json;version=0.2' }),
      'malformed',
    ],
    [
      'a bundle for a certificate',
      bundle({ verificationMaterial: { certificate: { rawBytes: 'AA==' } } }),
      'malformed',
    ],
    ['a bundle of a statement', bundle({ messageSignature: undefined, dsseEnvelope: {} }), 'malformed'],
    ['a bundle of two things', bundle({ dsseEnvelope: {} }), 'malformed'],
    [
      'a bundle by another hash',
      bundle({ messageSignature: { messageDigest: { algorithm: 'SHA2_512' }, signature: p256.signature(MESSAGE) } }),
      'malformed',
    ],
    [
      'a bundle of another digest',
      bundle({
        messageSignature: {
          messageDigest: { algorithm: 'SHA2_256', digest: createHash('sha256').digest('base64') },
          signature: p256.signature(MESSAGE),
        },
      }),
      'bad',
    ],
    ['a bundle with an empty signature', bundle({ messageSignature: { signature: '' } }), 'malformed'],
  ])('%s is none', (_what, signature, kind) => {
    expect(kindOf(signature)).toBe(kind);
  });

  it('is none once any byte of it has changed, and never makes the reader throw', () => {
    const raw = Buffer.from(p256.signature(MESSAGE), 'base64');
    for (const at of raw.keys()) {
      const changed = Buffer.from(raw);
      changed[at] = (changed[at] ?? 0) ^ 0x41;
      expect([at, kindOf(changed.toString('base64'))]).toEqual([at, 'bad']);
    }
    const keys = [p256.publicKey, ed25519.publicKey];
    fc.assert(
      fc.property(
        fc.oneof(
          fc.uint8Array(),
          fc.json().map((text) => Buffer.from(text)),
        ),
        (bytes) => {
          expect(verifyCosignBlob(bytes, MESSAGE, keys).kind).not.toBe('good');
          expect(kindOf(Buffer.from(bytes).toString('base64'), MESSAGE, keys)).not.toBe('good');
        },
      ),
    );
  });
});

describe('a public key of cosign', () => {
  it('is PEM of P-256 or Ed25519', () => {
    for (const { publicKey } of [p256, ed25519]) expect(readCosignKey(`\n${pemOf(publicKey)}`)).toBeDefined();
  });

  it.each<[string, string]>([
    ['nothing', ''],
    ['of another curve', pemOf(generateKeyPairSync('ec', { namedCurve: 'P-384' }).publicKey)],
    ['of RSA', pemOf(generateKeyPairSync('rsa', { modulusLength: 2048 }).publicKey)],
    ['a private key', generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()],
    ['two keys', pemOf(p256.publicKey) + pemOf(ed25519.publicKey)],
    ['text before it', `key:\n${pemOf(p256.publicKey)}`],
    ['what is cut off', pemOf(p256.publicKey).replace(/.{20}\n-----END/, '\n-----END')],
  ])('is not %s', (_what, text) => {
    expect(readCosignKey(text)).toBeUndefined();
  });
});
