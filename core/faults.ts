/**
 * Faults are thrown; refusals are returned (`core/verdict.ts`). One name per way of acting on it. The name equals the
 * error name in `statemachines/*.asl.json`, so a rename here is a rename there.
 */
export const FAULT_NAMES = [
  // Try again later; the other side or the way to it is at fault.
  'SourceUnreachable',
  'ModuleProxyUnreachable',
  'ChecksumDatabaseUnavailable',
  'RegistryUnreachable',
  'StoreUnavailable',
  'SignerUnavailable',
  'BusUnavailable',
  'TargetUnreachable',
  // Another writer was first: read the head again and retry with jitter.
  'LedgerConflict',
  'TargetConflict',
  // Do not retry: an operator must look.
  'IdempotencyConflict',
  'LedgerInconsistent',
  'WormConflict',
  'EvidenceMissing',
  'SignerRefused',
  'CredentialRefused',
  'EgressRefused',
  'TargetRefused',
  'StatusRefused',
  'PromotionEnded',
  'ConfigurationInvalid',
  'InputInvalid',
  'LimitExceeded',
] as const;
export type FaultName = (typeof FAULT_NAMES)[number];

/** A thrown fault. `name` is what a workflow's Retry matches; the message is for operators and holds no secret. */
export class Fault extends Error {
  override readonly name: FaultName;
  constructor(name: FaultName, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.name = name;
  }
}

export const isFault = (error: unknown, name?: FaultName): error is Fault =>
  error instanceof Fault && (name === undefined || error.name === name);

/** Ends a switch over a closed union; a new member fails to compile here. */
export function assertNever(value: never): never {
  throw new Fault('InputInvalid', `unexpected value ${JSON.stringify(value)}`);
}
