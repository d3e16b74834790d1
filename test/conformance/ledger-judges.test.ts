import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import * as z from 'zod';
import { dataFolder } from '../../cli/data-folder.ts';
import { appendEntries } from '../../core/ledger/append.ts';
import { publishCheckpoint } from '../../core/ledger/publish.ts';
import { readInclusionProof } from '../../core/ledger/read.ts';
import { verifyLog } from '../../core/ledger/verify.ts';
import { formatVerifierKey, verifierKeyOf } from '../../core/tlog/note.ts';
import { encodeBundle } from '../../core/tlog/tile.ts';
import { claimOf, post, until } from '../../demo/cases.ts';
import { OWN_TENANT } from '../../demo/setup.ts';
import { draftOf, TENANT } from '../contracts/ledger-drafts.ts';
import { depsOf, noteSigner, ORIGIN } from '../contracts/ledger-faults.contract.ts';
import { memoryLedgerStore } from '../fakes/memory-ledger-store.ts';
import { goSignerKey } from '../fakes/memory-signers.ts';
import { memoryWormStore } from '../fakes/memory-worm-store.ts';
import { openWorld, tagPush, type World } from '../journeys/world.ts';
import { acceptedByFsck, fsck } from './ledger-judges.ts';
import { judge, runJudge } from './loopback-registry.ts';

const program = judge('ledger-judge');
const ENTRIES = 270;
const Proven = z.object({ Origin: z.string(), Size: z.int(), Index: z.int() });
let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'relseal-judges-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** What the judge says of a file, or `undefined` when it refuses it. */
async function judged(what: 'checkpoint' | 'proof', vkey: string, text: string): Promise<unknown> {
  const file = join(folder, what);
  await writeFile(file, text);
  const { code, stdout } = await runJudge(program ?? '', [what, vkey, file]);
  return code === 0 ? JSON.parse(stdout) : undefined;
}

const vkeyOf = async () => formatVerifierKey(verifierKeyOf(ORIGIN, await noteSigner.publicKey()));

async function publishedLog() {
  const deps = depsOf({ ledger: memoryLedgerStore(), worm: memoryWormStore() });
  await appendEntries(
    deps,
    TENANT,
    Array.from({ length: ENTRIES }, (_, at) => draftOf(`e${at}`, `r${at % 5}`)),
  );
  await publishCheckpoint(deps, TENANT);
  return deps;
}

describe.skipIf(!program)('golang.org/x/mod and transparency-dev/merkle', () => {
  it('open our checkpoint', async () => {
    const { note = '' } = (await (await publishedLog()).ledger.published(TENANT)) ?? {};
    expect(await judged('checkpoint', await vkeyOf(), note)).toMatchObject({ Origin: ORIGIN, Size: ENTRIES });
    expect(await judged('checkpoint', await vkeyOf(), note.replace(`\n${ENTRIES}\n`, '\n9\n'))).toBeUndefined();
  });

  it('prove entries by our .tlog-proof files, and nothing else', async () => {
    const deps = await publishedLog();
    const vkey = await vkeyOf();
    for (const index of [0, 1, 127, 255, 256, ENTRIES - 1]) {
      const proof = (await readInclusionProof(deps, TENANT, index)) ?? '';
      expect(Proven.parse(await judged('proof', vkey, proof))).toEqual({ Origin: ORIGIN, Size: ENTRIES, Index: index });
      const other = proof.replace(`index ${index}`, `index ${index === 0 ? 1 : index - 1}`);
      expect(await judged('proof', vkey, other)).toBeUndefined();
    }
  });
});

/** A log of these entries as Tessera's POSIX driver writes it, under our key. */
async function writtenByTessera(entries: readonly Uint8Array[], target: string): Promise<void> {
  const child = spawn(program ?? '', ['write', target, await goSignerKey(ORIGIN), '0'], {
    stdio: ['pipe', 'ignore', 'inherit'],
  });
  const ended = new Promise((resolve) => child.once('exit', resolve));
  child.stdin.end(encodeBundle(entries));
  if ((await ended) !== 0) throw new Error('the judge wrote no log');
}

describe.skipIf(!program)('a log of our entries that Tessera wrote', () => {
  it('verifies with our verifier, and no longer when a byte of it is another one', async () => {
    const deps = await publishedLog();
    const target = join(folder, 'tessera');
    await writtenByTessera(await deps.ledger.entries(TENANT, 0, ENTRIES), target);
    const key = verifierKeyOf(ORIGIN, await noteSigner.publicKey());
    const report = await verifyLog((path) => readFile(join(target, path)), key);
    const { root } = await deps.ledger.head(TENANT);
    expect(report).toEqual({ size: ENTRIES, entries: ENTRIES, root, problems: [] });
    const changed = await verifyLog(async (path) => {
      const bytes = await readFile(join(target, path));
      return path === 'tile/0/000' ? bytes.fill(0, 100, 101) : bytes;
    }, key);
    expect(changed.problems).toEqual([{ code: 'ledger.tile-mismatch', where: 'tile/0/000' }]);
  });
});

describe.skipIf(!(program && fsck))('a running server', () => {
  let world: World;
  beforeAll(async () => {
    world = await openWorld();
  });
  afterAll(() => world?.close());

  it('has its log accepted over HTTP by tessera fsck, and its proofs by the Go libraries', async () => {
    const [server, stores] = [await world.serve(), world.stores()];
    try {
      const delivery = tagPush(world, 'v1.0.0');
      await post(server.url, delivery);
      await until('end of the run', async () => {
        const claim = await claimOf(stores, OWN_TENANT, delivery);
        return claim && claim.status !== 'running' ? true : undefined;
      });
      const log = `${server.url}/ledger/${OWN_TENANT}/`;
      const fetched = async (path: string) => {
        const answer = await fetch(log + path);
        return answer.ok ? answer.text() : undefined;
      };
      const proof = await until('checkpoint', () => fetched('proof/0'));
      const keyFile = join(dataFolder(world.setup.data).keys, `${OWN_TENANT}.vkey`);
      expect(await acceptedByFsck(log, keyFile)).toBe(true);
      const vkey = (await readFile(keyFile, 'utf8')).trim();
      expect(Proven.parse(await judged('proof', vkey, proof))).toMatchObject({ Index: 0 });
      const other = join(folder, 'other.vkey');
      await writeFile(other, await vkeyOf());
      expect(await acceptedByFsck(log, other)).toBe(false);
    } finally {
      await server.close();
      stores.close();
    }
  });
});
