import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createKeyFile } from '../adapters/embedded/key-file.ts';
import { keyFileNoteSigner } from '../adapters/embedded/key-file-note-signer.ts';
import { formatVerifierKey, verifierKeyOf } from '../core/tlog/note.ts';
import { draftOf } from '../test/contracts/ledger-drafts.ts';
import { runCommand } from '../test/fakes/fake-io.ts';
import { smallDataFolder } from '../test/fakes/small-data-folder.ts';
import { dataFolder } from './data-folder.ts';
import { defaultConfigText } from './default-config.ts';
import { ledgerProveCommand } from './ledger-command.ts';
import { verifyReceiptCommand } from './ledger-verify-commands.ts';

const STRANGER = formatVerifierKey(verifierKeyOf('ledger.example.com/acme', new Uint8Array(32).fill(9)));
const SIZE = 9;

let root: string;
let environment: Record<string, string>;
let data: Awaited<ReturnType<typeof signedFolder>>;

/** A data folder whose log is signed by the key in its key file. */
async function signedFolder(name: string, size: number) {
  const { root: at, logKey } = dataFolder(join(root, name));
  await createKeyFile(logKey, 'note', 'a test passphrase');
  const signer = await keyFileNoteSigner(logKey, 'a test passphrase');
  const drafts = Array.from({ length: size }, (_, index) => draftOf(`entry-${index}`));
  return smallDataFolder(at, drafts, defaultConfigText, signer);
}

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'relseal-receipt-'));
  const passphrase = join(root, 'passphrase');
  await writeFile(passphrase, 'a test passphrase\n');
  environment = { RELSEAL_KEY_PASSPHRASE_FILE: passphrase };
  data = await signedFolder('data', SIZE);
});
afterAll(() => rm(root, { recursive: true, force: true }));

const prove = (index: number, file: string, folder = data.folder.root) =>
  runCommand(ledgerProveCommand, [String(index), '--data', folder, '--receipt', file], { environment });
const verify = (file: string, entry: string, key = data.verifierKey, ...more: string[]) =>
  runCommand(verifyReceiptCommand, [file, '--key', key, '--entry', entry, ...more]);

/** A receipt of an entry, the proof of it, and the entry itself, each in a file. */
async function receiptOf(index: number) {
  const [receipt, proof, entry] = ['cbor', 'tlog-proof', 'json'].map((type) => join(root, `entry-${index}.${type}`));
  if (!receipt || !proof || !entry) throw new Error('three files');
  const { code, out } = await prove(index, receipt);
  expect(code).toBe(0);
  const lines = out.join('\n').split('\n');
  await writeFile(proof, `${lines.join('\n')}\n`);
  await writeFile(entry, Buffer.from(lines[1]?.slice('extra '.length) ?? '', 'base64'));
  return { receipt, proof, entry };
}

describe('relseal ledger prove --receipt, and verify receipt', () => {
  it('proves an entry, from its bytes or from the proof that holds it, with nothing but the key', async () => {
    const { receipt, proof, entry } = await receiptOf(4);
    for (const file of [proof, entry]) {
      const ran = await verify(receipt, file, data.verifierKey, '--json');
      expect([ran.code, ran.json()]).toMatchObject([
        0,
        { outcome: 'pass', origin: 'ledger.example.com/acme', index: 4, size: SIZE },
      ]);
    }
    expect((await verify(receipt, entry)).out).toEqual([
      `pass  ${receipt}`,
      expect.stringMatching(/^ {2}in the log of ledger\.example\.com\/acme under the root [0-9a-f]{64}$/),
      `  entry 4 of ${SIZE}, as it says`,
      expect.stringMatching(/^ {2}check pass, /),
    ]);
  });

  it('is refused for another entry, under another key, and with any byte changed', async () => {
    const { receipt, entry } = await receiptOf(2);
    const { entry: other } = await receiptOf(3);
    const changed = join(root, 'changed.cbor');
    const bytes = await readFile(receipt);
    await writeFile(changed, bytes.with(bytes.length - 1, (bytes.at(-1) ?? 0) ^ 1));
    const empty = join(root, 'empty.cbor');
    await writeFile(empty, '');
    const answers = [
      await verify(receipt, other, data.verifierKey, '--json'),
      await verify(receipt, entry, STRANGER, '--json'),
      await verify(changed, entry, data.verifierKey, '--json'),
      await verify(empty, entry, data.verifierKey, '--json'),
    ];
    for (const ran of answers)
      expect([ran.code, ran.json()]).toMatchObject([1, { reasons: [{ code: 'ledger.receipt-invalid' }] }]);
  });

  it('does not exist for the entry of a log of one, which is said by its code, and writes nothing', async () => {
    const { folder } = await signedFolder('one', 1);
    const file = join(root, 'one.cbor');
    const ran = await prove(0, file, folder.root);
    expect(ran).toMatchObject({ code: 1, out: [], notes: [expect.stringMatching(/^refused: receipt\.one-entry /)] });
    await expect(readFile(file)).rejects.toMatchObject({ code: 'ENOENT' });
  });

  it('is not signed by a key that did not sign the checkpoint', async () => {
    const { folder } = await signedFolder('rekeyed', 3);
    await rm(folder.logKey);
    await createKeyFile(folder.logKey, 'note', 'a test passphrase');
    await expect(prove(0, join(root, 'x.cbor'), folder.root)).rejects.toMatchObject({ name: 'LedgerInconsistent' });
  });

  it('tells wrong usage as such', async () => {
    const { receipt, proof, entry } = await receiptOf(1);
    await expect(prove(SIZE, receipt)).rejects.toMatchObject({ name: 'UsageError' });
    await expect(prove(0, join(root, 'none', 'x.cbor'))).rejects.toThrow(/--receipt .*ENOENT/);
    const command = [ledgerProveCommand, ['0', '--data', data.folder.root, '--receipt', receipt]] as const;
    await expect(runCommand(...command)).rejects.toThrow(/RELSEAL_KEY_PASSPHRASE_FILE/);
    const wrong = join(root, 'wrong');
    await writeFile(wrong, 'another');
    await expect(runCommand(...command, { environment: { RELSEAL_KEY_PASSPHRASE_FILE: wrong } })).rejects.toMatchObject(
      { name: 'ConfigurationInvalid' },
    );
    const witness = formatVerifierKey(verifierKeyOf('w', new Uint8Array(32).fill(7), 'ed25519-cosignature'));
    await expect(verify(receipt, entry, witness)).rejects.toThrow(/its kind: ed25519/);
    await expect(verify(receipt, join(root, 'none'))).rejects.toThrow(/none/);
    await expect(verify(join(root, 'none'), entry)).rejects.toThrow(/none/);
    await expect(runCommand(verifyReceiptCommand, [receipt, '--key', data.verifierKey])).rejects.toThrow(/--entry/);
    await expect(runCommand(verifyReceiptCommand, [receipt, '--entry', entry])).rejects.toThrow(/--key/);
    const text = await readFile(proof, 'utf8');
    await writeFile(proof, text.replace(/^extra .*\n/m, ''));
    await expect(verify(receipt, proof)).rejects.toThrow(/does not hold its entry/);
  });
});
