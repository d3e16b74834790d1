import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse, stringify } from 'yaml';
import * as z from 'zod';
import { keyFileNoteSigner } from '../../adapters/embedded/key-file-note-signer.ts';
import { localSecrets } from '../../adapters/embedded/local-secrets.ts';
import { systemClock } from '../../adapters/embedded/system-clock.ts';
import { configIssues } from '../../cli/config-check.ts';
import { readConfigFile } from '../../cli/config-file.ts';
import { dataFolder } from '../../cli/data-folder.ts';
import { defaultConfigText } from '../../cli/default-config.ts';
import { createKeys } from '../../cli/init.ts';
import { ledgerProveCommand } from '../../cli/ledger-command.ts';
import { verifyProofCommand } from '../../cli/ledger-verify-commands.ts';
import { startServer } from '../../cli/serve.ts';
import { openStores } from '../../cli/stores.ts';
import { appendEntries } from '../../core/ledger/append.ts';
import { META_LOG } from '../../core/ledger/meta-log.ts';
import { formatVerifierKey, verifierKeyOf } from '../../core/tlog/note.ts';
import { formatWitnessAnswer } from '../../core/tlog/witness.ts';
import { until } from '../../demo/cases.ts';
import { draftOf, TENANT } from '../contracts/ledger-drafts.ts';
import { runCommand } from '../fakes/fake-io.ts';
import { loopbackServers } from '../fakes/loopback-servers.ts';
import { testWitness } from '../fakes/test-witness.ts';

const ORIGIN = 'ledger.example.com/acme';
const PASSPHRASE = 'test passphrase of a test key';
const servers = loopbackServers();
let root: string;
let witness: ReturnType<typeof testWitness>;
const folder = () => dataFolder(join(root, 'data'));
const policyFile = () => join(folder().keys, 'acme.tlog-policy');

/** A witness over HTTP; away it breaks connections. */
const witnessServer = () =>
  createServer(async (request, response) => {
    const answer = await witness.addCheckpoint(await text(request));
    if (!answer || request.url !== '/submit/add-checkpoint') return void request.socket.destroy();
    const { status, contentType, body } = formatWitnessAnswer(answer);
    response.writeHead(status, { 'content-type': contentType }).end(body);
  });

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'relseal-witnessed-'));
  const { keys, secrets, policy, config, logKey } = folder();
  await mkdir(secrets, { recursive: true });
  await createKeys(folder(), PASSPHRASE);
  await mkdir(keys, { recursive: true });
  for (const name of ['github', 'pseudonyms']) await writeFile(join(secrets, name), 'a secret of a test\n');
  await writeFile(policy, 'schema: relseal.policy/1\nname: none\ngates: {}\n');
  const logSigner = await keyFileNoteSigner(logKey, PASSPHRASE);
  witness = testWitness('witness.example/w', 1, verifierKeyOf(ORIGIN, await logSigner.publicKey()));
  const host = await servers.listen(witnessServer());
  const Document = z.looseObject({ tenants: z.tuple([z.looseObject({})]), hosts: z.array(z.json()) });
  const document = Document.parse(parse(defaultConfigText));
  const witnessPolicy = `witness w ${formatVerifierKey(witness.key)} http://${host}/submit\nquorum w\n`;
  const [tenant] = document.tenants;
  const changed = {
    ...document,
    listen: { port: 0 },
    hosts: [...document.hosts, { host, private: true }],
    tenants: [{ ...tenant, witnessPolicy }],
    metaLog: { origin: 'ledger.example.com/all' },
  };
  await writeFile(config, stringify(changed));
});
afterAll(async () => {
  servers.stop();
  await rm(root, { recursive: true, force: true });
});

/** Commits so many entries while no server runs, as one that died did; answers with the size they lead to. */
async function commit(ids: readonly string[]): Promise<number> {
  const stores = openStores(folder());
  await appendEntries(
    { ...stores, clock: systemClock },
    TENANT,
    ids.map((id) => draftOf(id)),
  );
  const { size } = await stores.ledger.head(TENANT);
  stores.close();
  return size;
}

/** What a server that starts now shows once it has published at least `size` entries and was answered. */
async function served(size: number, answer: 'cosigned' | 'silent') {
  const secrets = localSecrets({}, folder().root);
  const config = await readConfigFile(folder().config, (read) => configIssues(read, folder().root, secrets));
  const options = { folder: folder(), config, passphrase: PASSPHRASE, environment: {}, version: 'test' };
  const server = await startServer({ ...options, note: () => undefined });
  const stores = openStores(folder());
  try {
    await until('end of the publication', async () => {
      const published = await stores.ledger.published(TENANT);
      const answers = Object.values(published?.witnesses ?? {}).map((state) => state.answer);
      return published && published.size >= size && answers.includes(answer) ? true : undefined;
    });
    const response = await fetch(`${server.url}/ledger/acme/checkpoint`);
    const lines = (await response.text()).split('\n');
    await until('checkpoint of the log of logs', async () => await stores.ledger.published(META_LOG));
    return { status: response.status, lines, size: Number(lines[1]) };
  } finally {
    stores.close();
    await server.close();
  }
}

const prove = async (index: number, tenant = TENANT, ...more: readonly string[]) => {
  const named = [String(index), '--data', folder().root, '--tenant', tenant];
  const { out } = await runCommand(ledgerProveCommand, [...named, ...more]);
  const file = join(root, `${tenant}-${index}.tlog-proof`);
  await writeFile(file, `${out.join('\n')}\n`);
  return file;
};

describe('a log that asks a witness', () => {
  it('shows nothing before the witness has cosigned', async () => {
    witness.goAway();
    expect(await served(await commit(['a', 'b']), 'silent')).toMatchObject({ status: 404 });
    expect(witness.size()).toBe(0);
  });

  it('goes on at the next start, and its proofs satisfy the policy that lies beside its key', async () => {
    witness.comeBack();
    const { status, lines, size } = await served(2, 'cosigned');
    expect([status, lines[0]]).toEqual([200, ORIGIN]);
    expect(size).toBeGreaterThanOrEqual(2);
    expect(lines.filter((line) => line.startsWith('— witness.example/w '))).toHaveLength(1);
    const proof = await prove(1);
    const verified = await runCommand(verifyProofCommand, [proof, '--policy', policyFile(), '--json']);
    expect(verified.code).toBe(0);
    expect(verified.json()).toMatchObject({ index: 1, witnesses: [{ name: 'witness.example/w' }] });
  });

  it('has its first checkpoint in the log of logs, which proves it', async () => {
    const proof = await prove(0, META_LOG);
    const key = ['--key', join(folder().keys, `${META_LOG}.vkey`)];
    const verified = await runCommand(verifyProofCommand, [proof, ...key]);
    expect(verified.out.join('\n')).toContain(`checkpoint.anchored info`);
    expect(verified.out.join('\n')).toContain(ORIGIN);
  });

  it('proves an entry under a checkpoint that the log of logs has, and not under another one', async () => {
    const [meta, key] = [join(root, 'meta.tlog-proof'), join(folder().keys, 'acme.vkey')];
    const proof = await prove(0, TENANT, '--meta', meta);
    const metaKey = ['--meta-key', join(folder().keys, `${META_LOG}.vkey`)];
    const verify = (file: string) => runCommand(verifyProofCommand, [file, '--key', key, '--meta', meta, ...metaKey]);
    const verified = await verify(proof);
    expect([verified.code, verified.out.join('\n')]).toEqual([
      0,
      expect.stringMatching(/its checkpoint is entry [0-9]+ of ledger\.example\.com\/all/),
    ]);
    await served(await commit(['f']), 'cosigned');
    const other = await verify(await prove(0));
    expect([other.code, other.out.join('\n')]).toEqual([1, expect.stringContaining('is not the checkpoint')]);
  });

  it('goes on without a witness that is away, and shows what was cosigned', async () => {
    const seen = witness.size();
    const size = await commit(['c', 'd', 'e']);
    witness.goAway();
    expect(await served(size, 'silent')).toMatchObject({ size: seen });
    await expect(prove(size - 1)).rejects.toThrow(`not among the ${seen} that the newest checkpoint`);
    witness.comeBack();
    expect((await served(size, 'cosigned')).size).toBeGreaterThanOrEqual(size);
    const proof = await prove(size - 1);
    const stranger = testWitness('witness.example/w', 2, witness.key).key;
    const other = join(root, 'other.tlog-policy');
    const [log = ''] = (await readFile(policyFile(), 'utf8')).split('\n');
    await writeFile(other, `${log}\nwitness w ${formatVerifierKey(stranger)}\nquorum w\n`);
    const refused = await runCommand(verifyProofCommand, [proof, '--policy', other]);
    expect([refused.code, refused.out.join('\n')]).toEqual([1, expect.stringContaining('too few witnesses cosigned')]);
  });
});
