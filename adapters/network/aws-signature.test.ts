import { describe, expect, it } from 'vitest';
import { signedHeaders } from './aws-signature.ts';

/** Keys, instant and signatures of the test suite that AWS published for Signature Version 4. */
const KEYS = { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY' };
const TOKEN =
  'AQoDYXdzEPT//////////wEXAMPLEtc764bNrC9SAPBSM22wDOk4x4HIZ8j4FZTwdQWLWsKWHGBuFqwAeMicRXmxfpSPfIeoIYRqTflfKD8YUuwthAx7mSEI/qkPpKPi/kMcGdQrmGdeehM4IC1NtBmUpp2wUE8phUZampKsburEDy0KPkyQDYwT7WZ0wq5VSXDvp75YU9HFvlRd8Tx6q6fE8YQcHNVXAkiY9q6d+xo0rKwT38xVqr7ZD0u0iPPkUL64lIZbqBAz+scqKmlzm8FDrypNC9Yjc8fPOLn9FX9KSYvKTr4rvx3iSIlTJabIQwj2ICCR/oLxBA==';
const SCOPE = { service: 'service', region: 'us-east-1' };
const AT = Date.parse('2015-08-30T12:36:00.000Z');
const url = new URL('https://example.amazonaws.com/');

const sign = (headers: Record<string, string>, text: string, keys: Parameters<typeof signedHeaders>[1] = KEYS) =>
  signedHeaders({ url, headers, body: Buffer.from(text) }, keys, SCOPE, AT);

const form = { 'content-type': 'application/x-www-form-urlencoded' };
const VECTORS: readonly [string, ReturnType<typeof sign>, string, string][] = [
  ['post-vanilla', sign({}, ''), '', '5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b'],
  [
    'post-header-key-sort',
    sign({ 'my-header1': 'value1' }, ''),
    'my-header1',
    'c5410059b04c1ee005303aed430f6e6645f61f4dc9e1461ec8f8916fdf18852c',
  ],
  [
    'post-header-value-case',
    sign({ 'my-header1': 'VALUE1' }, ''),
    'my-header1',
    'cdbc9802e29d2942e5e10b5bccfdd67c5f22c7c4e8ae67b53629efa58b974b7d',
  ],
  [
    'post-sts-header-before',
    sign({}, '', { ...KEYS, sessionToken: TOKEN }),
    'x-amz-security-token',
    '85d96828115b5dc0cfc3bd16ad9e210dd772bbebba041836c64533a82be05ead',
  ],
  [
    'post-x-www-form-urlencoded',
    sign(form, 'Param1=value1'),
    'content-type',
    'ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a',
  ],
  [
    'post-x-www-form-urlencoded-parameters',
    sign({ 'content-type': 'application/x-www-form-urlencoded; charset=utf8' }, 'Param1=value1'),
    'content-type',
    '1a72ec8f64bd914b0e42e42607c7fbce7fb2c7465f63e3092b3b0d39fa77a6fe',
  ],
];

describe('the signature of a request to AWS', () => {
  it.each(VECTORS)('is the published one for %s', (_name, { authorization }, also, signature) => {
    const names = ['host', 'x-amz-date', ...(also === '' ? [] : [also])].sort().join(';');
    expect(authorization).toBe(
      `AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, SignedHeaders=${names}, Signature=${signature}`,
    );
  });

  it('is sent with the instant and the token that it covers', () => {
    const sent = sign({}, '', { ...KEYS, sessionToken: TOKEN });
    expect(sent).toMatchObject({
      host: 'example.amazonaws.com',
      'x-amz-date': '20150830T123600Z',
      'x-amz-security-token': TOKEN,
    });
    expect(sign({}, '')).not.toHaveProperty('x-amz-security-token');
  });

  it('differs for another path, body, region, instant or secret', () => {
    const post = { url, headers: {}, body: Buffer.from('a') };
    const signatures = [
      signedHeaders(post, KEYS, SCOPE, AT),
      signedHeaders({ ...post, url: new URL('/a', url) }, KEYS, SCOPE, AT),
      signedHeaders({ ...post, body: Buffer.from('b') }, KEYS, SCOPE, AT),
      signedHeaders(post, KEYS, { ...SCOPE, region: 'eu-central-1' }, AT),
      signedHeaders(post, KEYS, SCOPE, AT + 1000),
      signedHeaders(post, { ...KEYS, secretAccessKey: 'another test key' }, SCOPE, AT),
    ].map(({ authorization }) => authorization?.slice(-64));
    expect(new Set(signatures).size).toBe(signatures.length);
  });
});
