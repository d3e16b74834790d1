import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '../../adapters/embedded/system-clock.ts';
import { type Egress, openEgress } from '../../adapters/network/egress.ts';
import { prometheusSource } from '../../adapters/network/prometheus-source.ts';
import { stageDecision } from '../../core/canary/decision.ts';
import { judgeTick } from '../../core/canary/judge-tick.ts';
import { observeTick } from '../../core/canary/observe-tick.ts';
import { classify, type Sample } from '../../core/canary/sample.ts';
import { openStage } from '../../core/canary/stage-state.ts';
import type { SignalConfig } from '../../core/config.ts';
import { loadEvidence } from '../../core/evidence.ts';
import type { MetricSource } from '../../core/ports/metric-source.ts';
import { TenantId } from '../../events/fields.ts';
import { metricSourceContract } from '../contracts/metric-source.contract.ts';
import { memoryWormStore } from '../fakes/memory-worm-store.ts';
import { judge } from './loopback-registry.ts';

const program = judge('prometheus');
if (!program) process.stderr.write('skipped: prometheus is not installed (test/conformance/install-tools.sh)\n');

const REQUESTS_A_SCRAPE = 100;
/** Upper bounds of the histogram in seconds; what is fast falls in the first, what is slow in the last but one. */
const BOUNDS = ['0.1', '1', '1.8', '2.5', '+Inf'];

const TENANT = TenantId.parse('acme');

const AGE = 'time() - max(timestamp(http_requests_total))';
const EVENTS = { query: 'sum(increase(http_requests_total[5s]))', atLeast: 100 };
const ERRORS: SignalConfig = {
  name: 'errors',
  query: 'sum(rate(http_requests_total{code=~"5.."}[5s])) / sum(rate(http_requests_total[5s]))',
  limit: 0.03,
  unit: 'ratio',
  consecutive: 3,
  weight: 60,
  events: EVENTS,
  age: AGE,
};
const LATENCY: SignalConfig = {
  name: 'p95',
  query: '1000 * histogram_quantile(0.95, sum by (le) (rate(http_request_duration_seconds_bucket[5s])))',
  limit: 1800,
  unit: 'milliseconds',
  consecutive: 2,
  weight: 40,
  events: EVENTS,
  age: AGE,
};

/** A service with traffic: each time it is scraped it has served more requests. */
class Service {
  readonly #server: Server;
  /** Share of its requests that fail and take two seconds. */
  badShare = 0;
  #served = 0;
  #bad = 0;

  constructor() {
    this.#server = createServer((_request, response) => response.end(this.#scrape()));
  }

  async start(): Promise<string> {
    await new Promise<void>((listening) => this.#server.listen(0, '127.0.0.1', listening));
    const address = this.#server.address();
    return `127.0.0.1:${typeof address === 'object' && address ? address.port : 0}`;
  }

  stop(): void {
    this.#server.closeAllConnections();
    this.#server.close();
  }

  #scrape(): string {
    this.#served += REQUESTS_A_SCRAPE;
    this.#bad += REQUESTS_A_SCRAPE * this.badShare;
    const good = this.#served - this.#bad;
    const upTo = (bound: string) => (Number(bound) < 2 ? good : this.#served);
    return [
      '# TYPE http_requests_total counter',
      `http_requests_total{code="200"} ${good}`,
      `http_requests_total{code="500"} ${this.#bad}`,
      '# TYPE http_request_duration_seconds histogram',
      ...BOUNDS.map((bound) => `http_request_duration_seconds_bucket{le="${bound}"} ${upTo(bound)}`),
      `http_request_duration_seconds_sum ${good * 0.05 + this.#bad * 2}`,
      `http_request_duration_seconds_count ${this.#served}`,
      '# TYPE idle_requests_total counter',
      'idle_requests_total 0',
      // Pushed by hand and then forgotten: it is scraped still, and is three minutes old each time.
      '# TYPE forgotten_ratio gauge',
      `forgotten_ratio 0.5 ${Date.now() - 180_000}`,
      '',
    ].join('\n');
  }
}

let folder: string;
let child: ChildProcess;
let egress: Egress;
let source: MetricSource;
const service = new Service();

/** Starts Prometheus on a port of its choice, and gives its address. */
async function startPrometheus(path: string, target: string): Promise<string> {
  const config = join(folder, 'prometheus.yml');
  writeFileSync(
    config,
    `{global: {scrape_interval: 1s, scrape_timeout: 1s}, scrape_configs: [{job_name: app, static_configs: [{targets: ["${target}"]}]}]}`,
  );
  const flags = [`--config.file=${config}`, `--storage.tsdb.path=${join(folder, 'tsdb')}`];
  child = spawn(path, [...flags, '--web.listen-address=127.0.0.1:0'], { stdio: ['ignore', 'ignore', 'pipe'] });
  const log: string[] = [];
  if (!child.stderr) throw new Error('no log');
  for await (const line of createInterface({ input: child.stderr })) {
    log.push(line);
    const [, address] = /msg="Listening on" address=(\S+)/.exec(line) ?? [];
    if (!address) continue;
    // Nobody reads on: a full pipe would stop it.
    child.stderr.resume();
    return address;
  }
  throw new Error(`prometheus did not start\n${log.join('\n')}`);
}

/** Two scrape intervals: what was scraped by then has been stored. */
const LAG_SECONDS = 2;
const now = () => Math.floor(Date.now() / 1000);
const settled = () => now() - LAG_SECONDS;

async function ask(signal: SignalConfig, at: number): Promise<Sample> {
  const [value, events, age] = await Promise.all([
    source.query(signal.query, at),
    signal.events && source.query(signal.events.query, at),
    signal.age === undefined ? undefined : source.query(signal.age, at),
  ]);
  return classify(signal, { value, ...(events ? { events } : {}), ...(age ? { age } : {}) });
}

/** The first instant at which a signal is of a class, with what it was; asks until then. */
async function firstOf(signal: SignalConfig, wanted: Sample['class']): Promise<{ at: number; sample: Sample }> {
  let seen: Sample | undefined;
  for (let attempt = 0; attempt < 300; attempt += 1) {
    const at = settled();
    seen = await ask(signal, at);
    if (seen.class === wanted) return { at, sample: seen };
    await sleep(100);
  }
  throw new Error(`${signal.name} was never ${wanted}, but ${JSON.stringify(seen)}`);
}

/** A signal of a bare query. */
const bare = (query: string, more: Partial<SignalConfig> = {}): SignalConfig => ({
  name: 'bare',
  query,
  limit: 0.03,
  unit: 'ratio',
  consecutive: 1,
  weight: 1,
  ...more,
});

describe.skipIf(!program)('answers of a real Prometheus', () => {
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'relseal-prometheus-'));
    const host = await startPrometheus(program ?? '', await service.start());
    egress = openEgress([{ host, private: true }]);
    source = prometheusSource({ egress, url: `http://${host}` });
    await firstOf(bare('up', { unit: 'milliseconds', limit: 1 }), 'OK');
  });
  afterAll(async () => {
    egress.close();
    const ended = new Promise((resolve) => child.once('exit', resolve));
    if (child.exitCode === null && child.kill()) await ended;
    service.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  metricSourceContract('Prometheus', () => source, {
    one: 'vector(0.25)',
    none: 'vector(0) > 1',
    two: 'label_replace(vector(1), "a", "1", "", "") or label_replace(vector(2), "a", "2", "", "")',
    notANumber: 'vector(0) / vector(0)',
    endless: 'vector(1) / vector(0)',
    broken: 'sum(',
  });

  it('pass quiet traffic and stop bad traffic, and still say so of the quiet instant', async () => {
    const quiet = await firstOf(ERRORS, 'OK');
    expect(quiet.sample).toMatchObject({ value: '0' });
    const fast = await firstOf(LATENCY, 'OK');
    service.badShare = 0.2;
    const bad = await firstOf(ERRORS, 'BREACH');
    expect(Number(bad.sample.value)).toBeGreaterThan(0.03);
    const slow = await firstOf(LATENCY, 'BREACH');
    expect(Number(slow.sample.value)).toBeGreaterThan(1800);
    service.badShare = 0;
    expect(await ask(ERRORS, quiet.at)).toEqual(quiet.sample);
    expect(await ask(LATENCY, fast.at)).toEqual(fast.sample);
  });

  it('are missing for what nobody measures, what had no traffic, and what is three minutes old', async () => {
    expect(await ask(bare('sum(rate(no_such_total[5s]))'), settled())).toMatchObject({ reason: 'value: no series' });
    await firstOf(bare('sum(rate(idle_requests_total[5s])) / sum(rate(idle_requests_total[5s]))'), 'MISSING');
    const idle = 'sum(idle_requests_total) / sum(idle_requests_total)';
    expect(await ask(bare(idle), settled())).toMatchObject({ class: 'MISSING', reason: 'value: NaN' });
    const age = 'time() - max(timestamp(forgotten_ratio))';
    await firstOf(bare('forgotten_ratio'), 'BREACH');
    expect(await ask(bare('forgotten_ratio', { age }), settled())).toMatchObject({ class: 'MISSING', reason: 'stale' });
  });

  it('are too little to judge by below the wanted number of requests', async () => {
    await firstOf(ERRORS, 'OK');
    const { sample } = await firstOf({ ...ERRORS, events: { ...EVENTS, atLeast: 1_000_000 } }, 'LOW');
    expect(Number(sample.events)).toBeGreaterThan(100);
  });

  it.each([
    ['more than one series', 'http_requests_total', 'value: more than one series'],
    ['a range', 'http_requests_total[5s]', 'value: a matrix, not a vector or scalar'],
    ['a text', '"up"', 'value: a string, not a vector or scalar'],
    ['what is no query', 'sum(', 'value: HTTP 400 (bad_data)'],
    ['what cannot be computed', 'http_requests_total * on(job) http_requests_total', 'value: HTTP 422 (execution)'],
    ['a share above one', 'vector(1.5)', 'value: a ratio above 1'],
    ['less than nothing', 'vector(-1)', 'value: not a number from 0 on'],
    ['less than anything', 'vector(-1) / vector(0)', 'value: not a number from 0 on'],
  ])('are errors for %s', async (_name, query, reason) => {
    await firstOf(ERRORS, 'OK');
    expect(await ask(bare(query), settled())).toMatchObject({ class: 'ERROR', reason });
  });

  it('let a stage pass on quiet traffic, break it on errors, and are kept as they came', async () => {
    const environment = {
      metrics: { kind: 'prometheus' as const, url: 'http://127.0.0.1', lagSeconds: LAG_SECONDS },
      signals: [ERRORS, LATENCY],
      tickSeconds: 1,
    };
    const deps = { metrics: source, worm: memoryWormStore(), clock: systemClock };
    const decided = async (ticks: number) => {
      const first = now();
      let state = openStage(environment.signals, { weight: 10, ticks }, first);
      for (let id = first; stageDecision(environment.signals, state).kind === 'continue'; id += 1) {
        while (now() < id) await sleep(50);
        const observed = await observeTick(deps, TENANT, environment, id);
        state = judgeTick(environment.signals, state, observed);
        for (const ref of observed.answers)
          expect((await loadEvidence(deps.worm, TENANT, ref)).length).toBeGreaterThan(0);
      }
      return stageDecision(environment.signals, state).kind;
    };
    for (const signal of environment.signals) await firstOf(signal, 'OK');
    expect(await decided(5)).toBe('pass');
    service.badShare = 0.5;
    for (const signal of environment.signals) await firstOf(signal, 'BREACH');
    expect(await decided(30)).toBe('breach');
    service.badShare = 0;
  });

  // The last: it ends what the others ask.
  it('are missing once the service is gone, and errors once Prometheus is', async () => {
    service.stop();
    await firstOf(bare('sum(http_requests_total)', { unit: 'milliseconds' }), 'MISSING');
    const ended = new Promise((resolve) => child.once('exit', resolve));
    child.kill();
    await ended;
    expect(await ask(ERRORS, settled())).toMatchObject({ class: 'ERROR', reason: 'value: unreachable' });
  });
});
