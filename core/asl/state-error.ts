/** Error ≤ 256 characters, Cause ≤ 32,768 (Step Functions quotas). */
const ERROR_LIMIT = 256;
const CAUSE_LIMIT = 32_768;

/** How a state fails: what Retry and Catch match, and what a failed run shows. Holds no stack. */
export class StateError extends Error {
  override readonly name = 'StateError';
  readonly error: string;
  constructor(error: string, cause: string) {
    super(cause.slice(0, CAUSE_LIMIT));
    this.error = error.slice(0, ERROR_LIMIT);
  }
}

/** `States.ALL` catches neither of these: trying again gives the same. */
const TERMINAL = ['States.DataLimitExceeded', 'States.Runtime'];

/** Names of Step Functions and Lambda that a machine may retry or catch. `States.TaskFailed` is left out: what it spans is vague. */
const KNOWN_ERRORS = [
  'States.ALL',
  'States.Timeout',
  'States.HeartbeatTimeout',
  'States.QueryEvaluationError',
  'Sandbox.Timedout',
  'Runtime.ExitError',
  'Lambda.ServiceException',
  'Lambda.AWSLambdaException',
  'Lambda.SdkClientException',
  'Lambda.TooManyRequestsException',
  'Lambda.ClientExecutionTimeoutException',
  'Lambda.Unknown',
];

export const isKnownError = (name: string, faults: readonly string[]): boolean =>
  KNOWN_ERRORS.includes(name) || faults.includes(name);

/** `States.Timeout` spans the missed heartbeat too: https://docs.aws.amazon.com/step-functions/latest/dg/concepts-error-handling.html */
const isMatch = (name: string, error: string): boolean =>
  name === error ||
  (name === 'States.ALL' && !TERMINAL.includes(error)) ||
  (name === 'States.Timeout' && error === 'States.HeartbeatTimeout');

/**
 * The name that histories and failed runs tell. A missed heartbeat is told as `States.Timeout`, though Retry and Catch may
 * name it apart: https://docs.aws.amazon.com/step-functions/latest/dg/connect-to-resource.html
 */
export const reportedError = (error: string): string =>
  error === 'States.HeartbeatTimeout' ? 'States.Timeout' : error;

/** Whether a Retry or Catch with these names is for this error. */
export const matchesError = (errorEquals: readonly string[], error: string): boolean =>
  errorEquals.some((name) => isMatch(name, error));
