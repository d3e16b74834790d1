import { isJsonObject, type Json, type JsonObject } from '../../../core/asl/json.ts';
import type { Reply, ScriptedTask, Text } from './script-schema.ts';

/** How a script is played. Imports nothing that weighs: the function that plays it far away travels inside a template. */

/** The value with every `$repeat` written out. */
export function expand(value: Json): Json {
  if (Array.isArray(value)) return value.map(expand);
  if (!isJsonObject(value)) return value;
  const { $repeat: text, times } = value;
  if (typeof text === 'string' && typeof times === 'number') return text.repeat(times);
  return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, expand(member)]));
}

export const expandText = (text: Text): string => (typeof text === 'string' ? text : text.$repeat.repeat(text.times));

/** The script of a call, by its step and by what else its payload must hold. */
export const taskFor = (tasks: readonly ScriptedTask[], payload: JsonObject): ScriptedTask | undefined =>
  tasks.find(
    ({ step, when }) =>
      step === payload.step &&
      Object.entries(when).every(([key, value]) => JSON.stringify(payload[key]) === JSON.stringify(value)),
  );

/** What a task throws: the name is what Retry and Catch match. */
export const thrownBy = ({ error, cause }: Extract<Reply, { error: unknown }>): Error =>
  Object.assign(new Error(expandText(cause)), { name: expandText(error) });
