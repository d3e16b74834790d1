import * as z from 'zod';
import type { Json } from '../../../core/asl/json.ts';

/** What the tasks of a case answer; as data, for an engine in this process and for a function far away. */

const Value: z.ZodType<Json> = z.json();
export const Seconds = z.int().min(0);

/** `{"$repeat": "x", "times": 3}` stands for `xxx` anywhere in a value: some cases are about 262,144 bytes. */
export const Text = z.union([z.string(), z.strictObject({ $repeat: z.string().min(1), times: z.int().min(1) })]);
export type Text = z.infer<typeof Text>;

/** How a call sent with a token is answered from outside. `answer` is what whoever sends it is told. */
const message = { atSeconds: Seconds, answer: z.enum(['accepted', 'gone']).default('accepted') };
const TokenMessage = z.union([
  z.strictObject({ ...message, success: Value }),
  z.strictObject({ ...message, failure: z.strictObject({ error: z.string(), cause: z.string() }) }),
  z.strictObject({ ...message, heartbeat: z.literal(true) }),
]);
export type TokenMessage = z.infer<typeof TokenMessage>;

/** What one call of a task does. `never`: it gives no answer at all. `echo`: it answers its own payload. */
const afterSeconds = Seconds.default(0);
const Reply = z.union([
  z.strictObject({ never: z.literal(true) }),
  z.strictObject({ token: z.array(TokenMessage) }),
  z.strictObject({ result: Value, afterSeconds }),
  z.strictObject({ echo: z.literal(true), afterSeconds }),
  z.strictObject({ error: Text, cause: Text, afterSeconds }),
]);
export type Reply = z.infer<typeof Reply>;

/** The calls of a step whose payload has these members, one reply for each attempt. */
const ScriptedTask = z.strictObject({
  step: z.string(),
  when: z.record(z.string(), Value).default({}),
  replies: z.array(Reply).min(1),
});
export type ScriptedTask = z.infer<typeof ScriptedTask>;
export const ScriptedTasks = z.array(ScriptedTask);
