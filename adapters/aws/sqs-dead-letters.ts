import {
  ChangeMessageVisibilityBatchCommand,
  DeleteMessageCommand,
  ReceiveMessageCommand,
  SendMessageCommand,
  type SQSClient,
} from '@aws-sdk/client-sqs';
import * as z from 'zod';
import { type DeadLetter, type DeadLetters, MOST_LETTERS, MOST_REDRIVEN } from '../../core/ports/dead-letters.ts';
import type { BusMessage } from '../../core/ports/event-bus.ts';
import { CanonicalEvent } from '../../events/canonical.ts';
import { TenantId } from '../../events/fields.ts';
import { storeCall } from './errors.ts';

/** A queue before a function, and the one in which lies what the function could not take. */
export interface LetterQueue {
  readonly url: string;
  readonly deadLettersUrl: string;
}

/** What a letter is about: an event of the bus, the end of a run, or an event of AWS itself that was not received yet. */
export const LETTER_KINDS = ['event', 'status', 'native'] as const;
type LetterKind = (typeof LETTER_KINDS)[number];

export interface SqsDeadLettersConfig {
  readonly client: SQSClient;
  readonly queues: Readonly<Record<LetterKind, LetterQueue>>;
  /** Tries of a message before its queue puts it aside. */
  readonly maxReceives: number;
  /** Name of the fault of an event's last try, where it is on record. */
  faultOf(message: BusMessage): Promise<string | undefined>;
}

/**
 * Seconds for which a letter that is looked at is hidden from others: longer than any function that asks may run, so that
 * none meets it twice, and short, since the letters of one that died stay hidden so long.
 */
const HOLD_SECONDS = 60;
const BATCH = 10;

/** A queue puts a message aside with its origin; a rule that could not deliver says so in attributes of its own. */
const Received = z.object({
  MessageId: z.string(),
  ReceiptHandle: z.string(),
  Body: z.string(),
  Attributes: z.object({
    SentTimestamp: z.coerce.number(),
    DeadLetterQueueSourceArn: z.string().optional(),
  }),
  MessageAttributes: z
    .object({
      ERROR_CODE: z.object({ StringValue: z.string() }).optional(),
      RETRY_ATTEMPTS: z.object({ StringValue: z.coerce.number().int().nonnegative().catch(0) }).optional(),
    })
    .default({}),
});
type Received = z.infer<typeof Received>;

const AboutEvent = z.object({ detail: z.strictObject({ tenant: TenantId, event: CanonicalEvent }) });
const AboutRun = z.object({ detail: z.object({ name: z.string() }) });
const Native = z.object({ id: z.string() });

/** The body as the schema reads it; whoever lists letters must not fail on one of them. */
function readBody<T>(schema: z.ZodType<T>, { Body }: Received): T | undefined {
  try {
    return schema.safeParse(JSON.parse(Body)).data;
  } catch {
    return undefined;
  }
}

/** Letters of one queue, page by page and each hidden from others, until there are no more or `limit` are. */
async function* heldIn(client: SQSClient, QueueUrl: string, limit: number): AsyncGenerator<Received[]> {
  for (let held = 0; held < limit; ) {
    const { Messages = [] } = await client.send(
      new ReceiveMessageCommand({
        QueueUrl,
        MaxNumberOfMessages: Math.min(BATCH, limit - held),
        VisibilityTimeout: HOLD_SECONDS,
        // Without a wait only some of the servers are asked, and nothing need not mean that there is nothing.
        WaitTimeSeconds: 1,
        MessageSystemAttributeNames: ['SentTimestamp', 'DeadLetterQueueSourceArn'],
        MessageAttributeNames: ['ERROR_CODE', 'RETRY_ATTEMPTS'],
      }),
    );
    if (Messages.length === 0) return;
    held += Messages.length;
    yield z.array(Received).parse(Messages);
  }
}

/** Shows letters to others again. One that cannot be shown shows itself when its time is over. */
async function release(client: SQSClient, QueueUrl: string, letters: readonly Received[]): Promise<void> {
  for (let from = 0; from < letters.length; from += BATCH) {
    const Entries = letters
      .slice(from, from + BATCH)
      .map(({ ReceiptHandle }, index) => ({ Id: String(index), ReceiptHandle, VisibilityTimeout: 0 }));
    await client.send(new ChangeMessageVisibilityBatchCommand({ QueueUrl, Entries }));
  }
}

/**
 * Makes a letter due again. It is sent before it is deleted: whoever dies in between leaves it in both queues, and the
 * function takes twice what it does once.
 */
async function move(client: SQSClient, { url, deadLettersUrl }: LetterQueue, letter: Received): Promise<void> {
  await client.send(new SendMessageCommand({ QueueUrl: url, MessageBody: letter.Body }));
  await client.send(new DeleteMessageCommand({ QueueUrl: deadLettersUrl, ReceiptHandle: letter.ReceiptHandle }));
}

/** Moves a page at once; the whole of it, before what failed is told. */
async function moveAll(client: SQSClient, queue: LetterQueue, page: readonly Received[]): Promise<void> {
  const moves = await Promise.allSettled(page.map((letter) => move(client, queue, letter)));
  const failed = moves.find((each) => each.status === 'rejected');
  if (failed) throw failed.reason;
}

type Describe = (kind: LetterKind, letter: Received) => Promise<DeadLetter>;

async function aboutOf(
  { faultOf }: Pick<SqsDeadLettersConfig, 'faultOf'>,
  kind: LetterKind,
  letter: Received,
): Promise<Pick<DeadLetter, 'event' | 'run' | 'reason'>> {
  if (kind === 'status') {
    const run = readBody(AboutRun, letter)?.detail.name;
    return run === undefined ? {} : { run };
  }
  const message = kind === 'event' ? readBody(AboutEvent, letter)?.detail : undefined;
  const event = message?.event.id ?? readBody(Native, letter)?.id;
  const reason = message && (await faultOf(message));
  return { ...(event === undefined ? {} : { event }), ...(reason === undefined ? {} : { reason }) };
}

function describing(config: Pick<SqsDeadLettersConfig, 'maxReceives' | 'faultOf'>): Describe {
  return async (kind, letter) => {
    const { MessageId, Attributes, MessageAttributes } = letter;
    const undelivered = MessageAttributes.ERROR_CODE?.StringValue;
    const deliveries = (MessageAttributes.RETRY_ATTEMPTS?.StringValue ?? 0) + 1;
    return {
      id: `${kind}-${MessageId}`,
      ...(await aboutOf(config, kind, letter)),
      tries: Attributes.DeadLetterQueueSourceArn === undefined ? deliveries : config.maxReceives,
      ...(undelivered === undefined ? {} : { reason: undelivered }),
    };
  };
}

interface Listed {
  readonly sentAt: number;
  readonly letter: DeadLetter;
}

async function listOf(
  client: SQSClient,
  url: string,
  limit: number,
  describe: (letter: Received) => Promise<DeadLetter>,
): Promise<Listed[]> {
  const held = new Map<string, Received>();
  const listed: Listed[] = [];
  try {
    for await (const page of heldIn(client, url, limit)) {
      // A queue may hand one out twice; the last receipt is the one that counts.
      const fresh = page.filter(({ MessageId }) => !held.has(MessageId));
      for (const letter of page) held.set(letter.MessageId, letter);
      const described = fresh.map(async (each) => ({
        sentAt: each.Attributes.SentTimestamp,
        letter: await describe(each),
      }));
      listed.push(...(await Promise.all(described)));
    }
    return listed;
  } finally {
    await release(client, url, [...held.values()]);
  }
}

/** Looks for the letter among all, and shows the others again. */
async function redriveOne(client: SQSClient, queue: LetterQueue, messageId: string): Promise<number> {
  const others: Received[] = [];
  try {
    for await (const page of heldIn(client, queue.deadLettersUrl, MOST_LETTERS)) {
      const wanted = page.find(({ MessageId }) => MessageId === messageId);
      others.push(...page.filter((letter) => letter !== wanted));
      if (!wanted) continue;
      await move(client, queue, wanted);
      return 1;
    }
    return 0;
  } finally {
    await release(client, queue.deadLettersUrl, others);
  }
}

async function redriveAll(client: SQSClient, queues: readonly LetterQueue[]): Promise<number> {
  let moved = 0;
  for (const queue of queues)
    for await (const page of heldIn(client, queue.deadLettersUrl, MOST_REDRIVEN - moved)) {
      await moveAll(client, queue, page);
      moved += page.length;
    }
  return moved;
}

/**
 * Dead letters of queues. Listing hides them for a moment and shows them again, so that of two who ask at once each may
 * miss what the other looks at. They are moved one by one, not by a task of SQS: such a task answers before it has begun,
 * counts roughly, and is not for letters that a rule has put aside
 * (https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_StartMessageMoveTask.html).
 */
export function sqsDeadLetters({ client, queues, ...config }: SqsDeadLettersConfig): DeadLetters {
  const describe = describing(config);
  return {
    list: (limit) =>
      storeCall('listing dead letters', async () => {
        const listing = LETTER_KINDS.map((kind) =>
          listOf(client, queues[kind].deadLettersUrl, limit, (letter) => describe(kind, letter)),
        );
        const oldestFirst = (await Promise.all(listing)).flat().sort((a, b) => a.sentAt - b.sentAt);
        return oldestFirst.slice(0, limit).map(({ letter }) => letter);
      }),
    redrive: (id) =>
      storeCall('redriving dead letters', async () => {
        if (id === undefined) return redriveAll(client, Object.values(queues));
        const kind = LETTER_KINDS.find((each) => id.startsWith(`${each}-`));
        return kind === undefined ? 0 : redriveOne(client, queues[kind], id.slice(kind.length + 1));
      }),
  };
}
