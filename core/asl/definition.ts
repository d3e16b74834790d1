import * as z from 'zod';
import type { Json } from './json.ts';

/**
 * The subset of the Amazon States Language that our machines may use: shape only. What a shape cannot say (targets,
 * expressions, variables, names) is in `lint.ts`.
 */
const Comment = z.string().min(1).max(1024);
const Name = z.string().regex(/^[A-Z][^\p{C}]{0,79}$/u, 'a state is called by a sentence of at most 80 characters');
const VariableName = z
  .string()
  .regex(/^[A-Za-z][A-Za-z0-9_]{0,79}$/, 'a variable is called by letters, digits and _, at most 80');
const Seconds = z.int().min(1).max(99_999_999);
/** JSON whose strings may be expressions, `{% … %}`. */
const Template: z.ZodType<Json> = z.json();
const Assign = z.record(VariableName, Template).refine((names) => Object.keys(names).length > 0, 'assigns nothing');

export const TASK_RESOURCE = 'arn:${Partition}:states:::lambda:invoke';
export const TOKEN_RESOURCE = 'arn:${Partition}:states:::lambda:invoke.waitForTaskToken';

const ErrorNames = z.array(z.string().min(1).max(256)).min(1);
const Retrier = z.strictObject({
  ErrorEquals: ErrorNames,
  IntervalSeconds: Seconds.optional(),
  BackoffRate: z.number().min(1).max(100).optional(),
  MaxAttempts: z.int().min(0).max(1000).optional(),
  MaxDelaySeconds: z.int().min(2).max(31_622_400).optional(),
  JitterStrategy: z.enum(['FULL', 'NONE']).optional(),
});
const Catcher = z.strictObject({
  ErrorEquals: ErrorNames,
  Assign: Assign.optional(),
  Output: Template.optional(),
  Next: Name,
});

const described = { Comment: Comment.optional() };
/** Exactly one of the two; the linter says so. */
const onward = { Next: Name.optional(), End: z.literal(true).optional() };
const results = { Assign: Assign.optional(), Output: Template.optional() };
const failing = { Retry: z.array(Retrier).min(1).optional(), Catch: z.array(Catcher).min(1).optional() };

const TaskState = z.strictObject({
  Type: z.literal('Task'),
  ...described,
  Resource: z.enum([TASK_RESOURCE, TOKEN_RESOURCE]),
  Arguments: z.strictObject({
    FunctionName: z.string().regex(/^\$\{[A-Z][A-Za-z0-9]*Function\}$/, 'a placeholder ${…Function}'),
    Payload: z
      .object({ step: z.string().regex(/^[a-z][a-z0-9-]*$/, 'a constant, the kebab-case name of the step') })
      .catchall(Template),
  }),
  Assign: Assign.optional(),
  Output: Template,
  TimeoutSeconds: Seconds,
  /** An expression must give whole seconds below the time-out. */
  HeartbeatSeconds: z.union([Seconds, z.string()]).optional(),
  ...failing,
  ...onward,
});

const ChoiceState = z.strictObject({
  Type: z.literal('Choice'),
  ...described,
  Choices: z.array(z.strictObject({ Condition: z.string(), ...described, ...results, Next: Name })).min(1),
  Default: Name,
  ...results,
});

const WaitState = z.strictObject({
  Type: z.literal('Wait'),
  ...described,
  Seconds: z.union([z.int().min(0).max(99_999_999), z.string()]).optional(),
  Timestamp: z.string().optional(),
  ...results,
  ...onward,
});

const PassState = z.strictObject({ Type: z.literal('Pass'), ...described, ...results, ...onward });
const SucceedState = z.strictObject({ Type: z.literal('Succeed'), ...described, Output: Template.optional() });
const FailState = z.strictObject({
  Type: z.literal('Fail'),
  ...described,
  Error: z.string().min(1).max(256),
  Cause: z.string().min(1).max(32_768).optional(),
});

const ParallelState = z.strictObject({
  Type: z.literal('Parallel'),
  ...described,
  Arguments: Template.optional(),
  get Branches(): z.ZodArray<z.ZodType<Flow>> {
    return z.array(Flow).min(1).max(40);
  },
  ...results,
  ...failing,
  ...onward,
});

const MapState = z.strictObject({
  Type: z.literal('Map'),
  ...described,
  Items: z.union([z.string(), z.array(Template)]),
  ItemSelector: Template.optional(),
  MaxConcurrency: z.int().min(1).max(40),
  get ItemProcessor(): z.ZodType<ItemProcessor> {
    return Flow.extend({ ProcessorConfig: z.strictObject({ Mode: z.literal('INLINE') }) });
  },
  ...results,
  ...failing,
  ...onward,
});

const State = z.discriminatedUnion('Type', [
  TaskState,
  ChoiceState,
  WaitState,
  PassState,
  SucceedState,
  FailState,
  ParallelState,
  MapState,
]);

const Flow = z.strictObject({
  ...described,
  StartAt: Name,
  States: z.record(Name, State),
});

export const StateMachine = z.strictObject({
  ...described,
  QueryLanguage: z.literal('JSONata'),
  StartAt: Name,
  TimeoutSeconds: Seconds,
  States: z.record(Name, State),
});
export type StateMachine = z.infer<typeof StateMachine>;
export type State = z.infer<typeof State>;

/**
 * States with a first one: a machine, a branch of a Parallel, the processor of a Map. Written by hand, as a recursive
 * type cannot be inferred through a union; the schema beside it is checked against it.
 */
export interface Flow {
  Comment?: string | undefined;
  StartAt: string;
  States: Record<string, State>;
}
interface ItemProcessor extends Flow {
  ProcessorConfig: { Mode: 'INLINE' };
}
export type Retrier = z.infer<typeof Retrier>;
export type Catcher = z.infer<typeof Catcher>;
export type StateOf<Type extends State['Type']> = Extract<State, { Type: Type }>;
