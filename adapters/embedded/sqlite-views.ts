import * as z from 'zod';
import { Fault } from '../../core/faults.ts';
import type { RebuildableViews, ViewDifference, Views } from '../../core/ports/views.ts';
import { Sha256Hex, TenantId } from '../../events/fields.ts';
import { type Sqlite, transaction } from './sqlite.ts';

const StoredTerm = z.object({ at: z.int(), leaf: Sha256Hex });
const StoredWatermark = z.object({ up_to: z.int() });
const Differing = z.object({ tenant: TenantId, field: z.string(), value: z.string(), index: z.int() });
const Count = z.object({ count: z.int() });

interface Tables {
  readonly terms: string;
  readonly watermarks: string;
}
const LIVE: Tables = { terms: 'main.view_terms', watermarks: 'main.view_watermarks' };
/** Of this connection only, and gone with it. */
const FRESH: Tables = { terms: 'temp.fresh_terms', watermarks: 'temp.fresh_watermarks' };

const create = ({ terms, watermarks }: Tables) => `
  CREATE TABLE IF NOT EXISTS ${terms} (
    tenant TEXT NOT NULL, field TEXT NOT NULL, value TEXT NOT NULL, at INTEGER NOT NULL, leaf TEXT NOT NULL,
    PRIMARY KEY (tenant, field, value, at)) STRICT, WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS ${watermarks} (tenant TEXT PRIMARY KEY, up_to INTEGER NOT NULL) STRICT;`;
const drop = ({ terms, watermarks }: Tables) => `DROP TABLE IF EXISTS ${terms}; DROP TABLE IF EXISTS ${watermarks};`;

function viewsIn(database: Sqlite, { terms, watermarks }: Tables): Views {
  const putTerm = database.prepare(
    `INSERT OR REPLACE INTO ${terms} (tenant, field, value, at, leaf) VALUES (?, ?, ?, ?, ?)`,
  );
  const putWatermark = database.prepare(
    `INSERT INTO ${watermarks} (tenant, up_to) VALUES (?, ?) ON CONFLICT (tenant) DO UPDATE SET up_to = max(up_to, excluded.up_to)`,
  );
  const selectWatermark = database.prepare(`SELECT up_to FROM ${watermarks} WHERE tenant = ?`);
  const select = database.prepare(
    `SELECT at, leaf FROM ${terms} WHERE tenant = ? AND field = ? AND value = ? AND at < ? ORDER BY at DESC LIMIT ?`,
  );
  return {
    put: async (tenant, rows, upTo) =>
      transaction(database, () => {
        for (const { index, leaf, terms } of rows)
          for (const { field, value } of terms) putTerm.run(tenant, field, value, index, leaf);
        putWatermark.run(tenant, upTo);
      }),
    watermark: async (tenant) => StoredWatermark.optional().parse(selectWatermark.get(tenant))?.up_to ?? 0,
    find: async (tenant, field, value, { before = Number.MAX_SAFE_INTEGER, limit }) =>
      select.all(tenant, field, value, before, limit).map((found) => {
        const { at, leaf } = StoredTerm.parse(found);
        return { index: at, leaf };
      }),
  };
}

const COLUMNS = 'tenant, field, value, at, leaf';
const DIFFERENCES: Readonly<Record<ViewDifference['kind'], string>> = {
  missing: `
    SELECT ${COLUMNS} FROM ${FRESH.terms} AS made
    WHERE at < coalesce((SELECT up_to FROM ${LIVE.watermarks} AS live WHERE live.tenant = made.tenant), 0)
    EXCEPT SELECT ${COLUMNS} FROM ${LIVE.terms}`,
  unfounded: `SELECT ${COLUMNS} FROM ${LIVE.terms} EXCEPT SELECT ${COLUMNS} FROM ${FRESH.terms}`,
};

function differencesOf(database: Sqlite, kind: ViewDifference['kind'], most: number) {
  const { count } = Count.parse(database.prepare(`SELECT count(*) AS count FROM (${DIFFERENCES[kind]})`).get());
  const rows = database.prepare(
    `SELECT tenant, field, value, at AS "index" FROM (${DIFFERENCES[kind]}) ORDER BY tenant, at, field, value LIMIT ?`,
  );
  return { count, first: rows.all(most).map((row) => ({ kind, ...Differing.parse(row) })) };
}

/** Search rows in SQLite: one per entry and term. They can be deleted and projected again at any time. */
export function sqliteViews(database: Sqlite): RebuildableViews {
  database.exec(create(LIVE));
  const watermarks = () => JSON.stringify(database.prepare(`SELECT * FROM ${LIVE.watermarks} ORDER BY tenant`).all());
  return {
    ...viewsIn(database, LIVE),
    rebuild: async () => {
      const before = watermarks();
      database.exec(drop(FRESH) + create(FRESH));
      return {
        fresh: viewsIn(database, FRESH),
        compare: async (most) => {
          const missing = differencesOf(database, 'missing', most);
          const unfounded = differencesOf(database, 'unfounded', most - missing.first.length);
          return { differing: missing.count + unfounded.count, first: [...missing.first, ...unfounded.first] };
        },
        replace: async () => {
          transaction(database, () => {
            if (watermarks() !== before) throw new Fault('LedgerConflict', 'somebody projected during the rebuild');
            for (const kind of ['terms', 'watermarks'] as const)
              database.exec(`DELETE FROM ${LIVE[kind]}; INSERT INTO ${LIVE[kind]} SELECT * FROM ${FRESH[kind]};`);
          });
          database.exec(drop(FRESH));
        },
      };
    },
  };
}
