import * as z from 'zod';
import type { TaskHandler } from '../../adapters/embedded/workflow-engine/call-task.ts';
import { flowOf, machineOf, taskState, tokenState } from './engine-world.ts';

/** Nothing here may time out: a process that comes late, on a clock that runs fast, is to find its tasks in time. */
const lasting = { TimeoutSeconds: 10_000_000 };

/** Tells a task which attempt it is, so that it fails by the attempt and not by how often a kill made it run. */
const attempted = (name: string) => ({
  Arguments: {
    FunctionName: `\${${name}Function}`,
    Payload: {
      step: name.toLowerCase(),
      input: '{% $states.input %}',
      attempt: '{% $states.context.State.RetryCount %}',
    },
  },
  ...lasting,
});

/** A machine that passes through every type of state, with retries in the root and in a Map; one way fails. */
export const everyState = machineOf(
  {
    Prepare: {
      Type: 'Pass',
      Assign: { items: '{% [$states.input.items] %}' },
      Output: { good: '{% $states.input.good %}', run: '{% $states.context.Execution.Name %}' },
      Next: 'Check',
    },
    Check: taskState('Check', {
      ...attempted('Check'),
      Retry: [{ ErrorEquals: ['StoreUnavailable'], IntervalSeconds: 1, BackoffRate: 2, MaxAttempts: 2 }],
      Assign: { good: '{% $states.result.Payload.good %}' },
      Next: 'Is it good?',
    }),
    'Is it good?': {
      Type: 'Choice',
      Choices: [{ Condition: '{% $good %}', Next: 'Pause' }],
      Default: 'Wait to tell',
    },
    'Wait to tell': { Type: 'Wait', Seconds: 1, Next: 'Tell' },
    Tell: taskState('Tell', {
      ...attempted('Tell'),
      Retry: [{ ErrorEquals: ['LedgerConflict'], IntervalSeconds: 1, MaxAttempts: 1 }],
      Next: 'Not good',
    }),
    'Not good': { Type: 'Fail', Error: 'NotGood', Cause: 'The check says no.' },
    Pause: { Type: 'Wait', Seconds: 1, Next: 'Both' },
    Both: {
      Type: 'Parallel',
      Branches: [
        flowOf({ Left: taskState('Left', { ...lasting, End: true }) }),
        flowOf({
          'Right pause': { Type: 'Wait', Seconds: 1, Next: 'Right' },
          Right: taskState('Right', { ...lasting, End: true }),
        }),
      ],
      Assign: { both: '{% $states.result %}' },
      Next: 'Each',
    },
    Each: {
      Type: 'Map',
      Items: '{% [$items] %}',
      ItemSelector: {
        item: '{% $states.context.Map.Item.Value %}',
        at: '{% $states.context.Map.Item.Index %}',
        run: '{% $states.context.Execution.Name %}',
      },
      MaxConcurrency: 2,
      ItemProcessor: flowOf(
        {
          Item: taskState('Item', {
            ...attempted('Item'),
            Retry: [{ ErrorEquals: ['LedgerConflict'], IntervalSeconds: 1, MaxAttempts: 1 }],
            End: true,
          }),
        },
        { ProcessorConfig: { Mode: 'INLINE' } },
      ),
      Next: 'Finished',
    },
    Finished: { Type: 'Succeed', Output: { both: '{% $both %}', each: '{% $states.input %}' } },
  },
  lasting,
);

const ask = (more: object) =>
  tokenState('Ask', {
    Arguments: {
      FunctionName: '${AskFunction}',
      Payload: {
        step: 'ask',
        run: '{% $states.context.Execution.Name %}',
        state: '{% $states.context.State.Name %}',
        token: '{% $states.context.Task.Token %}',
      },
    },
    ...lasting,
    HeartbeatSeconds: 9_000_000,
    ...more,
  });

/** A machine that waits for three tokens, two of them at once. */
export const asking = machineOf(
  {
    First: ask({ Next: 'Both' }),
    Both: {
      Type: 'Parallel',
      Branches: [flowOf({ Left: ask({ End: true }) }), flowOf({ Right: ask({ End: true }) })],
      End: true,
    },
  },
  lasting,
);

const Asked = z.object({ run: z.string(), state: z.string(), token: z.string() });

/** What its task was asked: `run/state`, and the token of that. */
export function asked(payload: unknown): { readonly name: string; readonly token: string } {
  const { run, state, token } = Asked.parse(payload);
  return { name: `${run}/${state}`, token };
}

const Payload = z.object({ step: z.string(), input: z.unknown(), attempt: z.int().default(0) });
const ItemInput = z.object({ item: z.unknown() });

/** Its tasks. Each has an effect outside, named by what it was asked; its answer or its fault carries the same name. */
export function everyStateHandlers(effect: (name: string) => void | Promise<void>): Record<string, TaskHandler> {
  const task =
    (fault: string, fails: (input: unknown) => boolean): TaskHandler =>
    async (payload) => {
      const { step, input, attempt } = Payload.parse(payload);
      const name = `${step} ${JSON.stringify(input)} ${attempt}`;
      await effect(name);
      if (attempt === 0 && fails(input)) throw Object.assign(new Error(name), { name: fault });
      return { effect: name, good: typeof input === 'object' && input !== null && 'good' in input && input.good };
    };
  const never = () => false;
  return {
    CheckFunction: task('StoreUnavailable', () => true),
    TellFunction: task('LedgerConflict', () => true),
    LeftFunction: task('', never),
    RightFunction: task('', never),
    ItemFunction: task('LedgerConflict', (input) => ItemInput.parse(input).item === 'b'),
  };
}
