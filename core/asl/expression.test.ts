import { describe, expect, it } from 'vitest';
import { type Bindings, evaluateCondition, evaluateTemplate, isExpression } from './expression.ts';
import type { Json } from './json.ts';
import { matchesError, StateError } from './state-error.ts';

const bindings: Bindings = {
  states: {
    input: { one: [{ n: 1 }], many: [{ n: 1 }, { n: 2 }], none: [], a: { b: null }, text: 'x', yes: true },
    context: { Execution: { Name: 'r' } },
    result: { Payload: [1] },
  },
  variables: { v: { w: 1 } },
};
const evaluate = (template: Json) => evaluateTemplate(template, bindings, 'Here');

describe('an expression', () => {
  it.each([
    ['a path over one element gives the element', '$states.input.one.n', 1],
    ['a path over many gives them all', '$states.input.many.n', [1, 2]],
    ['a path written as an array stays one', '[$states.input.one.n]', [1]],
    ['a path over nothing, written as an array, is empty', '[$states.input.none.n]', []],
    ['a filter in [ ] that finds nothing is empty', '[$states.input.many[n = 3]]', []],
    ['a filter that finds one gives it', '$states.input.many[n = 2]', { n: 2 }],
    ['a filter in [ ] that finds one is an array', '[$states.input.many[n = 2]]', [{ n: 2 }]],
    ['a place counts from the end too', '$states.input.many[-1].n', 2],
    ['null is a value', '$states.input.a.b', null],
    ['an undefined member drops its key', '{"a": $states.input.missing, "b": 1}', { b: 1 }],
    ['an undefined element is left out', '[1, $states.input.missing, 2]', [1, 2]],
    ['an empty array stays', '$states.input.none', []],
    ['a variable is read', '$v.w', 1],
    ['a result is read', '[$states.result.Payload]', [1]],
    ['nothing is counted as 0', '$count($states.input.missing)', 0],
    ['nothing does not exist', '$exists($states.input.missing)', false],
  ])('%s', async (_what, expression, expected) => {
    expect(await evaluate(`{% ${expression} %}`)).toEqual(expected);
  });

  it.each([
    ['gives nothing', '$states.input.missing'],
    ['filters and finds nothing', '$states.input.many[n = 3]'],
    ['takes a place that is not there', '$states.input.many[9]'],
    ['reads a variable that is not assigned', '$unknown'],
    ['gives a function', '$count'],
    ['holds a function', '{"f": $count}'],
    ['compares what has no order', '$states.input.a > 1'],
    ['is no JSONata', '$states.input.('],
    ['gives no finite number', '1e308 * 10'],
    ['never ends', '($f := function($n) { 1 + $f($n) }; $f(0))'],
  ])('that %s is States.QueryEvaluationError, with its place', async (_what, expression) => {
    const failing = evaluate(`{% ${expression} %}`);
    await expect(failing).rejects.toBeInstanceOf(StateError);
    await expect(failing).rejects.toMatchObject({ error: 'States.QueryEvaluationError' });
    await expect(failing).rejects.toThrow(/^The expression at Here /);
  });

  it('is a text that begins with {% and ends with %}, with no blank around them', () => {
    expect(['{%%}', '{% 1 %}', '{%1%}'].map(isExpression)).toEqual([true, true, true]);
    expect([' {% 1 %}', '{% 1 %} ', '{ % 1 %}', '{%}', 'a {% 1 %}', ''].map(isExpression)).toEqual(
      new Array(6).fill(false),
    );
  });

  it('leaves what it reads as it was', async () => {
    const before = structuredClone(bindings);
    await evaluate('{% $append($states.input.many, $merge([$v, {"w": 2}])) %}');
    expect(bindings).toEqual(before);
  });

  it('gives the same however many are evaluated at once', async () => {
    const all = Array.from({ length: 300 }, () => evaluate('{% $states.input.many[n = 2].n %}'));
    expect(new Set(await Promise.all(all))).toEqual(new Set([2]));
  });
});

describe('a template', () => {
  it('is evaluated wherever it holds expressions and else left as it is', async () => {
    const template = { a: ['{% $v.w %}', ' {% $v.w %}', 5, null], b: { c: '{% $states.input.text %}' }, d: true };
    expect(await evaluate(template)).toEqual({ a: [1, ' {% $v.w %}', 5, null], b: { c: 'x' }, d: true });
  });

  it('names the place of the expression that fails', async () => {
    await expect(evaluate({ a: [1, { b: '{% $missing %}' }] })).rejects.toThrow(/at Here\/a\[1\]\/b /);
  });

  it('keeps a key called __proto__ a key', async () => {
    const template = Object.fromEntries([['__proto__', '{% $v.w %}']]);
    expect(JSON.stringify(await evaluate(template))).toBe('{"__proto__":1}');
  });
});

describe('a condition', () => {
  it('is true or false', async () => {
    expect(await evaluateCondition('{% $states.input.yes %}', bindings, 'Here')).toBe(true);
    expect(await evaluateCondition('{% $states.input.text = "y" %}', bindings, 'Here')).toBe(false);
  });

  it.each([
    '$states.input.text',
    '1',
    '$states.input.none',
    '$states.input.a',
    '$states.input.a.b',
    '[true]',
    '"true"',
  ])('that gives %s is States.QueryEvaluationError, whatever JSONata would make of it', async (expression) => {
    await expect(evaluateCondition(`{% ${expression} %}`, bindings, 'Here')).rejects.toMatchObject({
      error: 'States.QueryEvaluationError',
    });
  });
});

describe('an error name', () => {
  it.each([
    [['LedgerConflict'], 'LedgerConflict', true],
    [['LedgerConflict'], 'Ledger', false],
    [['States.ALL'], 'Anything', true],
    [['States.ALL'], 'States.Timeout', true],
    [['States.ALL'], 'States.QueryEvaluationError', true],
    [['States.Timeout'], 'States.HeartbeatTimeout', true],
    [['States.HeartbeatTimeout'], 'States.Timeout', false],
    [['States.ALL'], 'States.Runtime', false],
    [['States.ALL'], 'States.DataLimitExceeded', false],
    [['StoreUnavailable', 'States.ALL'], 'States.Runtime', false],
  ])('%j is for %s: %s', (names, error, expected) => {
    expect(matchesError(names, error)).toBe(expected);
  });
});
