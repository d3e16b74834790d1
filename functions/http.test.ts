import { describe, expect, it } from 'vitest';
import { callerOf, httpRequestOf, jsonOf } from './http.ts';

const ARN = 'arn:aws:iam::111122223333:user/alice';
const signedBy = (iam: unknown) => ({ requestContext: { authorizer: { iam } } });

describe('whoever signed a request', () => {
  it('is known by the ARN that the gateway gives', () =>
    expect(callerOf(signedBy({ userArn: ARN, accountId: '111122223333' }))).toBe(ARN));

  it.each<[string, unknown]>([
    ['no event', undefined],
    ['no authorizer', { requestContext: {} }],
    ['another authorizer', { requestContext: { authorizer: { jwt: { claims: { sub: ARN } } } } }],
    ['nobody', signedBy(null)],
    ['no ARN', signedBy({ userArn: null })],
    ['what is no ARN', signedBy({ userArn: 'alice' })],
    ['a header that says so', { headers: { 'x-amz-user-arn': ARN }, requestContext: {} }],
  ])('is nobody in a request with %s', (_what, event) => expect(callerOf(event)).toBeUndefined());
});

describe('a request', () => {
  const event = { requestContext: { http: { method: 'POST' }, routeKey: 'POST /control/stops' }, headers: {} };

  it('names its route, and has no parameters where the route has none', () => {
    for (const pathParameters of [undefined, null])
      expect(httpRequestOf({ ...event, pathParameters })).toMatchObject({ route: 'stops', parameters: {} });
  });

  it('has its body as bytes, however the gateway passes it on', () => {
    const text = '{"run":"r"}';
    const encoded = { body: Buffer.from(text).toString('base64'), isBase64Encoded: true };
    for (const more of [{ body: text }, encoded])
      expect(jsonOf(httpRequestOf({ ...event, ...more }).body)).toEqual({ run: 'r' });
  });

  it('has no JSON where its body is none', () => {
    for (const body of ['', '{', undefined]) expect(jsonOf(httpRequestOf({ ...event, body }).body)).toBeUndefined();
  });
});
