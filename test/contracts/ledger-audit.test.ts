import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import { openSqlite, type Sqlite } from '../../adapters/embedded/sqlite.ts';
import { sqliteAuditStore } from '../../adapters/embedded/sqlite-audit-store.ts';
import { sqliteLedgerStore } from '../../adapters/embedded/sqlite-ledger-store.ts';
import { loadJsonEvidence, sha256Hex } from '../../core/evidence.ts';
import { appendEntries } from '../../core/ledger/append.ts';
import { type AuditBounds, type AuditDeps, auditLedger } from '../../core/ledger/audit.ts';
import { type EntryDraft, type LedgerEntry, parseEntry } from '../../core/ledger/entry.ts';
import { fromHex } from '../../core/ledger/hex.ts';
import { publishCheckpoint } from '../../core/ledger/publish.ts';
import { formatCheckpoint } from '../../core/tlog/checkpoint.ts';
import { formatNote, formatSignatureLine, verifierKeyOf } from '../../core/tlog/note.ts';
import type { Sha256Hex, TenantId } from '../../events/fields.ts';
import { fixedClock } from '../fakes/fixed-clock.ts';
import { memoryNoteSigner } from '../fakes/memory-signers.ts';
import { memoryWormStore } from '../fakes/memory-worm-store.ts';
import { draftOf, TENANT } from './ledger-drafts.ts';

const ORIGIN = 'ledger.example.com/acme';
const SMALL: AuditBounds = { entries: 64, rounds: 100 };
const ROW = 'UPDATE ledger_entry SET bytes = (SELECT bytes FROM ledger_entry WHERE position = 0) WHERE position = 5';

/** A log in SQLite, whose rows SQL can tamper with, and write-once objects in memory. */
function world() {
  const database = openSqlite(':memory:');
  const [worm, clock, noteSigner] = [memoryWormStore(), fixedClock(), memoryNoteSigner()];
  const stores = { ledger: sqliteLedgerStore(database), worm, clock, audits: sqliteAuditStore(database) };
  const append = (tenant: TenantId, drafts: readonly EntryDraft[]) => appendEntries(stores, tenant, drafts);
  const keyOf = async () => verifierKeyOf(ORIGIN, await noteSigner.publicKey());
  const deps: AuditDeps = { ...stores, append, keyOf };
  let written = 0;
  let runs = 0;
  const all = async (): Promise<LedgerEntry[]> =>
    (await stores.ledger.entries(TENANT, 0, (await stores.ledger.head(TENANT)).size)).map(parseEntry);
  return {
    ...{ database, worm, clock, noteSigner, deps, stores },
    async grow(count: number): Promise<void> {
      await append(
        TENANT,
        Array.from({ length: count }, () => draftOf(`e${written++}`, `r${written % 5}`)),
      );
    },
    async publish(): Promise<void> {
      clock.advance(120_000);
      await publishCheckpoint({ ...stores, noteSigner, originOf: () => ORIGIN }, TENANT);
    },
    /** The rounds of one more run, and how it ended. */
    async audit(bounds: AuditBounds = SMALL, on: AuditDeps = deps) {
      const businessKey = sha256Hex(`run ${runs++}`);
      const run = { tenant: TENANT, businessKey, machine: 'audit', name: `audit-${runs}` };
      for (let rounds = 1; ; rounds += 1) {
        const { more, passed } = await auditLedger(on, run, bounds);
        if (!more) return { rounds, passed, run };
      }
    },
    async found(): Promise<string[]> {
      const failed = (await all()).filter(({ kind }) => kind === 'audit.failed');
      return failed.flatMap(({ reasons = [] }) => reasons.map(({ code, where }) => `${code} ${where}`));
    },
    async kinds(): Promise<string[]> {
      return (await all()).map(({ kind }) => kind).filter((kind) => kind.startsWith('audit.'));
    },
    all,
  };
}
type World = ReturnType<typeof world>;

/** A log of 300 entries, a full tile and bundle among them, in batches that end at these sizes. */
const SIZES = [1, 3, 6, 10, 28, 64, 128, 200, 256, 300];
const PUBLISHED = [28, 128, 256, 300];

async function grown(): Promise<World> {
  const made = world();
  for (const [at, size] of SIZES.entries()) {
    await made.grow(size - (SIZES[at - 1] ?? 0));
    if (PUBLISHED.includes(size)) await made.publish();
  }
  return made;
}

const nameOf = ({ worm }: World, part: string): string => {
  const found = [...worm.objects.keys()].filter((name) => name.startsWith(`t/acme/${part}`)).sort();
  const name = found[0];
  if (name === undefined) throw new Error(`no object is called ${part}`);
  return name;
};

function flip(made: World, part: string, at = 40): void {
  const name = nameOf(made, part);
  const bytes = Buffer.from(made.worm.objects.get(name) ?? []);
  bytes[at] = (bytes[at] ?? 0) ^ 1;
  made.worm.objects.set(name, bytes);
}

const run = (database: Sqlite, sql: string): void => database.exec(sql);

async function signed(made: World, size: number, root: Sha256Hex, signer = made.noteSigner): Promise<string> {
  const text = formatCheckpoint({ origin: ORIGIN, size, root: fromHex(root) });
  const key = verifierKeyOf(ORIGIN, await signer.publicKey());
  return formatNote(text, [formatSignatureLine(key, await signer.sign(Buffer.from(text)))]);
}

const anchor = (size: number) => `anchors/${String(size).padStart(16, '0')}`;

/** What is planted, and the one finding that there is of it. */
const PLANTED: Readonly<Record<string, readonly [(made: World) => Promise<void> | void, RegExp]>> = {
  'an edited row of an entry': [
    ({ database }) => run(database, ROW),
    /^ledger\.entry-differs t\/acme\/seg\/\d+-[0-9a-f]{64}#5$/,
  ],
  'a dropped row of an entry': [
    ({ database }) => run(database, 'DELETE FROM ledger_entry WHERE position = 7'),
    /^ledger\.entry-differs t\/acme\/seg\/\d+-[0-9a-f]{64}#7-9$/,
  ],
  'the last row of an entry dropped': [
    ({ database }) => run(database, 'DELETE FROM ledger_entry WHERE position = 299'),
    /^ledger\.entry-differs t\/acme\/seg\/\d+-[0-9a-f]{64}#299$/,
  ],
  'an edited row of a batch': [
    ({ database }) => run(database, 'UPDATE ledger_batch SET batch_hash = previous_batch_hash WHERE first_index = 6'),
    /^ledger\.batch-differs batch#6$/,
  ],
  'a dropped row of a batch': [
    ({ database }) => run(database, 'DELETE FROM ledger_batch WHERE first_index = 6'),
    /^ledger\.batch-missing batch#6$/,
  ],
  'a dropped row of a key': [
    ({ database }) => run(database, 'DELETE FROM ledger_key WHERE position = 7'),
    /^ledger\.key-differs t\/acme\/seg\/6-[0-9a-f]{64}#6-9$/,
  ],
  'an edited segment': [(made) => flip(made, 'seg/6-'), /^ledger\.segment-changed t\/acme\/seg\/6-[0-9a-f]{64}$/],
  'a segment that is gone': [
    (made) => void made.worm.objects.delete(nameOf(made, 'seg/6-')),
    /^ledger\.segment-missing t\/acme\/seg\/6-/,
  ],
  'an edited tile': [(made) => flip(made, 'log/tile/0/000'), /^ledger\.tile-mismatch t\/acme\/log\/tile\/0\/000$/],
  'a tile that is gone': [
    (made) => void made.worm.objects.delete('t/acme/log/tile/0/000'),
    /^ledger\.tile-missing t\/acme\/log\/tile\/0\/000$/,
  ],
  'a tile of another log': [
    async (made) => {
      const other = await world();
      await other.grow(256);
      await other.publish();
      made.worm.objects.set(
        't/acme/log/tile/0/000',
        other.worm.objects.get('t/acme/log/tile/0/000') ?? new Uint8Array(),
      );
    },
    /^ledger\.tile-mismatch t\/acme\/log\/tile\/0\/000$/,
  ],
  'an edited bundle': [(made) => flip(made, 'log/tile/entries/000'), /^ledger\.bundle-mismatch .*entries\/000$/],
  'a bundle that is cut': [
    ({ worm }) => void worm.objects.set('t/acme/log/tile/entries/000', Buffer.from('x')),
    /^ledger\.bundle-mismatch t\/acme\/log\/tile\/entries\/000$/,
  ],
  'an anchor off the tree': [
    async (made) =>
      void made.worm.objects.set(`t/acme/${anchor(28)}`, Buffer.from(await signed(made, 28, sha256Hex('fork')))),
    /^ledger\.anchor-mismatch t\/acme\/anchors\/0+28$/,
  ],
  'an anchor of another size': [
    async (made) =>
      void made.worm.objects.set(`t/acme/${anchor(28)}`, Buffer.from(await signed(made, 27, sha256Hex('fork')))),
    /^ledger\.anchor-malformed /,
  ],
  'an anchor that nobody signed': [(made) => flip(made, anchor(28), 160), /^ledger\.anchor-(signature|malformed) /],
  'the newest anchor gone': [
    ({ worm }) => void worm.objects.delete(`t/acme/${anchor(300)}`),
    /^ledger\.anchor-missing t\/acme\/anchors\/0+300$/,
  ],
  'an anchor of more than there is': [
    async (made) =>
      void made.worm.objects.set(`t/acme/${anchor(9999)}`, Buffer.from(await signed(made, 9999, sha256Hex('x')))),
    /^ledger\.truncated t\/acme\/anchors\/0+9999$/,
  ],
  'a checkpoint with a foreign signature': [
    async (made) => {
      const published = await made.stores.ledger.published(TENANT);
      if (!published) throw new Error('nothing is published');
      const note = await signed(made, 300, published.root, memoryNoteSigner('another key for tests'));
      made.database.prepare('UPDATE ledger_published SET note = ?').run(note);
    },
    /^ledger\.checkpoint-signature checkpoint$/,
  ],
  'a checkpoint of another tree': [
    async (made) => {
      const note = await signed(made, 300, sha256Hex('fork'));
      made.database.prepare('UPDATE ledger_published SET note = ?').run(note);
    },
    /^ledger\.root-mismatch checkpoint$/,
  ],
  'a delete marker': [
    (made) => void made.worm.versions.set(nameOf(made, 'seg/6-'), { versions: 1, markers: 1 }),
    /^ledger\.object-hidden t\/acme\/seg\/6-/,
  ],
  'a second version': [
    (made) => void made.worm.versions.set('t/acme/log/tile/0/000', { versions: 2, markers: 0 }),
    /^ledger\.object-versions t\/acme\/log\/tile\/0\/000$/,
  ],
  'a file that is none of a log': [
    ({ worm }) => void worm.objects.set('t/acme/log/tile/0/001', new Uint8Array(8192)),
    /^ledger\.object-unexpected t\/acme\/log\/tile\/0\/001$/,
  ],
  'a file beside segments': [
    ({ worm }) => void worm.objects.set('t/acme/seg/notes.txt', new Uint8Array()),
    /^ledger\.object-unexpected t\/acme\/seg\/notes\.txt$/,
  ],
};

describe('an audit', () => {
  it('passes a log that is as it was written, and says so once for each run', async () => {
    const made = await grown();
    const { passed, rounds, run: first } = await made.audit();
    expect([passed, rounds]).toEqual([true, 4]);
    expect(await made.kinds()).toEqual(['audit.passed']);
    expect(await auditLedger(made.deps, first, SMALL)).toEqual({ more: false, passed: true });
    expect(await made.kinds()).toEqual(['audit.passed']);
    const { evidence: [report] = [] } = (await made.all()).at(-1) ?? {};
    if (!report) throw new Error('no report');
    expect(await loadJsonEvidence(made.worm, TENANT, report, z.json())).toMatchObject({
      ...{ schema: 'relseal.audit/1', size: 300, newest: { from: 0, to: 300 }, older: { from: 0, below: 0 } },
    });
  });

  it.each(Object.entries(PLANTED))('finds %s once, however often it comes round', async (_, [plant, finding]) => {
    const made = await grown();
    await plant(made);
    expect((await made.audit()).passed).toBe(false);
    expect(await made.found()).toEqual([expect.stringMatching(finding)]);
    await made.audit();
    expect(await made.kinds()).toEqual(['audit.failed']);
  });

  it.each(Object.entries(PLANTED))('finds %s among older entries, which had passed', async (_, [plant, finding]) => {
    const made = await grown();
    await made.audit();
    await plant(made);
    await made.audit();
    expect(await made.found()).toEqual([expect.stringMatching(finding)]);
    expect(await made.kinds()).toEqual(['audit.passed', 'audit.failed']);
    expect((await made.stores.audits.load(TENANT))?.standing?.codes).toHaveLength(1);
  });

  it('goes on from what it had audited, and round all older entries in as many runs as they take', async () => {
    const made = await grown();
    await made.audit();
    const short = { entries: 64, rounds: 1 };
    const seen: number[] = [];
    for (let runs = 0; runs < 4; runs += 1) {
      expect(await made.audit(short)).toMatchObject({ passed: true, rounds: 1 });
      seen.push((await made.stores.audits.load(TENANT))?.rotating.size ?? -1);
    }
    expect(seen.slice(0, 3)).toEqual([...seen.slice(0, 3)].sort((a, b) => a - b));
    expect(seen[3]).toBe(0);
    for (const [at, size] of seen.slice(0, 3).entries()) expect(size).toBeGreaterThanOrEqual(64 * (at + 1));
  });

  it('clears what it found after a whole lap without it', async () => {
    const made = await grown();
    const other = { versions: 2, markers: 0 };
    made.worm.versions.set('t/acme/log/tile/0/000', other);
    await made.audit();
    made.worm.versions.clear();
    const standing: (readonly string[] | undefined)[] = [];
    for (let runs = 0; runs < 2; runs += 1) {
      await made.audit();
      standing.push((await made.stores.audits.load(TENANT))?.standing?.codes);
    }
    expect(standing).toEqual([['ledger.object-versions'], undefined]);
  });

  it('finds the same again after a death before its cursor moved, and no entry is double', async () => {
    const made = await grown();
    run(made.database, ROW);
    const deaths: (keyof Pick<AuditDeps['audits'], 'save'> | 'append')[] = ['append', 'save'];
    for (const death of deaths) {
      const fail = async () => Promise.reject(new Error('died'));
      const dying: AuditDeps =
        death === 'save'
          ? { ...made.deps, audits: { ...made.deps.audits, save: fail } }
          : { ...made.deps, append: async (...asked) => (await made.deps.append(...asked)) && fail() };
      await expect(made.audit(SMALL, dying)).rejects.toThrow('died');
    }
    await made.audit();
    expect(await made.found()).toEqual([expect.stringMatching(/^ledger\.entry-differs .*#5$/)]);
    expect(await made.kinds()).toEqual(['audit.failed']);
  });

  it('goes on at the round that another process did not live to begin', async () => {
    const made = await grown();
    const businessKey = sha256Hex('a run');
    const named = { tenant: TENANT, businessKey, machine: 'audit', name: 'audit-of-two-processes' };
    const sizes: (number | undefined)[] = [];
    for (let more = true; more; ) {
      // Nothing but the stores is left of the process before.
      ({ more } = await auditLedger({ ...made.deps }, named, SMALL));
      sizes.push((await made.stores.audits.load(TENANT))?.newest.size);
    }
    expect(sizes).toEqual([64, 128, 200, 300]);
    expect(await made.kinds()).toEqual(['audit.passed']);
  });

  it('ends after as many rounds as it may take, and the next run goes on', async () => {
    const made = await grown();
    const { rounds } = await made.audit({ entries: 64, rounds: 3 });
    expect([rounds, (await made.stores.audits.load(TENANT))?.newest.size]).toEqual([3, 200]);
    await made.audit({ entries: 64, rounds: 3 });
    expect((await made.stores.audits.load(TENANT))?.newest.size).toBe(300);
  });

  it('tells apart a log that was cut, and one whose checkpoint is gone', async () => {
    const cut = await grown();
    await cut.audit();
    const before = await grown();
    run(cut.database, 'UPDATE ledger_published SET size = 8');
    expect((await cut.audit()).passed).toBe(false);
    expect(await cut.found()).toEqual(['ledger.truncated checkpoint']);
    run(before.database, 'DELETE FROM ledger_published');
    expect((await before.audit()).passed).toBe(false);
    expect(await before.found()).toEqual(['ledger.checkpoint-missing checkpoint']);
  });

  it('keeps to the segment whose keys are stored where writers had raced for a place that no row names', async () => {
    const made = world();
    await made.grow(3);
    const loser = world();
    await loser.grow(2);
    for (const [name, bytes] of loser.worm.objects) made.worm.objects.set(name, bytes);
    await made.publish();
    run(made.database, 'DELETE FROM ledger_batch WHERE first_index = 0');
    await made.audit();
    expect(await made.found()).toEqual(['ledger.batch-missing batch#0']);
  });

  it('stops where neither a segment nor rows lead on, and audits what comes before', async () => {
    const made = await grown();
    made.worm.objects.delete(nameOf(made, 'seg/6-'));
    run(made.database, 'DELETE FROM ledger_batch WHERE first_index >= 6');
    expect((await made.audit()).passed).toBe(false);
    expect(await made.found()).toEqual(['ledger.batch-missing batch#6']);
    expect((await made.stores.audits.load(TENANT))?.newest.size).toBe(6);
  });
});
