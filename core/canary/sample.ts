import * as z from 'zod';
import { SignalConfig } from '../config.ts';
import type { MetricAnswer } from '../ports/metric-source.ts';

/** Above this age of its newest sample, in seconds, a signal says nothing about now. */
const STALE_AFTER_SECONDS = 120;
/** Two-sided 95 % of the normal distribution. */
const Z = 1.959964;
/** Numbers as Prometheus writes them; longer text is no number of its. */
const DECIMAL = /^[+-]?\d{1,40}(?:\.\d{1,40})?(?:[eE][+-]?\d{1,4})?$/;
const MAX_REASON = 256;

/**
 * What one tick knows of one signal. `OK` and `BREACH` are knowledge; `MISSING` (no answer to judge), `LOW` (too few
 * events to judge) and `ERROR` (an answer that cannot be) are not, and never help a stage to pass.
 */
export const SampleClass = z.enum(['OK', 'BREACH', 'MISSING', 'LOW', 'ERROR']);
export type SampleClass = z.infer<typeof SampleClass>;

export const Sample = z.strictObject({
  signal: SignalConfig.shape.name,
  class: SampleClass,
  /** As the back end wrote it. */
  value: z.string().max(128).optional(),
  /** How many events it rests on, as the back end wrote it. */
  events: z.string().max(128).optional(),
  /** Lower end of the 95 % interval, where that is what was held against the limit. */
  lowerBound: z.number().min(0).max(1).optional(),
  /** Why it is neither OK nor BREACH. */
  reason: z.string().min(1).max(MAX_REASON).optional(),
});
export type Sample = z.infer<typeof Sample>;

/** The answers of one instant. A companion that the signal does not name is not looked at. */
export interface SignalAnswers {
  readonly value: MetricAnswer;
  readonly events?: MetricAnswer;
  readonly age?: MetricAnswer;
}

interface Unknown {
  readonly kind: 'unknown';
  readonly class: 'MISSING' | 'ERROR';
  readonly reason: string;
}
/** `value` is at least 0, and infinite where "+Inf" was answered. */
type Reading = { readonly kind: 'number'; readonly value: number; readonly text: string } | Unknown;

const unknown = (kind: Unknown['class'], reason: string): Unknown => ({ kind: 'unknown', class: kind, reason });

function readText(text: string): Reading {
  if (text === 'NaN') return unknown('MISSING', 'NaN');
  if (text === '+Inf') return { kind: 'number', value: Number.POSITIVE_INFINITY, text };
  const value = DECIMAL.test(text) ? Number(text) : Number.NaN;
  // Nothing that is counted, timed or shared out is negative.
  return Number.isFinite(value) && value >= 0
    ? { kind: 'number', value, text }
    : unknown('ERROR', 'not a number from 0 on');
}

function readAnswer(answer: MetricAnswer | undefined): Reading {
  if (!answer) return unknown('ERROR', 'not asked');
  if (answer.kind === 'error') return unknown('ERROR', answer.reason);
  const [text, ...more] = answer.values;
  if (text === undefined) return unknown('MISSING', 'no series');
  return more.length === 0 ? readText(text) : unknown('ERROR', 'more than one series');
}

const isError = (reading: Reading | undefined): reading is Unknown & { class: 'ERROR' } =>
  reading?.kind === 'unknown' && reading.class === 'ERROR';

type Judged = Pick<Sample, 'class' | 'lowerBound' | 'reason'>;

const unjudged = (what: string, { class: kind, reason }: Unknown): Judged => ({
  class: kind,
  // Cut text may end in half a character, which has no canonical JSON.
  reason: `${what}: ${reason}`.slice(0, MAX_REASON).toWellFormed(),
});

/** A count that says whether there is enough to judge by; `undefined` when there is. */
function tooFew({ events: wanted }: SignalConfig, events: Reading | undefined): Judged | undefined {
  if (!wanted || !events) return undefined;
  if (events.kind === 'unknown') return unjudged('events', events);
  if (!Number.isFinite(events.value)) return { class: 'ERROR', reason: 'events: not a count' };
  return events.value < wanted.atLeast ? { class: 'LOW', reason: `fewer than ${wanted.atLeast} events` } : undefined;
}

function tooOld(age: Reading | undefined): Judged | undefined {
  if (!age) return undefined;
  if (age.kind === 'unknown') return unjudged('age', age);
  return age.value > STALE_AFTER_SECONDS ? { class: 'MISSING', reason: 'stale' } : undefined;
}

/** Lower end of the 95 % Wilson score interval of a share that was seen in `events` events. */
export function wilsonLowerBound(share: number, events: number): number {
  const square = Z * Z;
  const centre = share + square / (2 * events);
  const spread = Z * Math.sqrt((share * (1 - share) + square / (4 * events)) / events);
  // Rounding may lead a hair below 0 where nothing was seen.
  return Math.max(0, (centre - spread) / (1 + square / events));
}

/**
 * A ratio that blocks at its first breach must be above its limit beyond chance: at 1 % noise a bare comparison would
 * stop one release in seven.
 */
function aboveLimit({ limit, unit, consecutive }: SignalConfig, value: number, events: Reading | undefined): Judged {
  if (value <= limit) return { class: 'OK' };
  if (unit !== 'ratio' || consecutive > 1 || events?.kind !== 'number') return { class: 'BREACH' };
  const lowerBound = wilsonLowerBound(value, events.value);
  return { class: lowerBound > limit ? 'BREACH' : 'OK', lowerBound };
}

/** The first rule that applies decides. */
function judge(signal: SignalConfig, value: Reading, events: Reading | undefined, age: Reading | undefined): Judged {
  if (isError(value)) return unjudged('value', value);
  if (isError(events)) return unjudged('events', events);
  if (isError(age)) return unjudged('age', age);
  if (value.kind === 'unknown') return unjudged('value', value);
  if (value.value === Number.POSITIVE_INFINITY) return { class: 'BREACH' };
  if (signal.unit === 'ratio' && value.value > 1) return { class: 'ERROR', reason: 'value: a ratio above 1' };
  return tooOld(age) ?? tooFew(signal, events) ?? aboveLimit(signal, value.value, events);
}

const shown = (reading: Reading | undefined): string | undefined =>
  reading?.kind === 'number' ? reading.text : undefined;

/** What the answers of one instant say about a signal. Total: what is not understood is `ERROR`, never `OK`. */
export function classify(signal: SignalConfig, answers: SignalAnswers): Sample {
  const value = readAnswer(answers.value);
  const events = signal.events && readAnswer(answers.events);
  const age = signal.age === undefined ? undefined : readAnswer(answers.age);
  const [valueText, eventsText] = [shown(value), shown(events)];
  return {
    signal: signal.name,
    ...judge(signal, value, events, age),
    ...(valueText === undefined ? {} : { value: valueText }),
    ...(eventsText === undefined ? {} : { events: eventsText }),
  };
}
