import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ERRORS, LATENCY, LOGS, SEED_SIGNALS } from '../../test/fakes/seed-signals.ts';
import type { SignalConfig, StageConfig } from '../config.ts';
import { stageDecision } from './decision.ts';
import { judgeTick, type Tick } from './judge-tick.ts';
import type { Sample, SampleClass } from './sample.ts';
import { openStage, StageState } from './stage-state.ts';

const CLASS: Readonly<Record<string, SampleClass>> = { '0': 'OK', X: 'BREACH', '-': 'MISSING', L: 'LOW', E: 'ERROR' };
const FIRST = 29_000_000;
const stageOf = (ticks: number): StageConfig => ({ weight: 10, ticks });
const LONG = stageOf(60);
const sampleOf = (signal: SignalConfig, symbol: string): Sample => ({
  signal: signal.name,
  class: CLASS[symbol] ?? 'ERROR',
});
const tickOf = (id: number, ...seen: readonly [SignalConfig, string][]): Tick => ({
  id,
  samples: seen.map(([signal, symbol]) => sampleOf(signal, symbol)),
});

/** The state after a string of ticks of one signal, one character a tick. */
const stateAfter = (signal: SignalConfig, text: string, stage = LONG): StageState =>
  [...text].reduce(
    (state, symbol, at) => judgeTick([signal], state, tickOf(FIRST + at, [signal, symbol])),
    openStage([signal], stage, FIRST),
  );
/** The tick at which a string of one signal latches; -1 when it does not. */
const latchesAt = (signal: SignalConfig, text: string): number =>
  [...text].findIndex((_, at) => stateAfter(signal, text.slice(0, at + 1)).signals[0]?.latched);

describe('a streak', () => {
  // https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarms-and-missing-data.html, 3 of 3, "ignore".
  it.each([
    ['0-X-X', -1],
    ['0----', -1],
    ['-----', -1],
    ['0XX-X', 4],
    ['--X--', -1],
  ])('of three goes as an alarm that ignores missing data: %s', (text, at) => {
    expect(latchesAt(ERRORS, text)).toBe(at);
  });

  it.each([
    { signal: LATENCY, text: 'XX', at: 1 },
    { signal: LATENCY, text: 'X0X', at: -1 },
    { signal: LATENCY, text: 'X-X', at: 2 },
    { signal: LATENCY, text: 'X--X', at: 3 },
    { signal: LATENCY, text: 'X---X', at: -1 },
    { signal: ERRORS, text: 'XXX', at: 2 },
    { signal: ERRORS, text: 'XX0XX', at: -1 },
    { signal: ERRORS, text: 'X-X--X', at: -1 },
    { signal: LOGS, text: '00X', at: 2 },
    { signal: LOGS, text: '-0-0', at: -1 },
  ])('of $signal.consecutive latches in $text at $at', ({ signal, text, at }) => {
    expect(latchesAt(signal, text)).toBe(at);
  });

  it('is kept by everything that is not known', () => {
    for (const unknown of ['-', 'L', 'E']) expect(latchesAt(LATENCY, `X${unknown}X`), unknown).toBe(2);
  });

  it('is carried into the next stage, and so is a latch', () => {
    const carried = stateAfter(ERRORS, '000XX');
    const next = openStage([ERRORS], LONG, FIRST + 5, carried);
    expect(stageDecision([ERRORS], judgeTick([ERRORS], next, tickOf(FIRST + 5, [ERRORS, 'X']))).kind).toBe('breach');
    expect(judgeTick([ERRORS], next, tickOf(FIRST + 5, [ERRORS, '0'])).signals[0]).toMatchObject({
      breaches: [],
      ok: 1,
    });
    const latched = openStage([ERRORS], LONG, FIRST + 3, stateAfter(ERRORS, 'XXX'));
    expect(stageDecision([ERRORS], latched).kind).toBe('breach');
  });

  it('that is carried forgets what is too long ago', () => {
    const next = openStage([ERRORS], LONG, FIRST + 6, stateAfter(ERRORS, 'XX'));
    expect(next.signals[0]?.breaches).toEqual([]);
  });
});

describe('a tick', () => {
  const state = stateAfter(LATENCY, '0X');

  it('changes nothing when it is late or was judged', () => {
    for (const id of [FIRST - 1, FIRST, FIRST + 1])
      expect(judgeTick([LATENCY], state, tickOf(id, [LATENCY, 'X']))).toBe(state);
  });

  it('finds the ticks that were left out missing', () => {
    const skipped = judgeTick([LATENCY], state, tickOf(FIRST + 4, [LATENCY, '0']));
    expect(skipped).toEqual(stateAfter(LATENCY, '0X--0'));
  });

  it('is missing for a signal without a sample, and an error for one with two', () => {
    const next = (tick: Tick) => judgeTick([LATENCY], state, tick);
    expect(next({ id: FIRST + 2, samples: [] })).toEqual(stateAfter(LATENCY, '0X-'));
    expect(next(tickOf(FIRST + 2, [ERRORS, '0']))).toEqual(stateAfter(LATENCY, '0X-'));
    expect(next(tickOf(FIRST + 2, [LATENCY, '0'], [LATENCY, '0']))).toEqual(stateAfter(LATENCY, '0XE'));
  });

  it('changes nothing once the stage is decided, however far ahead it is', () => {
    for (const [text, ticks, kind] of [
      ['00000', 5, 'pass'],
      ['XX', 5, 'breach'],
      ['------', 5, 'inconclusive'],
    ] as const) {
      const decided = stateAfter(LATENCY, text, stageOf(ticks));
      expect(stageDecision([LATENCY], decided).kind).toBe(kind);
      for (const id of [FIRST + 6, FIRST + 1_000_000_000])
        expect(judgeTick([LATENCY], decided, tickOf(id, [LATENCY, '0']))).toEqual(decided);
    }
  });

  it('that comes a day late ends the stage without data', () => {
    const late = judgeTick([LATENCY], state, tickOf(FIRST + 1440, [LATENCY, '0']));
    expect(late.ticks).toBeLessThan(10);
    expect(stageDecision([LATENCY], late).kind).toBe('inconclusive');
  });
});

describe('an extension', () => {
  const decided = (text: string, ticks: number) =>
    stageDecision([ERRORS], stateAfter(ERRORS, text, stageOf(ticks))).kind;

  it('lets a stage pass that lost a little, and counts what is unknown anew', () => {
    expect(decided(`---${'0'.repeat(12)}`, 10)).toBe('pass');
    expect(decided(`-0-0-0${'0'.repeat(54)}`, 60)).toBe('continue');
    expect(decided(`-0-0-0${'0'.repeat(59)}`, 60)).toBe('pass');
    expect(decided('0-0-00000000', 5)).toBe('pass');
  });

  it('is given once, whatever it was given for', () => {
    expect(decided('---0', 5)).toBe('continue');
    expect(decided('---00---', 10)).toBe('inconclusive');
    expect(decided('---0000000', 5)).toBe('inconclusive');
    expect(decided('EEEE', 5)).toBe('continue');
    expect(decided('EEEEE', 5)).toBe('inconclusive');
  });

  it('lets a fault that starts at the end of a stage come to its streak', () => {
    expect(decided('000XX', 5)).toBe('continue');
    expect(decided('000XXX', 5)).toBe('breach');
  });
});

/** Words of up to `k + 2` ticks with `k` breaches, the first and the last among them, and nothing but unknown between. */
function latchPattern(k: number): RegExp {
  const words: string[] = [];
  const grow = (word: string, breaches: number): void => {
    if (breaches === k) words.push(word);
    else for (let gap = 0; word.length + gap < k + 2; gap += 1) grow(`${word}${'.'.repeat(gap)}X`, breaches + 1);
  };
  grow('X', 1);
  return new RegExp(words.map((word) => word.replaceAll('.', '[-E]')).join('|'));
}

/** The rules of one signal over a whole string, written without counters. */
function reference(latch: RegExp, stageTicks: number, text: string): string {
  let held: number | undefined;
  for (let length = 1; length <= text.length; length += 1) {
    const seen = text.slice(0, length);
    if (latch.test(seen)) return 'breach';
    const sinceHeld = seen.slice(held ?? 0);
    const ends = length >= stageTicks + (held === undefined ? 0 : 5);
    const proved =
      seen.replace(/[^0]/g, '').length / length >= 0.8 && sinceHeld.replace(/[0X]/g, '').length <= 2 && /0$/.test(seen);
    const doubtful = /[-E]{3}$/.test(sinceHeld) || /E{5}$/.test(seen) || (ends && !proved);
    if (doubtful && held !== undefined) return 'inconclusive';
    if (doubtful) held = length;
    else if (ends) return 'pass';
  }
  return 'continue';
}

describe('every string of ticks', () => {
  it.each([
    { signal: LOGS, ticks: 3 },
    { signal: LATENCY, ticks: 5 },
    { signal: ERRORS, ticks: 3 },
  ])('of up to eight is decided as the rules of $signal.name say, in a stage of $ticks', ({ signal, ticks }) => {
    const latch = latchPattern(signal.consecutive);
    const wrong: string[] = [];
    const kinds = new Map<string, number>();
    const visit = (text: string, state: StageState): void => {
      const { kind } = stageDecision([signal], state);
      const expected = reference(latch, ticks, text);
      kinds.set(kind, (kinds.get(kind) ?? 0) + 1);
      if (kind !== expected) wrong.push(`${text}: ${kind}, not ${expected}`);
      if (text.length === 8) return;
      for (const symbol of ['0', 'X', '-', 'E'])
        visit(text + symbol, judgeTick([signal], state, tickOf(FIRST + text.length, [signal, symbol])));
    };
    visit('', openStage([signal], stageOf(ticks), FIRST));
    expect(wrong.slice(0, 10)).toEqual([]);
    expect([...kinds.values()].reduce((sum, count) => sum + count)).toBe((4 ** 9 - 1) / 3);
    expect([...kinds.keys()].sort()).toEqual(['breach', 'continue', 'inconclusive', 'pass']);
  });
});

const delivery = fc.record({
  symbols: fc.array(fc.constantFrom(...'000000000000000000XX-LE'), { minLength: 3, maxLength: 3 }),
  fate: fc.constantFrom('once', 'once', 'once', 'once', 'once', 'once', 'dropped', 'twice', 'late'),
});

/** Ticks in the order in which they come: one each minute, some not at all, twice, or after the next two. */
function delivered(fates: readonly { symbols: readonly string[]; fate: string }[]): Tick[] {
  return fates
    .flatMap(({ symbols, fate }, at) => {
      const tick = tickOf(
        FIRST + at,
        ...SEED_SIGNALS.map((signal, number): [SignalConfig, string] => [signal, symbols[number] ?? '-']),
      );
      if (fate === 'dropped') return [];
      if (fate === 'late') return [{ tick, at: at + 2.5 }];
      return fate === 'twice' ? [at, at + 1.5].map((when) => ({ tick, at: when })) : [{ tick, at }];
    })
    .sort((a, b) => a.at - b.at)
    .map(({ tick }) => tick);
}

const judgeAll = (ticks: readonly Tick[], stage: StageConfig): StageState =>
  ticks.reduce((state, tick) => judgeTick(SEED_SIGNALS, state, tick), openStage(SEED_SIGNALS, stage, FIRST));

describe('ticks that are dropped, late, doubled and out of order', () => {
  const fates = fc.array(delivery, { minLength: 18, maxLength: 18 });
  const stages = fc.integer({ min: 1, max: 10 }).map(stageOf);

  it('never make a stage pass whose signals were OK on less than four ticks of five', () => {
    let passed = 0;
    fc.assert(
      fc.property(fates, stages, (ticks, stage) => {
        const state = judgeAll(delivered(ticks), stage);
        if (stageDecision(SEED_SIGNALS, state).kind !== 'pass') return;
        passed += 1;
        const judged = ticks.slice(0, state.ticks);
        for (const number of SEED_SIGNALS.keys()) {
          const ok = judged.filter(({ symbols, fate }) => symbols[number] === '0' && fate !== 'dropped').length;
          expect(ok / state.ticks).toBeGreaterThanOrEqual(0.8);
        }
      }),
      { numRuns: 3000 },
    );
    expect(passed).toBeGreaterThan(100);
  });

  it('never make a stage pass of which nothing is known', () => {
    const blind = delivery.map(({ symbols, fate }) => ({
      fate,
      symbols: symbols.map((symbol) => (symbol === '0' ? '-' : symbol)),
    }));
    fc.assert(
      fc.property(fc.array(blind, { minLength: 18, maxLength: 18 }), stages, (ticks, stage) => {
        expect(stageDecision(SEED_SIGNALS, judgeAll(delivered(ticks), stage)).kind).not.toBe('pass');
      }),
    );
  });

  it('leave no stage undecided, and a state that can be stored', () => {
    fc.assert(
      fc.property(fates, stages, (ticks, stage) => {
        const end = { id: FIRST + stage.ticks + 4, samples: [] };
        const state = judgeTick(SEED_SIGNALS, judgeAll(delivered(ticks), stage), end);
        expect(stageDecision(SEED_SIGNALS, state).kind).not.toBe('continue');
        expect(state.ticks).toBeLessThanOrEqual(stage.ticks + 5);
        expect(StageState.parse(JSON.parse(JSON.stringify(state)))).toEqual(state);
      }),
    );
  });
});
