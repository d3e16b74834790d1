import type { Clock } from '../../../core/ports/clock.ts';
import type { Commits } from './commits.ts';
import { REDRIVABLE_MS } from './limits.ts';
import type { WorkflowStore } from './store.ts';
import { NO_TENANT } from './tenants.ts';

/** Keeps a database with very many finished runs small. */
export interface Packer {
  /** To be called when a run has ended; packs when there may be enough to do. Never rejects. */
  poke(): void;
  /** Packs at once, as after a start. Never rejects. */
  pack(): void;
  settled(): Promise<void>;
}

export interface PackerConfig {
  readonly store: WorkflowStore;
  readonly commits: Commits;
  readonly clock: Clock;
  /** Runs that succeeded whose history stays as it is, the newest. */
  readonly keptHistories: number;
  onFault(fault: unknown): void;
}

const ENDS_A_ROUND = 100;
/** Runs packed in one transaction, which holds up everything else: about a millisecond. */
const BATCH = 5;

/**
 * A run that succeeded, when enough came after it, and one that failed, when it can no more be redriven, goes on as its
 * row and one compressed blob: all of its history is still there, its frames, its secret and its schemas are dropped.
 */
export function createPacker({ store, commits, clock, keptHistories, onFault }: PackerConfig): Packer {
  let ends = 0;
  let packing: Promise<void> | undefined;

  function packSome(): number {
    const failedUntil = clock.now() - REDRIVABLE_MS;
    const runs = [...store.succeededRuns(keptHistories, BATCH), ...store.failedRuns(failedUntil, BATCH)];
    for (const { id, definition } of runs) {
      store.packEvents(id, store.definition(definition));
      store.removeFrames(id);
      store.markPacked(id);
    }
    return runs.length;
  }

  async function packAll(): Promise<void> {
    try {
      while ((await commits.writeLater(NO_TENANT, packSome)) > 0);
    } catch (fault) {
      onFault(fault);
    }
    packing = undefined;
  }

  const pack = (): void => {
    ends = 0;
    packing ??= packAll();
  };

  return {
    poke: () => {
      ends += 1;
      if (ends >= ENDS_A_ROUND) pack();
    },
    pack,
    settled: async () => {
      await packing;
    },
  };
}
