import { describe, expect, it } from 'vitest';
import { ERRORS, LATENCY, LOGS, SEED_SIGNALS } from '../../test/fakes/seed-signals.ts';
import type { SignalConfig } from '../config.ts';
import { StageDecision, stageDecision } from './decision.ts';
import { openStage, type SignalState, type StageState } from './stage-state.ts';

const STAGE = { weight: 10, ticks: 5 };
const QUIET: Partial<SignalState> = { ok: 5, last: 'OK' };

/** A stage at its end, every signal OK on every tick, but for what is said. */
const ended = (
  more: Partial<Omit<StageState, 'signals'>>,
  changes: Readonly<Record<string, Partial<SignalState>>> = {},
): StageState => {
  const opened = openStage(SEED_SIGNALS, STAGE, 1000);
  const signals = opened.signals.map((signal) => ({ ...signal, ...QUIET, ...changes[signal.name] }));
  return { ...opened, lastTick: 1004, ticks: 5, ...more, signals };
};
const decide = (...given: Parameters<typeof ended>) => stageDecision(SEED_SIGNALS, ended(...given));
const codes = ({ reasons }: StageDecision) => reasons.map(({ code, where }) => `${code} ${where ?? ''}`.trim());
const latched = (...signals: readonly SignalConfig[]) =>
  Object.fromEntries(signals.map(({ name }) => [name, { latched: true }]));

describe('a score', () => {
  it.each([
    [[], 100],
    [[LATENCY], 60],
    [[ERRORS], 65],
    [[LOGS], 75],
    [[LATENCY, ERRORS], 25],
    [[LATENCY, LOGS], 35],
    [[ERRORS, LOGS], 40],
    [[LATENCY, ERRORS, LOGS], 0],
  ])('is 100 less the weights of what blocks, and any one of them blocks', (signals, score) => {
    const decision = decide({}, latched(...signals));
    expect(decision.score).toBe(score);
    expect(decision.kind).toBe(score === 100 ? 'pass' : 'breach');
    expect(codes(decision)).toEqual(signals.map(({ name }) => `stage.breach ${name}`));
  });
});

describe('a risk', () => {
  it('adds up how near each signal is to blocking', () => {
    const near = { p95: { breaches: [1004] }, errors: { breaches: [1003, 1004] } };
    expect(decide({ ticks: 3 }, near)).toMatchObject({ kind: 'continue', risk: 43.3, score: 100 });
    expect(decide({}, { logs: { breaches: [1002, 1003, 1004] } }).risk).toBe(25);
    expect(decide({}).risk).toBe(0);
  });
});

describe('a stage', () => {
  it('goes on until its ticks are over, then passes', () => {
    expect(decide({ ticks: 4 }, { p95: { ok: 4 } })).toEqual({ kind: 'continue', reasons: [], score: 100, risk: 0 });
    expect(decide({}).kind).toBe('pass');
  });

  it('passes at four ticks of five that are OK, not below', () => {
    expect(decide({}, { errors: { ok: 4, unknown: 1 } }).kind).toBe('pass');
    const decision = decide({}, { errors: { ok: 3, unknown: 2 } });
    expect(decision.kind).toBe('inconclusive');
    expect(codes(decision)).toEqual(['stage.low-coverage errors']);
    expect(decide({ ticks: 10, allowedTicks: 10 }, { p95: { ok: 7 }, errors: { ok: 8 }, logs: { ok: 8 } }).kind).toBe(
      'inconclusive',
    );
  });

  it.each(['BREACH', 'MISSING', 'LOW', 'ERROR'] as const)('does not pass on a last tick that is %s', (last) => {
    const decision = decide({}, { p95: { ok: 4, last } });
    expect(decision.kind).toBe('inconclusive');
    expect(codes(decision)).toEqual(['stage.inconclusive p95']);
  });

  it('does not pass with more than two unknown ticks, however many it has', () => {
    const long = { ticks: 60, allowedTicks: 60 };
    const quiet = { p95: { ok: 60 }, errors: { ok: 60 }, logs: { ok: 58, unknown: 2 } };
    expect(decide(long, quiet).kind).toBe('pass');
    const decision = decide(long, { ...quiet, logs: { ok: 57, unknown: 3 } });
    expect(codes(decision)).toEqual(['stage.no-data logs']);
  });

  it('is inconclusive before its end after three unknown ticks or five errors running', () => {
    expect(decide({ ticks: 3 }, { p95: { unknownInARow: 2, errorsInARow: 4 } }).kind).toBe('continue');
    expect(codes(decide({ ticks: 3 }, { p95: { unknownInARow: 3 } }))).toEqual(['stage.no-data p95']);
    expect(codes(decide({ ticks: 3 }, { p95: { errorsInARow: 5 } }))).toEqual(['stage.metrics-failing p95']);
  });

  it('that breaks in one signal and is unknown in another is broken', () => {
    const decision = decide({}, { p95: { latched: true }, logs: { unknownInARow: 3, ok: 0, last: 'MISSING' } });
    expect(codes(decision)).toEqual(['stage.breach p95']);
  });

  it('never passes for a signal it has not seen, or without signals', () => {
    const unseen = { ...LOGS, name: 'constructor' };
    expect(codes(stageDecision([...SEED_SIGNALS, unseen], ended({})))).toEqual([
      'stage.low-coverage constructor',
      'stage.inconclusive constructor',
    ]);
    expect(codes(stageDecision([], openStage([], STAGE, 1000)))).toEqual(['stage.no-data']);
  });

  it('gives all its reasons, within their schema', () => {
    const blind = { ok: 0, unknown: 5, last: 'LOW' as const };
    const decision = decide({}, { p95: blind, errors: blind, logs: blind });
    expect(StageDecision.parse(decision)).toEqual(decision);
    expect(decision.reasons).toHaveLength(9);
  });
});
