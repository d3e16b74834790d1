import { describe, expect, it } from 'vitest';
import { memoryModuleLog } from '../../test/fakes/memory-module-log.ts';
import { memoryNoteSigner } from '../../test/fakes/memory-signers.ts';
import { ACME, moduleLogWorld, type SmallModule, smallModule } from '../../test/fakes/module-log-world.ts';
import { Fault } from '../faults.ts';
import type { ChecksumDatabase } from '../ports/checksum-database.ts';
import type { NoteSigner } from '../ports/note-signer.ts';
import { openSumdbProver } from '../sumdb/prove.ts';
import { parseVerifierKey } from '../tlog/note.ts';
import { tilePath } from '../tlog/tile.ts';
import type { ModuleDatabase } from './database.ts';
import { pinModule } from './pin.ts';

const own = (name: string, code?: string) => smallModule(`git.example.com/acme/${name}`, 'v1.0.0', code);
const PUBLISHED = [smallModule('example.com/a'), smallModule('example.com/Mixed', 'v2.0.0+incompatible')];

const textOf = async (database: ModuleDatabase, path: string): Promise<string | undefined> => {
  const answer = await database.answer(path);
  return answer.kind === 'found' ? Buffer.from(answer.bytes).toString('utf8') : undefined;
};

/** The served database as our own client reads any other. */
async function clientOf(database: ModuleDatabase): Promise<ChecksumDatabase> {
  return {
    verifierKey: await database.verifierKey(),
    lookup: (path, version) => textOf(database, `lookup/${path}@${version}`),
    latest: async () => (await textOf(database, 'latest')) ?? '',
    tile: async (level, index, width) => {
      const answer = await database.answer(tilePath({ level, index, width }, 'tile/8'));
      if (answer.kind !== 'found') throw new Error('no such tile');
      return Uint8Array.from(answer.bytes);
    },
  };
}

async function openClient(database: ModuleDatabase, kept?: { size: number; note: string }) {
  const opened = await openSumdbProver(await clientOf(database), kept);
  if (opened.kind !== 'opened') throw new Error(opened.reason.code);
  return opened.prover;
}

describe('the served module log', () => {
  it('logs a private module at its first lookup and tells the same ever after', async () => {
    const store = memoryModuleLog();
    const mine: SmallModule[] = [own('b')];
    const { database } = moduleLogWorld(store, mine, PUBLISHED);
    const first = await textOf(database, 'lookup/git.example.com/acme/b@v1.0.0');
    mine[0] = own('b', 'package changed\n');
    expect(await textOf(database, 'lookup/git.example.com/acme/b@v1.0.0')).toBe(first);
    expect(first).toContain(`git.example.com/acme/b v1.0.0 ${own('b').zipH1}\n`);
    expect(await store.modules(ACME, 0, 9)).toMatchObject([{ trust: 'tofu' }]);
  });

  it('proves a public module upstream before its lines are logged', async () => {
    const store = memoryModuleLog();
    const { database, upstream, heads } = moduleLogWorld(store, [], PUBLISHED);
    expect(await textOf(database, 'lookup/example.com/!mixed@v2.0.0+incompatible')).toContain(
      'example.com/Mixed v2.0.0',
    );
    expect(upstream.asked).toContain('lookup example.com/Mixed@v2.0.0+incompatible');
    expect(await store.modules(ACME, 0, 9)).toMatchObject([{ trust: 'upstream' }]);
    const { name, id } = parseVerifierKey(upstream.verifierKey);
    expect(await heads.load(`${name}+${id}`)).toMatchObject({ size: 2 });
  });

  it('never asks upstream for a private module, nor for one that nobody decided about', async () => {
    const { database, upstream } = moduleLogWorld(memoryModuleLog(), [own('b')], PUBLISHED);
    await database.answer('lookup/git.example.com/acme/b@v1.0.0');
    expect(await database.answer('lookup/elsewhere.example.org/x@v1.0.0')).toMatchObject({
      kind: 'refused',
      reason: { code: 'modpolicy.host-undecided' },
    });
    expect(upstream.asked).toEqual([]);
  });

  it('has nothing for what is not there, and logs none of it', async () => {
    const store = memoryModuleLog();
    const { database } = moduleLogWorld(store, [], PUBLISHED);
    const absent = [
      'lookup/git.example.com/acme/b@v1.0.0',
      'lookup/example.com/other@v1.0.0',
      'lookup/example.com/Mixed@v2.0.0+incompatible',
      'lookup/example.com/a',
      'lookup/../a@v1.0.0',
      'lookup/example.com/a@main',
      'tile/8/0/000',
      'tile/8/entries/000.p/1',
      'tile/4/0/000.p/1',
      'nothing',
      '',
    ];
    for (const path of absent) expect([path, await database.answer(path)]).toEqual([path, { kind: 'absent' }]);
    expect((await store.head(ACME)).size).toBe(0);
  });

  it('refuses an invalid zip', async () => {
    const broken = { ...own('b'), zip: Buffer.from('no zip') };
    const { database } = moduleLogWorld(memoryModuleLog(), [broken], []);
    expect(await database.answer('lookup/git.example.com/acme/b@v1.0.0')).toMatchObject({
      reason: { code: 'modulelog.zip-invalid' },
    });
  });

  it('is a checksum database that a client proves at every size, each head extending the one before', async () => {
    const store = memoryModuleLog();
    const mine: SmallModule[] = [];
    const { database } = moduleLogWorld(store, mine, PUBLISHED);
    let kept: { size: number; note: string } | undefined;
    for (const size of [1, 2, 255, 256, 257, 513]) {
      while (mine.length < size) {
        const module = own(`m${mine.length}`);
        mine.push(module);
        await database.answer(`lookup/${module.path}@v1.0.0`);
      }
      const prover = await openClient(database, kept);
      for (const { path, version } of [mine[0], mine[size - 1], mine[Math.floor(size / 2)]].flatMap(
        (each) => each ?? [],
      ))
        expect(await prover.prove(path, version)).toMatchObject({ kind: 'proved' });
      kept = prover.head();
      expect(kept.size).toBe(size);
    }
  });

  it('serves data tiles, full and partial, that hash to the leaves', async () => {
    const mine = Array.from({ length: 258 }, (_, at) => own(`m${at}`));
    const { database } = moduleLogWorld(memoryModuleLog(), mine, []);
    for (const { path } of mine) await database.answer(`lookup/${path}@v1.0.0`);
    const records = ((await textOf(database, 'tile/8/data/000')) ?? '').split('\n\n').slice(0, -1);
    expect(records).toHaveLength(256);
    expect(await textOf(database, 'tile/8/data/001.p/2')).toBe(
      [256, 257]
        .map(
          (at) =>
            `${mine[at]?.path} v1.0.0 ${mine[at]?.zipH1}\n${mine[at]?.path} v1.0.0/go.mod ${mine[at]?.goModH1}\n\n`,
        )
        .join(''),
    );
    expect(await database.answer('tile/8/data/001.p/3')).toEqual({ kind: 'absent' });
  });

  it('is supported, and signs again when the key failed', async () => {
    const key = memoryNoteSigner();
    let failures = 1;
    const signer: NoteSigner = {
      ...key,
      sign: async (text) => {
        if (failures-- > 0) throw new Fault('SignerUnavailable', 'planned');
        return key.sign(text);
      },
    };
    const { database } = moduleLogWorld(memoryModuleLog(), [own('b')], [], signer);
    expect(await textOf(database, 'supported')).toBe('');
    const asked = 'lookup/git.example.com/acme/b@v1.0.0';
    await expect(database.answer(asked)).rejects.toMatchObject({ name: 'SignerUnavailable' });
    expect(await textOf(database, asked)).toMatch(/^0\n/);
    expect(await textOf(database, 'latest')).toMatch(/^go\.sum database tree\n1\n/);
  });
});

describe('a module log', () => {
  const deps = () => ({ store: memoryModuleLog(), clock: { now: () => 0 } });

  it('pins a version at its first use and refuses another content later', async () => {
    const log = deps();
    expect(await pinModule(log, ACME, own('b'), 'tofu')).toMatchObject({ kind: 'pinned', first: true });
    expect(await pinModule(log, ACME, own('b'), 'tofu')).toMatchObject({ kind: 'pinned', first: false });
    expect(await pinModule(log, ACME, own('b', 'package changed\n'), 'tofu')).toMatchObject({
      reason: { code: 'modulelog.changed', where: 'git.example.com/acme/b@v1.0.0' },
    });
    expect((await log.store.head(ACME)).size).toBe(1);
  });

  it('takes writers that race, each module once', async () => {
    const log = deps();
    const modules = Array.from({ length: 20 }, (_, at) => own(`m${at % 10}`));
    const answers = await Promise.all(modules.map((module) => pinModule(log, ACME, module, 'tofu')));
    expect(answers.filter((answer) => answer.kind === 'pinned' && answer.first)).toHaveLength(10);
    expect((await log.store.head(ACME)).size).toBe(10);
  });
});
