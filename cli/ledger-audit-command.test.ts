import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { parseEntry } from '../core/ledger/entry.ts';
import { TenantId } from '../events/fields.ts';
import { draftOf } from '../test/contracts/ledger-drafts.ts';
import { runCommand } from '../test/fakes/fake-io.ts';
import { smallDataFolder } from '../test/fakes/small-data-folder.ts';
import { EXIT } from './command.ts';
import type { DataFolder } from './data-folder.ts';
import { ledgerAuditCommand } from './ledger-audit-command.ts';
import { openStores } from './stores.ts';

const TENANT = TenantId.parse('acme');
const roots: string[] = [];
afterAll(async () => {
  for (const root of roots) await rm(root, { recursive: true, force: true });
});

async function dataOf(size: number) {
  const root = await mkdtemp(join(tmpdir(), 'relseal-audit-'));
  roots.push(root);
  return smallDataFolder(
    join(root, 'data'),
    Array.from({ length: size }, (_, at) => draftOf(`entry-${at}`)),
  );
}

const audit = ({ root }: DataFolder, ...more: string[]) =>
  runCommand(ledgerAuditCommand, ['--data', root, '--json', ...more]);

async function kindsIn(folder: DataFolder): Promise<string[]> {
  const stores = openStores(folder);
  try {
    const { size } = await stores.ledger.head(TENANT);
    const kinds = (await stores.ledger.entries(TENANT, 0, size)).map((bytes) => parseEntry(bytes).kind);
    return kinds.filter((kind) => kind.startsWith('audit.'));
  } finally {
    stores.close();
  }
}

describe('relseal ledger audit', () => {
  it('passes a log as it was written, and says so on it once a day', async () => {
    const { folder } = await dataOf(260);
    for (let times = 0; times < 2; times += 1) {
      const ran = await audit(folder);
      expect(ran.code).toBe(EXIT.done);
      expect(ran.json()).toMatchObject({ outcome: 'pass', size: 260, reasons: [] });
    }
    expect(new Set(await kindsIn(folder))).toEqual(new Set(['audit.passed']));
  });

  it('refuses a log whose database or files were changed, and says so on it once', async () => {
    const { folder } = await dataOf(260);
    const stores = openStores(folder);
    stores.database.exec('UPDATE ledger_entry SET bytes = zeroblob(3) WHERE position = 7');
    stores.close();
    await writeFile(join(folder.worm, 't', TENANT, 'seg', 'a-note'), 'hello');
    for (let times = 0; times < 2; times += 1) {
      const ran = await audit(folder);
      expect(ran.code).toBe(EXIT.refused);
      expect(ran.json()).toMatchObject({
        outcome: 'refuse',
        reasons: [
          { code: 'ledger.entry-differs', where: expect.stringMatching(/^t\/acme\/seg\/0-[0-9a-f]{64}#7$/) },
          { code: 'ledger.object-unexpected', where: 't/acme/seg/a-note' },
        ],
      });
    }
    const stored = openStores(folder);
    const { size } = await stored.ledger.head(TENANT);
    const tail = await stored.ledger.entries(TENANT, 260, size - 260);
    stored.close();
    expect(tail.map((bytes) => parseEntry(bytes).kind)).toEqual(['audit.failed', 'audit.failed']);
  });

  it('says what is missing, and takes no arguments', async () => {
    const { folder } = await dataOf(1);
    await expect(audit(folder, 'log')).rejects.toMatchObject({ name: 'UsageError' });
    await rm(join(folder.keys, 'acme.vkey'));
    await expect(audit(folder)).rejects.toMatchObject({ message: expect.stringContaining('acme.vkey is missing') });
  });
});
