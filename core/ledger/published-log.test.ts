import { describe, expect, it } from 'vitest';
import { TenantId } from '../../events/fields.ts';
import { draftOf, TENANT } from '../../test/contracts/ledger-drafts.ts';
import { type FailurePlan, failing } from '../../test/fakes/failing.ts';
import { fixedClock } from '../../test/fakes/fixed-clock.ts';
import { memoryLedgerStore } from '../../test/fakes/memory-ledger-store.ts';
import { memoryNoteSigner } from '../../test/fakes/memory-signers.ts';
import { memoryWormStore } from '../../test/fakes/memory-worm-store.ts';
import { type Checkpoint, formatCheckpoint, parseCheckpoint } from '../tlog/checkpoint.ts';
import { policyOfLog } from '../tlog/log-policy.ts';
import { emptyRoot, leafHash, rootOfHashes } from '../tlog/merkle.ts';
import { formatNote, formatSignatureLine, type VerifierKey, verifierKeyOf } from '../tlog/note.ts';
import { bundlePath, bundlesOf, decodeBundle, encodeBundle, encodeTile, tilePath, tilesOf } from '../tlog/tile.ts';
import { parseLogProof, verifyLogProof } from '../tlog/tlog-proof.ts';
import { appendEntries } from './append.ts';
import { toHex } from './hex.ts';
import { publishCheckpoint } from './publish.ts';
import { readInclusionProof, readLogResource } from './read.ts';
import { EMPTY_HEAD } from './segment.ts';
import { verifyLog } from './verify.ts';

const ORIGIN = 'ledger.example.com/acme';
const signer = memoryNoteSigner();
const keyOf = async (name = ORIGIN, noteSigner = signer): Promise<VerifierKey> =>
  verifierKeyOf(name, await noteSigner.publicKey());
const decode = (bytes: Uint8Array | undefined) => Buffer.from(bytes ?? []).toString();
/** The index that a proof of `entry` proves to whoever has the key of the log alone. */
const indexProved = (proof: string, entry: Uint8Array, key: VerifierKey): number | undefined => {
  const verdict = verifyLogProof(proof, leafHash(entry), policyOfLog(key));
  return verdict.kind === 'proven' ? verdict.index : undefined;
};

function world() {
  const ledger = memoryLedgerStore();
  const worm = memoryWormStore();
  const clock = fixedClock();
  const deps = { ledger, worm, clock, noteSigner: signer, originOf: () => ORIGIN };
  let written = 0;
  return {
    deps,
    ledger,
    worm,
    /** Appends entries of five releases, so that links cross. */
    async grow(count: number) {
      const drafts = Array.from({ length: count }, (_, at) => draftOf(`e${written + at}`, `r${(written + at) % 5}`));
      written += count;
      await appendEntries(deps, TENANT, drafts);
    },
    publish: (over: Partial<typeof deps> = {}) => publishCheckpoint({ ...deps, ...over }, TENANT),
    read: async (path: string) => (await readLogResource(deps, TENANT, path))?.bytes,
  };
}
type World = ReturnType<typeof world>;

/** Every file of the published log, as an export holds them. */
async function filesOf(all: World): Promise<Map<string, Uint8Array>> {
  const { size = 0 } = (await all.ledger.published(TENANT)) ?? {};
  const paths = [
    'checkpoint',
    ...[...bundlesOf(size)].map(({ index, width }) => bundlePath(index, width)),
    ...[...tilesOf(size)].map((tile) => tilePath(tile)),
  ];
  const files = new Map<string, Uint8Array>();
  for (const path of paths) files.set(path, (await all.read(path)) ?? new Uint8Array());
  return files;
}
const verifyFiles = async (files: ReadonlyMap<string, Uint8Array>, key?: VerifierKey) =>
  verifyLog(async (path) => files.get(path), key ?? (await keyOf()));
const problemsOf = async (files: ReadonlyMap<string, Uint8Array>, key?: VerifierKey) =>
  (await verifyFiles(files, key)).problems.map(({ code, where }) => `${code} ${where}`);

async function publishedWorld(count: number): Promise<{ all: World; files: Map<string, Uint8Array> }> {
  const all = world();
  await all.grow(count);
  await all.publish();
  return { all, files: await filesOf(all) };
}

describe('publishing', () => {
  it('signs what is committed, and again only when it has grown', async () => {
    const all = world();
    expect(await all.publish()).toEqual({ size: 0 });
    expect(await all.ledger.published(TENANT)).toBeUndefined();
    await all.grow(3);
    expect(await all.publish()).toEqual({ size: 3 });
    const first = await all.ledger.published(TENANT);
    expect(await all.publish()).toEqual({ size: 3 });
    expect(await all.ledger.published(TENANT)).toEqual(first);
    expect(first?.note).toMatch(new RegExp(`^${ORIGIN}\\n3\\n[A-Za-z0-9+/]{43}=\\n\\n— ${ORIGIN} [A-Za-z0-9+/=]+\\n$`));
  });

  it('keeps full tiles and bundles for ever and partial ones never', async () => {
    const all = world();
    await all.grow(600);
    await all.publish();
    await all.grow(200);
    await all.publish();
    const kept = [...all.worm.objects.keys()].filter((name) => name.startsWith(`t/${TENANT}/log/`)).sort();
    expect(kept).toEqual(
      ['tile/0/000', 'tile/0/001', 'tile/0/002', 'tile/entries/000', 'tile/entries/001', 'tile/entries/002'].map(
        (path) => `t/${TENANT}/log/${path}`,
      ),
    );
  });

  it('resumed after a fault before or after any port call ends at the same files', { timeout: 60_000 }, async () => {
    const source = world();
    await source.grow(300);
    const heads = [await source.ledger.head(TENANT)];
    await source.grow(300);
    heads.push(await source.ledger.head(TENANT));
    /** Publishes at both sizes; each call of a port counts. The entries are made once, the rest anew. */
    const stage = () => {
      const own = memoryLedgerStore();
      const worm = memoryWormStore();
      let head = heads[0] ?? EMPTY_HEAD();
      const ledger = {
        ...source.ledger,
        head: async () => head,
        published: own.published,
        savePublished: own.savePublished,
      };
      const publish = async (plan: FailurePlan, sizes = heads) => {
        const deps = {
          ledger: failing(ledger, plan),
          worm: failing(worm, plan),
          noteSigner: failing(signer, plan),
          clock: fixedClock(),
          originOf: () => ORIGIN,
        };
        const faults: unknown[] = [];
        for (head of sizes) await publishCheckpoint(deps, TENANT).catch((fault: unknown) => faults.push(fault));
        return faults;
      };
      /** Which checkpoint is copied depends on which was signed first; that one is, does not. */
      const state = async () => {
        const { anchored, ...published } = (await own.published(TENANT)) ?? {};
        const files = [...worm.objects].filter(([name]) => !name.includes('/anchors/'));
        return [published, files.sort(), files.length < worm.objects.size, anchored !== undefined];
      };
      return { publish, state };
    };
    const none = (): FailurePlan => ({ at: -1, when: 'before', calls: 0 });
    const undisturbed = stage();
    const counting = none();
    expect(await undisturbed.publish(counting)).toEqual([]);
    const expected = JSON.stringify(await undisturbed.state());
    expect(counting.calls).toBeGreaterThan(15);
    for (const when of ['before', 'after'] as const)
      for (let at = 0; at < counting.calls; at += 1) {
        const disturbed = stage();
        expect(await disturbed.publish({ at, when, calls: 0 })).toMatchObject([{ name: 'StoreUnavailable' }]);
        expect(await disturbed.publish(none(), heads.slice(-1))).toEqual([]);
        expect([when, at, JSON.stringify(await disturbed.state()) === expected]).toEqual([when, at, true]);
      }
  });

  it('by two at a time saves one checkpoint, and both answer its size', async () => {
    const all = world();
    await all.grow(10);
    expect(await Promise.all([all.publish(), all.publish(), all.publish()])).toEqual(Array(3).fill({ size: 10 }));
    expect(await problemsOf(await filesOf(all))).toEqual([]);
  });

  it.each<[string, (all: World) => Partial<World['deps']>]>([
    [
      'a head behind the published checkpoint',
      ({ ledger }) => ({
        ledger: { ...ledger, head: async () => ({ ...(await ledger.head(TenantId.parse('empty'))) }) },
      }),
    ],
    [
      'another root at the same size',
      ({ ledger }) => ({
        ledger: {
          ...ledger,
          head: async () => ({ ...(await ledger.head(TENANT)), root: toHex(leafHash(Buffer.from('x'))) }),
        },
      }),
    ],
  ])('refuses to sign %s', async (_, over) => {
    const all = world();
    await all.grow(5);
    await all.publish();
    await expect(all.publish(over(all))).rejects.toThrow(expect.objectContaining({ name: 'LedgerInconsistent' }));
  });

  it('refuses to sign a head that its entries do not lead to', async () => {
    const all = world();
    await all.grow(5);
    const ledger = {
      ...all.ledger,
      head: async () => ({ ...(await all.ledger.head(TENANT)), root: toHex(leafHash(Buffer.from('x'))) }),
    };
    await expect(all.publish({ ledger })).rejects.toThrow(expect.objectContaining({ name: 'LedgerInconsistent' }));
  });

  it.each([5, 300])('refuses to sign a restored log of another history than the %i published', async (published) => {
    const all = world();
    await all.grow(published);
    await all.publish();
    const restored = world();
    await appendEntries(restored.deps, TENANT, [draftOf('other')]);
    await restored.grow(published + 20);
    // The write-once storage is another one too: of what was kept there nothing may be needed to see the fork.
    const ledger = { ...restored.ledger, published: all.ledger.published, savePublished: all.ledger.savePublished };
    await expect(publishCheckpoint({ ...restored.deps, ledger }, TENANT)).rejects.toThrow(
      expect.objectContaining({ name: expect.stringMatching(/^(?:LedgerInconsistent|EvidenceMissing)$/) }),
    );
    expect(await all.ledger.published(TENANT)).toMatchObject({ size: published });
  });

  it('refuses to sign where a kept tile has other bytes', async () => {
    const all = world();
    await all.grow(300);
    await all.worm.put(`t/${TENANT}/log/tile/0/000`, new Uint8Array(8192));
    await expect(all.publish()).rejects.toThrow(expect.objectContaining({ name: 'WormConflict' }));
    expect(await all.ledger.published(TENANT)).toBeUndefined();
  });

  it('refuses a signature that its own key does not verify', async () => {
    const all = world();
    await all.grow(1);
    const noteSigner = { publicKey: signer.publicKey, sign: memoryNoteSigner('another key').sign };
    await expect(all.publish({ noteSigner })).rejects.toThrow(expect.objectContaining({ name: 'SignerRefused' }));
  });
});

describe('a published log', () => {
  it.each([1, 2, 255, 256, 257, 700])('of %i entries verifies from its files alone', async (count) => {
    const { all, files } = await publishedWorld(count);
    const head = await all.ledger.head(TENANT);
    expect(await verifyFiles(files)).toEqual({ size: count, root: head.root, entries: count, problems: [] });
  });

  it('serves what its published size covers and nothing else', async () => {
    const all = world();
    await all.grow(300);
    expect(await all.read('checkpoint')).toBeUndefined();
    await all.publish();
    await all.grow(300);
    expect(await readLogResource(all.deps, TENANT, 'checkpoint')).toMatchObject({
      contentType: 'text/plain; charset=utf-8',
    });
    for (const path of [
      'tile/0/000',
      'tile/entries/000',
      'tile/0/001.p/44',
      'tile/0/001.p/3',
      'tile/1/000.p/1',
      'tile/entries/001.p/44',
    ])
      expect(await readLogResource(all.deps, TENANT, path), path).toMatchObject({
        contentType: 'application/octet-stream',
      });
    for (const path of [
      'tile/0/001',
      'tile/0/001.p/45',
      'tile/0/002.p/1',
      'tile/1/000.p/2',
      'tile/2/000.p/1',
      'tile/entries/001',
      'tile/entries/001.p/45',
      'tile/entries/002.p/1',
      'tile/0/000.p/256',
      'tile/0/000.p/0',
      'tile/0/0',
      '/checkpoint',
      'checkpoint/',
      '../acme/checkpoint',
      '',
    ])
      expect(await readLogResource(all.deps, TENANT, path), path).toBeUndefined();
    expect(await readLogResource(all.deps, TenantId.parse('other'), 'checkpoint')).toBeUndefined();
  });

  it('faults where a kept file is gone, rather than answering that there is none', async () => {
    const { all } = await publishedWorld(300);
    all.worm.objects.delete(`t/${TENANT}/log/tile/0/000`);
    await expect(all.read('tile/0/000')).rejects.toThrow(expect.objectContaining({ name: 'EvidenceMissing' }));
  });

  it('proves each entry, and no other one by the same proof', async () => {
    const { all, files } = await publishedWorld(300);
    const key = await keyOf();
    const entries = [
      ...(decodeBundle(files.get('tile/entries/000') ?? new Uint8Array(), 256) ?? []),
      ...(decodeBundle(files.get('tile/entries/001.p/44') ?? new Uint8Array(), 44) ?? []),
    ];
    expect(entries).toHaveLength(300);
    for (const index of [0, 1, 127, 128, 255, 256, 298, 299]) {
      const proof = (await readInclusionProof(all.deps, TENANT, index)) ?? '';
      const entry = entries[index] ?? new Uint8Array();
      expect(parseLogProof(proof)).toMatchObject({ index, extra: entry });
      expect(indexProved(proof, entry, key)).toBe(index);
      expect(indexProved(proof, entries[(index + 1) % 300] ?? new Uint8Array(), key)).toBeUndefined();
      expect(indexProved(proof, entry, await keyOf('ledger.example.com/other'))).toBeUndefined();
      expect(indexProved(proof, entry, await keyOf(ORIGIN, memoryNoteSigner('another key')))).toBeUndefined();
    }
    for (const index of [-1, 300, 1.5, Number.NaN, 2 ** 60])
      expect(await readInclusionProof(all.deps, TENANT, index)).toBeUndefined();
  });

  it('has proofs that no changed line leaves valid', async () => {
    const { all, files } = await publishedWorld(21);
    const key = await keyOf();
    const [entry = new Uint8Array()] =
      decodeBundle(files.get('tile/entries/000.p/21') ?? new Uint8Array(), 21)?.slice(7) ?? [];
    const proof = ((await readInclusionProof(all.deps, TENANT, 7)) ?? '').replace(/^extra .*\n/m, '');
    expect(indexProved(proof, entry, key)).toBe(7);
    const lines = proof.split('\n');
    for (const at of lines.keys()) {
      const without = lines.toSpliced(at, 1).join('\n');
      if (without !== proof) expect([at, indexProved(without, entry, key)]).toEqual([at, undefined]);
      const twice = lines.toSpliced(at, 0, lines[at] ?? '').join('\n');
      // The last line is a signature, which counts once however often it is there.
      if (at < lines.length - 2) expect([at, indexProved(twice, entry, key)]).toEqual([at, undefined]);
    }
    for (const bad of ['index 8', 'index 07', 'index +7', 'index  7', 'index 7 ', 'INDEX 7'])
      expect(indexProved(proof.replace('index 7', bad), entry, key)).toBeUndefined();
    expect(indexProved(proof.replace('@v1\n', '@v1\nextra aGVsbG8=\n'), entry, key)).toBe(7);
    expect(indexProved('', entry, key)).toBeUndefined();
  });
});

describe('a tampered log', () => {
  it('is found by a flipped bit in any byte of any file', async () => {
    const { files } = await publishedWorld(9);
    for (const [path, bytes] of files)
      for (let at = 0; at < bytes.length; at += path.includes('entries') ? 7 : 1) {
        const changed = Uint8Array.from(bytes, (byte, place) => (place === at ? byte ^ 1 : byte));
        const problems = await problemsOf(new Map(files).set(path, changed));
        expect([path, at, problems.length > 0]).toEqual([path, at, true]);
      }
  });

  it('is found, with its code, when a file is missing', async () => {
    const { files } = await publishedWorld(600);
    const codes: Record<string, string[]> = {};
    for (const path of files.keys()) {
      const fewer = new Map(files);
      fewer.delete(path);
      codes[path] = (await problemsOf(fewer)).filter((problem) => problem.includes(path));
    }
    expect(codes).toMatchObject({
      checkpoint: ['ledger.checkpoint-missing checkpoint'],
      'tile/entries/000': ['ledger.bundle-missing tile/entries/000'],
      'tile/entries/002.p/88': ['ledger.bundle-missing tile/entries/002.p/88'],
      'tile/0/001': ['ledger.tile-missing tile/0/001'],
      'tile/0/002.p/88': ['ledger.tile-missing tile/0/002.p/88'],
      'tile/1/000.p/2': ['ledger.tile-missing tile/1/000.p/2'],
    });
    expect(Object.values(codes).every((found) => found.length > 0)).toBe(true);
  });

  /** The log with its entries changed by `edit`, and tiles, root and signature made to fit as far as `as` says. */
  async function forged(
    edit: (entries: Uint8Array[]) => Uint8Array[],
    as: 'bundles only' | 'tiles too' | 'signed by us' | 'signed by another',
  ): Promise<string[]> {
    const { files } = await publishedWorld(9);
    const entries = edit(decodeBundle(files.get('tile/entries/000.p/9') ?? new Uint8Array(), 9) ?? []);
    const leaves = entries.map(leafHash);
    const size = entries.length;
    const width = as === 'bundles only' ? 9 : size;
    const changed = new Map(files).set(`tile/entries/000.p/${width}`, encodeBundle(entries));
    if (as !== 'bundles only') changed.set(`tile/0/000.p/${size}`, encodeTile(leaves));
    if (as.startsWith('signed')) {
      const noteSigner = as === 'signed by us' ? signer : memoryNoteSigner('another key');
      const text = formatCheckpoint({ origin: ORIGIN, size, root: rootOfHashes(leaves) });
      const line = formatSignatureLine(await keyOf(ORIGIN, noteSigner), await noteSigner.sign(Buffer.from(text)));
      changed.set('checkpoint', Buffer.from(formatNote(text, [line])));
    }
    return (await problemsOf(changed)).map((problem) => problem.split(' ')[0] ?? '');
  }
  const swap = (entries: Uint8Array[]) => entries.toSpliced(2, 2, ...entries.slice(2, 4).reverse());
  const drop = (entries: Uint8Array[]) => entries.toSpliced(3, 1);
  const edit = (entries: Uint8Array[]) =>
    entries.with(1, Buffer.from(decode(entries[1]).replace('"outcome":"pass"', '"outcome":"info"')));
  const foreign = (entries: Uint8Array[]) =>
    entries.with(8, Buffer.from(decode(entries[8]).replace('"tenant":"acme"', '"tenant":"evil"')));
  const unlink = (entries: Uint8Array[]) =>
    entries.with(5, Buffer.from(decode(entries[5]).replace(/"prev":\{[^}]*\},/, '')));
  const respell = (entries: Uint8Array[]) => entries.with(1, Buffer.from(decode(entries[1]).replace('{', '{ ')));
  const truncate = (entries: Uint8Array[]) => entries.slice(0, 7);

  it.each<[string, (entries: Uint8Array[]) => Uint8Array[], Parameters<typeof forged>[1], string[]]>([
    ['two swapped entries', swap, 'tiles too', ['ledger.root-mismatch']],
    ['an edited entry', edit, 'bundles only', ['ledger.tile-mismatch', 'ledger.root-mismatch']],
    ['an edited entry and its tile', edit, 'tiles too', ['ledger.root-mismatch']],
    ['a dropped entry', drop, 'bundles only', ['ledger.bundle-malformed']],
    ['a whole log of another key', edit, 'signed by another', ['ledger.checkpoint-signature']],
    ['a truncated tail signed by another', truncate, 'signed by another', ['ledger.checkpoint-signature']],
    ['an entry edited by the holder of the key', edit, 'signed by us', ['ledger.link-broken']],
    ['an entry dropped by the holder of the key', drop, 'signed by us', ['ledger.link-broken']],
    ['an entry of another tenant', foreign, 'signed by us', ['ledger.entry-tenant']],
    ['a link left out', unlink, 'signed by us', ['ledger.link-broken']],
    ['a second spelling of an entry', respell, 'signed by us', ['ledger.entry-malformed']],
  ])('is found for %s', async (_, change, as, codes) => {
    expect(await forged(change, as)).toEqual(expect.arrayContaining(codes));
  });

  it('is no longer one when its holder truncates and signs it: that is a fork, which only a kept checkpoint shows', async () => {
    expect(await forged(truncate, 'signed by us')).toEqual([]);
  });

  it('is found when its checkpoint is of another log, another key, or no checkpoint', async () => {
    const { files } = await publishedWorld(3);
    expect(await problemsOf(files, await keyOf('ledger.example.com/other'))).toEqual([
      'ledger.checkpoint-signature checkpoint',
    ]);
    expect(await problemsOf(files, await keyOf(ORIGIN, memoryNoteSigner('another key')))).toEqual([
      'ledger.checkpoint-signature checkpoint',
    ]);
    expect(await problemsOf(new Map(files).set('checkpoint', Buffer.from('<html>')))).toEqual([
      'ledger.checkpoint-malformed checkpoint',
    ]);
    const signed = async (text: string) =>
      Buffer.from(formatNote(text, [formatSignatureLine(await keyOf(), await signer.sign(Buffer.from(text)))]));
    const [, size, root] = decode(files.get('checkpoint')).split('\n');
    expect(
      await problemsOf(new Map(files).set('checkpoint', await signed(`ledger.example.com/evil\n${size}\n${root}\n`))),
    ).toEqual(['ledger.origin-mismatch checkpoint']);
    expect(await problemsOf(new Map(files).set('checkpoint', await signed('no checkpoint\n')))).toEqual([
      'ledger.checkpoint-malformed checkpoint',
    ]);
  });

  it('is not believed for a size: nothing is read under a checkpoint that nobody signed', async () => {
    const { files } = await publishedWorld(3);
    const read: string[] = [];
    const report = await verifyLog(
      async (path) => {
        read.push(path);
        return path === 'checkpoint'
          ? Buffer.from(decode(files.get(path)).replace('\n3\n', '\n999999999\n'))
          : undefined;
      },
      await keyOf(),
    );
    expect(report).toMatchObject({ size: 0, entries: 0, problems: [{ code: 'ledger.checkpoint-signature' }] });
    expect(read).toEqual(['checkpoint']);
  });

  it('is found when a bundle is cut, or longer than it says', async () => {
    const { files } = await publishedWorld(3);
    const bundle = files.get('tile/entries/000.p/3') ?? new Uint8Array();
    for (const bytes of [bundle.slice(0, -1), Buffer.concat([bundle, Buffer.of(0)]), new Uint8Array()])
      expect(await problemsOf(new Map(files).set('tile/entries/000.p/3', bytes))).toEqual([
        'ledger.bundle-malformed tile/entries/000.p/3',
        'ledger.root-mismatch checkpoint',
      ]);
  });

  it('goes on from what was seen before, at whatever size that was', async () => {
    const [older, newer] = [await publishedWorld(256), await publishedWorld(300)];
    const seen = ({ files }: typeof newer) => {
      const [text = ''] = decode(files.get('checkpoint')).split('\n\n');
      const checkpoint = parseCheckpoint(`${text}\n`);
      if (!checkpoint) throw new Error('no checkpoint');
      return checkpoint;
    };
    const codes = async ({ files }: typeof newer, earlier: Checkpoint) => {
      const { problems } = await verifyLog(async (path) => files.get(path), await keyOf(), { earlier });
      return problems.map(({ code }) => code);
    };
    expect(await codes(newer, seen(older))).toEqual([]);
    expect(await codes(newer, seen(newer))).toEqual([]);
    expect(await codes(newer, { ...seen(newer), size: 0, root: emptyRoot() })).toEqual([]);
    expect(await codes(older, seen(newer))).toEqual(['ledger.truncated']);
    const cut = { ...older, files: new Map([...older.files].filter(([path]) => !path.startsWith('tile/entries/'))) };
    expect(await codes(cut, seen(newer))).toEqual([
      'ledger.truncated',
      'ledger.bundle-missing',
      'ledger.root-mismatch',
    ]);
    for (const size of [0, 1, 255, 256, 257, 299])
      expect(await codes(newer, { ...seen(newer), size })).toEqual(['ledger.fork']);
  });

  it('has its read errors thrown, not taken for absence', async () => {
    const failed = verifyLog(
      async () => {
        throw new Error('EACCES');
      },
      await keyOf(),
    );
    await expect(failed).rejects.toThrow('EACCES');
  });
});

describe('the formats', () => {
  it('are those of the published test log of tessera (testdata/log)', () => {
    const words = ['one', 'two', 'three', 'four', 'five'];
    expect(Buffer.from(encodeBundle(words.slice(0, 3).map((word) => Buffer.from(word)))).toString('hex')).toBe(
      '00036f6e65000374776f00057468726565',
    );
    const root = rootOfHashes(words.slice(0, 3).map((word) => leafHash(Buffer.from(word))));
    expect(Buffer.from(root).toString('base64')).toBe('Wqx3HImawpLnS/Gv4ubjAvi1WIOy0b8Ze0amvqbavKk=');
  });
});
