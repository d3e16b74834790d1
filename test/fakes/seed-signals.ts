import { SignalConfig } from '../../core/config.ts';

const signal = (more: Pick<SignalConfig, 'name' | 'limit' | 'unit' | 'consecutive' | 'weight'>): SignalConfig =>
  SignalConfig.parse({ query: `value_of_${more.name}`, ...more });

/** The three rules that a promotion is watched by unless told otherwise. */
export const LATENCY = signal({ name: 'p95', limit: 1800, unit: 'milliseconds', consecutive: 2, weight: 40 });
export const ERRORS = signal({ name: 'errors', limit: 0.03, unit: 'ratio', consecutive: 3, weight: 35 });
export const LOGS = signal({ name: 'logs', limit: 0.05, unit: 'ratio', consecutive: 1, weight: 25 });
export const SEED_SIGNALS: readonly SignalConfig[] = [LATENCY, ERRORS, LOGS];
