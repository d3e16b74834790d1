import { describe, expect, it } from 'vitest';
import { TenantId } from '../../events/fields.ts';
import { failing } from '../../test/fakes/failing.ts';
import { fixedClock } from '../../test/fakes/fixed-clock.ts';
import { memoryMetricSource } from '../../test/fakes/memory-metric-source.ts';
import { memoryWormStore } from '../../test/fakes/memory-worm-store.ts';
import { ERRORS, LATENCY } from '../../test/fakes/seed-signals.ts';
import { canonicalJson } from '../canonical-json.ts';
import { loadEvidence } from '../evidence.ts';
import { judgeTick } from './judge-tick.ts';
import { missedTick, observeTick } from './observe-tick.ts';
import { openStage } from './stage-state.ts';
import { TickRecord, tickRecord } from './tick-record.ts';

const TENANT = TenantId.parse('acme');
const TICK = 29_000_000;
const INSTANT = TICK * 60 - 30;
const watched = { ...LATENCY, events: { query: 'requests', atLeast: 200 }, age: 'age' };
const environment = {
  metrics: { kind: 'prometheus' as const, url: 'http://127.0.0.1:9090', lagSeconds: 30 },
  signals: [watched, ERRORS],
  tickSeconds: 60,
};

function world() {
  const metrics = memoryMetricSource();
  metrics.script(watched.query, [['1500']]);
  metrics.script('requests', [['5000']]);
  metrics.script('age', [['3']]);
  metrics.script(ERRORS.query, [['0.001']]);
  return { metrics, worm: memoryWormStore(), clock: fixedClock() };
}

describe('an observed tick', () => {
  it('is asked about once by every query, at its own instant less the lag', async () => {
    const deps = world();
    const observed = await observeTick(deps, TENANT, environment, TICK);
    expect(deps.metrics.asked.map(({ expression }) => expression).sort()).toEqual(
      [watched.query, 'requests', 'age', ERRORS.query].sort(),
    );
    expect(new Set(deps.metrics.asked.map(({ at }) => at))).toEqual(new Set([INSTANT]));
    expect(observed).toMatchObject({ id: TICK, instant: INSTANT });
    expect(observed.samples).toMatchObject([
      { signal: 'p95', class: 'OK', value: '1500', events: '5000', query: watched.query, eventsQuery: 'requests' },
      { signal: 'errors', class: 'OK', value: '0.001', query: ERRORS.query },
    ]);
  });

  it('has the bytes that were answered as evidence, named in its samples', async () => {
    const deps = world();
    const { samples, answers } = await observeTick(deps, TENANT, environment, TICK);
    expect(answers.map(({ kind }) => kind)).toEqual(Array(4).fill('metric-answer'));
    const [first] = answers;
    if (!first) throw new Error('no answer was kept');
    expect(samples[0]?.answerSha256).toBe(first.sha256);
    expect(Buffer.from(await loadEvidence(deps.worm, TENANT, first)).toString()).toContain('1500');
    const named = samples.flatMap(({ answerSha256, eventsSha256, ageSha256 }) => [
      answerSha256,
      eventsSha256,
      ageSha256,
    ]);
    expect(new Set(named.filter(Boolean))).toEqual(new Set(answers.map(({ sha256 }) => sha256)));
  });

  it('is asked about again once after an error, ten seconds or half a tick later, at the same instant', async () => {
    for (const [tickSeconds, waited] of [
      [60, 10_000],
      [4, 2000],
    ] as const) {
      const deps = world();
      const before = deps.clock.now();
      deps.metrics.script(ERRORS.query, [{ error: 'timeout' }, ['0.5']]);
      const { samples } = await observeTick(deps, TENANT, { ...environment, tickSeconds }, TICK);
      expect(samples[1]).toMatchObject({ class: 'BREACH', value: '0.5' });
      expect(deps.clock.now() - before).toBe(waited);
      const asked = deps.metrics.asked.filter(({ expression }) => expression === ERRORS.query);
      expect(asked.map(({ at }) => at)).toEqual(Array(2).fill(TICK * tickSeconds - 30));
    }
  });

  it('is an error when that fails as well, and keeps no bytes where none came', async () => {
    const deps = world();
    deps.metrics.script(ERRORS.query, [{ error: 'timeout' }]);
    const { samples, answers } = await observeTick(deps, TENANT, environment, TICK);
    expect(samples[1]).toEqual({ signal: 'errors', class: 'ERROR', reason: 'value: timeout', query: ERRORS.query });
    expect(answers).toHaveLength(3);
  });

  it('is not asked about again for what is missing or a breach', async () => {
    const deps = world();
    deps.metrics.script(ERRORS.query, [['0.5']]);
    deps.metrics.script(watched.query, [[]]);
    await observeTick(deps, TENANT, environment, TICK);
    expect(deps.metrics.asked).toHaveLength(4);
  });

  it('is the same after its evidence could not be kept, wherever that failed', async () => {
    const whole = await observeTick(world(), TENANT, environment, TICK);
    for (const when of ['before', 'after'] as const)
      for (let at = 0; at < 4; at += 1) {
        const deps = world();
        const worm = failing(deps.worm, { at, when, calls: 0 });
        await expect(observeTick({ ...deps, worm }, TENANT, environment, TICK)).rejects.toMatchObject({
          name: 'StoreUnavailable',
        });
        expect(await observeTick(deps, TENANT, environment, TICK)).toEqual(whole);
        expect(deps.worm.objects.size).toBe(4);
      }
  });
});

describe('a tick that is too long ago', () => {
  it('is missing for every signal, and names what would have been asked', () => {
    const missed = missedTick(environment, TICK);
    expect(missed).toMatchObject({ id: TICK, instant: INSTANT, answers: [] });
    expect(missed.samples).toMatchObject([
      { signal: 'p95', class: 'MISSING', query: watched.query, eventsQuery: 'requests', ageQuery: 'age' },
      { signal: 'errors', class: 'MISSING', query: ERRORS.query },
    ]);
  });
});

describe('the record of a tick', () => {
  it('says what was asked, seen, counted and decided, as canonical JSON', async () => {
    const deps = world();
    deps.metrics.script(watched.query, [['2500']]);
    const observed = await observeTick(deps, TENANT, environment, TICK);
    const opened = openStage(environment.signals, { weight: 10, ticks: 5 }, TICK);
    const record = tickRecord(environment.signals, judgeTick(environment.signals, opened, observed), observed);
    expect(TickRecord.parse(JSON.parse(canonicalJson(record)))).toEqual(record);
    expect(record).toMatchObject({
      schema: 'relseal.tick/1',
      tick: TICK,
      instant: new Date(INSTANT * 1000).toISOString(),
      signals: [
        { signal: 'p95', class: 'BREACH', value: '2500', streak: 1, latched: false },
        { signal: 'errors', class: 'OK', streak: 0, latched: false },
      ],
      extended: false,
      decision: 'continue',
      reasons: [],
      score: 100,
      risk: 20,
    });
  });

  it('gives the reasons of a stage that blocks, and fits a tick that nobody saw', () => {
    const opened = openStage(environment.signals, { weight: 10, ticks: 5 }, TICK);
    const broken = [TICK, TICK + 1].reduce(
      (state, id) => judgeTick(environment.signals, state, { id, samples: [{ signal: 'p95', class: 'BREACH' }] }),
      opened,
    );
    const record = tickRecord(environment.signals, broken, missedTick(environment, TICK + 1));
    expect(TickRecord.parse(record)).toMatchObject({
      decision: 'breach',
      score: 60,
      reasons: [{ code: 'stage.breach' }],
    });
  });
});
