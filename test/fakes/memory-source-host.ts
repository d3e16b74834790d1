import { Fault } from '../../core/faults.ts';
import type { ResolvedTag, SourceFile, SourceHost } from '../../core/ports/source-host.ts';
import type { GitSha } from '../../events/fields.ts';

/** A source in memory. `down` makes every call fail as an unreachable source does. */
export interface MemorySourceHost extends SourceHost {
  readonly tags: Map<string, ResolvedTag>;
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
    commits: new Map(),
    down: false,
    resolveTag: async (tag) => {
      requireUp();
      return host.tags.get(tag);
    },
    files: async (commit) => {
      requireUp();
      return host.commits.get(commit);
    },
  };
  return host;
}
