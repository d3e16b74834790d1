import type * as z from 'zod';
import type { dynamoClient, s3Client } from '../adapters/aws/client.ts';
import { lambdaClock } from '../adapters/aws/clock.ts';
import { dynamoLedgerStore } from '../adapters/aws/dynamo-ledger-store.ts';
import { s3ErasableStore } from '../adapters/aws/s3-erasable-store.ts';
import { s3ModuleCache } from '../adapters/aws/s3-module-cache.ts';
import { s3TileCache } from '../adapters/aws/s3-tile-cache.ts';
import { s3WormStore } from '../adapters/aws/s3-worm-store.ts';
import { appendEntries } from '../core/ledger/append.ts';
import type { EntryDraft } from '../core/ledger/entry.ts';
import type { TenantId } from '../events/fields.ts';
import type { CACHE, ERASABLE, LEDGER, WORM } from './environment.ts';

type DynamoDBClient = ReturnType<typeof dynamoClient>;
type S3Client = ReturnType<typeof s3Client>;
type WormVariables = z.infer<z.ZodObject<typeof WORM>>;
type LedgerVariables = z.infer<z.ZodObject<typeof LEDGER>>;

export const wormOf = (client: S3Client, env: WormVariables) =>
  s3WormStore({
    client,
    bucketName: env.WORM_BUCKET_NAME,
    retention: {
      mode: env.WORM_RETENTION_MODE,
      days: env.WORM_RETENTION_DAYS,
      classes: { evidence: env.WORM_EVIDENCE_DAYS, signature: env.WORM_SIGNATURE_DAYS },
    },
    now: lambdaClock.now,
  });

export const erasableOf = (s3: S3Client, dynamo: DynamoDBClient, env: z.infer<z.ZodObject<typeof ERASABLE>>) =>
  s3ErasableStore({
    ...{ s3, bucketName: env.ERASABLE_BUCKET_NAME },
    ...{ dynamo, keyTableName: env.ERASABLE_KEYS_TABLE_NAME },
  });

/** What a tenant's modules and their database were asked for before; whoever reads proves it again. */
export const cachesOf =
  (client: S3Client, { CACHE_BUCKET_NAME: bucketName }: z.infer<z.ZodObject<typeof CACHE>>) =>
  (tenant: TenantId) => ({
    modules: s3ModuleCache({ client, bucketName, tenant }),
    tiles: s3TileCache({ client, bucketName, prefix: `t/${tenant}/tiles/` }),
  });

/** The log and the write-once store its segments are in. */
export function ledgerOf(s3: S3Client, client: DynamoDBClient, env: LedgerVariables) {
  const worm = wormOf(s3, env);
  return { worm, ledger: dynamoLedgerStore({ client, tableName: env.LEDGER_TABLE_NAME, worm }), clock: lambdaClock };
}

/** The same, able to append. Many functions append at once: each commits by itself and retries on the new head. */
export function appenderOf(s3: S3Client, client: DynamoDBClient, env: LedgerVariables) {
  const stores = ledgerOf(s3, client, env);
  return {
    ...stores,
    append: (tenant: TenantId, drafts: readonly EntryDraft[]) => appendEntries(stores, tenant, drafts),
  };
}
