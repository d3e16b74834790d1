import type { RunDescription, Workflows } from '../../core/ports/workflows.ts';

type Ending = Partial<Omit<RunDescription, 'status'>> & {
  readonly status: Exclude<RunDescription['status'], 'RUNNING'>;
};

/** Runs that stand still until a test ends them. */
export interface MemoryWorkflows extends Pick<Workflows, 'start' | 'describe' | 'redrive'> {
  /** Input of each run by its name, in the order of their starts. */
  readonly runs: Map<string, unknown>;
  /** One that ended badly can be redriven unless the ending says otherwise. */
  end(name: string, ending: Ending): void;
}

export function memoryWorkflows(): MemoryWorkflows {
  const runs = new Map<string, unknown>();
  const redrives = new Map<string, number>();
  const endings = new Map<string, Ending>();
  const isRedrivable = (name: string): boolean => {
    const ending = endings.get(name);
    return ending !== undefined && ending.status !== 'SUCCEEDED' && ending.redrivable !== false;
  };
  return {
    runs,
    start: async (_machine, name, input) => {
      if (runs.has(name)) return 'exists';
      runs.set(name, input);
      return 'started';
    },
    describe: async (machine, name) =>
      runs.has(name)
        ? {
            name,
            machine,
            status: 'RUNNING',
            startedAt: '2026-11-01T10:00:00.000Z',
            input: runs.get(name),
            redriveCount: redrives.get(name) ?? 0,
            ...endings.get(name),
            redrivable: isRedrivable(name),
          }
        : undefined,
    redrive: async (_machine, name) => {
      if (!isRedrivable(name)) return 'impossible';
      endings.delete(name);
      redrives.set(name, (redrives.get(name) ?? 0) + 1);
      return 'redriven';
    },
    end: (name, ending) => {
      endings.set(name, ending);
    },
  };
}
