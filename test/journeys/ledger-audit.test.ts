import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import * as z from 'zod';
import { localSecrets } from '../../adapters/embedded/local-secrets.ts';
import { configIssues } from '../../cli/config-check.ts';
import { readConfigFile } from '../../cli/config-file.ts';
import { dataFolder } from '../../cli/data-folder.ts';
import { type RunningServer, startServer } from '../../cli/serve.ts';
import { parseEntry } from '../../core/ledger/entry.ts';
import { post, settled, until } from '../../demo/cases.ts';
import { OWN_TENANT } from '../../demo/setup.ts';
import { TenantId } from '../../events/fields.ts';
import { openWorld, tagPush, type World } from './world.ts';

const TENANT = TenantId.parse(OWN_TENANT);

const Anchors = z.strictObject({ anchors: z.array(z.strictObject({ size: z.int(), note: z.string() })) });

let world: World;
const notes: string[] = [];
beforeAll(async () => {
  world = await openWorld();
});
afterAll(() => world.close());

async function serve(): Promise<RunningServer> {
  const folder = dataFolder(world.setup.data);
  const secrets = localSecrets({}, folder.root);
  const config = await readConfigFile(folder.config, (read) => configIssues(read, folder.root, secrets));
  const { passphrase } = world.setup;
  const note = (line: string) => void notes.push(line);
  return startServer({ folder, config, passphrase, environment: {}, version: 'test', note });
}

/** A release on a ledger whose newest entry is published. */
async function release(server: RunningServer): Promise<void> {
  const stores = world.stores();
  try {
    const delivery = tagPush(world, 'v1.0.0');
    await post(server.url, delivery);
    await settled(stores, OWN_TENANT, delivery);
    await until('checkpoint', async () => {
      const [head, published] = [await stores.ledger.head(TENANT), await stores.ledger.published(TENANT)];
      return published?.size === head.size ? true : undefined;
    });
  } finally {
    stores.close();
  }
}

describe('a server', () => {
  it('audits its logs when it starts, says what it found where people look, and serves its anchors', async () => {
    const first = await serve();
    await release(first);
    const anchors = await fetch(`${first.url}/ledger/${TENANT}/anchors`);
    expect(anchors.headers.get('cache-control')).toBe('no-cache');
    const [anchor] = Anchors.parse(await anchors.json()).anchors;
    const note = await fetch(`${first.url}/ledger/${TENANT}/${anchor?.note}`);
    expect(note.headers.get('cache-control')).toBe('public, max-age=31536000, immutable');
    expect((await note.text()).split('\n')[1]).toBe(String(anchor?.size));
    expect(await (await fetch(`${first.url}/healthz`)).json()).toMatchObject({ ok: true, audits: {} });
    await first.close();

    const stores = world.stores();
    stores.database.exec('UPDATE ledger_entry SET bytes = zeroblob(3) WHERE position = 0');
    const second = await serve();
    try {
      const failed = await until('an entry of the audit', async () => {
        const { size } = await stores.ledger.head(TENANT);
        const entries = (await stores.ledger.entries(TENANT, 1, size)).map(parseEntry);
        return entries.find(({ kind }) => kind === 'audit.failed');
      });
      expect(failed).toMatchObject({
        ...{ outcome: 'refuse', reasonsTotal: 1, run: { workflow: 'audit' } },
        reasons: [{ code: 'ledger.entry-differs', where: expect.stringMatching(/\/seg\/0-[0-9a-f]{64}#0$/) }],
      });
      const alarm = await until('an alarm', async () => notes.find((line) => line.startsWith('alarm: ')));
      expect(alarm).toMatch(/^alarm: the audit audit-[0-9a-f]{40} ended FAILED: LedgerInconsistent: /);
      const health = await fetch(`${second.url}/healthz`);
      expect(health.status).toBe(503);
      expect(await health.json()).toMatchObject({ ok: false, audits: { [TENANT]: ['ledger.entry-differs'] } });
    } finally {
      stores.close();
      await second.close();
    }
  });
});
