import * as z from 'zod';
import type { HistoryEvent } from '../../../adapters/embedded/workflow-engine/frame.ts';
import type { Json } from '../../../core/asl/json.ts';
import { Fault } from '../../../core/faults.ts';
import { engineWorld, MACHINE } from '../../fakes/engine-world.ts';
import type { AslCase } from './corpus.ts';
import { expand } from './script.ts';
import { ScriptedTasks } from './scripted-tasks.ts';

type World = ReturnType<typeof engineWorld>;

/** A run on the embedded engine, on a clock that moves from event to event: what a case says of it, and what went astray. */
export interface EmbeddedOutcome {
  readonly status: string;
  readonly output?: unknown;
  readonly error?: string | undefined;
  readonly cause?: string | undefined;
  readonly state?: string | undefined;
  readonly seconds?: number;
  readonly redriveCount?: number;
  readonly history?: Readonly<Record<string, readonly string[]>>;
  readonly callsAt?: Readonly<Record<string, readonly number[]>>;
  /** Calls that the script does not know, replies that nobody asked for, answers to tokens that were taken otherwise. */
  readonly astray: readonly string[];
}

const Named = z.object({ name: z.string() });
const eventText = ({ type, details }: HistoryEvent): string =>
  /State(Entered|Exited|Aborted)$/.test(type) ? `${type} ${Named.parse(details).name}` : type;

function byPath(history: readonly HistoryEvent[]): Record<string, string[]> {
  const paths: Record<string, string[]> = {};
  for (const event of history) paths[event.path] = [...(paths[event.path] ?? []), eventText(event)];
  return paths;
}

const functionsIn = (definition: Json): string[] =>
  [...JSON.stringify(definition).matchAll(/\$\{([A-Z][A-Za-z0-9]*Function)\}/g)].map(([, name]) => name ?? '');

/** Ends the run where it stands, once its time has come. */
async function stopLater(world: World, runName: string, { afterSeconds, error, cause }: NonNullable<AslCase['stop']>) {
  await world.clock.sleep(afterSeconds * 1000);
  await world.engine.stop(MACHINE, runName, { error, cause });
}

/** Takes a case from its start through its redrives, in no real time. */
export async function runOnEmbedded(each: AslCase): Promise<EmbeddedOutcome> {
  const { definition, runName, stop, redrives } = each;
  let startedAt = 0;
  const tasks = new ScriptedTasks(
    () => world,
    () => startedAt,
  );
  const handlers = Object.fromEntries(functionsIn(definition).map((name) => [name, tasks.handler]));
  const world = engineWorld({ machine: definition, handlers, compensating: each.compensating ?? false });
  startedAt = world.clock.now();
  tasks.use(each.tasks);
  try {
    await world.start(expand(each.input), runName);
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
    return { status: 'NOT_STARTED', error: error.name, astray: tasks.astray };
  }
  if (stop) void stopLater(world, runName, stop);
  await world.settle();
  for (const redrive of redrives) {
    world.clock.advance(redrive.afterSeconds * 1000);
    tasks.use(redrive.tasks);
    const told = await world.engine.redrive(MACHINE, runName);
    if (told !== redrive.answer) tasks.astray.push(`redrive was told ${told}`);
    await world.settle();
  }
  for (let round = 0; tasks.outstanding > 0 && round < 100; round += 1) {
    world.clock.toNextSleeper();
    await world.quiet();
  }
  tasks.tellUnused();
  return outcomeOf(world, runName, startedAt, tasks);
}

async function outcomeOf(
  { engine, faults }: World,
  runName: string,
  startedAt: number,
  { astray, callsAt, outstanding }: ScriptedTasks,
): Promise<EmbeddedOutcome> {
  const run = await engine.describe(MACHINE, runName);
  const history = byPath(await engine.history(MACHINE, runName));
  await engine.close();
  if (!run) throw new Error('the run is gone');
  const unsent = outstanding > 0 ? [`${outstanding} messages were not sent`] : [];
  return {
    status: run.status,
    output: run.output,
    error: run.error,
    cause: run.cause,
    state: run.state,
    seconds: (Date.parse(run.stoppedAt ?? '') - startedAt) / 1000,
    redriveCount: run.redriveCount,
    history,
    callsAt,
    astray: [...astray, ...unsent, ...faults.map(String)],
  };
}
