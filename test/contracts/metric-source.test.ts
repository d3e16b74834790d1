import { createServer } from 'node:http';
import { afterAll, beforeAll } from 'vitest';
import { openEgress } from '../../adapters/network/egress.ts';
import { prometheusSource } from '../../adapters/network/prometheus-source.ts';
import type { MetricSource } from '../../core/ports/metric-source.ts';
import { memoryMetricSource } from '../fakes/memory-metric-source.ts';
import { metricSourceContract } from './metric-source.contract.ts';

const EXPRESSIONS = { one: 'one', none: 'none', two: 'two', notANumber: 'nan', endless: 'inf', broken: 'broken(' };
const SERIES: Readonly<Record<string, readonly string[]>> = {
  one: ['0.25'],
  none: [],
  two: ['1', '2'],
  nan: ['NaN'],
  inf: ['+Inf'],
};

const memory = memoryMetricSource();
for (const [expression, values] of Object.entries(SERIES)) memory.script(expression, [values]);
memory.script('broken(', [{ error: 'bad expression' }]);
metricSourceContract('memory', () => memory, EXPRESSIONS);

/** Speaks the query API over the same series. */
const server = createServer((request, response) => {
  const { searchParams } = new URL(request.url ?? '', 'http://127.0.0.1');
  const series = SERIES[searchParams.get('query') ?? ''];
  const at = Number(searchParams.get('time'));
  const result = series?.map((value) => ({ metric: {}, value: [at, value] }));
  if (result) response.end(JSON.stringify({ status: 'success', data: { resultType: 'vector', result } }));
  else response.writeHead(400).end('{"status":"error","errorType":"bad_data","error":"parse error"}');
});
let prometheus: MetricSource;
beforeAll(async () => {
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  const address = server.address();
  const host = `127.0.0.1:${typeof address === 'object' && address ? address.port : 0}`;
  prometheus = prometheusSource({ egress: openEgress([{ host, private: true }]), url: `http://${host}` });
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
});
metricSourceContract('what speaks the query API of Prometheus', () => prometheus, EXPRESSIONS);
