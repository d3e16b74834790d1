/** What a metric back end answered. `raw` are the bytes as they came, for evidence; absent when nothing came. */
export type MetricAnswer =
  | {
      readonly kind: 'values';
      readonly raw: Uint8Array;
      /** One value of each series, as the back end wrote it ("NaN", "+Inf", "0.031"); a scalar is one value. */
      readonly values: readonly string[];
    }
  | { readonly kind: 'error'; readonly raw?: Uint8Array; readonly reason: string };

/**
 * Asks for one number at one instant, so that asking again gives the same answer. Not trusted for availability: whatever
 * goes wrong is an `error` answer, never an exception, and never a value. At most 1 MiB and 5 s.
 */
export interface MetricSource {
  /** `at`: seconds since the epoch. */
  query(expression: string, at: number): Promise<MetricAnswer>;
}
