import { type Json, type JsonObject, jsonByteLength } from '../../../core/asl/json.ts';
import { StateError } from '../../../core/asl/state-error.ts';

/** Quotas of Step Functions: 256 KiB of UTF-8 for each payload, variable and Assign; 10 MiB of variables in a run. */
export const PAYLOAD_BYTES = 262_144;
const RUN_VARIABLE_BYTES = 10 * 1024 * 1024;
/** Events in the history of one run. */
export const HISTORY_EVENTS = 25_000;

export const isRunName = (name: string): boolean => /^[0-9A-Za-z_-]{1,80}$/.test(name);

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
