export type RunStatus = 'RUNNING' | 'SUCCEEDED' | 'FAILED' | 'TIMED_OUT' | 'ABORTED';

export interface RunDescription {
  readonly name: string;
  readonly machine: string;
  readonly status: RunStatus;
  readonly startedAt: string;
  readonly stoppedAt?: string;
  readonly input: unknown;
  readonly output?: unknown;
  readonly error?: string;
  readonly cause?: string;
  /** The state that failed, or the one that runs. */
  readonly state?: string;
}

/** Named, durable runs of the machines in `statemachines/`. */
export interface Workflows {
  /** `started` once durable; `exists` when a run of this name was ever started, whatever its input or end. */
  start(machine: string, name: string, input: unknown): Promise<'started' | 'exists'>;
  describe(machine: string, name: string): Promise<RunDescription | undefined>;
  list(filter: { machine?: string; status?: RunStatus; limit: number }): Promise<RunDescription[]>;
  stop(machine: string, name: string, reason: { error: string; cause: string }): Promise<void>;
}
