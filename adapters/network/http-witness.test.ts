import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { text } from 'node:stream/consumers';
import { afterAll, describe, expect, it } from 'vitest';
import { formatVerifierKey, verifierKeyOf } from '../../core/tlog/note.ts';
import { TenantId } from '../../events/fields.ts';
import { openEgress } from './egress.ts';
import { httpWitness, httpWitnesses } from './http-witness.ts';

const KEY = verifierKeyOf('witness.example/w', new Uint8Array(32).fill(3), 'ed25519-cosignature');
type Answer = (request: IncomingMessage, response: ServerResponse) => void;
let answer: Answer = (_, response) => response.end();
const seen: { method: string | undefined; url: string | undefined; body: string }[] = [];
const server = createServer(async (request, response) => {
  seen.push({ method: request.method, url: request.url, body: await text(request) });
  answer(request, response);
});
await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
const address = server.address();
const host = `127.0.0.1:${typeof address === 'object' && address ? address.port : 0}`;
afterAll(() => {
  server.closeAllConnections();
  server.close();
});

const ask = (body = 'old 0\n\nnote', at = `http://${host}/submit/`) =>
  httpWitness({ egress: openEgress([{ host, private: true }]), url: new URL(at), key: KEY }).addCheckpoint(body);
const answering =
  (status: number, body: string, type = 'text/plain; charset=utf-8'): Answer =>
  (_, response) =>
    response.writeHead(status, { 'content-type': type }).end(body);

describe('a witness over HTTP', () => {
  it('is asked below its prefix, and answers in the protocol', async () => {
    answer = answering(200, '— w AAAA\n');
    expect(await ask('old 7\n\nnote of 9')).toEqual({ kind: 'cosigned', signatureLines: '— w AAAA\n' });
    expect(seen.at(-1)).toEqual({ method: 'POST', url: '/submit/add-checkpoint', body: 'old 7\n\nnote of 9' });
    answer = answering(409, '12\n', 'text/x.tlog.size');
    expect(await ask()).toEqual({ kind: 'conflict', size: 12 });
    answer = answering(422, 'no');
    expect(await ask()).toEqual({ kind: 'inconsistent' });
  });

  it.each<[string, Answer]>([
    ['an error of the server', answering(503, '')],
    ['a conflict without a size', answering(409, 'twelve', 'text/x.tlog.size')],
    ['a redirect', (_, response) => response.writeHead(302, { location: '/elsewhere' }).end()],
    ['a body without an end', (_, response) => void response.writeHead(200).end('x'.repeat(600_000))],
    ['a connection that breaks', (request) => request.socket.destroy()],
  ])('holds nothing up with %s', async (_, broken) => {
    answer = broken;
    expect(await ask()).toBeUndefined();
  });

  it('holds nothing up where it is not to be reached, or not listed', async () => {
    expect(await ask('', 'http://127.0.0.1:1/')).toBeUndefined();
  });
});

it('asks the witnesses of a tenant, and nobody for a tenant that names none', async () => {
  const [acme, other] = [TenantId.parse('acme'), TenantId.parse('other')];
  const witnessPolicy = `witness w ${formatVerifierKey(KEY)} http://${host}/w\nquorum w\n`;
  const witnessingOf = httpWitnesses(openEgress([{ host, private: true }]), [
    { id: acme, witnessPolicy },
    { id: other },
  ]);
  expect(witnessingOf(other)).toBeUndefined();
  answer = answering(404, '');
  const answers = witnessingOf(acme)?.witnesses.map((witness) => witness.addCheckpoint('old 0\n\nnote'));
  expect(await Promise.all(answers ?? [])).toEqual([{ kind: 'unknown-log' }]);
  expect(seen.at(-1)?.url).toBe('/w/add-checkpoint');
});
