import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Constraint, constraintText, couldHold, holds, parseConstraintText, parseGoBuild } from './constraint.ts';

const tag = fc
  .constantFrom('a', 'b', 'c.d', '386', 'ignore', 'é_1')
  .map((each): Constraint => ({ kind: 'tag', tag: each }));
const { constraint } = fc.letrec<{ constraint: Constraint }>((tie) => ({
  constraint: fc.oneof(
    { maxDepth: 4 },
    tag,
    tie('constraint').map((of): Constraint => ({ kind: 'not', of })),
    fc.record({
      kind: fc.constantFrom('and' as const, 'or' as const),
      of: fc.array(tie('constraint'), { minLength: 2, maxLength: 4 }),
    }),
  ),
}));

describe('a build constraint', () => {
  it('means the same when its text is read again', () => {
    void fc.assert(
      fc.property(constraint, fc.func(fc.boolean()), (each, isTrue) => {
        const again = parseConstraintText(constraintText(each));
        const isSet = (name: string) => isTrue(name);
        expect(constraintText(again)).toBe(constraintText(each));
        expect([holds(again, isSet), couldHold(again)]).toEqual([holds(each, isSet), couldHold(each)]);
      }),
    );
  });

  it('that some build without the tag ignore meets could hold', () => {
    void fc.assert(
      fc.property(constraint, fc.func(fc.boolean()), (each, isTrue) => {
        if (holds(each, (name) => name !== 'ignore' && isTrue(name))) expect(couldHold(each)).toBe(true);
      }),
    );
  });

  it.each(['', 'a b', 'a &', 'a && ', '| a', '(a', 'a)', '!!a', '! !a', 'a-b', '()', 'a // x'])(
    'is not "%s"',
    (text) => {
      expect(parseGoBuild(text)).toHaveProperty('problem');
    },
  );

  it('has at most a thousand operands', () => {
    expect(parseGoBuild(Array(1000).fill('a').join('||'))).toHaveProperty('kind', 'or');
    expect(parseGoBuild(Array(1001).fill('a').join('||'))).toEqual({ problem: 'the expression is too large' });
    expect(parseGoBuild(`${'('.repeat(999)}a${')'.repeat(999)}`)).toEqual({ kind: 'tag', tag: 'a' });
    expect(parseGoBuild(`${'('.repeat(1000)}a${')'.repeat(1000)}`)).toEqual({ problem: 'the expression is too large' });
  });
});
