import { createHash } from 'node:crypto';
import type { StateMachine } from '../../../core/asl/definition.ts';
import { parseStateMachine } from '../../../core/asl/lint.ts';
import { canonicalJson } from '../../../core/canonical-json.ts';
import { Fault } from '../../../core/faults.ts';
import type { TaskHandler } from './call-task.ts';
import { functionNamesIn } from './functions.ts';
import type { NewRun } from './store.ts';

/** A machine as a run of it is started today. */
export interface LoadedMachine {
  readonly machine: StateMachine;
  readonly definition: NewRun['definition'];
}

export interface MachineSources {
  readonly machines: Readonly<Record<string, unknown>>;
  readonly faults: readonly string[];
  readonly compensating?: readonly string[];
  readonly handlers: Readonly<Record<string, TaskHandler>>;
}

/** Reads every document; throws `ConfigurationInvalid` with all that is outside the subset or not bound, a line each. */
export function loadMachines(sources: MachineSources): ReadonlyMap<string, LoadedMachine> {
  const { machines, faults, compensating = [], handlers } = sources;
  const problems: string[] = [];
  const loaded = new Map<string, LoadedMachine>();
  for (const [name, document] of Object.entries(machines)) {
    const read = parseStateMachine(document, { faults, compensating: compensating.includes(name) });
    if ('findings' in read) {
      problems.push(...read.findings.map(({ path, reason }) => `${name}: ${path} ${reason}`));
      continue;
    }
    const unbound = new Set(functionNamesIn(read.machine.States).filter((task) => !Object.hasOwn(handlers, task)));
    problems.push(...[...unbound].map((task) => `${name}: no task is bound to ${task}`));
    const text = canonicalJson(document);
    loaded.set(name, {
      machine: read.machine,
      definition: { hash: createHash('sha256').update(text).digest('hex'), text },
    });
  }
  if (problems.length > 0) throw new Fault('ConfigurationInvalid', problems.join('\n'));
  return loaded;
}
