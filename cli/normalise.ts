import { existsSync, readFileSync } from 'node:fs';
import * as z from 'zod';
import { sha256Hex } from '../core/evidence.ts';
import type { DeliveryHeaders } from '../core/ingest/provider.ts';
import { providerOf } from '../core/ingest/providers.ts';
import { Provider } from '../events/fields.ts';
import type { NormalisedEvent } from '../events/normalised.ts';
import { UsageError } from './command.ts';

const HeaderFile = z.record(z.string(), z.string());
const Shape = z.looseObject({ account: z.string().optional() });

/** Headers beside the body (`x.headers.json` for `x.json`), else the event that a file name begins with (`push-….json`). */
function headersFor(file: string): DeliveryHeaders {
  const beside = file.replace(/\.json$/, '.headers.json');
  if (beside !== file && existsSync(beside)) {
    const headers = HeaderFile.parse(JSON.parse(readFileSync(beside, 'utf8')));
    return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
  }
  const event = /(?:^|[\\/])([a-z_]+)[^\\/]*$/.exec(file)?.[1] ?? 'push';
  return { 'x-github-event': event, 'x-gitea-event': event };
}

/**
 * What a stored body would become, without secrets and without asking anyone. `detailType` is that of the last event
 * kept, null where there is none.
 */
export function normaliseFile(
  providerName: string,
  file: string,
): { outcome: string; code: string | null; detailType: string | null; events: NormalisedEvent[] } {
  const name = Provider.safeParse(providerName).data;
  const provider = name && providerOf(name);
  if (!provider) throw new UsageError(`no normaliser for "${providerName}"`);
  const { bytes, body } = readJsonFile(file);
  const headers = headersFor(file);
  const deliveryId = provider.deliveryIdOf(headers, body, sha256Hex(bytes));
  const instance = Shape.safeParse(body).data?.account ?? 'localhost';
  const { outcome, code, events } = provider.normalise(headers, body, { instance, host: instance, deliveryId });
  return { outcome, code, detailType: events.at(-1)?.detailType ?? null, events };
}

function readJsonFile(file: string): { bytes: Uint8Array; body: unknown } {
  try {
    const bytes = readFileSync(file);
    return { bytes, body: JSON.parse(bytes.toString('utf8')) };
  } catch (error) {
    throw new UsageError(`${file}: ${error instanceof Error ? error.message : 'cannot be read'}`);
  }
}
