import { readdirSync, readFileSync } from 'node:fs';
import * as z from 'zod';
import { ScriptedTasks, Seconds, Text } from './script-schema.ts';

/**
 * The corpus: machines of our subset, what their tasks answer, and what Step Functions makes of it, each with the
 * sentence of the documentation that says so. One JSON file for each feature, read strictly: a misspelt field fails.
 */

/** `TaskStateEntered Work`: an event's type, and the state's name where it enters, leaves or is aborted. */
const Events = z.array(z.string().regex(/^[A-Z][A-Za-z]+( .+)?$/)).min(1);

const ended = {
  /** From start to end, redrives included. */
  seconds: Seconds.default(0),
  /** Events in their order, for each path that has any: `` is the root, `/1` its second branch or iteration. */
  history: z.union([Events.transform((root) => ({ '': root })), z.record(z.string().regex(/^(\/\d+)*$/), Events)]),
  redriveCount: z.int().min(0).default(0),
  /** When each call of a step began, in seconds after the start. */
  callsAt: z.record(z.string(), z.array(Seconds)).optional(),
};
const failure = {
  error: Text,
  /** A regular expression. Causes are worded by each engine; ours is looked at, theirs only where a machine says it. */
  causeMatches: z.string().optional(),
  /** The state in which it began. */
  state: z.string().optional(),
};

const Expected = z.discriminatedUnion('status', [
  z.strictObject({ status: z.literal('SUCCEEDED'), output: z.json(), ...ended }),
  z.strictObject({ status: z.enum(['FAILED', 'TIMED_OUT', 'ABORTED']), ...failure, ...ended }),
  /** The run does not come to be; `error` is the fault of `start`. */
  z.strictObject({ status: z.literal('NOT_STARTED'), error: z.string() }),
  /** The document does not come to be a machine. `byUs`: the rule is ours, Step Functions may take the document. */
  z.strictObject({ status: z.literal('REFUSED'), path: z.string(), reason: z.string(), byUs: z.boolean() }),
]);

const AslCase = z.strictObject({
  /** A true sentence. */
  name: z.string().regex(/^[A-Z0-9].{10,119}$/),
  /** What the case is written from, word for word. */
  source: z.strictObject({
    quote: z.string().min(20).max(300),
    url: z
      .string()
      .regex(
        /^https:\/\/(docs\.aws\.amazon\.com\/(step-functions|lambda)\/|docs\.jsonata\.org\/|states-language\.net\/)/,
      ),
  }),
  definition: z.json(),
  /** Whether the machine compensates: only such a one may catch faults, and none of them is redrivable. */
  compensating: z.literal(true).optional(),
  input: z.json().default({}),
  runName: z.string().default('r'),
  tasks: ScriptedTasks.default([]),
  stop: z.strictObject({ afterSeconds: Seconds, error: z.string(), cause: z.string() }).optional(),
  /** In their order, each after the run has ended. */
  redrives: z
    .array(
      z.strictObject({
        /** How long after the end. */
        afterSeconds: Seconds.default(0),
        answer: z.enum(['redriven', 'impossible']),
        tasks: ScriptedTasks.default([]),
      }),
    )
    .default([]),
  expected: Expected,
  /** Why the case does not run elsewhere. */
  exceptions: z.strictObject({ emulator: z.string().optional(), aws: z.string().optional() }).default({}),
});
export type AslCase = z.infer<typeof AslCase>;
export type RunningCase = AslCase & { readonly expected: Extract<AslCase['expected'], { history: unknown }> };

const CorpusFile = z.strictObject({ cases: z.array(AslCase).min(1) });

/** Errors that tasks of the corpus throw; Retry and Catch may name them. */
export const CORPUS_FAULTS = ['StoreUnavailable', 'LedgerConflict'];

export const parseCorpusFile = (json: unknown): readonly AslCase[] => CorpusFile.parse(json).cases;

/** Every case, by the feature that its file is named after. */
export function loadCorpus(): readonly { readonly feature: string; readonly cases: readonly AslCase[] }[] {
  const folder = new URL('.', import.meta.url);
  return readdirSync(folder)
    .filter((name) => name.endsWith('.json'))
    .sort()
    .map((name) => ({
      feature: name.replace(/\.json$/, ''),
      cases: parseCorpusFile(JSON.parse(readFileSync(new URL(name, folder), 'utf8'))),
    }));
}

/** A case whose machine runs. */
export const isRunning = (each: AslCase): each is RunningCase => 'history' in each.expected;
