import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ERRORS, LATENCY, LOGS } from '../../test/fakes/seed-signals.ts';
import type { SignalConfig } from '../config.ts';
import type { MetricAnswer } from '../ports/metric-source.ts';
import { classify, Sample, wilsonLowerBound } from './sample.ts';

const values = (...texts: string[]): MetricAnswer => ({ kind: 'values', raw: new Uint8Array(), values: texts });
const failed: MetricAnswer = { kind: 'error', reason: 'timeout' };
const watched: SignalConfig = { ...LATENCY, events: { query: 'requests', atLeast: 200 }, age: 'age' };
const classes = (signal: SignalConfig, ...texts: string[]) =>
  texts.map((text) => classify(signal, { value: values(text) }).class);

describe('one value of one signal', () => {
  it('is a breach above its limit, and OK on it', () => {
    expect(classes(LATENCY, '1800', '1800.000001', '0', '1.8e+03', '1801')).toEqual([
      'OK',
      'BREACH',
      'OK',
      'OK',
      'BREACH',
    ]);
    expect(classes(ERRORS, '0.03', '0.030000001', '1')).toEqual(['OK', 'BREACH', 'BREACH']);
    expect(classify(LATENCY, { value: values('1801') })).toEqual({ signal: 'p95', class: 'BREACH', value: '1801' });
  });

  it('is a breach when it is endless, whatever its unit', () => {
    expect([...classes(LATENCY, '+Inf'), ...classes(ERRORS, '+Inf'), ...classes(LOGS, '+Inf')]).toEqual([
      'BREACH',
      'BREACH',
      'BREACH',
    ]);
  });

  it('is missing when there is none or it is no number', () => {
    expect(classify(LATENCY, { value: values() })).toMatchObject({ class: 'MISSING', reason: 'value: no series' });
    expect(classify(LATENCY, { value: values('NaN') })).toMatchObject({ class: 'MISSING', reason: 'value: NaN' });
  });

  it('is an error when several came, the question failed, or it cannot be', () => {
    expect(classify(LATENCY, { value: values('1', '1') })).toMatchObject({
      class: 'ERROR',
      reason: 'value: more than one series',
    });
    expect(classify(LATENCY, { value: failed })).toMatchObject({ class: 'ERROR', reason: 'value: timeout' });
    expect(classify(ERRORS, { value: values('1.01') })).toMatchObject({
      class: 'ERROR',
      reason: 'value: a ratio above 1',
    });
    const nonsense = ['-Inf', '-1', '-0.001', '', ' 1', '1 ', '0x10', 'Inf', 'Infinity', 'nan', '1,5', '1e999', '٣'];
    expect(new Set(classes(LATENCY, ...nonsense, '1'.repeat(1000)))).toEqual(new Set(['ERROR']));
  });

  it('is never OK unless it is a number from 0 to its limit', () => {
    // Also what nearly is one: "0 ", "0x1f", "1.", "1e".
    const nearly = fc.string({ unit: fc.constantFrom(...'0189+-.eExNaIf '), maxLength: 8 });
    fc.assert(
      fc.property(fc.oneof(fc.string({ maxLength: 8 }), nearly), (text) => {
        const { class: kind } = classify(LATENCY, { value: values(text) });
        const isNumber = /^[+-]?\d+(\.\d+)?([eE][+-]?\d{1,4})?$/.test(text);
        expect(kind === 'OK').toBe(isNumber && Number(text) >= 0 && Number(text) <= 1800);
      }),
      { numRuns: 1000, examples: [['0 '], ['0x1f'], ['1.'], ['1e'], ['-0'], ['1e3'], ['0E00000']] },
    );
  });

  it('makes a record that its schema takes, however a back end words its failure', () => {
    fc.assert(
      fc.property(fc.nat(300), fc.array(fc.nat(0xffff), { maxLength: 4 }), (length, end) => {
        const reason = `${'x'.repeat(length)}${String.fromCharCode(...end)}`;
        const sample = classify(LATENCY, { value: { kind: 'error', reason } });
        expect(Sample.parse(sample)).toEqual(sample);
        expect(sample.reason?.isWellFormed()).toBe(true);
      }),
    );
  });
});

describe('what a value rests on', () => {
  const fresh = { events: values('200'), age: values('120') };

  it('says nothing when its newest sample is older than two minutes', () => {
    expect(classify(watched, { value: values('1'), ...fresh }).class).toBe('OK');
    const stale = { value: values('9000'), ...fresh, age: values('120.001') };
    expect(classify(watched, stale)).toMatchObject({ class: 'MISSING', reason: 'stale', value: '9000' });
  });

  it('is too little below the wanted number of events, above the limit as well', () => {
    for (const value of ['1', '9000'])
      expect(classify(watched, { value: values(value), ...fresh, events: values('199.9') })).toMatchObject({
        class: 'LOW',
        reason: 'fewer than 200 events',
        events: '199.9',
      });
  });

  it('makes an error of the sample where it cannot be told', () => {
    for (const companion of [failed, values('1', '2'), values('-1'), values('x')]) {
      expect(classify(watched, { value: values('1'), ...fresh, events: companion }).class).toBe('ERROR');
      expect(classify(watched, { value: values('1'), ...fresh, age: companion }).class).toBe('ERROR');
    }
    expect(classify(watched, { value: values('1'), ...fresh, events: values('+Inf') }).class).toBe('ERROR');
    expect(classify(watched, { value: values('1') })).toMatchObject({ class: 'ERROR', reason: 'events: not asked' });
  });

  it('makes the sample missing where nobody counted', () => {
    for (const companion of [values(), values('NaN')]) {
      expect(classify(watched, { value: values('1'), ...fresh, events: companion }).class).toBe('MISSING');
      expect(classify(watched, { value: values('1'), ...fresh, age: companion }).class).toBe('MISSING');
    }
  });

  it('is not looked at where the signal does not ask for it', () => {
    expect(classify(LATENCY, { value: values('1'), events: failed, age: failed }).class).toBe('OK');
  });
});

describe('a ratio that blocks at its first breach', () => {
  const counted: SignalConfig = { ...LOGS, events: { query: 'lines', atLeast: 100 } };
  const seen = (share: string, events: string) => classify(counted, { value: values(share), events: values(events) });

  it.each([
    ['0.06', '100', 'OK', 0.0278],
    ['0.1', '100', 'BREACH', 0.0552],
    ['0.06', '1000', 'OK', 0.0469],
    ['0.065', '1000', 'BREACH', 0.0513],
  ])('%s of %s events is %s: its lower bound is %d', (share, events, expected, bound) => {
    const sample = seen(share, events);
    expect(sample.class).toBe(expected);
    expect(sample.lowerBound).toBeCloseTo(bound, 4);
  });

  it('is held against its limit bare where events are not counted or it needs several breaches', () => {
    expect(classes(LOGS, '0.06')).toEqual(['BREACH']);
    const patient = { ...counted, consecutive: 2 };
    expect(classify(patient, { value: values('0.06'), events: values('100') }).class).toBe('BREACH');
  });

  it('has a lower bound from 0 to the share itself', () => {
    fc.assert(
      fc.property(
        fc.double({ min: 0, max: 1, noNaN: true }),
        fc.integer({ min: 1, max: 1_000_000 }),
        (share, events) => {
          const bound = wilsonLowerBound(share, events);
          expect(bound).toBeGreaterThanOrEqual(0);
          expect(bound).toBeLessThanOrEqual(share + 1e-12);
        },
      ),
    );
  });
});
