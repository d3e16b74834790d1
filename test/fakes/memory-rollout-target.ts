import { Fault } from '../../core/faults.ts';
import type { ObservedRollout, RolloutState, RolloutTarget } from '../../core/ports/rollout-target.ts';
import type { OciDigest } from '../../events/fields.ts';

export interface MemoryRolloutTarget extends RolloutTarget {
  /** When true every call faults. */
  down: boolean;
  /** States that were set, oldest first. */
  readonly changes: readonly RolloutState[];
}

/** A target in memory that knows the given revisions. */
export function memoryRolloutTarget(revisions: readonly OciDigest[]): MemoryRolloutTarget {
  const changes: RolloutState[] = [];
  const observed = (): ObservedRollout => ({ ...(changes.at(-1) ?? { weight: 0 }), version: `v${changes.length}` });
  const requireUp = () => {
    if (target.down) throw new Fault('TargetUnreachable', 'the target is down');
  };
  const target: MemoryRolloutTarget = {
    down: false,
    changes,
    read: async () => {
      requireUp();
      return observed();
    },
    set: async (state, version) => {
      requireUp();
      const { stable, canary, weight } = state;
      if (!Number.isInteger(weight) || weight < 0 || weight > 100 || (weight > 0 && !canary))
        throw new Fault('TargetRefused', `no such weight: ${weight}`);
      for (const digest of [stable, canary])
        if (digest && !revisions.includes(digest)) throw new Fault('TargetRefused', `unknown revision ${digest}`);
      if (version !== observed().version) throw new Fault('TargetConflict', `the target is not at ${version}`);
      changes.push({ ...(stable ? { stable } : {}), ...(canary ? { canary } : {}), weight });
      return observed();
    },
  };
  return target;
}
