import { Fault } from '../../core/faults.ts';
import type { RawTag, ResolvedTag, SourceFile, SourceHost } from '../../core/ports/source-host.ts';
import type { GitSha } from '../../events/fields.ts';

/** A source in memory. `down` makes every call fail as an unreachable source does. */
export interface MemorySourceHost extends SourceHost {
  readonly tags: Map<string, ResolvedTag>;
  /** Heads of changes by number. */
  readonly changes: Map<string, GitSha>;
  readonly rawTags: Map<string, RawTag>;
  readonly commits: Map<GitSha, readonly SourceFile[]>;
  down: boolean;
}

export function memorySourceHost(kind: SourceHost['kind'] = 'git'): MemorySourceHost {
  const requireUp = () => {
    if (host.down) throw new Fault('SourceUnreachable', 'the source is down');
  };
  const host: MemorySourceHost = {
    kind,
    tags: new Map(),
    changes: new Map(),
    rawTags: new Map(),
    commits: new Map(),
    down: false,
    resolveTag: async (tag) => {
      requireUp();
      return host.tags.get(tag);
    },
    rawTag: async (tag) => {
      requireUp();
      return host.rawTags.get(tag);
    },
    resolveChange: async (number) => {
      requireUp();
      return host.changes.get(number);
    },
    files: async (commit) => {
      requireUp();
      return host.commits.get(commit);
    },
  };
  return host;
}
