import { generateKeyPairSync } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { EXIT } from '../../cli/command.ts';
import { ledgerExportCommand } from '../../cli/ledger-command.ts';
import { verifyLedgerCommand } from '../../cli/ledger-verify-commands.ts';
import type { RunningServer } from '../../cli/serve.ts';
import { verifyImageCommand } from '../../cli/verify-commands.ts';
import { post, settled, until } from '../../demo/cases.ts';
import { IMAGES } from '../../demo/inputs.ts';
import { OWN_TENANT, REGISTRY_HOST } from '../../demo/setup.ts';
import { TenantId } from '../../events/fields.ts';
import { runCommand } from '../fakes/fake-io.ts';
import { imagePush, openWorld, tagPush, type World } from './world.ts';

let world: World;
let server: RunningServer;
beforeAll(async () => {
  world = await openWorld();
  server = await world.serve();
  const stores = world.stores();
  try {
    for (const delivery of [tagPush(world, 'v1.0.0'), imagePush(world, 'good')]) {
      await post(server.url, delivery);
      expect((await settled(stores, OWN_TENANT, delivery)).status).toBe('passed');
    }
    const tenant = TenantId.parse(OWN_TENANT);
    await until('checkpoint', async () => {
      const [head, published] = [await stores.ledger.head(tenant), await stores.ledger.published(tenant)];
      return published?.size === head.size ? true : undefined;
    });
  } finally {
    stores.close();
  }
});
afterAll(async () => {
  await server.close();
  await world.close();
});

const key = (name: string) => join(world.setup.data, 'keys', name);

describe('what a stranger can check with public keys alone', () => {
  const image = () => {
    const { inputs } = world.setup;
    return `oci:${join(inputs.root, IMAGES.good.folder)}@${inputs.images.good.digest}`;
  };
  const named = ['--repository', `${REGISTRY_HOST}/${IMAGES.good.repository}`];

  it('is the signature of an image that passed', async () => {
    expect((await runCommand(verifyImageCommand, [image(), '--key', key('artifact.pub'), ...named])).code).toBe(
      EXIT.done,
    );
  });

  it('is that it is not signed by another key or for another repository', async () => {
    const other = join(world.folder, 'other.pub');
    const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    writeFileSync(other, publicKey.export({ format: 'pem', type: 'spki' }));
    expect((await runCommand(verifyImageCommand, [image(), '--key', other, ...named])).code).toBe(EXIT.refused);
    const elsewhere = ['--repository', `${REGISTRY_HOST}/acme/other`];
    expect((await runCommand(verifyImageCommand, [image(), '--key', key('artifact.pub'), ...elsewhere])).code).toBe(
      EXIT.refused,
    );
  });

  it('is the whole ledger', async () => {
    const folder = join(world.folder, 'log');
    const exported = await runCommand(ledgerExportCommand, [
      folder,
      '--data',
      world.setup.data,
      '--tenant',
      OWN_TENANT,
    ]);
    expect(exported.code).toBe(EXIT.done);
    expect((await runCommand(verifyLedgerCommand, [folder, '--key', key(`${OWN_TENANT}.vkey`)])).code).toBe(EXIT.done);
  });
});
