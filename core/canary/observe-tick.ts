import type { TenantId } from '../../events/fields.ts';
import type { EnvironmentConfig, SignalConfig } from '../config.ts';
import { type EvidenceRef, keepEvidence } from '../evidence.ts';
import type { Clock } from '../ports/clock.ts';
import type { MetricAnswer, MetricSource } from '../ports/metric-source.ts';
import type { WormStore } from '../ports/worm-store.ts';
import { classify, type Sample, type SignalAnswers } from './sample.ts';
import type { ObservedSample } from './tick-record.ts';

const RETRY_AFTER_MS = 10_000;

export interface ObserveDeps {
  readonly metrics: MetricSource;
  readonly worm: WormStore;
  readonly clock: Clock;
}

/** One tick as it was seen: what `judgeTick` judges and `tickRecord` records. */
export interface Observation {
  readonly id: number;
  /** Seconds since the epoch that the queries were asked about. */
  readonly instant: number;
  readonly samples: readonly ObservedSample[];
  /** Raw answers, of kind `metric-answer`; each once. */
  readonly answers: readonly EvidenceRef[];
}

type Environment = Pick<EnvironmentConfig, 'metrics' | 'signals' | 'tickSeconds'>;

const instantOf = ({ metrics, tickSeconds }: Environment, id: number): number => id * tickSeconds - metrics.lagSeconds;

const queriesOf = ({ query, events, age }: SignalConfig) => ({
  query,
  ...(events ? { eventsQuery: events.query } : {}),
  ...(age === undefined ? {} : { ageQuery: age }),
});

interface Asked {
  readonly signal: SignalConfig;
  readonly answers: SignalAnswers;
  readonly sample: Sample;
}

async function ask(metrics: MetricSource, signal: SignalConfig, instant: number): Promise<Asked> {
  const [value, events, age] = await Promise.all([
    metrics.query(signal.query, instant),
    signal.events && metrics.query(signal.events.query, instant),
    signal.age === undefined ? undefined : metrics.query(signal.age, instant),
  ]);
  const answers = { value, ...(events ? { events } : {}), ...(age ? { age } : {}) };
  return { signal, answers, sample: classify(signal, answers) };
}

/** An ERROR is asked again once, at the same instant, while the tick lasts. */
async function askTwice({ metrics, clock }: ObserveDeps, signal: SignalConfig, instant: number, tickSeconds: number) {
  const first = await ask(metrics, signal, instant);
  if (first.sample.class !== 'ERROR') return first;
  await clock.sleep(Math.min(RETRY_AFTER_MS, (tickSeconds * 1000) / 2));
  return ask(metrics, signal, instant);
}

async function keepAnswers({ worm }: ObserveDeps, tenant: TenantId, { signal, answers, sample }: Asked) {
  // Not called JSON: what a proxy in between answers may be anything.
  const keep = async (answer: MetricAnswer | undefined): Promise<EvidenceRef | undefined> =>
    answer?.raw && keepEvidence(worm, tenant, 'metric-answer', 'application/octet-stream', answer.raw);
  const [value, events, age] = await Promise.all([keep(answers.value), keep(answers.events), keep(answers.age)]);
  const observed: ObservedSample = {
    ...sample,
    ...queriesOf(signal),
    ...(value ? { answerSha256: value.sha256 } : {}),
    ...(events ? { eventsSha256: events.sha256 } : {}),
    ...(age ? { ageSha256: age.sha256 } : {}),
  };
  return { observed, refs: [value, events, age].filter((ref) => ref !== undefined) };
}

/**
 * Asks for every signal of an environment at the instant of a tick and keeps what was answered. Asking about the same
 * tick again asks about the same instant. Throws what the store throws; a failing back end is an `ERROR`, no fault.
 */
export async function observeTick(
  deps: ObserveDeps,
  tenant: TenantId,
  environment: Environment,
  id: number,
): Promise<Observation> {
  const instant = instantOf(environment, id);
  const kept = await Promise.all(
    environment.signals.map(async (signal) =>
      keepAnswers(deps, tenant, await askTwice(deps, signal, instant, environment.tickSeconds)),
    ),
  );
  const refs = new Map(kept.flatMap((one) => one.refs).map((ref) => [ref.sha256, ref]));
  return { id, instant, samples: kept.map(({ observed }) => observed), answers: [...refs.values()] };
}

/** A tick that is too long ago to be asked about: nothing of it is known. */
export const missedTick = (environment: Environment, id: number): Observation => ({
  id,
  instant: instantOf(environment, id),
  samples: environment.signals.map((signal) => ({
    signal: signal.name,
    class: 'MISSING',
    reason: 'too long ago',
    ...queriesOf(signal),
  })),
  answers: [],
});
