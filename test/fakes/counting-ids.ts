import { createHash } from 'node:crypto';
import type { Ids } from '../../core/ports/ids.ts';

/** Ids that count and randomness that repeats: the same test makes the same bytes. */
export function countingIds(): Ids {
  let count = 0;
  const next = () => {
    count += 1;
    return count;
  };
  return {
    ulid: () => `01HZZZZZZZ${String(next()).padStart(16, '0')}`,
    random: (size) => {
      const seed = createHash('sha256').update(`random ${next()}`).digest();
      return Uint8Array.from({ length: size }, (_, at) => seed[at % seed.length] ?? 0);
    },
  };
}
