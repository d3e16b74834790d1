import { expect, it } from 'vitest';
import type { TargetLocks } from '../../core/ports/target-locks.ts';
import { Sha256Hex, TenantId } from '../../events/fields.ts';

const tenant = TenantId.parse('acme');
const other = TenantId.parse('other');
const [first, second] = [Sha256Hex.parse('a'.repeat(64)), Sha256Hex.parse('b'.repeat(64))];

/** What all target locks must do. */
export function targetLocksContract(make: () => TargetLocks | Promise<TargetLocks>): void {
  it('gives a lock to the first and names the holder to everybody', async () => {
    const locks = await make();
    expect(await locks.acquire(tenant, 'production', first)).toBe(first);
    expect(await locks.acquire(tenant, 'production', second)).toBe(first);
    expect(await locks.acquire(tenant, 'production', first)).toBe(first);
  });

  it('names one holder when several try at the same time', async () => {
    const locks = await make();
    const holders = [first, second, first, second].map((holder) => locks.acquire(tenant, 'production', holder));
    expect(new Set(await Promise.all(holders)).size).toBe(1);
  });

  it('is freed by its holder alone, once or more often', async () => {
    const locks = await make();
    await locks.release(tenant, 'production', first);
    await locks.acquire(tenant, 'production', first);
    await locks.release(tenant, 'production', second);
    expect(await locks.acquire(tenant, 'production', second)).toBe(first);
    await locks.release(tenant, 'production', first);
    await locks.release(tenant, 'production', first);
    expect(await locks.acquire(tenant, 'production', second)).toBe(second);
  });

  it('keeps tenants and targets apart', async () => {
    const locks = await make();
    await locks.acquire(tenant, 'production', first);
    expect(await locks.acquire(other, 'production', second)).toBe(second);
    expect(await locks.acquire(tenant, 'staging', second)).toBe(second);
    await locks.release(other, 'production', first);
    await locks.release(tenant, 'staging', second);
    expect(await locks.acquire(tenant, 'production', second)).toBe(first);
  });
}
