import { setTimeout as delay } from 'node:timers/promises';
import {
  SendTaskFailureCommand,
  SendTaskHeartbeatCommand,
  SendTaskSuccessCommand,
  SFNClient,
} from '@aws-sdk/client-sfn';
import type { Json, JsonObject } from '../../../core/asl/json.ts';
import { expand, taskFor, thrownBy } from './script.ts';
import type { Reply, ScriptedTask, TokenMessage } from './script-schema.ts';

/**
 * The one Lambda that plays every task of the corpus on Step Functions. It has no memory: each call brings its script
 * along, and the counts by which its reply is found.
 */

export interface ScriptedEvent extends JsonObject {
  /** JSON of the scripted tasks of the start and of each redrive; text, so that nothing evaluates it. */
  script: string;
  attempt: number;
  redrives: number;
}

/** The script as whoever runs the case has checked it. */
const phasesOf = ({ script }: ScriptedEvent): ScriptedTask[][] => JSON.parse(script);

/** Longer than any task of the corpus may take, shorter than the function may. */
const NEVER_SECONDS = 50;

function send(client: SFNClient, taskToken: string, message: TokenMessage): Promise<object> {
  if ('success' in message)
    return client.send(new SendTaskSuccessCommand({ taskToken, output: JSON.stringify(expand(message.success)) }));
  if ('failure' in message) return client.send(new SendTaskFailureCommand({ taskToken, ...message.failure }));
  return client.send(new SendTaskHeartbeatCommand({ taskToken }));
}

async function answer(token: string, messages: readonly TokenMessage[]): Promise<void> {
  const client = new SFNClient({});
  let elapsed = 0;
  for (const message of messages) {
    await delay((message.atSeconds - elapsed) * 1000);
    elapsed = message.atSeconds;
    const told = await send(client, token, message).then(
      () => 'accepted',
      (error: Error) => error.name,
    );
    process.stdout.write(`${JSON.stringify(message)}: ${told}\n`);
  }
}

/** By the attempt, but for a task that is scripted by its payload alone. */
function replyTo(event: ScriptedEvent, payload: JsonObject): Reply {
  const { when = {}, replies = [] } = taskFor(phasesOf(event)[event.redrives] ?? [], payload) ?? {};
  const byPayload = replies.length === 1 && Object.keys(when).length > 0;
  const reply = replies[byPayload ? 0 : event.attempt];
  if (!reply) throw new Error(`not scripted: ${JSON.stringify(payload)}`);
  return reply;
}

export async function handler(event: ScriptedEvent): Promise<Json> {
  const { script: _script, attempt: _attempt, redrives: _redrives, ...payload } = event;
  const reply = replyTo(event, payload);
  if ('never' in reply) {
    await delay(NEVER_SECONDS * 1000);
    throw new Error('nobody waits any more');
  }
  if ('token' in reply) {
    await answer(String(payload.token), reply.token);
    return null;
  }
  await delay(reply.afterSeconds * 1000);
  if ('error' in reply) throw thrownBy(reply);
  return 'echo' in reply ? payload : expand(reply.result);
}
