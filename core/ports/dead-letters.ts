/** What nobody takes any more: put aside after its last try, or at once when it can never be taken. */
export interface DeadLetter {
  /** Names it for `redrive`. */
  readonly id: string;
  /** Id of the event it carries, or name of the run it is about; neither when it cannot be read. */
  readonly event?: string;
  readonly run?: string;
  readonly tries: number;
  /** Name of the fault of its last try; never anything of its body. */
  readonly reason: string;
}

/** Messages kept for an operator. Failures are `StoreUnavailable`. */
export interface DeadLetters {
  /** Oldest first. */
  list(limit: number): Promise<DeadLetter[]>;
  /** Makes one due again with all its tries, or all of them; how many it were. MUST be durable before it resolves. */
  redrive(id?: string): Promise<number>;
}
