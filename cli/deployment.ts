import { systemClock } from '../adapters/embedded/system-clock.ts';
import { isLoopbackAddress } from '../adapters/network/address.ts';
import { type AwsCredentials, signedHeaders } from '../adapters/network/aws-signature.ts';
import { openEgress } from '../adapters/network/egress.ts';
import { type Given, type Io, UsageError } from './command.ts';

/** A deployment on AWS and who asks it: whoever these credentials are of. */
export interface Deployment {
  readonly url: URL;
  readonly region: string;
  readonly credentials: AwsCredentials;
}

/** Of an HTTP answer, what the commands look at. */
export type Answer = Pick<Response, 'ok' | 'status' | 'json'>;

export const SERVER_OPTION = {
  server: { type: 'string', value: 'URL', help: 'a deployment on AWS instead of --data: its output HookUrl' },
} as const;

/** The gateway sends no more. */
const MAX_BYTES = 10 * 1024 * 1024;
/** The gateway gives up after thirty seconds, and says so. */
const TIMEOUT_MS = 35_000;

/** The account does not let whoever signed do what was asked. */
class NotAllowed extends Error {
  override readonly name = 'NotAllowed';
}

function urlOf(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const secure = url?.protocol === 'https:';
  // Tests ask an emulator on loopback; anybody else could read the answers on their way.
  const local = url?.protocol === 'http:' && isLoopbackAddress(url.hostname.replace(/^\[|\]$/g, ''));
  if (!url || !(secure || local) || url.search !== '' || url.hash !== '' || url.username !== '' || url.password !== '')
    throw new UsageError('--server takes the https URL of a deployment, as its output HookUrl names it');
  return url;
}

/** Region and credentials, which the variables of every tool for AWS name. */
function signerOf({ environment }: Io): Pick<Deployment, 'region' | 'credentials'> {
  const { AWS_REGION, AWS_DEFAULT_REGION, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN } = environment;
  const region = AWS_REGION || AWS_DEFAULT_REGION;
  if (!region || !AWS_ACCESS_KEY_ID || !AWS_SECRET_ACCESS_KEY)
    throw new UsageError(
      'requests to --server are signed: set AWS_REGION (or AWS_DEFAULT_REGION), AWS_ACCESS_KEY_ID, ' +
        'AWS_SECRET_ACCESS_KEY and, for a session, AWS_SESSION_TOKEN',
    );
  const credentials = { accessKeyId: AWS_ACCESS_KEY_ID, secretAccessKey: AWS_SECRET_ACCESS_KEY };
  return { region, credentials: AWS_SESSION_TOKEN ? { ...credentials, sessionToken: AWS_SESSION_TOKEN } : credentials };
}

/** The deployment that `--server` names; undefined where a data folder is named instead. Exactly one of both is. */
export function deploymentIn(given: Given, io: Io): Deployment | undefined {
  const text = given.text('server');
  if ((text === undefined) === (given.text('data') === undefined))
    throw new UsageError('name a data folder with --data, or a deployment with --server');
  return text === undefined ? undefined : { url: urlOf(text), ...signerOf(io) };
}

/** One signed ask. A refused signature is `NotAllowed`, an ask that cannot be read `UsageError`; else as `Egress` says. */
export async function askDeployment(
  { url: server, region, credentials }: Deployment,
  path: string,
  asked: unknown,
): Promise<Answer> {
  const url = new URL(`${server.href.replace(/\/$/, '')}${path}`);
  const body = Buffer.from(JSON.stringify(asked));
  const post = { url, body, headers: { 'content-type': 'application/json' } };
  const headers = signedHeaders(post, credentials, { service: 'execute-api', region }, systemClock.now());
  const egress = openEgress([{ host: server.host, private: true }]);
  try {
    const answer = await egress.request({
      ...post,
      method: 'POST',
      headers,
      maxBytes: MAX_BYTES,
      timeoutMs: TIMEOUT_MS,
    });
    const { status } = answer;
    const text = Buffer.from(await answer.bytes()).toString();
    if (status === 403)
      throw new NotAllowed(
        `${url.origin} answered 403: the signature is not valid, or its principal lacks execute-api:Invoke on POST ${path}`,
      );
    if (status === 400)
      throw new UsageError('the deployment cannot read what is asked: no run, image or name is like this');
    return { ok: status === 200, status, json: async () => JSON.parse(text) };
  } finally {
    egress.close();
  }
}
