import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { DeleteItemCommand, type DynamoDBClient, GetItemCommand, PutItemCommand } from '@aws-sdk/client-dynamodb';
import { DeleteObjectCommand, GetObjectCommand, NoSuchKey, PutObjectCommand, type S3Client } from '@aws-sdk/client-s3';
import { Fault } from '../../core/faults.ts';
import type { ErasableStore } from '../../core/ports/erasable-store.ts';
import { isNamed, statusOf, storeCall } from './errors.ts';

export interface S3ErasableConfig {
  readonly s3: S3Client;
  readonly bucketName: string;
  readonly dynamo: DynamoDBClient;
  /** Table of keys, partition key `name`. It has no backup, stream or export: losing a key is erasing an object. */
  readonly keyTableName: string;
}

interface ObjectKey {
  /** Part of the object's name, so that a leftover of an erased key is never in the way of a later put. */
  readonly id: string;
  readonly secret: Uint8Array;
}

const NONCE = 12;
const TAG = 16;

function encrypt(secret: Uint8Array, name: string, bytes: Uint8Array): Uint8Array {
  const nonce = randomBytes(NONCE);
  const cipher = createCipheriv('aes-256-gcm', secret, nonce).setAAD(Buffer.from(name));
  return Buffer.concat([nonce, cipher.update(bytes), cipher.final(), cipher.getAuthTag()]);
}

function decrypt(secret: Uint8Array, name: string, sealed: Uint8Array): Uint8Array {
  const end = sealed.length - TAG;
  const decipher = createDecipheriv('aes-256-gcm', secret, sealed.subarray(0, NONCE), { authTagLength: TAG })
    .setAAD(Buffer.from(name))
    .setAuthTag(sealed.subarray(end));
  return new Uint8Array(Buffer.concat([decipher.update(sealed.subarray(NONCE, end)), decipher.final()]));
}

/** Encrypted objects in S3, each under a key of its own in DynamoDB. Erasing deletes the key first, then the object. */
export function s3ErasableStore({ s3, bucketName, dynamo, keyTableName }: S3ErasableConfig): ErasableStore {
  async function rowFor(name: string) {
    const { Item } = await dynamo.send(
      new GetItemCommand({ TableName: keyTableName, Key: { name: { S: name } }, ConsistentRead: true }),
    );
    return Item;
  }

  async function keyFor(name: string): Promise<ObjectKey | undefined> {
    const row = await rowFor(name);
    return row?.id?.S !== undefined && row.secret?.B ? { id: row.id.S, secret: row.secret.B } : undefined;
  }

  /** Removes the row of an erased object, unless a new one has been put under its name. */
  async function forget(name: string): Promise<void> {
    try {
      await dynamo.send(
        new DeleteItemCommand({
          TableName: keyTableName,
          Key: { name: { S: name } },
          ConditionExpression: 'attribute_not_exists(secret)',
        }),
      );
    } catch (error) {
      if (!isNamed(error, 'ConditionalCheckFailedException')) throw error;
    }
  }

  async function keyOrNew(name: string): Promise<ObjectKey> {
    const stored = await keyFor(name);
    if (stored) return stored;
    const made = { id: randomBytes(8).toString('hex'), secret: randomBytes(32) };
    try {
      await dynamo.send(
        new PutItemCommand({
          TableName: keyTableName,
          Item: { name: { S: name }, id: { S: made.id }, secret: { B: made.secret } },
          // A row without a secret is what an interrupted erasure left.
          ConditionExpression: 'attribute_not_exists(secret)',
        }),
      );
      return made;
    } catch (error) {
      const first = isNamed(error, 'ConditionalCheckFailedException') ? await keyFor(name) : undefined;
      if (!first) throw error;
      return first;
    }
  }

  async function read(name: string, { id, secret }: ObjectKey): Promise<Uint8Array | undefined> {
    try {
      const { Body } = await s3.send(new GetObjectCommand({ Bucket: bucketName, Key: `${name}.${id}` }));
      const sealed = await Body?.transformToByteArray();
      return sealed && decrypt(secret, name, sealed);
    } catch (error) {
      if (error instanceof NoSuchKey) return undefined;
      throw error;
    }
  }

  return {
    put: (name, bytes) =>
      storeCall('storing a body', async () => {
        const own = await keyOrNew(name);
        try {
          await s3.send(
            new PutObjectCommand({
              Bucket: bucketName,
              Key: `${name}.${own.id}`,
              Body: encrypt(own.secret, name, bytes),
              IfNoneMatch: '*',
            }),
          );
        } catch (error) {
          if (statusOf(error) !== 412) throw error;
          const stored = await read(name, own);
          if (!stored || !Buffer.from(stored).equals(bytes))
            throw new Fault('WormConflict', `${name} is stored with other bytes`);
        }
      }),
    get: (name) =>
      storeCall('reading a body', async () => {
        const own = await keyFor(name);
        return own && read(name, own);
      }),
    erase: (name) =>
      storeCall('erasing a body', async () => {
        const id = (await rowFor(name))?.id;
        if (id?.S === undefined) return;
        // The secret first. What the object is named stays until it is gone, so that a second try finds it.
        await dynamo.send(new PutItemCommand({ TableName: keyTableName, Item: { name: { S: name }, id } }));
        await s3.send(new DeleteObjectCommand({ Bucket: bucketName, Key: `${name}.${id.S}` }));
        await forget(name);
      }),
  };
}
