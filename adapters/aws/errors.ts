import { Fault, isFault } from '../../core/faults.ts';

/** Platform helper: names AWS gives its errors, without one `instanceof` per client package. */
export const isNamed = (error: unknown, ...names: readonly string[]): boolean =>
  error instanceof Error && names.includes(error.name);

/** HTTP status of a service's answer, if there was one. */
export function statusOf(error: unknown): number | undefined {
  if (!(error instanceof Error) || !('$metadata' in error)) return undefined;
  const { $metadata: metadata } = error;
  return typeof metadata === 'object' && metadata !== null && 'httpStatusCode' in metadata
    ? Number(metadata.httpStatusCode)
    : undefined;
}

/** Waits for a call; what fails is `StoreUnavailable`, unless it already is a fault of ours. */
export async function storeCall<T>(what: string, call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (error) {
    if (isFault(error)) throw error;
    throw new Fault('StoreUnavailable', `${what} failed: ${error instanceof Error ? error.name : 'unknown'}`, {
      cause: error,
    });
  }
}

/** Errors of the key service that no retry mends: the key is off, gone, of another kind, or not ours to use. */
const REFUSED_BY_KMS = [
  'AccessDeniedException',
  'DisabledException',
  'InvalidGrantTokenException',
  'InvalidKeyUsageException',
  'KMSInvalidStateException',
  'NotFoundException',
  'ValidationException',
];

/** What an error of the key service means to a signer's caller; faults of ours pass through. */
export function signerFault(error: unknown): Fault {
  if (isFault(error)) return error;
  const name = error instanceof Error ? error.name : 'unknown';
  return isNamed(error, ...REFUSED_BY_KMS)
    ? new Fault('SignerRefused', `the key service refused: ${name}`, { cause: error })
    : new Fault('SignerUnavailable', `the key service failed: ${name}`, { cause: error });
}
