import * as z from 'zod';
import type { TaskHandler } from '../../../adapters/embedded/workflow-engine/call-task.ts';
import type { Json, JsonObject } from '../../../core/asl/json.ts';
import type { engineWorld } from '../../fakes/engine-world.ts';
import { expand, taskFor, thrownBy } from './script.ts';
import type { Reply, ScriptedTask, TokenMessage } from './script-schema.ts';

const Payload: z.ZodType<JsonObject> = z.record(z.string(), z.json());

/** Plays the tasks of one case: the n-th call of a scripted task gets its n-th reply. */
export class ScriptedTasks {
  /** What happened that the case does not say. */
  readonly astray: string[] = [];
  readonly callsAt: Record<string, number[]> = {};
  /** Messages from outside that are not sent yet. */
  outstanding = 0;
  private tasks: readonly ScriptedTask[] = [];
  private readonly calls = new Map<ScriptedTask, number>();
  private readonly world: () => ReturnType<typeof engineWorld>;
  private readonly startedAt: () => number;

  constructor(world: () => ReturnType<typeof engineWorld>, startedAt: () => number) {
    this.world = world;
    this.startedAt = startedAt;
  }

  readonly handler: TaskHandler = async (received) => {
    const payload = Payload.parse(received);
    const task = taskFor(this.tasks, payload);
    const attempt = (task && this.calls.get(task)) ?? 0;
    const reply = task?.replies[attempt];
    if (!task || !reply) {
      this.astray.push(`call ${attempt + 1} of ${JSON.stringify(payload).slice(0, 200)} is not scripted`);
      throw new Error('not scripted');
    }
    this.calls.set(task, attempt + 1);
    this.callsAt[task.step] = [...(this.callsAt[task.step] ?? []), this.elapsedSeconds()];
    return this.give(reply, payload);
  };

  private elapsedSeconds(): number {
    return (this.world().clock.now() - this.startedAt()) / 1000;
  }

  /** The script of the next phase: that of the run's start, or of a redrive. */
  use(tasks: readonly ScriptedTask[]): void {
    this.tellUnused();
    this.tasks = tasks;
    this.calls.clear();
  }

  tellUnused(): void {
    for (const task of this.tasks) {
      const used = this.calls.get(task) ?? 0;
      if (used < task.replies.length)
        this.astray.push(`${task.step} was called ${used} times, ${task.replies.length} replies are scripted`);
    }
  }

  private async give(reply: Reply, payload: JsonObject): Promise<Json> {
    if ('never' in reply) return new Promise(() => {});
    if ('token' in reply) {
      void this.send(String(payload.token), reply.token);
      return null;
    }
    if (reply.afterSeconds > 0) await this.world().clock.sleep(reply.afterSeconds * 1000);
    if ('error' in reply) throw thrownBy(reply);
    return 'echo' in reply ? payload : expand(reply.result);
  }

  /** Answers for whoever holds the token, each message at its time after the call. */
  private async send(token: string, messages: readonly TokenMessage[]): Promise<void> {
    const { clock, engine } = this.world();
    const calledAt = clock.now();
    this.outstanding += messages.length;
    for (const message of messages) {
      await clock.sleep(calledAt + message.atSeconds * 1000 - clock.now());
      const told =
        'success' in message
          ? await engine.sendTaskSuccess(token, expand(message.success))
          : 'failure' in message
            ? await engine.sendTaskFailure(token, message.failure)
            : await engine.sendTaskHeartbeat(token);
      if (told !== message.answer) this.astray.push(`${JSON.stringify(message)} was told ${told}`);
      this.outstanding -= 1;
    }
  }
}
