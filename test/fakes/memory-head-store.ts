import type { HeadStore, KeptHead } from '../../core/ports/head-store.ts';

/** Kept heads in memory. */
export function memoryHeadStore(): HeadStore {
  const kept = new Map<string, KeptHead>();
  return {
    load: async (log) => kept.get(log),
    save: async (log, head) => {
      const before = kept.get(log);
      const timeless = before?.size === head.size && before.seenAt === undefined;
      if (!before || before.size < head.size || timeless) kept.set(log, head);
    },
  };
}
