import { createHmac } from 'node:crypto';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import * as z from 'zod';
import { localSecrets } from '../adapters/embedded/local-secrets.ts';
import { systemIds } from '../adapters/embedded/system-ids.ts';
import { receiveDelivery } from '../core/ingest/receive.ts';
import { draftOf } from '../test/contracts/ledger-drafts.ts';
import { runCommand } from '../test/fakes/fake-io.ts';
import { fixedClock } from '../test/fakes/fixed-clock.ts';
import { smallDataFolder } from '../test/fakes/small-data-folder.ts';
import { readConfigFile } from './config-file.ts';
import { eraseCommand } from './erase-command.ts';
import { ledgerExportCommand, ledgerProveCommand } from './ledger-command.ts';
import { verifyLedgerCommand, verifyProofCommand } from './ledger-verify-commands.ts';
import { queryCommand } from './query-command.ts';
import { openStores } from './stores.ts';

const HOOK = 'a test secret of the hook';
const PERSON = 'octo-person';

let root: string;
let made = 0;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'relseal-erase-'));
});
afterAll(() => rm(root, { recursive: true, force: true }));

/** A data folder that got one push of the person; what it answers the person's pseudonym is. */
async function folderOfPerson() {
  made += 1;
  const data = await smallDataFolder(join(root, `data-${made}`), [draftOf('a'), draftOf('b')]);
  const { folder } = data;
  await mkdir(folder.secrets);
  await writeFile(join(folder.secrets, 'pseudonyms'), 'a test key of pseudonyms');
  await writeFile(join(folder.secrets, 'github'), HOOK);
  const push = async (guid: string) => {
    const { tenants } = await readConfigFile(folder.config);
    const stores = openStores(folder);
    const body = Buffer.from(
      JSON.stringify({ ref: 'refs/tags/v1.0.0', after: 'a'.repeat(40), sender: { login: PERSON }, guid }),
    );
    const answer = await receiveDelivery(
      {
        ...{ ...stores, raw: stores.erasable, tenants, secrets: localSecrets({}, folder.root) },
        ...{ clock: fixedClock(), ids: systemIds, answered: () => undefined },
      },
      {
        ...{ provider: 'github', instance: 'github.com', method: 'POST', body },
        headers: {
          'content-type': 'application/json',
          'x-github-event': 'push',
          'x-github-delivery': guid,
          'x-hub-signature-256': `sha256=${createHmac('sha256', HOOK).update(body).digest('hex')}`,
        },
      },
    );
    stores.close();
    return answer.status;
  };
  expect(await push('guid-1')).toBe(202);
  return { ...data, push };
}

const erase = (folder: string, name: string, ...more: string[]) =>
  runCommand(eraseCommand, [name, '--data', folder, ...more]);
const Found = z.object({ kind: z.literal('found'), found: z.array(z.object({ place: z.string(), objects: z.int() })) });

async function filesIn(folder: string): Promise<Buffer[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  return Promise.all(files.map((file) => readFile(file)));
}

describe('relseal erase', () => {
  it('leaves no body of the person, one entry that says so, and a log and proofs that still verify', async () => {
    const { folder, add, verifierKey } = await folderOfPerson();
    const proof = join(root, 'before.tlog-proof');
    await writeFile(proof, `${(await runCommand(ledgerProveCommand, ['0', '--data', folder.root])).out.join('\n')}\n`);
    const bodies = async () => (await readdir(folder.erasable)).filter((name) => name !== '.tmp').length;
    expect(await bodies()).toBe(1);
    const ran = await erase(folder.root, PERSON);
    expect(ran).toMatchObject({
      code: 0,
      out: [expect.stringMatching(/^github\/github\.com {2}.* {2}deliveries 1 {2}erased, entry 2$/)],
    });
    expect(await bodies()).toBe(0);
    await add([draftOf('c')]);
    const out = join(root, 'after');
    await runCommand(ledgerExportCommand, [out, '--data', folder.root]);
    expect((await runCommand(verifyLedgerCommand, [out, '--key', verifierKey, '--from', proof])).code).toBe(0);
    expect((await runCommand(verifyProofCommand, [proof, '--key', verifierKey])).code).toBe(0);
    const query = await runCommand(queryCommand, ['--data', folder.root, '--kind', 'erasure', '--json']);
    expect(query.json()).toMatchObject({ entries: [{ index: 2, entry: { actor: { authenticated: 'local' } } }] });
  });

  it('leaves the name in no file', async () => {
    const { folder } = await folderOfPerson();
    await erase(folder.root, PERSON);
    for (const file of await filesIn(folder.root)) expect(file.includes(PERSON)).toBe(false);
  });

  it('says what would go, and is unknown afterwards', async () => {
    const { folder } = await folderOfPerson();
    const dry = await erase(folder.root, PERSON, '--dry-run', '--json');
    expect(Found.parse(dry.json()).found).toEqual([{ place: 'github/github.com', objects: 1 }]);
    expect((await erase(folder.root, PERSON, '--dry-run')).out).toEqual([
      'github/github.com  mentioned only  deliveries 1',
    ]);
    await erase(folder.root, PERSON);
    const again = await erase(folder.root, PERSON);
    expect(again).toMatchObject({ code: 1, out: [expect.stringMatching(/^refused: erase\.unknown-person /)] });
    expect((await erase(folder.root, PERSON, '--json')).json()).toEqual({
      kind: 'refused',
      code: 'erase.unknown-person',
    });
  });

  it('finds whoever comes back after it', async () => {
    const { folder, push } = await folderOfPerson();
    await erase(folder.root, PERSON);
    expect(await push('guid-2')).toBe(202);
    expect((await erase(folder.root, PERSON, '--at', 'github/github.com')).code).toBe(0);
  });

  it.each<[string, string[], RegExp]>([
    ['no name', [], /name one person/],
    ['an empty name', [''], /name one person/],
    ['two names', ['ana', 'ben'], /name one person/],
    ['a tenant that is none', ['ana', '--tenant', 'A B'], /is no tenant/],
    ['a tenant that is not configured', ['ana', '--tenant', 'globex'], /is not in/],
  ])('cannot be asked with %s', async (_what, args, message) => {
    const { folder } = await folderOfPerson();
    await expect(runCommand(eraseCommand, [...args, '--data', folder.root])).rejects.toThrow(message);
  });

  it('cannot be asked without a place to ask, nor of a folder without its secret', async () => {
    await expect(runCommand(eraseCommand, ['ana'])).rejects.toThrow(/--data, or a deployment/);
    const { folder } = await folderOfPerson();
    await rm(join(folder.secrets, 'pseudonyms'));
    await expect(erase(folder.root, PERSON)).rejects.toMatchObject({ name: 'ConfigurationInvalid' });
  });

  it('refuses a place that nobody comes from', async () => {
    const { folder } = await folderOfPerson();
    const ran = await erase(folder.root, PERSON, '--at', 'gitlab/gitlab.com');
    expect(ran).toMatchObject({ code: 1, out: [expect.stringMatching(/^refused: erase\.unknown-place /)] });
  });

  it('refuses where nobody is on record, since the tenant has no key', async () => {
    const { folder } = await folderOfPerson();
    const config = await readFile(folder.config, 'utf8');
    await writeFile(folder.config, config.replace(/^ +pseudonymKey: .*\n/m, ''));
    const ran = await erase(folder.root, PERSON);
    expect(ran).toMatchObject({ code: 1, out: [expect.stringMatching(/^refused: erase\.no-pseudonym-key /)] });
  });
});
