import type { MetricAnswer, MetricSource } from '../../core/ports/metric-source.ts';

/** The values of the series of an answer, or that there is none. */
type Scripted = readonly string[] | { readonly error: string };

interface Script {
  readonly expression: string;
  /** Absent: at every instant that has no script of its own. */
  readonly at: number | undefined;
  readonly answers: readonly Scripted[];
}

export interface MemoryMetricSource extends MetricSource {
  readonly asked: { readonly expression: string; readonly at: number }[];
  /** What an expression is answered with, one answer for each time it is asked at an instant; the last one stays. */
  script(expression: string, answers: readonly [Scripted, ...Scripted[]], at?: number): void;
}

/** A back end of scripted answers; an expression without one has no series, as in an empty Prometheus. */
export function memoryMetricSource(): MemoryMetricSource {
  const scripts: Script[] = [];
  const asked: { expression: string; at: number }[] = [];
  const scriptOf = (expression: string, at: number) =>
    scripts.findLast((script) => script.expression === expression && script.at === at) ??
    scripts.findLast((script) => script.expression === expression && script.at === undefined);
  return {
    asked,
    script: (expression, answers, at) => void scripts.push({ expression, at, answers }),
    async query(expression, at): Promise<MetricAnswer> {
      const before = asked.filter((one) => one.expression === expression && one.at === at).length;
      asked.push({ expression, at });
      const answers = scriptOf(expression, at)?.answers ?? [[]];
      const answer = answers[Math.min(before, answers.length - 1)] ?? [];
      if ('error' in answer) return { kind: 'error', reason: answer.error };
      return { kind: 'values', values: answer, raw: new TextEncoder().encode(JSON.stringify({ at, values: answer })) };
    },
  };
}
