import { describe, expect, it } from 'vitest';
import { Fault } from '../../core/faults.ts';
import { signerFault, storeCall } from './errors.ts';

const named = (name: string): Error => Object.assign(new Error('secret details'), { name });

describe('what an error of AWS means to whoever called', () => {
  it.each([
    ['DisabledException', 'SignerRefused'],
    ['AccessDeniedException', 'SignerRefused'],
    ['ThrottlingException', 'SignerUnavailable'],
    ['KMSInternalException', 'SignerUnavailable'],
    ['TimeoutError', 'SignerUnavailable'],
  ])('%s of the key service is %s, with its name and not its message', (error, fault) => {
    const { name, message, cause } = signerFault(named(error));
    expect([name, message, cause]).toEqual([fault, expect.stringContaining(error), named(error)]);
    expect(message).not.toContain('secret');
  });

  it('of a store is StoreUnavailable, and a fault of ours stays what it is', async () => {
    const fail = (error: unknown) => storeCall('the table', async () => Promise.reject(error));
    await expect(fail(named('ThrottlingException'))).rejects.toThrow(
      expect.objectContaining({ name: 'StoreUnavailable', message: 'the table failed: ThrottlingException' }),
    );
    const ours = new Fault('LedgerConflict', 'the head has moved');
    await expect(fail(ours)).rejects.toBe(ours);
    expect(signerFault(ours)).toBe(ours);
  });
});
