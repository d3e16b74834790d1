import type { OciDigest } from '../../events/fields.ts';

/** What one target runs: `stable` takes the traffic that `canary` does not. A target that is new runs nothing. */
export interface RolloutState {
  readonly stable?: OciDigest;
  readonly canary?: OciDigest;
  /** Per cent of the traffic that goes to `canary`: 0 to 100; 0 without a canary. */
  readonly weight: number;
}

/** A state as it was read. `version` is opaque and changes with every `set`, also one that sets what is set already. */
export interface ObservedRollout extends RolloutState {
  readonly version: string;
}

/**
 * Where a digest runs. Trusted to do what it answers, and asked again after each change. Faults are `TargetUnreachable`;
 * a revision that it does not know is `TargetRefused`, and changes nothing.
 */
export interface RolloutTarget {
  read(): Promise<ObservedRollout>;
  /**
   * MUST be durable and in force before it resolves. Throws `TargetConflict`, changing nothing, when the target is no
   * longer at `version`: a step that was given up must not undo a rollback that came after it.
   */
  set(state: RolloutState, version: string): Promise<ObservedRollout>;
}
