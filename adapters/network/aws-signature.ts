import { createHash, createHmac } from 'node:crypto';

/** Keys of whoever asks, as AWS hands them out; a session has a token too. */
export interface AwsCredentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
}

/** Where a signature counts. */
export interface SigningScope {
  readonly service: string;
  readonly region: string;
}

export interface PostToSign {
  /** Without a query, its path without dot segments, as `URL` leaves it. */
  readonly url: URL;
  /** Lower-case names; `host` and the headers of the signature are added. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
}

const ALGORITHM = 'AWS4-HMAC-SHA256';
const sha256 = (text: string | Uint8Array) => createHash('sha256').update(text).digest('hex');
const hmac = (key: string | Buffer, text: string) => createHmac('sha256', key).update(text).digest();

/** Every service but S3 signs the path as sent, encoded once more. */
const encodedPath = ({ pathname }: URL): string =>
  pathname
    .split('/')
    .map((part) =>
      encodeURIComponent(part).replace(/[!'()*]/g, (sign) => `%${sign.charCodeAt(0).toString(16).toUpperCase()}`),
    )
    .join('/');

/**
 * All headers of a POST, signed with AWS Signature Version 4 at `now`, in milliseconds; the service takes a signature of the
 * last minutes only (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html).
 */
export function signedHeaders(
  { url, headers, body }: PostToSign,
  { accessKeyId, secretAccessKey, sessionToken }: AwsCredentials,
  { service, region }: SigningScope,
  now: number,
): Record<string, string> {
  const at = new Date(now).toISOString().replaceAll(/[-:]|\.\d+/g, '');
  const scope = `${at.slice(0, 8)}/${region}/${service}/aws4_request`;
  const signed: Record<string, string> = {
    ...headers,
    host: url.host,
    'x-amz-date': at,
    ...(sessionToken === undefined ? {} : { 'x-amz-security-token': sessionToken }),
  };
  const names = Object.keys(signed).sort();
  const lines = names.map((name) => `${name}:${signed[name]?.trim().replaceAll(/ +/g, ' ')}\n`).join('');
  const list = names.join(';');
  const canonical = ['POST', encodedPath(url), '', lines, list, sha256(body)].join('\n');
  const key = scope.split('/').reduce<string | Buffer>(hmac, `AWS4${secretAccessKey}`);
  const signature = hmac(key, [ALGORITHM, at, scope, sha256(canonical)].join('\n')).toString('hex');
  const authorization = `${ALGORITHM} Credential=${accessKeyId}/${scope}, SignedHeaders=${list}, Signature=${signature}`;
  return { ...signed, authorization };
}
