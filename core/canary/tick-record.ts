import * as z from 'zod';
import { Sha256Hex, UtcInstant } from '../../events/fields.ts';
import { SignalConfig } from '../config.ts';
import { StageDecision, stageDecision } from './decision.ts';
import { Sample } from './sample.ts';
import { type StageState, signalState } from './stage-state.ts';

/** A sample, what was asked for it, and the evidence of what was answered. A hash is absent where no bytes came. */
export const ObservedSample = z.strictObject({
  ...Sample.shape,
  query: SignalConfig.shape.query,
  eventsQuery: SignalConfig.shape.query.optional(),
  ageQuery: SignalConfig.shape.query.optional(),
  answerSha256: Sha256Hex.optional(),
  eventsSha256: Sha256Hex.optional(),
  ageSha256: Sha256Hex.optional(),
});
export type ObservedSample = z.infer<typeof ObservedSample>;

/** Evidence of kind `tick`: one tick of one stage, and what was known after it. */
export const TickRecord = z.strictObject({
  schema: z.literal('relseal.tick/1'),
  tick: z.int(),
  /** What the queries were asked about. */
  instant: UtcInstant,
  signals: z.array(z.strictObject({ ...ObservedSample.shape, streak: z.int(), latched: z.boolean() })).max(16),
  extended: z.boolean(),
  decision: StageDecision.shape.kind,
  reasons: StageDecision.shape.reasons,
  score: StageDecision.shape.score,
  risk: StageDecision.shape.risk,
});
export type TickRecord = z.infer<typeof TickRecord>;

/** The record of a tick, with the state after it. */
export function tickRecord(
  signals: readonly SignalConfig[],
  state: StageState,
  observation: { readonly id: number; readonly instant: number; readonly samples: readonly ObservedSample[] },
): TickRecord {
  const { kind, ...known } = stageDecision(signals, state);
  return {
    schema: 'relseal.tick/1',
    tick: observation.id,
    instant: new Date(observation.instant * 1000).toISOString(),
    signals: observation.samples.map((sample) => {
      const { breaches, latched } = signalState(state, sample.signal);
      return { ...sample, streak: breaches.length, latched };
    }),
    extended: state.extended,
    decision: kind,
    ...known,
  };
}
