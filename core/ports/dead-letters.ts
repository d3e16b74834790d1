/** What nobody takes any more: put aside after its last try, or at once when it can never be taken. */
export interface DeadLetter {
  /** Names it for `redrive`. */
  readonly id: string;
  /** Id of the event it carries, or name of the run it is about; neither when it cannot be read. */
  readonly event?: string;
  readonly run?: string;
  readonly tries: number;
  /** Name of the fault of its last try; never anything of its body. Absent where only a log tells. */
  readonly reason?: string;
}

/** Letters that one call lists or searches, at most. */
export const MOST_LETTERS = 1000;

/** Letters after which a call that redrives all may stop: ask again while it answers so many. */
export const MOST_REDRIVEN = 200;

/** Messages kept for an operator. Failures are `StoreUnavailable`. */
export interface DeadLetters {
  /** Oldest first; at most `MOST_LETTERS`. MUST leave every letter where it is, also when it dies halfway. */
  list(limit: number): Promise<DeadLetter[]>;
  /**
   * Makes one due again with all its tries, or all of them; how many it were. MUST be durable before it resolves. It may
   * stop at `MOST_REDRIVEN`; one that dies or fails halfway MUST have lost none: some may be due again and still be here.
   */
  redrive(id?: string): Promise<number>;
}
