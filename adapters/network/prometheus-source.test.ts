import { createServer, type RequestListener, type Server } from 'node:http';
import { afterAll, describe, expect, it } from 'vitest';
import type { MetricAnswer } from '../../core/ports/metric-source.ts';
import { type Egress, type EgressRequest, openEgress } from './egress.ts';
import { prometheusSource } from './prometheus-source.ts';

const AT = 1_700_000_000;
const servers: Server[] = [];
afterAll(() => {
  for (const server of servers) {
    server.closeAllConnections();
    server.close();
  }
});

/** A server on loopback and what it was asked. */
async function listen(answer: RequestListener): Promise<{ host: string; asked: string[] }> {
  const asked: string[] = [];
  const server = createServer((request, response) => {
    asked.push(request.url ?? '');
    answer(request, response);
  });
  servers.push(server);
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  const address = server.address();
  return { host: `127.0.0.1:${typeof address === 'object' && address ? address.port : 0}`, asked };
}

const open = (host: string, path = '') =>
  prometheusSource({ egress: openEgress([{ host, private: true }]), url: `http://${host}${path}` });

/** What is made of a body and a status. */
async function answerTo(body: string | Uint8Array, status = 200): Promise<MetricAnswer> {
  const { host } = await listen((_request, response) => response.writeHead(status).end(body));
  return open(host).query('up', AT);
}
const success = (resultType: string, result: unknown, more: object = {}) =>
  JSON.stringify({ status: 'success', data: { resultType, result }, ...more });
const vector = (...values: unknown[]) =>
  success(
    'vector',
    values.map((value) => ({ metric: { job: 'a' }, value: [AT, value] })),
  );

describe('a question to Prometheus', () => {
  it('is an instant query below the path of the server', async () => {
    const { host, asked } = await listen((_request, response) => response.end(vector('1')));
    const expression = 'sum(rate(http_requests_total{code=~"5.."}[1m])) / 100 & a+b';
    for (const path of ['', '/', '/prometheus', '/prometheus/']) await open(host, path).query(expression, AT);
    const urls = asked.map((url) => new URL(url, 'http://127.0.0.1'));
    const below = ['/api/v1/query', '/api/v1/query', '/prometheus/api/v1/query', '/prometheus/api/v1/query'];
    expect(urls.map(({ pathname }) => pathname)).toEqual(below);
    for (const { searchParams } of urls)
      expect([...searchParams]).toEqual([
        ['query', expression],
        ['time', String(AT)],
      ]);
  });

  it('is not put to a host that is not listed', async () => {
    const { host, asked } = await listen((_request, response) => response.end(vector('1')));
    const source = prometheusSource({ egress: openEgress([]), url: `http://${host}` });
    expect(await source.query('up', AT)).toEqual({ kind: 'error', reason: 'EgressRefused' });
    expect(asked).toEqual([]);
  });
});

describe('an answer of Prometheus', () => {
  it('has the values of a vector or a scalar as they were written, and its bytes', async () => {
    const body = vector('0.031', 'NaN', '+Inf', '-Inf', '1e-05');
    expect(await answerTo(body)).toEqual({
      kind: 'values',
      raw: new Uint8Array(Buffer.from(body)),
      values: ['0.031', 'NaN', '+Inf', '-Inf', '1e-05'],
    });
    expect(await answerTo(vector())).toMatchObject({ kind: 'values', values: [] });
    expect(await answerTo(success('scalar', [AT, '1']))).toMatchObject({ kind: 'values', values: ['1'] });
    expect(await answerTo(success('scalar', [AT, '1'], { infos: ['a hint'] }))).toMatchObject({ kind: 'values' });
  });

  it.each([
    ['a matrix', success('matrix', [{ metric: {}, values: [[AT, '1']] }]), 'a matrix, not a vector or scalar'],
    ['a string', success('string', [AT, '1']), 'a string, not a vector or scalar'],
    ['an unknown type', success('tensor', []), 'the answer is not one of the query API'],
    ['a number that is no text', vector(1), 'the answer is not one of the query API'],
    ['a native histogram', success('vector', [{ histogram: [AT, {}] }]), 'the answer is not one of the query API'],
    ['a scalar in a list', success('scalar', [[AT, '1']]), 'the answer is not one of the query API'],
    [
      'no status',
      JSON.stringify({ data: { resultType: 'vector', result: [] } }),
      'the answer is not one of the query API',
    ],
    ['another status', vector('1').replace('success', 'partial'), 'the answer is not one of the query API'],
    ['no result', '{"status":"success"}', 'the answer is not one of the query API'],
    ['a list', '[]', 'the answer is not one of the query API'],
    ['half of it', vector('1').slice(0, 40), 'the answer is no JSON'],
    ['a page', '<html>sign in</html>', 'the answer is no JSON'],
    ['nothing', '', 'the answer is no JSON'],
    ['a failed query', '{"status":"error","errorType":"execution","error":"secret"}', 'the query failed (execution)'],
    ['warnings', success('scalar', [AT, '1'], { warnings: ['a'] }), 'the answer rests on a part of the series'],
    ['another instant', success('scalar', [AT - 60, '1']), 'the answer is of another instant'],
  ])('that is %s is an error, with its bytes', async (_name, body, reason) => {
    expect(await answerTo(body)).toEqual({ kind: 'error', raw: new Uint8Array(Buffer.from(body)), reason });
  });

  it('in bytes that are no text is an error', async () => {
    const bytes = new Uint8Array(Buffer.from(vector('1').replace('"a"', '"\u00ff"'), 'latin1'));
    expect(await answerTo(bytes)).toEqual({ kind: 'error', raw: bytes, reason: 'the answer is no JSON' });
  });

  it('with any other status is an error that says the status, and of the body only the kind of error', async () => {
    const failed = '{"status":"error","errorType":"bad_data","error":"parse error: secret"}';
    for (const status of [201, 204, 400, 401, 404, 422, 429, 500, 503])
      expect(await answerTo(status === 204 ? '' : failed, status)).toMatchObject({
        kind: 'error',
        reason: status === 204 ? 'HTTP 204' : `HTTP ${status} (bad_data)`,
        raw: expect.any(Uint8Array),
      });
    expect(await answerTo(vector('1'), 500)).toMatchObject({ reason: 'HTTP 500' });
    expect(await answerTo(failed.replace('bad_data', '<script>'), 500)).toMatchObject({ reason: 'HTTP 500' });
  });

  it('that leads elsewhere is an error, and nobody goes there', async () => {
    const elsewhere = await listen((_request, response) => response.end(vector('1')));
    const { host } = await listen((_request, response) =>
      response.writeHead(302, { location: `http://${elsewhere.host}/` }).end(),
    );
    const egress = openEgress([host, elsewhere.host].map((one) => ({ host: one, private: true })));
    expect(await prometheusSource({ egress, url: `http://${host}` }).query('up', AT)).toMatchObject({
      kind: 'error',
      reason: 'HTTP 302',
    });
    expect(elsewhere.asked).toEqual([]);
  });

  it('of more than a mebibyte is an error, whether announced or not', async () => {
    const long = Buffer.alloc(1024 * 1024 + 1, ' ');
    expect(await answerTo(long)).toEqual({ kind: 'error', reason: 'LimitExceeded' });
    const { host } = await listen((_request, response) => {
      response.write(long.subarray(1));
      response.end(' ');
    });
    expect(await open(host).query('up', AT)).toEqual({ kind: 'error', reason: 'LimitExceeded' });
  });

  it('that ends early or never starts is an error', async () => {
    const broken = await listen((request) => request.socket.destroy());
    expect(await open(broken.host).query('up', AT)).toEqual({ kind: 'error', reason: 'unreachable' });
    const early = await listen((request, response) => {
      response.writeHead(200, { 'content-length': '100' }).write('{', () => request.socket.destroy());
    });
    expect(await open(early.host).query('up', AT)).toEqual({ kind: 'error', reason: 'unreachable' });
  });

  it('that takes longer than five seconds is an error', async () => {
    const { host } = await listen(() => {});
    const egress = openEgress([{ host, private: true }]);
    const asked: EgressRequest[] = [];
    const hurried: Egress = {
      ...egress,
      request: (request) => {
        asked.push(request);
        return egress.request({ ...request, timeoutMs: request.timeoutMs / 100 });
      },
    };
    const answer = await prometheusSource({ egress: hurried, url: `http://${host}` }).query('up', AT);
    expect(answer).toEqual({ kind: 'error', reason: 'timeout' });
    expect(asked).toMatchObject([{ timeoutMs: 5000, maxBytes: 1024 * 1024 }]);
  });
});
