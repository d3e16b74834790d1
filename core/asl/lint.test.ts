import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { FAULT_NAMES } from '../faults.ts';
import { type LintFinding, lintStateMachine } from './lint.ts';

const RULES = { faults: ['StoreUnavailable', 'LedgerConflict'] };
const LAMBDA = 'arn:${Partition}:states:::lambda:invoke';
const TOKEN = `${LAMBDA}.waitForTaskToken`;

/** Uses every part of the subset and is all right; each case below changes one place of it. */
const valid = {
  Comment: 'A sample.',
  QueryLanguage: 'JSONata',
  StartAt: 'Work',
  TimeoutSeconds: 600,
  States: {
    Work: {
      Type: 'Task',
      Comment: 'Retries when the store is busy.',
      Resource: LAMBDA,
      Arguments: { FunctionName: '${WorkFunction}', Payload: { step: 'work', subject: '{% $states.input.subject %}' } },
      Assign: { subject: '{% $states.input.subject %}', records: '{% [$states.result.Payload.records] %}' },
      Output: '{% $states.result.Payload %}',
      TimeoutSeconds: 60,
      Retry: [
        { ErrorEquals: ['StoreUnavailable', 'Lambda.ServiceException'], IntervalSeconds: 2, MaxDelaySeconds: 30 },
        { ErrorEquals: ['States.ALL'], MaxAttempts: 1 },
      ],
      Next: 'Approve',
    },
    Approve: {
      Type: 'Task',
      Resource: TOKEN,
      Arguments: {
        FunctionName: '${ApproveFunction}',
        Payload: { step: 'approve', token: '{% $states.context.Task.Token %}' },
      },
      Output: '{% $states.result %}',
      TimeoutSeconds: 600,
      HeartbeatSeconds: 60,
      Catch: [{ ErrorEquals: ['States.Timeout'], Output: '{% $states.errorOutput.Error %}', Next: 'Refused' }],
      Next: 'Good?',
    },
    'Good?': {
      Type: 'Choice',
      Choices: [{ Condition: '{% $exists($states.input.good) and $states.input.good %}', Next: 'Pause' }],
      Default: 'Refused',
    },
    Pause: { Type: 'Wait', Seconds: 5, Next: 'Both' },
    Both: {
      Type: 'Parallel',
      Branches: [{ StartAt: 'Left', States: { Left: { Type: 'Pass', Assign: { left: 1 }, End: true } } }],
      Next: 'Each',
    },
    Each: {
      Type: 'Map',
      Items: '{% [$records[kind = "check"]] %}',
      ItemSelector: { item: '{% $states.context.Map.Item.Value %}', all: '{% $records[0] %}' },
      MaxConcurrency: 4,
      ItemProcessor: {
        ProcessorConfig: { Mode: 'INLINE' },
        StartAt: 'Item',
        States: { Item: { Type: 'Pass', Output: '{% $subject %}', End: true } },
      },
      Next: 'Finish',
    },
    Finish: { Type: 'Pass', Output: { fixed: [1, 'two', null, true] }, Next: 'Done' },
    Done: { Type: 'Succeed', Output: '{% $count($records) > 0 ? "some" : "none" %}' },
    Refused: { Type: 'Fail', Error: 'Refused', Cause: '{% "because of " & $string($states.input) %}' },
  },
};

type Step = string | number;
const isHolder = (value: unknown): value is object => typeof value === 'object' && value !== null;

/** The document with another value at one place; `undefined` takes the member away. */
function changed(path: readonly Step[], value: unknown): unknown {
  const document: unknown = structuredClone(valid);
  let holder: unknown = document;
  for (const step of path.slice(0, -1)) holder = isHolder(holder) ? Reflect.get(holder, step) : undefined;
  const last = path.at(-1);
  if (!isHolder(holder) || last === undefined) throw new Error(`there is no ${path.join('.')}`);
  if (value === undefined) Reflect.deleteProperty(holder, last);
  else Reflect.set(holder, last, value);
  return document;
}

const at = (state: string, ...rest: Step[]): Step[] => ['States', state, ...rest];
const pass = (more: object) => ({ Type: 'Pass', End: true, ...more });

type Case = [what: string, path: Step[], value: unknown, where: string, reason: RegExp];

const shapes: Case[] = [
  ['JSONPath', ['QueryLanguage'], 'JSONPath', '$.QueryLanguage', /JSONata/],
  ['no query language', ['QueryLanguage'], undefined, '$.QueryLanguage', /JSONata/],
  ['no time-out of the machine', ['TimeoutSeconds'], undefined, '$.TimeoutSeconds', /./],
  ['a time-out of nothing', ['TimeoutSeconds'], 0, '$.TimeoutSeconds', />=1/],
  ['a field of its own', ['Version'], '1.0', '$', /Version/],
  ['an unknown type', at('Pause', 'Type'), 'Sleep', '$.States.Pause.Type', /./],
  ['a state name in small letters', at('small'), pass({}), '$.States.small', /./],
  ['a state name of 81 characters', at('X'.repeat(81)), pass({}), `$.States.${'X'.repeat(81)}`, /./],
  ['another resource', at('Work', 'Resource'), 'arn:aws:states:::sqs:sendMessage', '$.States.Work.Resource', /./],
  ['a fixed partition', at('Work', 'Resource'), 'arn:aws:states:::lambda:invoke', '$.States.Work.Resource', /./],
  [
    'a fixed function',
    at('Work', 'Arguments', 'FunctionName'),
    'f',
    '$.States.Work.Arguments.FunctionName',
    /placeholder/,
  ],
  ['a further argument', at('Work', 'Arguments', 'Qualifier'), '1', '$.States.Work.Arguments', /Qualifier/],
  [
    'a task without its step',
    at('Work', 'Arguments', 'Payload', 'step'),
    undefined,
    '$.States.Work.Arguments.Payload.step',
    /./,
  ],
  [
    'a computed step',
    at('Work', 'Arguments', 'Payload', 'step'),
    '{% "a" %}',
    '$.States.Work.Arguments.Payload.step',
    /constant/,
  ],
  ['a task without Output', at('Work', 'Output'), undefined, '$.States.Work.Output', /./],
  ['a task without a time-out', at('Work', 'TimeoutSeconds'), undefined, '$.States.Work.TimeoutSeconds', /./],
  ['a computed time-out', at('Work', 'TimeoutSeconds'), '{% 5 %}', '$.States.Work.TimeoutSeconds', /./],
  ['a Choice without Default', at('Good?', 'Default'), undefined, '$.States["Good?"].Default', /./],
  ['a Choice without choices', at('Good?', 'Choices'), [], '$.States["Good?"].Choices', /./],
  ['a Map without MaxConcurrency', at('Each', 'MaxConcurrency'), undefined, '$.States.Each.MaxConcurrency', /./],
  ['a Map of 41 at once', at('Each', 'MaxConcurrency'), 41, '$.States.Each.MaxConcurrency', /40/],
  [
    'a distributed Map',
    at('Each', 'ItemProcessor', 'ProcessorConfig', 'Mode'),
    'DISTRIBUTED',
    '$.States.Each.ItemProcessor.ProcessorConfig.Mode',
    /INLINE/,
  ],
  ['an ItemReader', at('Each', 'ItemReader'), {}, '$.States.Each', /ItemReader/],
  ['a tolerated failure', at('Each', 'ToleratedFailureCount'), 1, '$.States.Each', /ToleratedFailureCount/],
  ['a Parallel without branches', at('Both', 'Branches'), [], '$.States.Both.Branches', /./],
  ['a back-off that shrinks', at('Work', 'Retry', 0, 'BackoffRate'), 0.5, '$.States.Work.Retry[0].BackoffRate', />=1/],
  [
    'a jitter of its own',
    at('Work', 'Retry', 0, 'JitterStrategy'),
    'HALF',
    '$.States.Work.Retry[0].JitterStrategy',
    /./,
  ],
  ['a variable with a dash', at('Finish', 'Assign'), { 'a-b': 1 }, '$.States.Finish.Assign["a-b"]', /./],
  ['an empty Assign', at('Finish', 'Assign'), {}, '$.States.Finish.Assign', /assigns nothing/],
  ['End that is false', at('Finish', 'End'), false, '$.States.Finish.End', /true/],
  ['a Fail without an error', at('Refused', 'Error'), undefined, '$.States.Refused.Error', /./],
];

const meanings: Case[] = [
  ['a start that is no state', ['StartAt'], 'Nowhere', '$.StartAt', /names no state/],
  ['a Next that is no state', at('Finish', 'Next'), 'Nowhere', '$.States.Finish.Next', /no state beside it/],
  ['a Default that is no state', at('Good?', 'Default'), 'Nowhere', '$.States["Good?"].Default', /no state beside it/],
  ['a Next into a branch', at('Finish', 'Next'), 'Left', '$.States.Finish.Next', /no state beside it/],
  ['both Next and End', at('Finish', 'End'), true, '$.States.Finish', /either Next or End/],
  ['neither Next nor End', at('Finish', 'Next'), undefined, '$.States.Finish', /either Next or End/],
  ['a state that is never reached', at('Lost'), pass({}), '$.States.Lost', /never reached/],
  [
    'a name used in a branch too',
    at('Both', 'Branches', 0),
    { StartAt: 'Work', States: { Work: pass({}) } },
    '$.States',
    /two states/,
  ],
  [
    'a variable of an enclosing flow',
    at('Both', 'Branches', 0, 'States', 'Left', 'Assign'),
    { subject: 1 },
    '$.States.Both.Branches[0]',
    /enclosing flow/,
  ],
  ['a retry without a reason', at('Work', 'Comment'), undefined, '$.States.Work', /why/],
  [
    'a fault nobody throws',
    at('Work', 'Retry', 0, 'ErrorEquals'),
    ['StoreUnavailble'],
    '$.States.Work.Retry[0].ErrorEquals[0]',
    /nobody throws/,
  ],
  [
    'States.TaskFailed',
    at('Work', 'Retry', 0, 'ErrorEquals'),
    ['States.TaskFailed'],
    '$.States.Work.Retry[0].ErrorEquals[0]',
    /nobody throws|none to act on/,
  ],
  [
    'States.ALL beside another',
    at('Work', 'Retry', 1, 'ErrorEquals'),
    ['States.ALL', 'LedgerConflict'],
    '$.States.Work.Retry[1].ErrorEquals',
    /alone and last/,
  ],
  [
    'States.ALL before another',
    at('Work', 'Retry', 0, 'ErrorEquals'),
    ['States.ALL'],
    '$.States.Work.Retry[0].ErrorEquals',
    /alone and last/,
  ],
  [
    'an error retried twice',
    at('Work', 'Retry', 1, 'ErrorEquals'),
    ['StoreUnavailable'],
    '$.States.Work.Retry',
    /twice/,
  ],
  [
    'a longest delay below the first',
    at('Work', 'Retry', 0, 'MaxDelaySeconds'),
    2,
    '$.States.Work.Retry[0].MaxDelaySeconds',
    /more than/,
  ],
  [
    'a fault that is caught',
    at('Work', 'Catch'),
    [{ ErrorEquals: ['StoreUnavailable'], Next: 'Refused' }],
    '$.States.Work.Catch[0]',
    /catches a fault/,
  ],
  ['a heartbeat of a plain task', at('Work', 'HeartbeatSeconds'), 5, '$.States.Work.HeartbeatSeconds', /token/],
  ['a token without a heartbeat', at('Approve', 'HeartbeatSeconds'), undefined, '$.States.Approve', /HeartbeatSeconds/],
  [
    'a heartbeat as long as the time-out',
    at('Approve', 'HeartbeatSeconds'),
    600,
    '$.States.Approve.HeartbeatSeconds',
    /less than/,
  ],
  [
    'a heartbeat as plain text',
    at('Approve', 'HeartbeatSeconds'),
    '60',
    '$.States.Approve.HeartbeatSeconds',
    /no expression/,
  ],
  [
    'a heartbeat of a variable that is not assigned',
    at('Approve', 'HeartbeatSeconds'),
    '{% $seconds %}',
    '$.States.Approve.HeartbeatSeconds',
    /not assigned/,
  ],
  [
    'a token that is not handed on',
    at('Approve', 'Arguments', 'Payload', 'token'),
    'none',
    '$.States.Approve.Arguments.Payload',
    /Task\.Token/,
  ],
  [
    'a Wait for both',
    at('Pause', 'Timestamp'),
    '2026-01-02T03:04:05Z',
    '$.States.Pause',
    /either Seconds or Timestamp/,
  ],
  ['a Wait for neither', at('Pause', 'Seconds'), undefined, '$.States.Pause', /either Seconds or Timestamp/],
  ['seconds as plain text', at('Pause', 'Seconds'), '5', '$.States.Pause.Seconds', /no expression/],
  [
    'a plain condition',
    at('Good?', 'Choices', 0, 'Condition'),
    'true',
    '$.States["Good?"].Choices[0].Condition',
    /no expression/,
  ],
  ['items that may be one element', at('Each', 'Items'), '{% $records %}', '$.States.Each.Items', /array/],
  [
    'a variable named as a function',
    at('Finish', 'Assign'),
    { count: 1 },
    '$.States.Finish.Assign.count',
    /need themselves/,
  ],
  [
    'a variable named states',
    at('Finish', 'Assign'),
    { states: 1 },
    '$.States.Finish.Assign.states',
    /need themselves/,
  ],
  ['a placeholder elsewhere', at('Finish', 'Output'), '${Partition}', '$.States.Finish.Output', /placeholder/],
  ['a blank before {%', at('Finish', 'Output'), ' {% 1 %}', '$.States.Finish.Output', /is no expression/],
  ['a blank after %}', at('Finish', 'Output'), '{% 1 %} ', '$.States.Finish.Output', /is no expression/],
  ['an expression inside a text', at('Finish', 'Output'), 'a {% 1 %}', '$.States.Finish.Output', /is no expression/],
  ['a decimal', at('Finish', 'Output', 'fixed', 0), 1.5, '$.States.Finish.Output.fixed[0]', /string/],
  ['an integer above 2^53', at('Finish', 'Output', 'fixed', 0), 2 ** 53, '$.States.Finish.Output.fixed[0]', /2\^53/],
];

/** What stands in the Output of a Pass, or another place, and may not. */
const expressions: [expression: string, reason: RegExp, place?: Step[]][] = [
  ['$states.input.a ?? 1', /no JSONata 2\.0\.6/],
  ['$states.input.a ?: 1', /no JSONata 2\.0\.6/],
  ['$states.input.(', /no JSONata 2\.0\.6/],
  ['$eval("1")', /calls \$eval/],
  ['$now()', /calls \$now/],
  ['$millis()', /calls \$millis/],
  ['$random()', /calls \$random/],
  ['$uuid()', /calls \$uuid/],
  ['$sort([$records])', /calls \$sort/],
  ['$map([1], function($x) { $x })', /calls \$map/],
  ['function($x) { $x }', /uses lambda/],
  ['/a+/', /uses regex/],
  ['$string()', /without its 1 argument/],
  ['$states.input.a + 1', /operator \+/],
  ['$states.input.a * 2', /operator \*/],
  ['[1..9]', /operator \.\./],
  ['-$states.input.a', /operator -/],
  ['1.5', /no integer/],
  ['a', /bare name/],
  ['a.b', /bare name/],
  ['$', /no item/],
  ['$$', /reads \$\$/],
  ['$states', /as a whole/],
  ['$states.other', /does not exist/],
  ['$states.result', /\$states\.result, which does not exist/],
  ['$states.errorOutput.Error', /errorOutput, which does not exist/],
  ['$states.context.Execution.Id', /not in the subset/],
  ['$states.context.Execution.RedriveCount', /without \$exists/],
  ['$states.context.Map.Item.Value', /outside its ItemSelector/],
  ['$states.context.Task.Token', /token where none/],
  ['$unknown', /not assigned on every way/],
  ['$left', /not assigned on every way/],
  ['$records[kind = "check"]', /filters outside/],
  ['$states.input.a ? 1', /without its :/],
  ['{ $subject: 1 }', /computes a key/],
  ['$states.input.%', /./],
  ['$states.input.a@$x.b', /joins/],
  ['$states.input.a#$i', /counts by #/],
  ['$states.input.a{b: c}', /groups/],
  ['$states.input.a[]', /keeps an array/],
  ['($x := 1; $x)', /./],
  ['$states.input ~> $count', /./],
  ['$states.input.*', /wildcard/],
  ['$states.input.**', /descendant/],
  ['$states.input["a"]', /filters outside/],
  ['$states.result.StatusCode', /envelope/, at('Work', 'Output')],
  ['$records', /not assigned/, at('Work', 'Arguments', 'Payload', 'subject')],
  ['$states.errorOutput.Cause', /more of \$states\.errorOutput/, at('Approve', 'Catch', 0, 'Output')],
];

const told = (findings: readonly LintFinding[]) => findings.map(({ path, reason }) => `${path} ${reason}`).join('\n');

describe('the linter', () => {
  it.each(['source-release', 'image-release', 'checkpoint', 'audit'])('accepts %s', (name) => {
    const file = new URL(`../../statemachines/${name}.asl.json`, import.meta.url);
    expect(lintStateMachine(JSON.parse(readFileSync(file, 'utf8')), { faults: FAULT_NAMES })).toEqual([]);
  });

  it('accepts a document that uses every part of the subset', () => {
    expect(lintStateMachine(valid, RULES)).toEqual([]);
  });

  it.each([...shapes, ...meanings])('refuses %s, and says where', (_what, path, value, where, reason) => {
    const findings = lintStateMachine(changed(path, value), RULES);
    expect(
      findings.filter((found) => found.path === where && reason.test(found.reason)),
      told(findings),
    ).not.toEqual([]);
  });

  it.each(expressions)('refuses the expression %s', (expression, reason, place = at('Finish', 'Output')) => {
    const findings = lintStateMachine(changed(place, `{% ${expression} %}`), RULES);
    const steps = place.map((step) => (typeof step === 'number' ? `[${step}]` : `.${step}`)).join('');
    expect(
      findings.filter((found) => found.path === `$${steps}` && reason.test(found.reason)),
      told(findings),
    ).not.toEqual([]);
  });

  it.each([
    '$states.input.a.b',
    '$states.input.`a-b`',
    '$records[0]',
    '$records[-1]',
    '[$records[kind = "check" and n > 1].check]',
    '$count($records[kind = "check"])',
    '$exists($states.context.Execution.RedriveCount) ? $states.context.Execution.RedriveCount : 0',
    '$merge([$subject, {"a": 1}])',
    '$append($records, [1])',
    '$lookup($subject, "a")',
    '$not($states.input.a in ["x", "y"])',
    '$states.input.a >= 1 or $states.input.a != "b"',
    '"a" & $string($subject)',
    '($states.input.a)',
  ])('accepts the expression %s', (expression) => {
    const findings = lintStateMachine(changed(at('Finish', 'Output'), `{% ${expression} %}`), RULES);
    expect(told(findings)).toBe('');
  });

  it('accepts a heartbeat that is an expression over the input', () => {
    const document = changed(at('Approve', 'HeartbeatSeconds'), '{% $states.input.heartbeatSeconds %}');
    expect(told(lintStateMachine(document, RULES))).toBe('');
  });

  it('lets a compensating machine catch faults, and no other', () => {
    const document = changed(at('Work', 'Catch'), [{ ErrorEquals: ['States.ALL'], Next: 'Refused' }]);
    expect(lintStateMachine(document, RULES)).toHaveLength(1);
    expect(lintStateMachine(document, { ...RULES, compensating: true })).toEqual([]);
  });

  it('knows a variable only where every way assigns it', () => {
    const skipping = changed(at('Approve', 'Next'), 'Done');
    expect(told(lintStateMachine(skipping, RULES))).toMatch(/never reached/);
    const early = changed(['StartAt'], 'Approve');
    expect(told(lintStateMachine(early, RULES))).toMatch(
      /\$\.States\.Done\.Output reads \$records, which is not assigned/,
    );
  });

  it.each([null, 5, 'text', [], {}])('refuses %j, which is no machine', (document) => {
    expect(lintStateMachine(document, RULES).length).toBeGreaterThan(0);
  });

  it('tells every finding, not the first alone', () => {
    const document = { ...valid, States: { ...valid.States, Lost: pass({}), Gone: pass({ Output: '{% $now() %}' }) } };
    expect(lintStateMachine(document, RULES).map(({ path }) => path)).toEqual([
      '$.States.Lost',
      '$.States.Gone',
      '$.States.Gone.Output',
    ]);
  });
});
