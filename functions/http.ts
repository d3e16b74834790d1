import * as z from 'zod';

/** An HTTP API's request, payload format 2.0, as far as it is read. Header names are lower case there. */
const HttpEvent = z.object({
  pathParameters: z.record(z.string(), z.string()).nullish(),
  requestContext: z.object({ http: z.object({ method: z.string() }), routeKey: z.string().default('') }),
  headers: z.record(z.string(), z.string()).default({}),
  body: z.string().optional(),
  isBase64Encoded: z.boolean().default(false),
});

export function httpRequestOf(event: unknown) {
  const { pathParameters, requestContext, headers, body = '', isBase64Encoded } = HttpEvent.parse(event);
  return {
    parameters: pathParameters ?? {},
    method: requestContext.http.method,
    /** The last segment of the route that the gateway chose. */
    route: requestContext.routeKey.split('/').at(-1) ?? '',
    headers,
    body: new Uint8Array(Buffer.from(body, isBase64Encoded ? 'base64' : 'utf8')),
  };
}

/** A body that should be JSON; `undefined` when it is not. */
export function jsonOf(body: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(body).toString('utf8'));
  } catch {
    return undefined;
  }
}

/** Requests of routes with IAM authorization say who signed them; the gateway has verified the signature. */
const SignedEvent = z.object({
  requestContext: z.object({ authorizer: z.object({ iam: z.object({ userArn: z.string().startsWith('arn:') }) }) }),
});

/** ARN of whoever signed the request; `undefined` when nobody did. */
export const callerOf = (event: unknown): string | undefined =>
  SignedEvent.safeParse(event).data?.requestContext.authorizer.iam.userArn;

/** An answer that browsers neither keep nor interpret. */
export const httpAnswer = (statusCode: number, contentType: string, body: string | Uint8Array, cache = 'no-store') => ({
  statusCode,
  headers: {
    'content-type': contentType,
    'cache-control': cache,
    'x-content-type-options': 'nosniff',
    ...(statusCode === 405 ? { allow: 'POST' } : {}),
  },
  ...(typeof body === 'string' ? { body } : { body: Buffer.from(body).toString('base64'), isBase64Encoded: true }),
});
