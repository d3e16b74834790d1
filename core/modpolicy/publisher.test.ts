import { generateKeyPairSync } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import { testSshKey } from '../../test/fakes/test-ssh-key.ts';
import { ModulePolicy } from './module-policy.ts';
import { Publisher, signatureUrl } from './publisher.ts';

const key = testSshKey();
const publisher = {
  modules: ['example.com'],
  url: 'https://sig.test/{path}/@v/{version}.sig',
  kind: 'ssh',
  keys: [`ana ${key.line}`],
};
const pem = (kind: 'spki' | 'pkcs8') => {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519');
  return kind === 'spki'
    ? publicKey.export({ type: kind, format: 'pem' }).toString()
    : privateKey.export({ type: kind, format: 'pem' }).toString();
};

describe('a publisher', () => {
  it('has keys of its kind', () => {
    expect(Publisher.parse(publisher)).toMatchObject({ required: false });
    expect(Publisher.parse({ ...publisher, keys: [`# people\nana ${key.line}\n`] })).toBeDefined();
    expect(Publisher.parse({ ...publisher, kind: 'cosign', keys: [pem('spki')] })).toBeDefined();
  });

  it.each<[string, object, RegExp]>([
    ['no module', { modules: [] }, /modules/],
    ['no key', { keys: [] }, /keys/],
    ['another kind of key', { kind: 'gpg' }, /kind/],
    ['an SSH key cut off', { keys: [publisher.keys[0], 'ana ssh-ed25519 AAAA'] }, /keys\[1\]/],
    ['a comment for a key', { keys: ['# ana'] }, /no line of allowed signers/],
    ['an OpenPGP key without armor', { kind: 'openpgp', keys: ['xjMEY'] }, /the armor of a public key is damaged/],
    ['a minisign key of other bytes', { kind: 'minisign', keys: ['RWQAAAA='] }, /no public key of minisign/],
    ['a private key', { kind: 'cosign', keys: [pem('pkcs8')] }, /no PEM public key/],
    ['an unknown setting', { threshold: 2 }, /threshold/],
  ])('makes the policy unreadable with %s', (_what, changes, said) => {
    const publishers = [{ ...publisher, ...changes }];
    const { error } = ModulePolicy.safeParse({ 'publisher-signature': { publishers } });
    expect(error && z.prettifyError(error)).toMatch(said);
  });

  it.each([
    'https://sig.test/{path}/list',
    'https://sig.test/{version}',
    'https://{path}/{version}.sig',
    'https://sig.{path}.test/{path}/{version}',
    'https://ana:secret@sig.test/{path}/{version}',
    'https://sig.test/{path}#{version}',
    'https://sig.test?{path}{version}',
    'https://sig test/{path}/{version}',
    'https://sig.test:99999/{path}/{version}',
    'file:///{path}/{version}',
    '{path}/{version}',
  ])('has no signatures at %s', (url) => {
    expect(Publisher.safeParse({ ...publisher, url }).success).toBe(false);
  });
});

describe('where a signature lies', () => {
  it.each([
    ['example.com/a', 'v1.0.0', 'https://sig.test/example.com/a/@v/v1.0.0.sig'],
    ['example.com/Mixed/A', 'v1.0.0-RC.1', 'https://sig.test/example.com/!mixed/!a/@v/v1.0.0-!r!c.1.sig'],
    ['example.com/a', 'v2.0.0+incompatible', 'https://sig.test/example.com/a/@v/v2.0.0+incompatible.sig'],
  ])('is said by path and version as the GOPROXY protocol escapes them: %s %s', (path, version, url) => {
    expect(signatureUrl(publisher, { path, version })?.href).toBe(url);
  });

  it.each([
    ['../../admin', 'v1.0.0'],
    ['example.com/a?b', 'v1.0.0'],
    ['example.com/a', 'v1.0.0/../x'],
    ['', ''],
  ])('is nowhere for %j at %j', (path, version) => {
    expect(signatureUrl(publisher, { path, version })).toBeUndefined();
  });

  it('may be named in a query', () => {
    const url = 'https://sig.test/find?module={path}&version={version}&again={version}';
    expect(signatureUrl({ url }, { path: 'example.com/a', version: 'v1.0.0' })?.search).toBe(
      '?module=example.com/a&version=v1.0.0&again=v1.0.0',
    );
  });
});
