import { randomBytes } from 'node:crypto';
import type { Json } from '../../../core/asl/json.ts';
import { Fault } from '../../../core/faults.ts';
import { schemasOf } from './code-version.ts';
import type { EngineParts } from './engine-parts.ts';
import { functionNamesIn } from './functions.ts';
import { arriving, isRunName } from './limits.ts';
import type { LoadedMachine } from './machines.ts';
import { event } from './run-context.ts';
import { changeOf, type RunRow } from './store.ts';
import { tenantOf } from './tenants.ts';

interface Start {
  readonly machine: string;
  readonly name: string;
  readonly input: Json;
}

/** The run, its first frame, its first event and its first status change; to be called in a transaction. */
function create({ store, outbox, config, clock }: EngineParts, loaded: LoadedMachine, start: Start) {
  const { machine, definition } = loaded;
  const startedAt = clock.now();
  const dueAt = startedAt + machine.TimeoutSeconds * 1000;
  const { codeVersion } = config;
  const schemas = schemasOf(functionNamesIn(machine.States), config);
  const secret = randomBytes(32).toString('base64url');
  const run = store.createRun({ ...start, definition, codeVersion, schemas, startedAt, dueAt, secret });
  if (!run) return undefined;
  const { input } = start;
  const first = { state: machine.StartAt, phase: 'pending', variables: {}, retries: [] } as const;
  store.putFrame({ run: run.id, path: '', ...first, input, enteredAt: startedAt });
  store.appendEvents(run.id, [event('', 'ExecutionStarted', { input })], startedAt);
  outbox.add(run.id, changeOf(run, { status: 'RUNNING' }));
  return run;
}

/** Starts a run under a name that was never used; see the port. */
export async function startRun(
  parts: EngineParts,
  machine: string,
  name: string,
  input: unknown,
): Promise<'started' | 'exists'> {
  const loaded = parts.machines.get(machine);
  if (!loaded) throw new Fault('ConfigurationInvalid', `there is no machine ${machine}`);
  if (!isRunName(name))
    throw new Fault('InputInvalid', 'the name of a run is at most 80 characters of 0-9, A-Z, a-z, _ and -');
  const start = { machine, name, input: arriving(input, 'the input of a run') };
  const run: RunRow | undefined = await parts.commits.writeLater(tenantOf(start.input), () =>
    create(parts, loaded, start),
  );
  if (!run) return 'exists';
  parts.outbox.deliver();
  parts.runs.takeUp(run);
  return 'started';
}
