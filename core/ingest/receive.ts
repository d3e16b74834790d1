import { Provider, type Sha256Hex, type TenantId } from '../../events/fields.ts';
import type { NormalisedDelivery } from '../../events/normalised.ts';
import type { SourceConfig, TenantConfig } from '../config.ts';
import { sha256Hex } from '../evidence.ts';
import { Fault } from '../faults.ts';
import type { Clock } from '../ports/clock.ts';
import type { DeliveryRow, DeliveryStore } from '../ports/delivery-store.ts';
import type { ErasableStore } from '../ports/erasable-store.ts';
import type { Ids } from '../ports/ids.ts';
import type { PersonStore } from '../ports/person-store.ts';
import type { Secrets } from '../ports/secrets.ts';
import { mentionsIn } from '../privacy/mentions.ts';
import { type PeopleOf, peopleOf, personIdOf, pseudonymFor, sourcePlaceOf } from '../privacy/person.ts';
import { EcrEvent } from './ecr/normalise.ts';
import { rejectedDelivery } from './outcome.ts';
import type { Authentication, DeliveryHeaders, IngestProvider } from './provider.ts';
import { providerOf } from './providers.ts';
import { filterReleases } from './release-filter.ts';
import { revivedRow } from './retry.ts';

/** Larger bodies are refused before they are read whole. */
export const MAX_BODY_BYTES = 1_048_576;

/** A body that names more people is not kept: nobody could be found in it again. */
const MAX_MENTIONS = 500;

export interface ReceiveDeps {
  readonly tenants: readonly TenantConfig[];
  readonly secrets: Secrets;
  readonly raw: ErasableStore;
  readonly persons: PersonStore;
  readonly deliveries: DeliveryStore;
  readonly clock: Clock;
  readonly ids: Ids;
  /** Counts an answer by its code: `accepted`, `auth.wrong`, `body.too-large` … Must not throw. */
  answered(answer: { provider: string; instance: string; status: number; code: string }): void;
}

export interface DeliveryRequest {
  readonly provider: string;
  readonly instance: string;
  readonly method: string;
  readonly headers: DeliveryHeaders;
  /** The raw bytes; a reader that stopped after `MAX_BODY_BYTES` passes one more byte. */
  readonly body: Uint8Array;
}

export interface DeliveryAnswer {
  readonly status: number;
  readonly contentType: 'application/json' | 'application/problem+json';
  readonly body: string;
}

const PROBLEMS = {
  'source.unknown': [404, 'No such source'],
  'method.not-allowed': [405, 'Only POST is answered here'],
  'body.too-large': [413, 'The body is larger than 1 MiB'],
  'body.type': [415, 'The content type must be JSON'],
  'auth.missing': [401, 'The delivery is not authenticated'],
  'auth.wrong': [401, 'The delivery is not authenticated'],
  'auth.no-secret': [401, 'The delivery is not authenticated'],
  'delivery.not-stored': [503, 'The delivery could not be stored; send it again'],
} as const;
type ProblemCode = keyof typeof PROBLEMS;

/** RFC 9457: a fixed text per code, nothing of the request and no stack. */
function problem(code: ProblemCode): DeliveryAnswer & { code: string } {
  const [status, title] = PROBLEMS[code];
  const body = JSON.stringify({ type: `urn:relseal:problem:${code}`, title, status, code });
  return { status, contentType: 'application/problem+json', body, code };
}

interface Found {
  readonly tenant: TenantConfig;
  readonly source: SourceConfig;
  readonly provider: IngestProvider;
}

function findSource({ tenants }: ReceiveDeps, name: string, instance: string): Found | undefined {
  const known = Provider.safeParse(name).data;
  const provider = known && providerOf(known);
  if (!provider) return undefined;
  for (const tenant of tenants) {
    const source = tenant.sources.find((one) => one.provider === known && one.instance === instance);
    if (source) return { tenant, source, provider };
  }
  return undefined;
}

const mediaTypeOf = (headers: DeliveryHeaders): string =>
  (headers['content-type'] ?? '').split(';', 1)[0]?.trim().toLowerCase() ?? '';

async function answerTo(deps: ReceiveDeps, request: DeliveryRequest): Promise<DeliveryAnswer & { code: string }> {
  const found = findSource(deps, request.provider, request.instance);
  if (found?.provider.transport !== 'webhook') return problem('source.unknown');
  if (request.method !== 'POST') return problem('method.not-allowed');
  if (request.body.length > MAX_BODY_BYTES) return problem('body.too-large');
  // A form's signature is over a decoded field, so a form is refused before anything is made of it.
  if (!found.provider.contentTypes.includes(mediaTypeOf(request.headers))) return problem('body.type');
  try {
    const secrets = (await Promise.all(found.source.secrets.map((one) => deps.secrets.values(one)))).flat();
    const auth = found.provider.authenticate(request.headers, request.body, secrets, deps.clock.now());
    if (!auth.ok) return problem(auth.code);
    return await acceptDelivery(deps, found, auth, request);
  } catch (error) {
    // Whatever kept the row from being durable, the sender must send again; a programming error must not look like that.
    if (error instanceof Fault) return problem('delivery.not-stored');
    throw error;
  }
}

/** Answers one webhook request as specified in docs/architecture.md: a good signature always gets 202. */
export async function receiveDelivery(deps: ReceiveDeps, request: DeliveryRequest): Promise<DeliveryAnswer> {
  const { code, ...answer } = await answerTo(deps, request);
  deps.answered({ provider: request.provider, instance: request.instance, status: answer.status, code });
  return answer;
}

/**
 * The same for an AWS-native event, whose sender IAM has authenticated. It belongs to the tenant that lists the account
 * and the repository, else to the first that lists the account, where it is recorded as rejected.
 */
export async function receiveNativeEvent(deps: ReceiveDeps, body: Uint8Array): Promise<DeliveryAnswer> {
  const parsed = EcrEvent.safeParse(parseJson(body)).data;
  const named = `"${String(repositoryNameOf(parsed?.detail))}"`;
  const lists = ({ sources }: TenantConfig) =>
    sources.some(
      (one) => one.instance === parsed?.account && one.repositories.some(({ name }) => `"${name}"` === named),
    );
  const tenants = [...deps.tenants].sort((a, b) => Number(lists(b)) - Number(lists(a)));
  const found = parsed && findSource({ ...deps, tenants }, 'ecr', parsed.account);
  const instance = parsed?.account ?? 'unknown';
  const auth = found?.provider.authenticate({}, body, [], deps.clock.now());
  const { code, ...answer } =
    found && auth?.ok
      ? await acceptDelivery(deps, found, auth, { provider: 'ecr', instance, method: 'POST', headers: {}, body })
      : problem('source.unknown');
  deps.answered({ provider: 'ecr', instance, status: answer.status, code });
  return answer;
}

const repositoryNameOf = (detail: unknown): unknown =>
  typeof detail === 'object' && detail !== null && 'repository-name' in detail ? detail['repository-name'] : undefined;

/** `undefined` for bytes that are not UTF-8 or not JSON. */
function parseJson(body: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body));
  } catch {
    return undefined;
  }
}

async function acceptDelivery(
  deps: ReceiveDeps,
  { tenant, source, provider }: Found,
  auth: Extract<Authentication, { ok: true }>,
  { headers, body }: DeliveryRequest,
): Promise<DeliveryAnswer & { code: string }> {
  const bodySha256 = sha256Hex(body);
  const json = parseJson(body);
  const vendorId = provider.deliveryIdOf(headers, json, bodySha256);
  const key = `${source.provider}/${source.instance}/${vendorId}`;
  const stored = await deps.deliveries.get(tenant.id, key);
  if (stored) return repeated(deps, stored);
  const context = { instance: source.instance, host: source.host ?? source.instance, deliveryId: vendorId };
  const normalised =
    json === undefined
      ? rejectedDelivery('body.not-json', 'The body is not JSON.')
      : filterReleases(tenant, source, provider.normalise(headers, json, context));
  const now = deps.clock.now();
  const people = await peopleOf(deps.secrets, tenant);
  const mentioned = mentionedIn(people, sourcePlaceOf(source.provider, context.host), json, normalised);
  // Named by content, so that a repeat before the row is durable stores the same object again.
  const raw = `t/${tenant.id}/raw/${sha256Hex(key)}-${bodySha256}`;
  const isKept = mentioned.length <= MAX_MENTIONS;
  const row: DeliveryRow = {
    key,
    tenant: tenant.id,
    provider: source.provider,
    instance: source.instance,
    deliveryId: deps.ids.ulid(),
    receivedAt: new Date(now).toISOString(),
    bodySha256,
    ...(isKept ? { raw } : {}),
    auth: { scheme: auth.scheme, keyId: auth.keyId },
    normalised: await withPseudonyms(deps, people, normalised),
    status: 'received',
    attempts: 0,
    dueAt: now,
    events: [],
  };
  if (isKept) await keepBody(deps, tenant.id, raw, body, mentioned);
  const claimed = await deps.deliveries.claim(row);
  return claimed.claimed ? taken(row, outcomeOf(row)) : repeated(deps, claimed.row);
}

/** Ids of everyone that a delivery names. */
function mentionedIn(
  { tenant, keys: [key] }: PeopleOf,
  place: string,
  json: unknown,
  { events }: NormalisedDelivery,
): Sha256Hex[] {
  if (key === undefined) return [];
  const names = [...mentionsIn(json), ...events.flatMap(({ actor }) => actor ?? [])];
  return [...new Set(names.map((name) => personIdOf(key, tenant, { place, name })))];
}

/**
 * Keeps a body where it can be erased. Mentions come first, so that none is kept that nobody finds, and once more after it:
 * an erasure in between has not seen this body.
 */
async function keepBody(
  { raw, persons }: ReceiveDeps,
  tenant: TenantId,
  name: string,
  body: Uint8Array,
  mentioned: readonly Sha256Hex[],
): Promise<void> {
  await persons.mention(tenant, mentioned, name);
  await raw.put(name, body);
  await persons.mention(tenant, mentioned, name);
}

/** Ids are given, and names of people leave, before anything but the erasable store sees them. */
async function withPseudonyms(
  { ids, persons }: ReceiveDeps,
  people: PeopleOf,
  delivery: NormalisedDelivery,
): Promise<NormalisedDelivery> {
  const events = [];
  for (const event of delivery.events) {
    const { actor: name, provider, repository } = event;
    const named = name === null ? undefined : { place: sourcePlaceOf(provider, repository.host), name };
    const pseudonym = named && (await pseudonymFor(persons, people, named));
    events.push({ ...event, id: ids.ulid(), actor: pseudonym ?? null });
  }
  return { ...delivery, events };
}

const OUTCOMES = { emit: 'accepted', audit: 'accepted', ignore: 'ignored', reject: 'rejected' } as const;
const outcomeOf = ({ normalised }: DeliveryRow) => OUTCOMES[normalised.outcome];

function taken(row: DeliveryRow, outcome: 'accepted' | 'duplicate' | 'ignored' | 'rejected') {
  const { code } = row.normalised;
  const body = JSON.stringify({ deliveryId: row.deliveryId, outcome, code });
  return { status: 202, contentType: 'application/json' as const, body, code: code ?? outcome };
}

/** A repeat gets the first one's id. One that ended in a fault of ours is due again: a redelivery must not be lost. */
async function repeated({ deliveries, clock }: ReceiveDeps, row: DeliveryRow) {
  const revived = revivedRow(row, clock.now());
  if (revived) await deliveries.replace(revived, row);
  return taken(row, 'duplicate');
}
