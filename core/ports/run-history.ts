/** One stay of a run in a state; several at once inside a Parallel or Map. */
export interface StateVisit {
  readonly state: string;
  readonly enteredAt: string;
  /** Absent while the run is there, or when it ended there. */
  readonly exitedAt?: string;
  /** `caught`: it failed and the machine went on; `aborted`: the run ended meanwhile, for another reason. */
  readonly outcome: 'running' | 'succeeded' | 'caught' | 'failed' | 'aborted';
  /** How often it was tried again, in redrives too. */
  readonly retries: number;
  /** Of its last failed try, unless another one followed. */
  readonly error?: string;
  readonly cause?: string;
}

/** How a run went and on what code. Inputs and outputs are no part of it. */
export interface RunHistory {
  /** Version of the machine and how it was chosen, where the back end says. */
  readonly codeVersion?: string;
  /** SHA-256 of the machine as it was when the run began. */
  readonly definition: string;
  /** Functions the machine calls, each with its version. */
  readonly functions: readonly string[];
  /** In the order they were entered. */
  readonly states: readonly StateVisit[];
}

/** Histories as the back end keeps them. A failure is `StoreUnavailable`. */
export interface RunHistories {
  /** Undefined when the back end knows no such run, or has forgotten it. */
  of(machine: string, name: string): Promise<RunHistory | undefined>;
}
