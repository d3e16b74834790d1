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
  /** How often the run was taken up again after it had failed. */
  readonly redriveCount: number;
  /** Whether `redrive` would take it up now. */
  readonly redrivable: boolean;
}

/** `gone`: no task waits for the token any more (answered, timed out, run ended), or none ever did. */
export type TokenAnswer = 'accepted' | 'gone';

/** Named, durable runs of the machines in `statemachines/`. */
export interface Workflows {
  /** `started` once durable; `exists` when a run of this name was ever started, whatever its input or end. */
  start(machine: string, name: string, input: unknown): Promise<'started' | 'exists'>;
  describe(machine: string, name: string): Promise<RunDescription | undefined>;
  list(filter: { machine?: string; status?: RunStatus; limit: number }): Promise<RunDescription[]>;
  stop(machine: string, name: string, reason: { error: string; cause: string }): Promise<void>;
  /**
   * Takes a run that failed, timed out or was stopped up again where it stands, retry counters at zero. MUST be durable
   * before it resolves. `impossible` changes nothing: the run goes on, has succeeded, is too old, is of a machine that
   * compensates, or the back end cannot redrive.
   */
  redrive(machine: string, name: string): Promise<'redriven' | 'impossible'>;
  /** Answers the task that waits for the token; of several answers the first counts. */
  sendTaskSuccess(token: string, output: unknown): Promise<TokenAnswer>;
  sendTaskFailure(token: string, failure: { error: string; cause: string }): Promise<TokenAnswer>;
  /** Starts the heartbeat interval of the waiting task anew. */
  sendTaskHeartbeat(token: string): Promise<TokenAnswer>;
}
