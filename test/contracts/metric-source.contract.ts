import { describe, expect, it } from 'vitest';
import type { MetricSource } from '../../core/ports/metric-source.ts';

/** Expressions that the back end under test answers as their names say. */
export interface MetricExpressions {
  /** One series of value 0.25. */
  readonly one: string;
  readonly none: string;
  /** Two series, 1 and 2. */
  readonly two: string;
  readonly notANumber: string;
  readonly endless: string;
  /** What the back end refuses to answer. */
  readonly broken: string;
}

const AT = 1_700_000_000;

/** `source` is asked for inside the tests, so that it may be opened in a hook. */
export function metricSourceContract(name: string, source: () => MetricSource, expressions: MetricExpressions): void {
  const valuesOf = async (expression: string) => {
    const answer = await source().query(expression, AT);
    return answer.kind === 'values' ? [...answer.values].sort() : answer;
  };

  describe(`${name} as a metric source`, () => {
    it('answers with one value for each series, as the back end writes it', async () => {
      expect(await valuesOf(expressions.one)).toEqual(['0.25']);
      expect(await valuesOf(expressions.two)).toEqual(['1', '2']);
      expect(await valuesOf(expressions.none)).toEqual([]);
      expect(await valuesOf(expressions.notANumber)).toEqual(['NaN']);
      expect(await valuesOf(expressions.endless)).toEqual(['+Inf']);
    });

    it('answers the same bytes when it is asked about the same instant again', async () => {
      const answers = [await source().query(expressions.one, AT), await source().query(expressions.one, AT)];
      const [first, second] = answers.map(({ raw }) => Buffer.from(raw ?? []).toString());
      expect(first).not.toBe('');
      expect(second).toBe(first);
    });

    it('answers that there is an error, and throws nothing, for what cannot be asked', async () => {
      expect(await valuesOf(expressions.broken)).toMatchObject({ kind: 'error', reason: expect.stringMatching(/./) });
    });
  });
}
