import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { systemClock } from '../adapters/embedded/system-clock.ts';
import { appendEntries } from '../core/ledger/append.ts';
import { AUDIT_BOUNDS, type AuditDeps, auditLedger } from '../core/ledger/audit.ts';
import type { EntryDraft } from '../core/ledger/entry.ts';
import type { AuditState, AuditStore } from '../core/ports/audit-store.ts';
import { runNameOf } from '../core/runs/run-input.ts';
import { auditKeyOf } from '../core/runs/start-audit.ts';
import { parseVerifierKey } from '../core/tlog/note.ts';
import type { Refusal } from '../core/verdict.ts';
import type { TenantId } from '../events/fields.ts';
import { type Command, DATA_OPTION, type Io, JSON_OPTION, UsageError } from './command.ts';
import type { DataFolder } from './data-folder.ts';
import { isMissing } from './missing.ts';
import { showReport } from './report.ts';
import type { Stores } from './stores.ts';
import { TENANT_OPTION, withTenantStores } from './tenant-of.ts';

/** A cursor of its own: what servers audit day by day goes on from theirs. */
function ownCursor(): AuditStore & { state(): AuditState | undefined } {
  let kept: AuditState | undefined;
  return {
    state: () => kept,
    load: async () => kept,
    save: async (_, state) => {
      kept = state;
    },
  };
}

async function keyIn(folder: DataFolder, tenant: TenantId) {
  const file = join(folder.keys, `${tenant}.vkey`);
  try {
    return parseVerifierKey((await readFile(file, 'utf8')).trim());
  } catch (error) {
    if (!isMissing(error)) throw error;
    throw new UsageError(`${file} is missing: relseal serve --data ${folder.root} writes it when it starts`);
  }
}

/** Audits a whole log, and answers the reasons of the entries that tell of what was found. */
async function auditAll(stores: Stores, tenant: TenantId, folder: DataFolder, io: Io) {
  const [key, audits, reasons] = [await keyIn(folder, tenant), ownCursor(), [] as Refusal[]];
  const deps: AuditDeps = {
    ...{ ledger: stores.ledger, worm: stores.worm, audits, clock: systemClock },
    keyOf: async () => key,
    append: async (of: TenantId, drafts: readonly EntryDraft[]) => {
      reasons.push(...drafts.flatMap(({ content }) => content.reasons ?? []));
      return appendEntries({ ...stores, clock: systemClock }, of, drafts);
    },
  };
  const businessKey = auditKeyOf(tenant, systemClock.now());
  const run = { tenant, businessKey, machine: 'audit', name: runNameOf('audit', businessKey, 0) };
  const bounds = { ...AUDIT_BOUNDS, rounds: Number.POSITIVE_INFINITY };
  for (let more = true; more; ) {
    io.signal.throwIfAborted();
    ({ more } = await auditLedger(deps, run, bounds));
    io.progress(`${audits.state()?.newest.size} entries audited`);
  }
  return { reasons, size: audits.state()?.newest.size ?? 0 };
}

export const ledgerAuditCommand: Command = {
  name: 'ledger audit',
  summary:
    'compare all that is kept of a log: rows, segments, tiles, checkpoints and their copies\n\n' +
    'What is found is put on the ledger, once, and the exit code is 1. A server that runs audits by itself, a part each day.',
  positionals: '',
  options: { ...DATA_OPTION, ...TENANT_OPTION, ...JSON_OPTION },
  run: async (given, io) => {
    if (given.positionals.length > 0) throw new UsageError('relseal ledger audit takes no arguments');
    return withTenantStores(given, async ({ folder, stores, tenant }) => {
      const { reasons, size } = await auditAll(stores, tenant, folder, io);
      const report = { target: tenant, reasons, unchecked: [], lines: [`${size} entries audited`], details: { size } };
      return showReport(report, given.flag('json'), io);
    });
  },
};
