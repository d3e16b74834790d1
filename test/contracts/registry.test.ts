import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { OciLayoutRegistry } from '../../adapters/embedded/oci-layout-registry.ts';
import { MemoryRegistry } from '../fakes/memory-registry.ts';
import { registryContract } from './registry.contract.ts';

const root = mkdtempSync(join(tmpdir(), 'relseal-layout-'));
afterAll(() => rmSync(root, { recursive: true }));

registryContract('memory', async () => new MemoryRegistry());
registryContract('an OCI layout folder', async () => {
  const folder = mkdtempSync(join(root, 'layout-'));
  writeFileSync(join(folder, 'index.json'), '{"schemaVersion":2,"manifests":[]}');
  return new OciLayoutRegistry(folder, 'registry.test/acme/app');
});

describe('an OCI layout folder', () => {
  it('faults with RegistryUnreachable when it is no layout', async () => {
    const registry = new OciLayoutRegistry(join(root, 'absent'), 'registry.test/acme/app');
    await expect(registry.resolveTag('v1')).rejects.toMatchObject({ name: 'RegistryUnreachable' });
  });
});
