import { type Json, type JsonObject, jsonByteLength, parseJson } from '../../../core/asl/json.ts';
import { StateError } from '../../../core/asl/state-error.ts';
import { Fault } from '../../../core/faults.ts';

/** Quotas of Step Functions: 256 KiB of UTF-8 for each payload, variable and Assign; 10 MiB of variables in a run. */
const PAYLOAD_BYTES = 262_144;
const RUN_VARIABLE_BYTES = 10 * 1024 * 1024;
/** Events in the history of one run. */
export const HISTORY_EVENTS = 25_000;

/** How long after its end a run may be redriven. */
export const REDRIVABLE_MS = 14 * 24 * 3600 * 1000;

export const isRunName = (name: string): boolean => /^[0-9A-Za-z_-]{1,80}$/.test(name);

/** A value from a caller as it would arrive at Step Functions; throws `InputInvalid` or `LimitExceeded` where it would not. */
export function arriving(value: unknown, what: string): Json {
  const text: string | undefined = JSON.stringify(value);
  if (text === undefined) throw new Fault('InputInvalid', `${what} has no JSON form`);
  const json = parseJson(text);
  if (jsonByteLength(json) > PAYLOAD_BYTES)
    throw new Fault('LimitExceeded', `${what} has more than ${PAYLOAD_BYTES} bytes`);
  return json;
}

/** The value, when it is small enough to travel. */
export function requirePayload(value: Json, what: string): Json {
  if (jsonByteLength(value) <= PAYLOAD_BYTES) return value;
  throw new StateError('States.DataLimitExceeded', `${what} has more than ${PAYLOAD_BYTES} bytes.`);
}

/** `others`: bytes of the variables of all other paths of the run. */
export function requireVariables(assigned: JsonObject, all: JsonObject, others: number): void {
  requirePayload(assigned, 'What the state assigns');
  if (jsonByteLength(all) + others > RUN_VARIABLE_BYTES)
    throw new StateError(
      'States.DataLimitExceeded',
      `The variables of the run have more than ${RUN_VARIABLE_BYTES} bytes.`,
    );
}
