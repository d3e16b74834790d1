import * as z from 'zod';

/** What triggers hand over in batches, as far as it is read. */

const SqsEvent = z.object({
  Records: z.array(
    z.object({
      messageId: z.string(),
      body: z.string(),
      attributes: z.object({ ApproximateReceiveCount: z.coerce.number().int().positive() }).optional(),
    }),
  ),
});

const StreamEvent = z.object({
  Records: z.array(
    z.object({
      dynamodb: z.object({
        SequenceNumber: z.string(),
        Keys: z.object({ pk: z.object({ S: z.string() }) }),
        NewImage: z.object({ body: z.object({ S: z.string() }).optional() }).optional(),
      }),
    }),
  ),
});

interface BatchAnswer {
  readonly batchItemFailures: { readonly itemIdentifier: string }[];
}

/** Names only: messages and bodies may quote what others sent. */
function noteFault(itemIdentifier: string, error: unknown): void {
  console.error(JSON.stringify({ record: itemIdentifier, fault: error instanceof Error ? error.name : 'unknown' }));
}

async function answered(items: Iterable<readonly [string, () => Promise<unknown>]>): Promise<BatchAnswer> {
  const batchItemFailures: BatchAnswer['batchItemFailures'] = [];
  for (const [itemIdentifier, take] of items)
    try {
      await take();
    } catch (error) {
      noteFault(itemIdentifier, error);
      batchItemFailures.push({ itemIdentifier });
    }
  return { batchItemFailures };
}

/**
 * Takes each message of a queue by itself: those that fail come again, at last to the dead letters. `tries` counts how
 * often it was handed over, this time included.
 */
export const eachMessage = (
  event: unknown,
  take: (body: unknown, tries: number) => Promise<unknown>,
): Promise<BatchAnswer> =>
  answered(
    SqsEvent.parse(event).Records.map(
      ({ messageId, body, attributes }) =>
        [messageId, async () => take(JSON.parse(body), attributes?.ApproximateReceiveCount ?? 1)] as const,
    ),
  );

/** Takes each row that a table's stream tells of; a stream goes on from the first that failed. */
export const eachRow = (
  event: unknown,
  take: (row: { pk: string; body: string }) => Promise<unknown>,
): Promise<BatchAnswer> =>
  answered(
    StreamEvent.parse(event).Records.map(
      ({ dynamodb }) =>
        [
          dynamodb.SequenceNumber,
          () => take({ pk: dynamodb.Keys.pk.S, body: dynamodb.NewImage?.body?.S ?? '' }),
        ] as const,
    ),
  );

/** Schedules and streams call the same function; only a stream has records. */
export const hasRecords = (event: unknown): boolean =>
  z.object({ Records: z.array(z.unknown()) }).safeParse(event).success;
