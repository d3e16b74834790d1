import * as z from 'zod';

/** An HTTP API's request, payload format 2.0, as far as it is read. Header names are lower case there. */
const HttpEvent = z.object({
  pathParameters: z.record(z.string(), z.string()).default({}),
  requestContext: z.object({ http: z.object({ method: z.string() }) }),
  headers: z.record(z.string(), z.string()).default({}),
  body: z.string().optional(),
  isBase64Encoded: z.boolean().default(false),
});

export function httpRequestOf(event: unknown) {
  const { pathParameters, requestContext, headers, body = '', isBase64Encoded } = HttpEvent.parse(event);
  return {
    parameters: pathParameters,
    method: requestContext.http.method,
    headers,
    body: new Uint8Array(Buffer.from(body, isBase64Encoded ? 'base64' : 'utf8')),
  };
}

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
