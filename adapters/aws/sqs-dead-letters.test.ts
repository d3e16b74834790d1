import { createHash } from 'node:crypto';
import { SQSClient } from '@aws-sdk/client-sqs';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import * as z from 'zod';
import { MOST_REDRIVEN } from '../../core/ports/dead-letters.ts';
import type { BusMessage } from '../../core/ports/event-bus.ts';
import { publishedMessage } from '../../test/contracts/event-bus.contract.ts';
import { startAwsService } from '../../test/fakes/aws-service.ts';
import { sqsDeadLetters } from './sqs-dead-letters.ts';

interface Message {
  readonly id: string;
  readonly body: string;
  readonly sentAt: number;
  readonly source?: string;
  readonly attributes?: Readonly<Record<string, string>>;
  visibleAt: number;
  receipt: string;
}

/** Queues by their path, a clock that a test moves, and which call fails. */
const world = {
  queues: new Map<string, Message[]>(),
  nowSeconds: 0,
  receipts: 0,
  calls: [] as string[],
  fails: (_action: string, _count: number): boolean => false,
};
const Ask = z.looseObject({
  QueueUrl: z.string(),
  MaxNumberOfMessages: z.number().default(1),
  VisibilityTimeout: z.number().default(30),
  ReceiptHandle: z.string().default(''),
  MessageBody: z.string().default(''),
  Entries: z.array(z.object({ Id: z.string(), ReceiptHandle: z.string(), VisibilityTimeout: z.number() })).default([]),
});
type Ask = z.infer<typeof Ask>;

const md5 = (body: string) => createHash('md5').update(body).digest('hex');
const queueOf = (url: string): Message[] => {
  const path = new URL(url).pathname;
  const queue = world.queues.get(path);
  if (!queue) throw new Error(`no queue ${path}`);
  return queue;
};

function receive({ QueueUrl, MaxNumberOfMessages, VisibilityTimeout }: Ask): object {
  const visible = queueOf(QueueUrl).filter(({ visibleAt }) => visibleAt <= world.nowSeconds);
  const Messages = visible.slice(0, MaxNumberOfMessages).map((message) => {
    message.visibleAt = world.nowSeconds + VisibilityTimeout;
    message.receipt = `receipt ${world.receipts++}`;
    const { id: MessageId, receipt: ReceiptHandle, body: Body, sentAt, source, attributes = {} } = message;
    return {
      MessageId,
      ReceiptHandle,
      Body,
      MD5OfBody: md5(Body),
      Attributes: {
        SentTimestamp: String(sentAt),
        ...(source === undefined ? {} : { DeadLetterQueueSourceArn: source }),
      },
      MessageAttributes: Object.fromEntries(
        Object.entries(attributes).map(([name, StringValue]) => [name, { StringValue, DataType: 'String' }]),
      ),
    };
  });
  return Messages.length > 0 ? { Messages } : {};
}

const ACTIONS: Readonly<Record<string, (ask: Ask) => object>> = {
  ReceiveMessage: receive,
  SendMessage: ({ QueueUrl, MessageBody: body }) => {
    const queue = queueOf(QueueUrl);
    queue.push({ id: `sent ${queue.length}`, body, sentAt: 0, visibleAt: 0, receipt: '' });
    return { MessageId: 'sent', MD5OfMessageBody: md5(body) };
  },
  DeleteMessage: ({ QueueUrl, ReceiptHandle }) => {
    const queue = queueOf(QueueUrl);
    queue.splice(
      queue.findIndex(({ receipt }) => receipt === ReceiptHandle),
      1,
    );
    return {};
  },
  ChangeMessageVisibilityBatch: ({ QueueUrl, Entries }) => {
    for (const { ReceiptHandle, VisibilityTimeout } of Entries)
      for (const message of queueOf(QueueUrl))
        if (message.receipt === ReceiptHandle) message.visibleAt = world.nowSeconds + VisibilityTimeout;
    return { Successful: Entries.map(({ Id }) => ({ Id })), Failed: [] };
  },
};

let client: SQSClient;
let url: string;
let stop: () => Promise<void>;
beforeAll(async () => {
  const started = await startAwsService((action, asked) => {
    const ask = Ask.parse(asked);
    world.calls.push(action);
    const fails = world.fails(action, world.calls.filter((each) => each === action).length);
    if (fails) return 'com.amazonaws.sqs#RequestThrottled';
    return ACTIONS[action]?.(ask) ?? 'UnknownOperationException';
  });
  stop = started.stop;
  url = started.client.endpoint;
  client = new SQSClient(started.client);
});
afterAll(async () => {
  client.destroy();
  await stop();
});
beforeEach(() => {
  const kinds = ['event', 'status', 'native'];
  world.queues = new Map(
    kinds.flatMap((kind) => [
      [`/0/${kind}`, []],
      [`/0/${kind}-dead`, []],
    ]),
  );
  world.nowSeconds = 0;
  world.calls = [];
  world.fails = () => false;
});

const queue = (kind: string) => ({ url: `${url}/0/${kind}`, deadLettersUrl: `${url}/0/${kind}-dead` });
const letters = (faultOf: (message: BusMessage) => Promise<string | undefined> = async () => undefined) =>
  sqsDeadLetters({
    client,
    queues: { event: queue('event'), status: queue('status'), native: queue('native') },
    maxReceives: 5,
    faultOf,
  });
const dead = (kind: string) => world.queues.get(`/0/${kind}-dead`) ?? [];
const due = (kind: string) => (world.queues.get(`/0/${kind}`) ?? []).map(({ body }) => body);
function put(kind: string, id: string, body: unknown, more: Partial<Message> = { source: 'arn:aws:sqs:x' }): void {
  const sentAt = 1000 + dead(kind).length;
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  dead(kind).push({ id, body: text, sentAt, visibleAt: 0, receipt: '', ...more });
}
const visible = (kind: string) => dead(kind).filter(({ visibleAt }) => visibleAt <= world.nowSeconds).length;
const fill = (kind: string, count: number) => {
  for (let index = 0; index < count; index += 1) put(kind, `m${index}`, { detail: { name: `run-${index}` } });
};

describe('letters in queues', () => {
  it('are listed by kind, oldest first, with what they are about and never a body', async () => {
    const message = await publishedMessage();
    put('event', 'a', { 'detail-type': 'x', detail: message }, { source: 'arn:aws:sqs:x', sentAt: 30 });
    put('status', 'b', { detail: { name: 'run-1', status: 'FAILED' } }, { source: 'arn:aws:sqs:x', sentAt: 10 });
    put('native', 'c', { id: 'event of aws', detail: {} }, { source: 'arn:aws:sqs:x', sentAt: 20 });
    const asked: unknown[] = [];
    const listed = await letters(async (about) => {
      asked.push(about);
      return 'StoreUnavailable';
    }).list(1000);
    expect(listed).toEqual([
      { id: 'status-b', run: 'run-1', tries: 5 },
      { id: 'native-c', event: 'event of aws', tries: 5 },
      { id: 'event-a', event: message.event.id, tries: 5, reason: 'StoreUnavailable' },
    ]);
    expect(asked).toEqual([message]);
    expect(await letters().list(1)).toEqual([{ id: 'status-b', run: 'run-1', tries: 5 }]);
  });

  it('that a rule could not deliver say so themselves', async () => {
    const attributes = { ERROR_CODE: 'NO_PERMISSIONS', RETRY_ATTEMPTS: '184' };
    put('status', 'a', { detail: { name: 'run-1' } }, { attributes });
    put('status', 'b', { detail: { name: 'run-2' } }, { attributes: { RETRY_ATTEMPTS: 'many' } });
    expect(await letters().list(1000)).toEqual([
      { id: 'status-a', run: 'run-1', tries: 185, reason: 'NO_PERMISSIONS' },
      { id: 'status-b', run: 'run-2', tries: 1 },
    ]);
  });

  it.each([['event'], ['status'], ['native']])('of %s that cannot be read are listed all the same', async (kind) => {
    for (const [index, body] of ['{', '[]', '{"detail":{"tenant":"acme","event":{}}}'].entries())
      put(kind, String(index), body);
    const tries = 5;
    const ids = [`${kind}-0`, `${kind}-1`, `${kind}-2`];
    expect(await letters().list(1000)).toEqual(ids.map((id) => ({ id, tries })));
  });

  it('are all there, and all there again once they were listed', async () => {
    fill('status', 23);
    expect(await letters().list(1000)).toHaveLength(23);
    expect([dead('status').length, visible('status')]).toEqual([23, 23]);
    expect(await letters().list(7)).toHaveLength(7);
    expect(visible('status')).toBe(23);
  });

  it.each([
    ['a page', 'ReceiveMessage', 4],
    ['the showing again', 'ChangeMessageVisibilityBatch', 1],
  ])('are there again when %s failed, at once or in a minute', async (_what, action, at) => {
    fill('status', 12);
    world.fails = (name, count) => name === action && count === at;
    await expect(letters().list(1000)).rejects.toMatchObject({ name: 'StoreUnavailable' });
    world.fails = () => false;
    world.nowSeconds = 60;
    expect(visible('status')).toBe(12);
  });

  it('are due again one by one', async () => {
    fill('status', 23);
    expect(await letters().redrive('status-m17')).toBe(1);
    expect(due('status')).toEqual(['{"detail":{"name":"run-17"}}']);
    expect([dead('status').length, visible('status')]).toEqual([22, 22]);
    for (const id of ['status-m17', 'event-m1', 'status-', 'm1', 'run-1']) expect(await letters().redrive(id)).toBe(0);
    expect([dead('status').length, visible('status')]).toEqual([22, 22]);
  });

  it('are due again all at once, each in the queue it came from', async () => {
    fill('status', 12);
    put('event', 'a', 'first');
    put('native', 'b', 'second');
    expect(await letters().redrive()).toBe(14);
    expect([due('event'), due('native'), due('status').length]).toEqual([['first'], ['second'], 12]);
    expect(['event', 'status', 'native'].flatMap(dead)).toEqual([]);
    expect(await letters().redrive()).toBe(0);
  });

  // Each letter is two requests.
  it('are due again at most so many at a time as the gateway has time for', { timeout: 60_000 }, async () => {
    fill('event', MOST_REDRIVEN - 1);
    fill('status', 3);
    expect(await letters().redrive()).toBe(MOST_REDRIVEN);
    expect(await letters().redrive()).toBe(2);
  });

  it.each([
    ['one', 'status-m1'],
    ['all', undefined],
  ])('are lost by nobody who dies between sending and deleting %s', async (_what, id) => {
    fill('status', 3);
    world.fails = (action) => action === 'DeleteMessage';
    await expect(letters().redrive(id)).rejects.toMatchObject({ name: 'StoreUnavailable' });
    expect(dead('status')).toHaveLength(3);
    expect(due('status')).toHaveLength(id === undefined ? 3 : 1);
    world.fails = () => false;
    world.nowSeconds = 60;
    expect(await letters().redrive(id)).toBe(id === undefined ? 3 : 1);
  });

  it('stay when they cannot be sent, and others of their page go', async () => {
    fill('status', 3);
    world.fails = (action, count) => action === 'SendMessage' && count === 2;
    await expect(letters().redrive()).rejects.toMatchObject({ name: 'StoreUnavailable' });
    expect([dead('status').length, due('status').length]).toEqual([1, 2]);
  });
});
