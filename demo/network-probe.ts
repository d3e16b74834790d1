import { lookup } from 'node:dns/promises';
import { request as requestHttp } from 'node:http';
import { request as requestHttps } from 'node:https';
import * as z from 'zod';

/** Whether a public module proxy is there. `answered` says nothing about what it answered: that is judged later. */
export type Probe =
  | { readonly kind: 'answered'; readonly commit?: string }
  | { readonly kind: 'absent'; readonly why: string };

const Info = z.looseObject({ Origin: z.looseObject({ Hash: z.string().regex(/^[0-9a-f]{40}$/) }).optional() });
const escaped = (text: string) => text.replace(/[A-Z]/g, (letter) => `!${letter.toLowerCase()}`);

function get(url: URL): Promise<string> {
  const request = url.protocol === 'https:' ? requestHttps : requestHttp;
  return new Promise((resolve, reject) => {
    const sent = request(url, { timeout: 5000 }, (response) => {
      let body = '';
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => {
        if (body.length < 65_536) body += chunk;
      });
      response.on('end', () => resolve(body));
      response.on('error', reject);
    });
    sent.on('timeout', () => sent.destroy(new Error('no connection within 5 s')));
    sent.on('error', reject);
    sent.end();
  });
}

/** The commit a proxy says a version was made from, where it says so. */
function commitIn(body: string): string | undefined {
  try {
    return Info.parse(JSON.parse(body)).Origin?.Hash;
  } catch {
    return undefined;
  }
}

/** One probe decides between the public proxy and the bundled set: name, connection, TLS. After it every error is judged. */
export async function probeModuleProxy(goproxy: string, module: string, version: string): Promise<Probe> {
  const first = goproxy.split(/[,|]/)[0]?.trim() ?? '';
  if (first === '' || first === 'off' || first === 'direct')
    return { kind: 'absent', why: `GOPROXY is ${first || 'empty'}` };
  const url = new URL(`${first.replace(/\/$/, '')}/${escaped(module)}/@v/${escaped(version)}.info`);
  if (url.protocol === 'file:') return { kind: 'answered' };
  try {
    await lookup(url.hostname);
    const commit = commitIn(await get(url));
    return commit === undefined ? { kind: 'answered' } : { kind: 'answered', commit };
  } catch (error) {
    return { kind: 'absent', why: error instanceof Error ? error.message : 'no connection' };
  }
}
