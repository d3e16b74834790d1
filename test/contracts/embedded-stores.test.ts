import { describe } from 'vitest';
import { openSqlite } from '../../adapters/embedded/sqlite.ts';
import { sqliteAuditStore } from '../../adapters/embedded/sqlite-audit-store.ts';
import { sqliteClaimStore } from '../../adapters/embedded/sqlite-claim-store.ts';
import { sqliteDeliveryStore } from '../../adapters/embedded/sqlite-delivery-store.ts';
import { sqlitePersonStore } from '../../adapters/embedded/sqlite-person-store.ts';
import { sqliteTagTable } from '../../adapters/embedded/sqlite-tag-table.ts';
import { sqliteTargetLocks } from '../../adapters/embedded/sqlite-target-locks.ts';
import { sqliteViews } from '../../adapters/embedded/sqlite-views.ts';
import { sqliteWaitStore } from '../../adapters/embedded/sqlite-wait-store.ts';
import { auditStoreContract } from './audit-store.contract.ts';
import { claimStoreContract } from './claim-store.contract.ts';
import { deliveryStoreContract } from './delivery-store.contract.ts';
import { personStoreContract } from './person-store.contract.ts';
import { tagTableContract } from './tag-table.contract.ts';
import { targetLocksContract } from './target-locks.contract.ts';
import { viewRebuildContract } from './view-rebuild.contract.ts';
import { viewsContract } from './views.contract.ts';
import { waitStoreContract } from './wait-store.contract.ts';

describe('the delivery store in SQLite', () =>
  deliveryStoreContract(() => sqliteDeliveryStore(openSqlite(':memory:'))));
describe('the claim store in SQLite', () => claimStoreContract(() => sqliteClaimStore(openSqlite(':memory:'))));
describe('the audit store in SQLite', () => auditStoreContract(() => sqliteAuditStore(openSqlite(':memory:'))));
describe('the person store in SQLite', () => personStoreContract(() => sqlitePersonStore(openSqlite(':memory:'))));
describe('the tag table in SQLite', () => tagTableContract(() => sqliteTagTable(openSqlite(':memory:'))));
describe('the views in SQLite', () => {
  viewsContract(() => sqliteViews(openSqlite(':memory:')));
  viewRebuildContract(() => sqliteViews(openSqlite(':memory:')));
});
describe('the wait store in SQLite', () => waitStoreContract(() => sqliteWaitStore(openSqlite(':memory:'))));
describe('the target locks in SQLite', () => targetLocksContract(() => sqliteTargetLocks(openSqlite(':memory:'))));
