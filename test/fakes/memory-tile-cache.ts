import type { TileCache } from '../../core/ports/tile-cache.ts';

export interface MemoryTileCache extends TileCache {
  /** What is recorded, by `log name`; tests garble it. */
  readonly stored: Map<string, Uint8Array>;
}

/** A tile cache in memory. */
export function memoryTileCache(): MemoryTileCache {
  const stored = new Map<string, Uint8Array>();
  return {
    stored,
    get: async (log, name) => stored.get(`${log} ${name}`),
    put: async (log, name, bytes) => {
      stored.set(`${log} ${name}`, Uint8Array.from(bytes));
    },
  };
}
