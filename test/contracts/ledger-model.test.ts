import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fileWormStore } from '../../adapters/embedded/file-worm-store.ts';
import { openSqlite, type Sqlite } from '../../adapters/embedded/sqlite.ts';
import { sqliteLedgerStore } from '../../adapters/embedded/sqlite-ledger-store.ts';
import { isFault } from '../../core/faults.ts';
import { type AppendDeps, appendEntries } from '../../core/ledger/append.ts';
import { parseEntry } from '../../core/ledger/entry.ts';
import { type PublishDeps, publishCheckpoint } from '../../core/ledger/publish.ts';
import { readLogResource } from '../../core/ledger/read.ts';
import { verifyLog } from '../../core/ledger/verify.ts';
import { verifierKeyOf } from '../../core/tlog/note.ts';
import { faulty, PORT_FAULTS, planOf, settleLate } from '../fakes/faulty.ts';
import { draftOf, TENANT } from './ledger-drafts.ts';
import { depsOf, type LedgerPorts, noteSigner, ORIGIN } from './ledger-faults.contract.ts';

/** What the log should hold: names of entries in their order, what each said, and how many are published. */
interface Model {
  readonly order: string[];
  readonly codes: Map<string, string | undefined>;
  published: number;
}

/** The log on a folder, through processes that come and go. */
class Log {
  readonly folder = mkdtempSync(join(tmpdir(), 'relseal-model-'));
  #database: Sqlite | undefined;
  deps: AppendDeps & PublishDeps = this.restart();

  ports(): LedgerPorts {
    this.#database?.close();
    this.#database = openSqlite(join(this.folder, 'ledger.sqlite'));
    return { ledger: sqliteLedgerStore(this.#database), worm: fileWormStore(join(this.folder, 'worm')) };
  }
  restart() {
    this.deps = depsOf(this.ports());
    return this.deps;
  }
  close(): void {
    this.#database?.close();
    rmSync(this.folder, { recursive: true });
  }
}
type Command = fc.AsyncCommand<Model, Log, false>;
type Asked = readonly (readonly [string, string | undefined])[];

const draftsOf = (asked: Asked) => asked.map(([name, code]) => draftOf(name, `r${name.charCodeAt(0) % 2}`, code));

/** Whether all of a request fits what is stored and itself; a request that does not changes nothing. */
function fits({ codes }: Model, asked: Asked): boolean {
  const seen = new Map(codes);
  return asked.every(([name, code]) => {
    const isSame = !seen.has(name) || seen.get(name) === code;
    seen.set(name, code);
    return isSame;
  });
}

function learn({ order, codes }: Model, asked: Asked): void {
  for (const [name, code] of asked) {
    if (!codes.has(name)) order.push(name);
    codes.set(name, code);
  }
}

async function requireSame({ order }: Model, { deps }: Log): Promise<void> {
  const entries = await deps.ledger.entries(TENANT, 0, 1000);
  expect(entries.map((bytes) => parseEntry(bytes).subjects?.[0]?.name)).toEqual(order);
}

const append = (asked: Asked): Command => ({
  check: () => true,
  toString: () => `append ${JSON.stringify(asked)}`,
  run: async (model, log) => {
    const appended = appendEntries(log.deps, TENANT, draftsOf(asked));
    if (!fits(model, asked)) await expect(appended).rejects.toMatchObject({ name: 'IdempotencyConflict' });
    else {
      const before = new Set(model.order);
      learn(model, asked);
      const { entries } = await appended;
      const index = asked.map(([name]) => model.order.indexOf(name));
      expect(entries.map((entry) => entry.index)).toEqual(index);
      expect(entries.map(({ existed }) => existed)).toEqual(asked.map(([name]) => before.has(name)));
    }
    await requireSame(model, log);
  },
});

/** A process that gets a fault in one of its next calls while it appends, and dies then if it has not already. */
const crash = (asked: Asked, at: number, fault: number): Command => ({
  check: (model) => fits(model, asked),
  toString: () => `crash ${JSON.stringify(asked)} ${at} ${fault}`,
  run: async (model, log) => {
    const plan = planOf(at, PORT_FAULTS[fault] ?? { kind: 'dies', when: 'after' });
    const { ledger, worm } = log.deps;
    const deps = { ...log.deps, ledger: faulty(ledger, plan), worm: faulty(worm, plan) };
    const outcome = await appendEntries(deps, TENANT, draftsOf(asked)).catch((error: unknown) => error);
    await settleLate(plan);
    expect(plan.dead || !(outcome instanceof Error) || isFault(outcome, 'StoreUnavailable')).toBe(true);
    const { entries } = await appendEntries(log.restart(), TENANT, draftsOf(asked));
    learn(model, asked);
    expect(entries.map(({ index }) => index)).toEqual(asked.map(([name]) => model.order.indexOf(name)));
    await requireSame(model, log);
  },
});

const publish: Command = {
  check: () => true,
  toString: () => 'publish',
  run: async (model, { deps }) => {
    model.published = model.order.length;
    expect(await publishCheckpoint(deps, TENANT)).toEqual({ size: model.published });
  },
};

const verify: Command = {
  check: ({ published }) => published > 0,
  toString: () => 'verify',
  run: async ({ published }, { deps }) => {
    const read = async (path: string) => (await readLogResource(deps, TENANT, path))?.bytes;
    const report = await verifyLog(read, verifierKeyOf(ORIGIN, await noteSigner.publicKey()));
    expect(report).toMatchObject({ size: published, entries: published, problems: [] });
  },
};

const Asked = fc.array(
  fc.tuple(
    fc.constantFrom(...'abcdefghij'),
    fc.option(fc.constantFrom('gosum.mismatch', 'gosum.line-missing'), { nil: undefined, freq: 4 }),
  ),
  { minLength: 1, maxLength: 4 },
);
const commands = fc.commands<Model, Log, false>(
  [
    Asked.map(append),
    fc.tuple(Asked, fc.nat(8), fc.nat(PORT_FAULTS.length - 1)).map((crashed) => crash(...crashed)),
    fc.constant(publish),
    fc.constant(verify),
  ],
  { maxCommands: 20 },
);

describe('the ledger', () => {
  it('does as its model, whatever is appended again, crashes and is published', { timeout: 60_000 }, async () => {
    await fc.assert(
      fc.asyncProperty(commands, async (asked) => {
        const log = new Log();
        try {
          const model: Model = { order: [], codes: new Map(), published: 0 };
          await fc.asyncModelRun(() => ({ model, real: log }), asked);
        } finally {
          log.close();
        }
      }),
      { numRuns: 60 },
    );
  });
});
