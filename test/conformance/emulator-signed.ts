import { createHash, createHmac } from 'node:crypto';
import { type Emulator, type HttpAnswer, sendTo } from './emulator.ts';

/** Keys of a principal of the emulator's account. */
export interface Principal {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
}

const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');
const hmac = (key: string | Buffer, text: string) => createHmac('sha256', key).update(text).digest();

interface Ask {
  /** Names the host that is signed for; the request goes to the emulator's port. */
  readonly url: URL;
  readonly service: string;
  readonly body: string;
  readonly contentType?: string;
}

/**
 * A POST signed with AWS Signature Version 4, as any client of a signed API makes one
 * (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html).
 */
export function signedPost(
  emulator: Emulator,
  { url, service, body, contentType = 'application/json' }: Ask,
  { accessKeyId, secretAccessKey }: Principal,
): Promise<HttpAnswer> {
  const { region } = emulator.client;
  const at = new Date().toISOString().replaceAll(/[-:]|\.\d+/g, '');
  const scope = `${at.slice(0, 8)}/${region}/${service}/aws4_request`;
  const signed = { 'content-type': contentType, host: url.host, 'x-amz-date': at };
  const names = Object.keys(signed).join(';');
  const lines = Object.entries(signed).map(([name, value]) => `${name}:${value}\n`);
  const canonical = ['POST', url.pathname, '', lines.join(''), names, sha256(body)].join('\n');
  const key = scope.split('/').reduce<string | Buffer>(hmac, `AWS4${secretAccessKey}`);
  const signature = hmac(key, ['AWS4-HMAC-SHA256', at, scope, sha256(canonical)].join('\n')).toString('hex');
  const authorization = `AWS4-HMAC-SHA256 Credential=${accessKeyId}/${scope}, SignedHeaders=${names}, Signature=${signature}`;
  return sendTo(emulator, url.pathname, { method: 'POST', headers: { ...signed, authorization }, body });
}
