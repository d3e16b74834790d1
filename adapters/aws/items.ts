import { createHash } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type { AttributeValue, WriteRequest } from '@aws-sdk/client-dynamodb';
import type * as z from 'zod';
import { Fault } from '../../core/faults.ts';

/**
 * Platform helper: items of the tables. A row is `pk`, `sk`, the attributes that conditions compare, and `body`: the
 * row as JSON, parsed by its schema whenever it is read. `gpk` and `gsk` put a row on a list (index `lists`).
 *
 * | access pattern | pk | sk | lists |
 * |---|---|---|---|
 * | head of a log (compare and swap) | `HEAD#tenant` | `-` | |
 * | entries by index | `BATCH#tenant` | first index, 16 digits | |
 * | entry by idempotency key | `IDEM#tenant#key` | `-` | |
 * | newest entry of a release | `REL#tenant#sha256(release)` | `-` | |
 * | published checkpoint | `PUB#tenant` | `-` | |
 * | how far a log is audited | `AUDIT#tenant` | `-` | |
 * | tenants with a log | `TENANTS` | tenant | |
 * | delivery by key | `DELIVERY#tenant#sha256(key)` | `-` | `DUE#shard`, due time |
 * | delivery by event id | `EVENT#tenant#event id` | `-` | |
 * | claim by business key | `CLAIM#tenant#machine#business key` | `-` | `CLAIM#tenant#status`, claim time |
 * | claim by run name | `RUN#name` | `-` | |
 * | tag, and each observation of it | `TAG#tenant#sha256(tag)` | `-`, event id | |
 * | entries by term | `VIEW#tenant#field#sha256(value)` | index, 16 digits | |
 * | projected up to | `VIEWMARK#tenant` | `-` | |
 * | wait by what is waited for | `WAIT#tenant#kind#business key` | ordinal | |
 * | open waits of a kind | `OPEN#tenant#kind` | business key, ordinal | |
 * | who may change a target | `LOCK#tenant#sha256(target)` | `-` | |
 * | key of a person | `PERSON#tenant#person` | `-` | |
 * | erasable objects that mention a person | `MENTION#tenant#person` | name of the object | |
 * | erasure that was begun | `ERASURE#tenant#person` | `-` | |
 * | head of a foreign log | `FOREIGN#sha256(log)` | `-` | |
 * | head of a module log (compare and swap) | `MODHEAD#tenant` | `-` | |
 * | logged modules by index | `MODLOG#tenant` | index, 16 digits | |
 * | logged module by version | `MODULE#tenant#sha256(path, version)` | `-` | |
 * | tile hashes of a module log | `MODHASH#tenant#level` | index, 16 digits | |
 *
 * Every read by key is strongly consistent; the index serves lists only, which may lag.
 */
export type Item = Record<string, AttributeValue>;

export const LISTS_INDEX = 'lists';

export const key = (pk: string, sk = '-'): Item => ({ pk: { S: pk }, sk: { S: sk } });
export const number = (value: number): AttributeValue => ({ N: String(value) });
export const body = (row: unknown): Item => ({ body: { S: JSON.stringify(row) } });
export const onList = (gpk: string, gsk: string): Item => ({ gpk: { S: gpk }, gsk: { S: gsk } });

/** Numbers as text that sorts like them. */
export const sortable = (value: number): string => String(value).padStart(16, '0');

/** Names of any length and alphabet as part of a key. */
export const keyHash = (...parts: readonly string[]): string =>
  createHash('sha256').update(JSON.stringify(parts)).digest('hex');

/** The row an item holds. Anything else under its key is a fault that no retry mends. */
export function rowBy<T>(item: Item, parse: (json: string) => T): T {
  try {
    return parse(item.body?.S ?? '');
  } catch (error) {
    throw new Fault('LedgerInconsistent', `the row ${item.pk?.S} holds something else than its kind`, { cause: error });
  }
}

export const rowOf = <T>(item: Item, schema: z.ZodType<T>): T => rowBy(item, (json) => schema.parse(JSON.parse(json)));

type Requests = Record<string, { PutRequest: { Item: Item } }[]>;

/** Puts items, 25 a call, again while the table leaves some out. Not atomic: for rows that are put twice harmlessly. */
export async function writeAll(
  send: (requests: Requests) => Promise<{ UnprocessedItems?: Record<string, WriteRequest[]> | undefined }>,
  tableName: string,
  items: readonly Item[],
): Promise<void> {
  let left = [...new Map(items.map((item) => [`${item.pk?.S} ${item.sk?.S}`, item])).values()];
  let idle = 0;
  while (left.length > 0) {
    const part = left.slice(0, 25);
    const answer = await send({ [tableName]: part.map((item) => ({ PutRequest: { Item: item } })) });
    const unwritten = (answer.UnprocessedItems?.[tableName] ?? []).flatMap(({ PutRequest }) =>
      PutRequest?.Item ? [PutRequest.Item] : [],
    );
    idle = unwritten.length === part.length ? idle + 1 : 0;
    if (idle === 5) throw new Fault('StoreUnavailable', 'the table takes none of the rows');
    if (unwritten.length > 0) await delay(50 * 2 ** idle);
    left = [...unwritten, ...left.slice(25)];
  }
}
