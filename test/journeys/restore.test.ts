import { cp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { keyFileNoteSigner } from '../../adapters/embedded/key-file-note-signer.ts';
import { systemClock } from '../../adapters/embedded/system-clock.ts';
import { readConfigFile } from '../../cli/config-file.ts';
import { type DataFolder, dataFolder } from '../../cli/data-folder.ts';
import { ledgerExportCommand } from '../../cli/ledger-command.ts';
import { verifyLedgerCommand } from '../../cli/ledger-verify-commands.ts';
import { rebuildCommand } from '../../cli/rebuild-command.ts';
import { startServer } from '../../cli/serve.ts';
import { openStores, type Stores } from '../../cli/stores.ts';
import { publishCheckpoint } from '../../core/ledger/publish.ts';
import { queryEntries } from '../../core/query/query.ts';
import { claimOf, post, until } from '../../demo/cases.ts';
import type { SignedDelivery } from '../../demo/deliveries.ts';
import { OWN_TENANT } from '../../demo/setup.ts';
import { TenantId } from '../../events/fields.ts';
import { runCommand } from '../fakes/fake-io.ts';
import { contentOf } from './same-content.ts';
import { imagePush, openWorld, tagPush, type World } from './world.ts';

const tenant = TenantId.parse(OWN_TENANT);
/** Checkpoints are copied to write-once storage at most once a minute: each server, and what follows it, is some minutes on. */
const LATER_MS = 300_000;
const DAY_MS = 86_400_000;
/** To the morning of the next UTC day: an audit a day is on the log, so no midnight may lie between the servers. */
const MORNING_MS = DAY_MS - (Date.now() % DAY_MS) + DAY_MS / 4;

let world: World;
let folder: DataFolder;
let starts = 0;
const clockAhead = (ms: number) => ({ ...systemClock, now: () => systemClock.now() + MORNING_MS + ms });
const configuration = () => readConfigFile(folder.config);

async function within<T>(work: (stores: Stores) => Promise<T>): Promise<T> {
  const stores = openStores(folder);
  try {
    return await work(stores);
  } finally {
    stores.close();
  }
}

/** Runs a server until all that it was sent has ended, is published and can be found. */
async function serve(deliveries: readonly SignedDelivery[]): Promise<void> {
  starts += 1;
  const server = await startServer({
    ...{ folder, config: await configuration(), passphrase: world.setup.passphrase },
    ...{ environment: {}, version: 'test', note: () => undefined },
    clock: clockAhead(starts * LATER_MS),
  });
  try {
    await within(async (stores) => {
      for (const delivery of deliveries) {
        expect((await post(server.url, delivery)).status).toBe(202);
        await until('the end of its run', async () => {
          const claim = await claimOf(stores, OWN_TENANT, delivery);
          return claim && claim.status !== 'running' ? true : undefined;
        });
      }
      await until('publication', async () => {
        const [{ size }, published] = [await stores.ledger.head(tenant), await stores.ledger.published(tenant)];
        return published?.size === size && (await stores.views.watermark(tenant)) === size ? true : undefined;
      });
    });
  } finally {
    await server.close();
  }
}

/** The database of a data folder is three files, of which the last two may be missing. */
const DATABASE = /^relseal\.db(?:-wal|-shm)?$/;
const isDatabase = (path: string) => DATABASE.test(path.slice(path.lastIndexOf('/') + 1));
const keepDatabase = (backup: string) =>
  cp(folder.root, backup, { recursive: true, filter: (path) => path === folder.root || isDatabase(path) });
const loseDatabase = () =>
  Promise.all(['', '-wal', '-shm'].map((suffix) => rm(`${folder.database}${suffix}`, { force: true })));

const state = () =>
  within(async ({ ledger, views }) => {
    const found = await queryEntries({ ledger, views }, tenant, { field: 'outcome', value: 'pass', limit: 1000 });
    return { head: await ledger.head(tenant), content: await contentOf(ledger, tenant), found };
  });
/** The daily publication of a log that does not grow. */
const publish = () =>
  within(async (stores) => {
    const { tenants } = await configuration();
    const noteSigner = await keyFileNoteSigner(folder.logKey, world.setup.passphrase);
    const originOf = () => tenants.find(({ id }) => id === tenant)?.origin ?? '';
    return publishCheckpoint(
      { ...stores, clock: clockAhead(starts * LATER_MS + 120_000), originOf, noteSigner },
      tenant,
    );
  });
const rebuild = (...args: string[]) => runCommand(rebuildCommand, ['--data', folder.root, ...args]);
async function verify(): Promise<number> {
  const log = join(world.folder, `log-${starts}`);
  await runCommand(ledgerExportCommand, [log, '--data', folder.root, '--tenant', tenant]);
  const key = join(folder.keys, `${tenant}.vkey`);
  return (await runCommand(verifyLedgerCommand, [log, '--key', key])).code;
}

let expected: Awaited<ReturnType<typeof state>>;
let later: readonly SignedDelivery[];
beforeAll(async () => {
  world = await openWorld();
  folder = dataFolder(world.setup.data);
  await serve([tagPush(world, 'v1.0.0')]);
  await keepDatabase(join(world.folder, 'backup'));
  later = [tagPush(world, 'v1.0.1'), imagePush(world, 'good')];
  await serve(later);
  await publish();
  expected = await state();
}, 120_000);
afterAll(() => world.close());

describe.each(['an older copy', 'nothing'] as const)('a server whose database is %s', (left) => {
  it('signs nothing until it is rebuilt, and then has lost and doubles nothing', { timeout: 120_000 }, async () => {
    await loseDatabase();
    if (left === 'an older copy') {
      await cp(join(world.folder, 'backup'), folder.root, { recursive: true });
      await expect(publish()).rejects.toMatchObject({ name: 'LedgerInconsistent' });
    }
    expect((await rebuild('--check')).code).toBe(1);
    expect((await rebuild()).code).toBe(0);
    expect(await state()).toEqual(expected);

    // Its sources send again what they had sent: each run is done again, and finds its own entries.
    await serve(later);
    expect(await state()).toEqual(expected);
    expect([(await rebuild('--check')).code, await verify()]).toEqual([0, 0]);
  });
});
