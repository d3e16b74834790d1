import { Fault } from '../../../core/faults.ts';
import type { Clock } from '../../../core/ports/clock.ts';
import type { Sqlite } from '../sqlite.ts';
import type { TaskHandler } from './call-task.ts';
import type { RunningCode } from './code-version.ts';
import { type Commits, createCommits } from './commits.ts';
import { type MachineOf, machinesOfRuns } from './definitions.ts';
import { type LoadedMachine, loadMachines } from './machines.ts';
import { createPacker, type Packer } from './pack-histories.ts';
import { type RunsAtWork, runsAtWork } from './runs-at-work.ts';
import { type RunStatusChange, type StatusOutbox, statusOutbox } from './status-outbox.ts';
import { type RunRow, type WorkflowStore, workflowStore } from './store.ts';
import { createTimers, type Timers } from './timers.ts';
import { createTokens, type Tokens } from './tokens.ts';

export interface WorkflowEngineConfig extends RunningCode {
  readonly database: Sqlite;
  readonly clock: Clock;
  /**
   * The ASL documents by machine name, as parsed JSON. Linted when the engine is made: a document outside the subset
   * throws `ConfigurationInvalid` with every finding.
   */
  readonly machines: Readonly<Record<string, unknown>>;
  /** Fault names that Retry may name. */
  readonly faults: readonly string[];
  /** Machines whose Catch may start a compensation. Their runs are not redrivable: what was undone is not done again. */
  readonly compensating?: readonly string[];
  /** Tasks by their placeholder name, `VerifyGoSumFunction`. A machine that names another is `ConfigurationInvalid`. */
  readonly handlers: Readonly<Record<string, TaskHandler>>;
  /** Tasks at work at once. */
  readonly concurrency?: number;
  /** Runs that succeeded whose history stays unpacked, the newest; older ones are compressed, not dropped. */
  readonly keptHistories?: number;
  /** A number in [0, 1), for the jitter of a Retry. */
  random(): number;
  /** Told at least once of each change; those of one run in their order. */
  onStatus(change: RunStatusChange): Promise<void>;
  /** Told of what ended no run: a full disk, a listener that failed. */
  onFault(fault: unknown): void;
}

/** What an engine is made of. */
export interface EngineParts {
  readonly config: WorkflowEngineConfig;
  readonly machines: ReadonlyMap<string, LoadedMachine>;
  readonly machineOf: MachineOf;
  readonly store: WorkflowStore;
  readonly commits: Commits;
  readonly timers: Timers;
  readonly outbox: StatusOutbox;
  readonly tokens: Tokens;
  readonly packer: Packer;
  readonly runs: RunsAtWork;
  readonly clock: Clock;
}

const DEFAULT_CONCURRENCY = 16;
const DEFAULT_KEPT_HISTORIES = 1000;

export function createParts(config: WorkflowEngineConfig): EngineParts {
  const { database, clock, concurrency = DEFAULT_CONCURRENCY, keptHistories = DEFAULT_KEPT_HISTORIES } = config;
  const machines = loadMachines(config);
  const store = workflowStore(database);
  const commits = createCommits(database, config.onFault);
  const timers = createTimers(clock);
  const outbox = statusOutbox({ ...config, timers, commits });
  const tokens = createTokens({ store, clock, timers, write: commits.write });
  const machineOf = machinesOfRuns(store);
  const packer = createPacker({ ...config, store, commits, keptHistories });
  const runs = runsAtWork({ ...config, commits, store, machineOf, tokens, outbox, packer, timers, concurrency });
  return { config, machines, machineOf, packer, store, commits, timers, outbox, tokens, runs, clock };
}

/** The run of this name; `InputInvalid` when none was ever started. */
export function requireRun({ store }: EngineParts, machine: string, name: string): RunRow {
  const run = store.run(machine, name);
  if (!run) throw new Fault('InputInvalid', `there is no run ${name} of ${machine}`);
  return run;
}
